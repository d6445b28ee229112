//! The directory as etcd is at one revision, for those who take all of it from here.

use std::net::IpAddr;

use super::directory::Directory;
use super::entry::{Applied, Entry};
use super::journal::{Journal, PublishedBefore, PublishedNode};
use super::names::Names;
use super::node_place::NodePlace;
use super::pattern::SlotId;
use super::slots::Slots;

impl Directory {
    /// Notes from now on what slots held before they changed, in a bounded journal.
    pub fn keep_journal(&mut self) {
        let revision = self.revision();
        self.journal.get_or_insert_with(|| Journal::new(revision));
    }

    /// A copy without what came before its time: the own put, and changes of a range whose stream is ahead
    /// of the others'. It shares what is alike, so it costs little, and does not change. `None`: no
    /// journal is kept ([`Directory::keep_journal`]), or more is ahead than it holds.
    pub fn at_revision(&self) -> Option<Directory> {
        let ahead = self.journal.as_ref()?.ahead_of(self.revision())?;
        let mut known: Vec<Slots> = self.known.iter().map(Slots::copy_with_drains).collect();
        for (place, before) in ahead {
            if let Some(slots) = known.get_mut(place.range) {
                slots.put_back(place.slot, before);
            }
        }
        let mut copy = Directory::with(self.keyspace().clone(), known);
        copy.take_standing(self);
        Some(copy)
    }

    /// The slots that changed after a revision, and what each published then. `None`: that is not known
    /// any more, or there were more than `most` changes.
    pub fn changed_since(&self, revision: i64, most: usize) -> Option<PublishedBefore> {
        self.journal.as_ref()?.changed_since(revision, most)
    }

    /// What a slot publishes.
    pub fn published(&self, place: NodePlace) -> Option<PublishedNode> {
        self.known.get(place.range)?.published(place.slot)
    }

    /// The same of all slots with a record from a place on, as [`Directory::nodes_from`].
    pub fn published_from(
        &self,
        first: NodePlace,
    ) -> impl Iterator<Item = (NodePlace, &Names, PublishedNode)> {
        let nodes = self.nodes_from(first);
        nodes.filter_map(|(place, names, _)| Some((place, names, self.published(place)?)))
    }

    /// The names of each range with its slots, in the order of [`super::Keyspace::names`].
    pub fn ranges(&self) -> &[Slots] {
        &self.known
    }

    /// Whether a name is that of a slot of an earlier range as well, which tells of it.
    pub fn is_told_before(&self, range: usize, name: &[u8]) -> bool {
        let earlier = self.known.get(..range).unwrap_or_default();
        earlier.iter().any(|slots| slots.names.slot_of(name).is_some())
    }
}

impl Slots {
    /// Applies a key, as [`Slots::apply`] does, and notes in the journal what its slot held before. These are
    /// the slots of the range with that index, and the directory stands at that revision.
    pub(super) fn apply_noting(
        &mut self,
        name: &[u8],
        entry: Entry<'_>,
        (journal, range, told): (&mut Journal, usize, i64),
    ) -> Applied {
        let slot = self.names.slot_of(name).or_else(|| self.names.drained_slot_of(name));
        let before = slot.and_then(|slot| self.published(slot));
        let applied = self.apply(name, entry);
        let Some(slot) = slot else { return applied };
        let place = NodePlace { range, slot };
        let known = self.get(slot).map(|known| known.mod_revision);
        let is_overtaken = known.is_some_and(|known| known > entry.mod_revision);
        if is_overtaken && self.names.slot_of(name) == Some(slot) {
            let parse = |value| PublishedNode::parse(value, entry.mod_revision).ok();
            let held = entry.value.and_then(parse);
            let drain = self.published(slot).and_then(|node| node.drain);
            let held = held.map(|held| PublishedNode { drain, ..held });
            journal.note_overtaken(entry.mod_revision, told, place, held);
        } else if self.published(slot) != before {
            journal.note(entry.mod_revision, told, place, before);
        }
        applied
    }

    /// The slots from this one on that publish something, lowest first.
    pub fn nodes_from(
        &self,
        first: SlotId,
    ) -> impl Iterator<Item = (SlotId, PublishedNode)> + use<'_> {
        self.iter_from(first)
            .filter_map(|(id, occupant)| Some((id, self.published_by(id, occupant)?)))
    }

    /// The number of nodes in the group that publish an address.
    pub fn count_in_group(&self, address: IpAddr) -> usize {
        self.inside_at(address.into()).map_or(0, |published| published.count())
    }

    /// The name that stands for all of them; a single name has none.
    pub fn group(&self) -> Option<&str> {
        match self.names {
            Names::Numbered(_) => self.group.as_deref(),
            Names::Single(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Keyspace;
    use crate::cluster::pattern::Pattern;

    /// What the first slot publishes after puts of these revisions and ports, in this order, as of another revision.
    fn port_as_of(revision: i64, puts: &[(i64, Option<u16>)]) -> Option<u16> {
        let pattern = Pattern::parse("w{{.ID}}.tf.local.", 3).expect("a pattern");
        let mut directory = Directory::new(std::sync::Arc::new(Keyspace::new(pattern, 3)));
        directory.keep_journal();
        for (mod_revision, port) in puts {
            let value = port.map(|port| format!(r#"{{"ipv4":"10.0.0.1","port":"{port}"}}"#));
            let value = value.as_ref().map(|text| text.as_bytes());
            let (key, fingerprint) = (&b"w1.tf.local."[..], 0);
            directory.apply(0, Entry { key, value, mod_revision: *mod_revision, fingerprint });
        }
        directory.advance(revision);
        let copy = directory.at_revision().expect("known");
        let node = copy.published(NodePlace { range: 0, slot: SlotId::FIRST })?;
        node.record.port
    }

    #[test]
    fn an_own_put_that_is_ahead_hides_nothing_that_came_before_it() {
        // The second put was known at once, and what came between was told after it.
        let puts = [(5, Some(1)), (9, Some(4)), (7, Some(2)), (8, Some(3))];
        for (revision, wanted) in [(5, 1), (6, 1), (7, 2), (8, 3), (9, 4), (10, 4)] {
            assert_eq!(port_as_of(revision, &puts), Some(wanted), "{revision}");
        }
        let deleted = [(5, Some(1)), (9, Some(4)), (7, None)];
        for (revision, wanted) in [(6, Some(1)), (7, None), (8, None), (9, Some(4))] {
            assert_eq!(port_as_of(revision, &deleted), wanted, "{revision}");
        }
    }
}
