//! All names that are known now, changed by a snapshot of etcd and by the events that follow it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::account::NodeAccount;
use super::address_names::AddressNames;
use super::drain::Standing;
use super::entry::{Applied, Entry, KeyVersion, Latest, RangeDigest};
use super::journal::Journal;
use super::keyspace::Keyspace;
use super::names::{Names, is_below};
use super::node_place::NodePlace;
use super::own_as_told::OwnAsTold;
use super::pattern::{Pattern, SlotId};
use super::record::Record;
use super::serial_base::SerialBase;
use super::slots::Slots;

/// The state of the directory: how far it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing was read from etcd yet: what is not here may exist all the same.
    Empty,
    /// Names are known to be missing, and some of those that are here may have changed: many nodes
    /// start together, and this one has not read the others' names yet.
    Incomplete,
    /// As etcd is, changes included as they come.
    Synced,
    /// As etcd was when it was heard last (RFC 8767).
    Stale,
    /// As etcd was too long ago to be told to anybody.
    Expired,
}

/// Everything that is answered for.
#[derive(Clone, Debug)]
pub struct Directory {
    keyspace: Arc<Keyspace>,
    /// In the order of [`Keyspace::names`].
    pub(super) known: Vec<Slots>,
    /// The slot that this node owns.
    own: Option<SlotId>,
    /// What zones told of it.
    pub(super) own_as_told: Option<OwnAsTold>,
    /// Whether the names were taken from zones of another node, and not from etcd.
    pub(super) is_transferred: bool,
    pub(super) revision: i64,
    pub(super) serial_base: SerialBase,
    /// Whether what is known is of another history of etcd than what will be read.
    pub(super) is_history_over: bool,
    freshness: Freshness,
    /// Changes, but for those that [`Slots`] count.
    changes: u64,
    /// When it was last known to be etcd's, and how often all names were read.
    pub(super) proven_at: Option<Instant>,
    pub(super) reading: u32,
    /// The latest changes; `None`: nobody asks for what was.
    pub(super) journal: Option<Journal>,
    /// What this node tells of itself.
    pub account: NodeAccount,
}

impl Directory {
    /// An empty directory.
    pub fn new(keyspace: Arc<Keyspace>) -> Self {
        let known = keyspace.names().map(|names| Slots::new(names, keyspace.limit)).collect();
        Directory::with(keyspace, known)
    }

    /// One that knows these names; nothing was read from etcd yet.
    pub(super) fn with(keyspace: Arc<Keyspace>, known: Vec<Slots>) -> Self {
        Directory {
            known,
            own: None,
            own_as_told: None,
            is_transferred: false,
            keyspace,
            revision: 0,
            serial_base: SerialBase::default(),
            is_history_over: false,
            freshness: Freshness::Empty,
            changes: 0,
            proven_at: None,
            reading: 0,
            journal: None,
            account: NodeAccount::default(),
        }
    }

    /// Takes over how far another one is and can be believed.
    pub(super) fn take_standing(&mut self, other: &Directory) {
        (self.revision, self.serial_base) = (other.revision, other.serial_base);
        (self.freshness, self.changes) = (other.freshness, other.changes());
        (self.proven_at, self.reading) = (other.proven_at, other.reading);
        self.is_transferred = other.is_transferred;
    }

    /// The keys under which the names lie in etcd.
    pub fn keyspace(&self) -> &Arc<Keyspace> {
        &self.keyspace
    }

    /// The pattern of which this node takes a name.
    pub fn pattern(&self) -> &Pattern {
        &self.keyspace.pattern
    }

    /// The latest revision of etcd that is known here; 0 before the first snapshot.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The state: how far it can be believed.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// The number of changes so far: of records, of all of them at once, of the state.
    pub fn changes(&self) -> u64 {
        self.known.iter().map(|slots| slots.changes).sum::<u64>() + self.changes
    }

    /// The number of names that exist.
    pub fn len(&self) -> usize {
        self.known.iter().map(|slots| slots.occupied).sum()
    }

    /// Whether none of the names exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a name, which must be in lower case with the final dot.
    pub fn record(&self, name: &[u8]) -> Option<&Record> {
        self.known.iter().find_map(|slots| slots.of_name(name))?.record.as_ref()
    }

    /// The same, and whether its node has nothing to tell besides: it is one of its group, and has no details.
    #[inline]
    pub fn node(&self, name: &[u8]) -> Option<(&Record, bool)> {
        let occupant = self.known.iter().find_map(|slots| slots.of_name(name))?;
        Some((occupant.record.as_ref()?, occupant.is_in_group && !occupant.has_details))
    }

