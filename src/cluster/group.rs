//! All nodes of a pattern together, as the name of its group stands for them.

use super::pattern::{Pattern, SlotId};
use super::record::Record;
use super::slots::{Occupant, Slots};

/// The nodes of one pattern. What is asked of them costs the same however many there are.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a>(&'a Slots);

impl<'a> Group<'a> {
    pub(super) fn new(slots: &'a Slots) -> Self {
        Group(slots)
    }

    /// The pattern that their names follow.
    pub fn pattern(self) -> &'a Pattern {
        &self.0.pattern
    }

    /// Returns the IPv4 addresses, each once however many nodes have it, in no certain order.
    pub fn ipv4(self) -> &'a [[u8; 4]] {
        self.0.ipv4().distinct()
    }

    /// Returns the IPv6 addresses, each once however many nodes have it, in no certain order.
    pub fn ipv6(self) -> &'a [[u8; 16]] {
        self.0.ipv6().distinct()
    }

    /// Returns the slots whose records have a port, in no certain order.
    pub fn with_port(self) -> &'a [SlotId] {
        self.0.with_port()
    }

    /// The record of a slot.
    pub fn record(self, id: SlotId) -> Option<&'a Record> {
        self.0.get(id).and_then(Occupant::record)
    }
}
