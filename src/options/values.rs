//! Options that are numbers, and their bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use getopts::Matches;

use super::wrong;
use crate::failure::Failure;
use crate::text;

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
) -> Result<u32, Failure> {
    let Some(text) = matches.opt_str(option) else { return Ok(default) };
    match text::number(&text) {
        Some(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            wrong(option, format!("{text:?} is not a whole number from {least} to {most}"))
        }
    }
}

pub(super) fn optional_number(
    matches: &Matches,
    option: &str,
    allowed: RangeInclusive<u32>,
) -> Result<Option<u32>, Failure> {
    if matches.opt_present(option) {
        number(matches, option, allowed, 0).map(Some)
    } else {
        Ok(None)
    }
}

pub(super) fn etcd_timeout(matches: &Matches) -> Result<Duration, Failure> {
    let text = matches.opt_str("etcd-timeout").unwrap_or_else(|| "2".to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let milliseconds = (|| {
        let whole: u32 = text::number(whole)?;
        text::number::<u128>(fraction)?;
        let fraction: u32 = text::number(&format!("{fraction:0<3.3}"))?;
        whole.checked_mul(1000)?.checked_add(fraction)
    })();
    match milliseconds {
        Some(milliseconds) if ETCD_TIMEOUT.contains(&milliseconds) => {
            Ok(Duration::from_millis(milliseconds.into()))
        }
        _ => wrong("etcd-timeout", format!("{text:?} is not a number of seconds from 0.1 to 60")),
    }
}
