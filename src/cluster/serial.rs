//! The serial of the zones (RFC 1035 §3.3.13): etcd's revision and a base, modulo 2^32.
//!
//! The revision grows with every change, and is the same for all nodes. Only where a backup was restored does
//! it go back; secondary servers would keep the zone of before until it gets there again. So whoever finds that its
//! history of etcd is over, and that the serial would not be later (RFC 1982) than the one it told last, raises the
//! base by whole steps that are far larger than what nodes had seen of each other's revisions: all of them come
//! to the same one. It stands in etcd beside the names, for those that start later, and is only ever raised. A node
//! that may not write it has it in memory.

use super::directory::{Directory, Freshness};
use super::serial_base::SerialBase;

/// A base that is to be written into etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnstoredBase {
    /// The base.
    pub base: SerialBase,
    /// The revision of the last change of the key where it is to stand; 0: there is no such key.
    pub replaces: i64,
}

/// What the zones tell, to be compared with what they told before: by the serial alone it is not seen that nothing of
/// them changed, as where a name goes to another lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneVersion {
    reading: u32,
    base: SerialBase,
    /// The latest revision that changed them.
    revision: i64,
}

impl Directory {
    /// What the zones tell at the serial as it is now.
    pub fn zone_version(&self) -> ZoneVersion {
        let revision = self.revision();
        let changed = self.journal.as_ref().map_or(revision, |journal| journal.latest(revision));
        ZoneVersion { reading: self.reading(), base: self.serial_base, revision: changed }
    }

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

    /// Lets the serial be this at the revision as it is: that of another node, which knows the base.
    pub(super) fn follow_serial(&mut self, serial: u32) {
        self.serial_base = SerialBase::between(self.revision(), serial);
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