    /// The nodes of a group; `None`: the name is not that of a group.
    pub fn group(&self, name: &[u8]) -> Option<&Slots> {
        let is_named = |slots: &&Slots| slots.group.as_ref().is_some_and(|g| g.as_bytes() == name);
        self.known.iter().find(is_named)
    }

    /// The names that publish an address; `None`: there is none.
    pub fn names_of(&self, address: IpAddr) -> Option<AddressNames<'_>> {
        AddressNames::find(&self.known, address)
    }

    /// Notes which slot this node owns; `None`: none.
    pub fn set_own(&mut self, own: Option<SlotId>) {
        if self.own != own {
            self.take_own_as_told();
        }
        self.own = own;
    }

    /// The slot that this node owns.
    pub fn own(&self) -> Option<SlotId> {
        self.own
    }

    /// The name that this node owns.
    pub fn own_name(&self) -> Option<String> {
        self.own.map(|slot| self.keyspace.pattern.name(slot))
    }

    /// Whether a name without a record has a group or a record below it: an empty non-terminal (RFC 8020).
    pub fn has_below(&self, name: &[u8]) -> bool {
        self.known.iter().any(|slots| {
            let record = slots.names.slot_below(name).and_then(|id| slots.record(id));
            record.is_some() || slots.group.as_ref().is_some_and(|group| is_below(group, name))
        })
    }

    /// Whose a name is, which must be in lower case with the final dot; `None`: nobody has it.
    pub fn holder(&self, name: &[u8]) -> Option<(&Slots, SlotId)> {
        self.known.iter().find_map(|slots| {
            let slot = slots.names.slot_of(name)?;
            slots.get(slot).map(|_| (slots, slot))
        })
    }

    /// What keeps the node of a slot out of its group, if anything does.
    pub fn standing(&self, place: NodePlace) -> Standing<'_> {
        let slots = self.known.get(place.range);
        slots.map_or(Standing { is_ready: true, drain: None }, |slots| slots.standing(place.slot))
    }

    /// The same of a name, which must be in lower case with the final dot; `None`: nobody has it.
    pub fn standing_of(&self, name: &[u8]) -> Option<Standing<'_>> {
        self.holder(name).map(|(slots, slot)| slots.standing(slot))
    }

    /// The same of this node, if it owns a name.
    pub fn own_standing(&self) -> Option<Standing<'_>> {
        self.own.map(|slot| self.standing(NodePlace { slot, ..NodePlace::FIRST }))
    }

    /// All slots with a record from a place on, in order, and whose they are. A name that lies in
    /// several ranges is told once.
    pub fn nodes_from(
        &self,
        first: NodePlace,
    ) -> impl Iterator<Item = (NodePlace, &Names, &Record)> {
        let ranges = self.known.iter().enumerate().skip(first.range);
        let all = ranges.flat_map(move |(range, slots)| {
            let slot = if range == first.range { first.slot } else { SlotId::FIRST };
            let nodes = slots.iter_from(slot);
            let nodes = nodes.filter_map(|(id, slot)| Some((id, slot.record.as_ref()?)));
            nodes.map(move |(slot, record)| (NodePlace { range, slot }, &slots.names, record))
        });
        all.filter(|(place, names, _)| {
            let earlier = self.known.get(..place.range).unwrap_or_default();
            earlier.is_empty() || {
                let name = names.name(place.slot);
                !earlier.iter().any(|slots| {
                    slots.of_name(name.as_bytes()).is_some_and(|slot| slot.record.is_some())
                })
            }
        })
    }

    /// All names with their records: those to claim from first, by number.
    pub fn records(&self) -> impl Iterator<Item = (String, &Record)> {
        self.nodes_from(NodePlace::FIRST)
            .map(|(place, names, record)| (names.name(place.slot), record))
    }

    /// Returns the occupied slots of the pattern to claim from, lowest first, with the record of
    /// each.
    pub fn slots(&self) -> impl Iterator<Item = (SlotId, Option<&Record>)> {
        let slots = self.known.first().into_iter().flat_map(Slots::iter);
        slots.map(|(id, occupant)| (id, occupant.record.as_ref()))
    }

    /// The number of occupied slots of the pattern to claim from.
    pub fn occupied(&self) -> usize {
        self.known.first().map_or(0, |slots| slots.occupied)
    }

    /// The number of slots of the pattern to claim from that have a record.
    pub fn named(&self) -> usize {
        self.known.first().map_or(0, |slots| slots.named)
    }

    /// The number of nodes of the pattern to claim from that are in their group.
    pub fn grouped(&self) -> usize {
        self.known.first().map_or(0, |slots| slots.grouped)
    }

    /// Returns the digest of a range, by its index in [`Keyspace::ranges`], without what changed after
    /// a revision.
    pub fn digest(&self, range: usize, up_to: i64) -> RangeDigest {
        self.known.get(range).map_or_else(RangeDigest::default, |known| known.digest(up_to))
    }

    /// Whether etcd has the keys of a range, by its index in [`Keyspace::ranges`], as they are known here
    /// without what changed after a revision: those that changed last, and the number of all.
    pub fn agrees(&self, range: usize, up_to: i64, latest: &Latest<'_>) -> bool {
        let prefix = self.keyspace.prefix.as_bytes();
        self.known.get(range).is_some_and(|known| known.agree(up_to, latest, prefix))
    }

    /// The version of a key of a range, by its index in [`Keyspace::ranges`]; `None`: there is no such key.
    pub fn version(&self, range: usize, key: &[u8]) -> Option<KeyVersion> {
        self.known.get(range)?.version(self.keyspace.name_of(key)?)
    }

    /// Whether a name could be that of a node, or is one of those that are followed.
    pub fn has_place_for(&self, name: &[u8]) -> bool {
        self.known.iter().any(|slots| slots.names.slot_of(name).is_some())
    }

    /// Applies one key of a range, by its index in [`Keyspace::ranges`]. A key may lie in several,
    /// whose streams of events are not in step, so each is told by its own. An event that is older
    /// than what is known changes nothing: a stream may be read again from an earlier revision.
    pub fn apply(&mut self, range: usize, entry: Entry<'_>) -> Applied {
        let Some(name) = self.keyspace.name_of(entry.key) else { return Applied::Ignored };
        let Some(known) = self.known.get_mut(range) else { return Applied::Ignored };
        let applied = match &mut self.journal {
            None => known.apply(name, entry),
            Some(journal) => known.apply_noting(name, entry, (journal, range, self.revision)),
        };
        if range == 0 {
            self.heed_stored_base();
        }
        applied
    }

    /// Takes over what etcd has at the key of the drain of a slot, whatever is known of it; `None`: nothing.
    pub fn read_drain(&mut self, slot: SlotId, entry: Option<Entry<'_>>) -> Applied {
        self.known.first_mut().map_or(Applied::Ignored, |slots| slots.read_drain(slot, entry))
    }

    /// Moves on to a revision that etcd has reached.
    pub fn advance(&mut self, revision: i64) {
        self.revision = self.revision.max(revision);
    }

    /// An empty directory for the same names. To read them anew, see [`super::SnapshotBuilder`].
    pub fn emptied(&self) -> Directory {
        Directory::new(self.keyspace.clone())
    }

    /// Takes over a complete snapshot, read at `revision`. The old one answered until now; it is
    /// returned, for to drop a large one takes long: see [`Directory::shrink`].
    pub fn replace(&mut self, snapshot: Directory, revision: i64) -> Directory {
        let mut old = std::mem::replace(self, snapshot);
        self.own = old.own;
        self.account = std::mem::take(&mut old.account);
        self.account.reading = None;
        self.changes = old.changes() + 1;
        self.revision = revision;
        self.continue_serial_of(&old);
        self.freshness = Freshness::Synced;
        self.reading = old.reading.wrapping_add(1);
        // What led from the one to the other is not known.
        self.journal = old.journal.is_some().then(|| Journal::new(revision));
        old
    }

    /// Forgets up to so many pieces of what it knows, with a few names or addresses each; `false`: none
    /// is left. What answers no more is given up by this, a little at a time.
    pub fn shrink(&mut self, most: usize) -> bool {
        (0..most).all(|_| self.known.iter_mut().any(Slots::forget_piece))
    }

    /// Sets how far it can be believed from now on. Before the first snapshot that is not at all.
    pub fn mark(&mut self, freshness: Freshness) {
        if self.freshness != Freshness::Empty {
            self.changes += u64::from(self.freshness != freshness);
            self.freshness = freshness;
        }
    }

    /// Whether this very version of a key is known as unusable, and was told before.
    pub fn knows_unusable(&self, key: &[u8], mod_revision: i64) -> bool {
        let Some(name) = self.keyspace.name_of(key) else { return false };
        self.known
            .iter()
            .filter_map(|slots| slots.of_name(name))
            .any(|occupant| occupant.record.is_none() && occupant.mod_revision == mod_revision)
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
