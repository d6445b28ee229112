//! Options that are numbers, and their bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use getopts::Matches;

use super::{UsageError, wrong};

/// Shorter leases would end between two renewals of a busy etcd; longer ones than a day are none.
pub(super) const LEASE_TTL: RangeInclusive<u32> = 2..=86_400;
pub(super) const TTL: RangeInclusive<u32> = 0..=86_400;
/// In milliseconds.
const ETCD_TIMEOUT: RangeInclusive<u32> = 100..=60_000;

/// In seconds; a year is as good as for ever.
pub(super) const MAX_STALE: RangeInclusive<u32> = 0..=31_536_000;
pub(super) const RRL: RangeInclusive<u32> = 1..=1_000_000;

pub(super) fn number(
    matches: &Matches,
    option: &str,
    allowed: RangeInclusive<u32>,
    default: u32,
) -> Result<u32, UsageError> {
    let Some(text) = matches.opt_str(option) else { return Ok(default) };
    match digits(&text).and_then(|digits| digits.parse().ok()) {
        Some(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            wrong(option, format!("{text:?} is not a whole number from {least} to {most}"))
        }
    }
}

/// The text if it is made of digits: `+5` reads as a number, but nobody means it.
pub(super) fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then_some(text)
}

pub(super) fn etcd_timeout(matches: &Matches) -> Result<Duration, UsageError> {
    let text = matches.opt_str("etcd-timeout").unwrap_or_else(|| "2".to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let milliseconds = (|| {
        let whole: u32 = digits(whole)?.parse().ok()?;
        let fraction: u32 = format!("{:0<3.3}", digits(fraction)?).parse().ok()?;
        whole.checked_mul(1000)?.checked_add(fraction)
    })();
    match milliseconds {
        Some(milliseconds) if ETCD_TIMEOUT.contains(&milliseconds) => {
            Ok(Duration::from_millis(milliseconds.into()))
        }
        _ => wrong("etcd-timeout", format!("{text:?} is not a number of seconds from 0.1 to 60")),
    }
}
