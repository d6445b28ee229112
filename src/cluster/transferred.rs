//! Names that were taken from another node's zones, and not from etcd.
//!
//! A zone has no revisions of single names and no leases, so what is known of these is 0, which is before
//! everything that etcd tells: whoever asks etcd of such a name believes that. Nothing else of theirs is to be
//! held against etcd: who goes back to it reads everything anew.
//!
//! The name that this node owns is not taken from others: the node follows that itself, and is ahead of them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::details::Details;
use super::directory::Directory;
use super::drain::Drain;
use super::entry::{Applied, Entry};
use super::journal::PublishedNode;
use super::node_place::NodePlace;
use super::own_as_told::OwnAsTold;
use super::pattern::SlotId;
use super::record::Record;
use super::snapshot::SnapshotBuilder;

/// What becomes of something that a node may have; `None`: it stays as it is, whatever that is.
pub type FieldChange<T> = Option<Option<T>>;

/// What becomes of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferredChange {
    /// Its IPv4 address.
    pub ipv4: FieldChange<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: FieldChange<Ipv6Addr>,
    /// Its port.
    pub port: FieldChange<u16>,
    /// Whether it is ready.
    pub is_ready: Option<bool>,
    /// Its drain.
    pub drain: FieldChange<Drain>,
    /// What of its details comes, and by `None` what goes.
    pub details: BTreeMap<String, Option<String>>,
}

impl TransferredChange {
    /// Adds a change that comes after this one.
    pub fn follow_up(&mut self, later: TransferredChange) {
        let TransferredChange { ipv4, ipv6, port, is_ready, drain, details } = later;
        self.ipv4 = ipv4.or(self.ipv4);
        self.ipv6 = ipv6.or(self.ipv6);
        self.port = port.or(self.port);
        self.is_ready = is_ready.or(self.is_ready);
        self.drain = drain.or(self.drain.take());
        self.details.extend(details);
    }

    /// What a node is after it; `None`: it has no address, and so no name.
    pub(super) fn applied_to(&self, node: Option<PublishedNode>) -> Option<PublishedNode> {
        let (record, is_ready, drain, details) = match node {
            Some(PublishedNode { record, is_ready, drain, details }) => {
                (record, is_ready, drain, details)
            }
            None => (Record::default(), true, None, None),
        };
        let record = Record {
            ipv4: self.ipv4.unwrap_or(record.ipv4),
            ipv6: self.ipv6.unwrap_or(record.ipv6),
            port: self.port.unwrap_or(record.port),
        };
        let has_address = record.ipv4.is_some() || record.ipv6.is_some();
        has_address.then(|| PublishedNode {
            record,
            is_ready: self.is_ready.unwrap_or(is_ready),
            drain: self.drain.clone().map_or(drain, |drain| drain.map(Arc::new)),
            details: Details::changed(details.as_ref(), &self.details),
        })
    }
}

impl Directory {
    /// Changes a name as a zone tells, unless this node owns it.
    pub fn change_transferred(&mut self, place: NodePlace, change: &TransferredChange) {
        if self.is_own(place) {
            self.note_own_change(change);
            return;
        }
        if let Some(slots) = self.known.get_mut(place.range) {
            slots.put_transferred(place.slot, change.applied_to(slots.published(place.slot)));
        }
    }

    /// Takes over all names as zones tell of them, as [`Directory::replace`] does a snapshot of etcd. What
    /// is known of the own name stays.
    /// The serial is that of the zones.
    pub fn replace_transferred(
        &mut self,
        mut snapshot: Directory,
        revision: i64,
        serial: u32,
    ) -> Directory {
        let mut own_as_told = None;
        if let (Some(own), Some(from), Some(into)) =
            (self.own(), self.known.first(), snapshot.known.first_mut())
        {
            own_as_told = Some(OwnAsTold { node: into.published(own), revision });
            into.take_over(own, from);
        }
        let told = own_as_told.as_ref().and_then(|told| told.node.clone());
        let old = self.replace(snapshot, revision);
        (self.own_as_told, self.is_transferred) = (own_as_told, true);
        self.note_own_ahead(told);
        self.follow_serial(serial);
        old
    }

    /// Whether the names are those that another node told, so that this one follows that one.
    pub fn is_transferred(&self) -> bool {
        self.is_transferred
    }

