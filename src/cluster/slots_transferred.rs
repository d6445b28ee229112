//! Slots as zones tell of them.

use super::{Occupant, SlotId, Slots};
use crate::cluster::journal::PublishedNode;

impl Slots {
    /// Puts a node into a slot, whatever is known of it; `None`: nobody has it.
    pub(in crate::cluster) fn put_transferred(&mut self, id: SlotId, node: Option<PublishedNode>) {
        self.changes += u64::from(self.published(id) != node);
        self.put_back(id, node);
    }

    /// Lets a slot publish what it did. That a value that is no record held it is not known any more.
    pub(in crate::cluster) fn put_back(&mut self, id: SlotId, node: Option<PublishedNode>) {
        let Some(PublishedNode { record, is_ready, drain, details }) = node else {
            self.drains.put_transferred(id, None);
            self.remove(id);
            return;
        };
        let is_in_group = is_ready && drain.is_none();
        self.drains.put_transferred(id, drain);
        let has_details = details.is_some();
        let occupant = Occupant {
            record: Some(record),
            fingerprint: 0,
            mod_revision: 0,
            is_ready,
            is_in_group,
            has_details,
        };
        self.occupy(id, occupant, details);
    }

    /// Takes over what others know of a slot.
    pub(in crate::cluster) fn take_over(&mut self, id: SlotId, from: &Slots) {
        self.drains.take_over(id, &from.drains);
        match from.get(id) {
            Some(occupant) => self.occupy(id, *occupant, from.details.get(id).cloned()),
            None => _ = self.remove(id),
        }
    }
}
