//! The place of a slot among those of all ranges.

use super::pattern::SlotId;

/// The place of a slot among all: those to claim from first, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePlace {
    /// The index of its range in [`super::Keyspace::ranges`].
    pub range: usize,
    /// The slot.
    pub slot: SlotId,
}

impl NodePlace {
    /// The first of all.
    pub const FIRST: NodePlace = NodePlace { range: 0, slot: SlotId::FIRST };

    /// The one after it.
    #[must_use]
    pub fn next(self) -> NodePlace {
        match self.slot.next() {
            Some(slot) => NodePlace { slot, ..self },
            None => NodePlace { range: self.range + 1, slot: SlotId::FIRST },
        }
    }
}