    /// What is known at a place.
    #[cfg(test)]
    pub(crate) fn group_record(&self, range: usize, slot: super::SlotId) -> Option<&Record> {
        self.known.get(range)?.record(slot)
    }

    /// Moves on to a revision that the server's table has reached, and the serial of its zones. What the names
    /// were before is not told to others as changes.
    pub fn advance_transferred(&mut self, revision: i64, serial: u32) {
        self.advance(revision);
        if let Some(told) = &mut self.own_as_told {
            told.revision = revision;
        }
        self.follow_serial(serial);
        if let Some(journal) = &mut self.journal {
            journal.break_off(self.revision);
        }
    }

    /// Takes over what was put at the own key just now, whatever is known of it: that may be of another history of etcd,
    /// which had got further.
    pub fn read_own(&mut self, entry: Entry<'_>) -> Applied {
        let keyspace = self.keyspace().clone();
        let Some(name) = keyspace.name_of(entry.key) else { return Applied::Ignored };
        let revision = self.revision();
        let slot = keyspace.pattern.slot_of(name);
        if let (Some(journal), Some(slot)) = (&mut self.journal, slot) {
            journal.break_off(revision);
            journal.forget_after(entry.mod_revision, NodePlace { slot, ..NodePlace::FIRST });
        }
        self.known.first_mut().map_or(Applied::Ignored, |slots| slots.read(name, entry).1)
    }

    /// What was told of the own name since all names were taken over from zones; `None`: they were not, or another
    /// name was the own one then.
    pub fn own_as_told(&self) -> Option<&OwnAsTold> {
        self.own_as_told.as_ref()
    }

    /// Takes note that the own name was put after the revision that all others are of now, where others had it like
    /// that.
    fn note_own_ahead(&mut self, told: Option<PublishedNode>) {
        let (told_at, Some((slot, put_at))) = (self.revision(), self.own_version()) else { return };
        if let Some(journal) = self.journal.as_mut().filter(|_| put_at > told_at) {
            journal.note(put_at, told_at, NodePlace { slot, ..NodePlace::FIRST }, told);
        }
    }

    /// Lets the name that is the own one no more be what was told of it, unless it was put later: it is one like the
    /// others from now on, which are of that revision.
    pub(super) fn take_own_as_told(&mut self) {
        let put_at = self.own_version();
        let (Some(told), Some((slot, put_at))) = (self.own_as_told.take(), put_at) else { return };
        if let Some(slots) = self.known.first_mut().filter(|_| told.revision >= put_at) {
            slots.put_transferred(slot, told.node);
        }
    }

    /// Whether that is what is known of it here.
    pub fn is_own_as_told(&self) -> bool {
        let own = self.own().map(|slot| NodePlace { slot, ..NodePlace::FIRST });
        let known = || own.and_then(|place| self.published(place));
        self.own_as_told.as_ref().is_some_and(|told| told.node == known())
    }

    /// The own slot, and the revision that put there what is known of it; 0: nothing is, or by a zone alone.
    pub fn own_version(&self) -> Option<(SlotId, i64)> {
        let own = self.own()?;
        let occupant = self.known.first().and_then(|slots| slots.get(own));
        Some((own, occupant.map_or(0, |occupant| occupant.mod_revision)))
    }

    /// Takes note of a change.
    fn note_own_change(&mut self, change: &TransferredChange) {
        if let Some(told) = &mut self.own_as_told {
            told.node = change.applied_to(told.node.take());
        }
    }

    fn is_own(&self, place: NodePlace) -> bool {
        place.range == NodePlace::FIRST.range && self.own() == Some(place.slot)
    }
}

impl SnapshotBuilder {
    /// Takes a name as a zone tells of it, whatever the old directory knows. Where records of it came
    /// before, these are added to them. A name without an address is not taken: returns `false`.
    pub fn take_transferred(&mut self, place: NodePlace, change: &TransferredChange) -> bool {
        let Some(range) = self.ranges.get_mut(place.range) else { return true };
        let known = range.read.contains(place.slot).then(|| range.slots.published(place.slot));
        let Some(node) = change.applied_to(known.flatten()) else { return false };
        range.slots.put_transferred(place.slot, Some(node));
        range.read.insert(place.slot);
        true
    }

    /// The number of names that were taken so far.
    pub fn names_read(&self) -> usize {
        self.ranges.iter().map(|range| range.read.len()).sum()
    }
}

#[cfg(test)]
#[path = "transferred_tests.rs"]
mod tests;
