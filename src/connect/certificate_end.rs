//! The end of a certificate's time.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::host::calendar::date_time;

/// How long before its end a certificate is told to end soon.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

const HOUR: Duration = Duration::from_secs(3600);
const HOURS_A_DAY: u64 = 24;

/// The option of the certificate that is shown, and that of those that are trusted.
pub(super) const CERT: &str = "cert";
pub(super) const CACERT: &str = "cacert";

/// When what an option names ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    /// The option, without the dashes.
    pub option: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// Counted from 1970 (`notAfter`, RFC 5280 §4.1.2.5).
    pub not_after: Duration,
}

/// What the end of a certificate means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// It is far away.
    Good,
    /// Within seven days.
    EndsSoon,
    /// It is over.
    Ended,
}

/// The time since 1970, by the clock that certificates go by.
pub(super) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl CertificateEnd {
    /// Returns whether it is what this node shows, and not what it trusts.
    pub fn is_shown(&self) -> bool {
        self.option == CERT
    }

    /// What it means now.
    pub fn outlook(&self) -> Outlook {
        self.outlook_at(wall_clock())
    }

    /// What it means so long after 1970.
    pub(super) fn outlook_at(&self, now: Duration) -> Outlook {
        match self.not_after.checked_sub(now) {
            None => Outlook::Ended,
            Some(left) if left <= SOON => Outlook::EndsSoon,
            Some(_) => Outlook::Good,
        }
    }

    /// The file with its end: `/etc/node.pem ends at 2026-11-24T05:10:34Z, in 3 days`.
    pub(super) fn told_at(&self, now: Duration) -> String {
        let (path, date) = (self.path.display(), date_time(self.not_after));
        match self.not_after.checked_sub(now) {
            None => format!("{path} ended at {date}Z"),
            Some(left) => {
                let hours = left.as_secs() / HOUR.as_secs();
                let left = match hours / HOURS_A_DAY {
                    0 => format!("{hours} hours"),
                    days => format!("{days} days"),
                };
                format!("{path} ends at {date}Z, in {left}")
            }
        }
    }
}

impl fmt::Display for CertificateEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told_at(wall_clock()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_seven_days_before_and_once_it_is_over() {
        let end = CertificateEnd {
            option: CERT,
            path: "/a.pem".into(),
            not_after: Duration::from_secs(1_795_497_034),
        };
        let table = [
            (8 * 24, Outlook::Good, "/a.pem ends at 2026-11-24T05:10:34Z, in 8 days"),
            (7 * 24, Outlook::EndsSoon, "/a.pem ends at 2026-11-24T05:10:34Z, in 7 days"),
            (23, Outlook::EndsSoon, "/a.pem ends at 2026-11-24T05:10:34Z, in 23 hours"),
            (0, Outlook::EndsSoon, "/a.pem ends at 2026-11-24T05:10:34Z, in 0 hours"),
        ];
        for (hours, outlook, text) in table {
            let now = end.not_after - hours * HOUR;
            assert_eq!((end.outlook_at(now), end.told_at(now).as_str()), (outlook, text));
        }
        let later = end.not_after + Duration::from_secs(1);
        assert_eq!(end.outlook_at(later), Outlook::Ended);
        assert_eq!(end.told_at(later), "/a.pem ended at 2026-11-24T05:10:34Z");
    }
}
