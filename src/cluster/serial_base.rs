//! What is added to etcd's revision to make the serial of the zones.

use std::cmp::Ordering;
use std::fmt;

/// What bases are multiples of.
const BASE_STEP: u64 = 1 << 20;

/// The largest that is believed: nobody comes that far by steps.
const LARGEST_BASE: u64 = 1 << 62;

/// What is added to etcd's revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SerialBase(u64);

impl SerialBase {
    /// Reads a value of etcd. `None`: it is no base.
    pub(super) fn parse(value: &[u8]) -> Option<SerialBase> {
        let base: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
        (base.is_multiple_of(BASE_STEP) && base <= LARGEST_BASE).then_some(SerialBase(base))
    }

    /// That by which the serial at a revision is this.
    pub(super) fn between(revision: i64, serial: u32) -> SerialBase {
        let alone = SerialBase::default().serial(revision);
        SerialBase(u64::from(serial.wrapping_sub(alone)))
    }

    /// The serial at a revision.
    pub(super) fn serial(self, revision: i64) -> u32 {
        let [_, _, _, _, low @ ..] = revision.wrapping_add_unsigned(self.0).to_be_bytes();
        u32::from_be_bytes(low)
    }

    /// The least from this one on by which the serial at a revision follows the last one, or may be the same.
    pub(super) fn least_past(self, revision: i64, last: u32, may_be_same: bool) -> SerialBase {
        let serial = self.serial(revision);
        match compare_serials(serial, last) {
            Some(Ordering::Greater) => self,
            Some(Ordering::Equal) if may_be_same => self,
            _ => {
                let steps = u64::from(last.wrapping_sub(serial)) / BASE_STEP + 1;
                SerialBase(self.0.saturating_add(steps * BASE_STEP).min(LARGEST_BASE))
            }
        }
    }
}

/// As it stands in etcd.
impl fmt::Display for SerialBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Compares serials (RFC 1982 §3.2). `None`: neither is later.
pub fn compare_serials(one: u32, other: u32) -> Option<Ordering> {
    const HALF: u32 = 1 << 31;
    match one.wrapping_sub(other) {
        0 => Some(Ordering::Equal),
        HALF => None,
        ahead if ahead < HALF => Some(Ordering::Greater),
        _ => Some(Ordering::Less),
    }
}
