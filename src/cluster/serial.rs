//! The serial of the zones (RFC 1035 §3.3.13): etcd's revision and a base, modulo 2^32.
//!
//! The revision grows with every change, and is the same for all nodes. Only where a backup was restored does
//! it go back; secondary servers would keep the zone of before until it gets there again. So whoever finds that its
//! history of etcd is over, and that the serial would not be later (RFC 1982) than the one it told last, raises the
//! base by whole steps that are far larger than what nodes had seen of each other's revisions: all of them come
//! to the same one. It stands in etcd beside the names, for those that start later, and is only ever raised. A node
//! that may not write it has it in memory.

use std::cmp::Ordering;
use std::fmt;

use super::directory::{Directory, Freshness};

/// What bases are multiples of.
const STEP: u64 = 1 << 20;

/// The largest that is believed: nobody comes that far by steps.
const LARGEST: u64 = 1 << 62;

/// What is added to etcd's revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SerialBase(u64);

impl SerialBase {
    /// Reads a value of etcd. `None`: it is no base.
    pub(super) fn parse(value: &[u8]) -> Option<SerialBase> {
        let base: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
        (base.is_multiple_of(STEP) && base <= LARGEST).then_some(SerialBase(base))
    }

    /// The serial at a revision.
    fn serial(self, revision: i64) -> u32 {
        let [_, _, _, _, low @ ..] = revision.wrapping_add_unsigned(self.0).to_be_bytes();
        u32::from_be_bytes(low)
    }

    /// The least from this one on by which the serial at a revision follows the last one, or may be the same.
    fn least_past(self, revision: i64, last: u32, may_be_same: bool) -> SerialBase {
        let serial = self.serial(revision);
        match compare_serials(serial, last) {
            Some(Ordering::Greater) => self,
            Some(Ordering::Equal) if may_be_same => self,
            _ => {
                let steps = u64::from(last.wrapping_sub(serial)) / STEP + 1;
                SerialBase(self.0.saturating_add(steps * STEP).min(LARGEST))
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

/// A base that is to be written into etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnstoredBase {
    /// The base.
    pub base: SerialBase,
    /// The revision of the last change of the key where it is to stand; 0: there is no such key.
    pub replaces: i64,
}

impl Directory {
    /// The serial of all zones now.
    pub fn serial(&self) -> u32 {
        self.serial_base.serial(self.revision())
    }

    /// The revision at which the serial was this; `None`: that is yet to come. Only of serials since the base
    /// is as it is: what was told before, the journal does not know.
    pub fn revision_of(&self, serial: u32) -> Option<i64> {
        let behind = self.serial().wrapping_sub(serial);
        (behind < 1 << 31).then(|| self.revision() - i64::from(behind))
    }

    /// Notes that what is known is of another history of etcd than what will be read: what has the same
    /// revision there is something else.
    pub fn end_history(&mut self) {
        self.is_history_over = true;
    }

    /// The base of the serial, where etcd does not have it.
    pub fn unstored_serial_base(&self) -> Option<UnstoredBase> {
        let slots = self.known.first()?;
        if self.serial_base <= slots.stored_base {
            return None;
        }
        let name = self.pattern().serial_base_name();
        let replaces = slots.version(name.as_bytes()).map_or(0, |(revision, _)| revision);
        Some(UnstoredBase { base: self.serial_base, replaces })
    }

    /// Takes over what etcd has, if that is more.
    pub(super) fn heed_stored_base(&mut self) {
        let stored = self.stored_base();
        if stored > self.serial_base {
            // Somebody may have put another number there by hand.
            self.serial_base = stored.least_past(self.revision(), self.serial(), true);
            let revision = self.revision();
            if let Some(journal) = &mut self.journal {
                journal.break_off(revision);
            }
        }
    }

    /// What etcd has; 0: nothing.
    fn stored_base(&self) -> SerialBase {
        self.known.first().map(|slots| slots.stored_base).unwrap_or_default()
    }

    /// Lets the serial go on from that of the directory before.
    pub(super) fn continue_serial_of(&mut self, old: &Directory) {
        self.serial_base = old.serial_base.max(self.stored_base());
        if old.freshness() == Freshness::Empty {
            return;
        }
        let revision = self.revision();
        // A snapshot counts in what it differs from the directory before.
        let is_same = !old.is_history_over || self.known.iter().all(|slots| slots.changes == 0);
        let may_be_same = is_same && revision >= old.revision();
        let last = old.serial();
        self.serial_base = self.serial_base.least_past(revision, last, may_be_same);
    }
}

#[cfg(test)]
#[path = "serial_tests.rs"]
mod tests;
