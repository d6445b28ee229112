//! A walk over all records of a zone, a few at a time.

use std::net::IpAddr;

use super::zone_record::{ZoneContent, ZoneRecord};
use crate::cluster::{NodePlace, SlotId, Slots};

/// Slots and addresses that are looked at in one step, whether they have records in the zone or not.
const STEPS: usize = 2000;

/// Takes records for as long as it has room for those of one more node.
pub(super) trait Taker {
    /// Whether it takes any more now.
    fn has_room(&self) -> bool;
    /// Takes one.
    fn take(&mut self, record: ZoneRecord);
}

/// What is walked over next of a range. Records of one name and type come together: who takes them
/// would else put a large set together again for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalkStage {
    Nodes,
    GroupIpv4,
    GroupIpv6,
    GroupServices,
    GroupNamedServices,
}

/// How far a walk is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    range: usize,
    stage: WalkStage,
    slot: SlotId,
    /// Of an address, or of the name of a service, among those of the group.
    index: usize,
}

impl Walk {
    pub(super) const START: Walk =
        Walk { range: 0, stage: WalkStage::Nodes, slot: SlotId::FIRST, index: 0 };

    /// Goes on as far as there is room, or for some time; `true`: that was all. The content must be the
    /// same each time.
    pub(super) fn go_on(&mut self, content: ZoneContent<'_>, taker: &mut impl Taker) -> bool {
        let mut steps = STEPS;
        while let Some(slots) = content.directory.ranges().get(self.range) {
            let is_through = !content.may_hold(slots)
                || match self.stage {
                    WalkStage::Nodes => self.pass_nodes(content, slots, &mut steps, taker),
                    _ if content.group(self.range, slots).is_none() => true,
                    WalkStage::GroupIpv4 => self.pass_addresses(slots.ipv4(), &mut steps, taker),
                    WalkStage::GroupIpv6 => self.pass_addresses(slots.ipv6(), &mut steps, taker),
                    WalkStage::GroupServices => self.pass_services(slots, &mut steps, taker),
                    WalkStage::GroupNamedServices => self.pass_named(slots, &mut steps, taker),
                };
            if !is_through {
                return false;
            }
            self.next_stage();
        }
        true
    }

    fn next_stage(&mut self) {
        (self.slot, self.index) = (SlotId::FIRST, 0);
        self.stage = match self.stage {
            WalkStage::Nodes => WalkStage::GroupIpv4,
            WalkStage::GroupIpv4 => WalkStage::GroupIpv6,
            WalkStage::GroupIpv6 => WalkStage::GroupServices,
            WalkStage::GroupServices => WalkStage::GroupNamedServices,
            WalkStage::GroupNamedServices => {
                self.range += 1;
                WalkStage::Nodes
            }
        };
    }

    fn pass_nodes(
        &mut self,
        content: ZoneContent<'_>,
        slots: &Slots,
        steps: &mut usize,
        taker: &mut impl Taker,
    ) -> bool {
        let is_checked = content.is_checked(self.range, slots);
        for (slot, node) in slots.nodes_from(self.slot) {
            self.slot = slot;
            if !may_step(steps, taker) {
                return false;
            }
            let place = NodePlace { range: self.range, slot };
            if !is_checked || content.tells(place, slots) {
                content.of_node(place, &node).for_each(|record| taker.take(record));
            }
        }
        true
    }

    fn pass_addresses<const N: usize>(
        &mut self,
        addresses: &[[u8; N]],
        steps: &mut usize,
        taker: &mut impl Taker,
    ) -> bool
    where
        IpAddr: From<[u8; N]>,
    {
        for address in addresses.get(self.index..).unwrap_or_default() {
            if !may_step(steps, taker) {
                return false;
            }
            self.index += 1;
            taker.take(ZoneRecord::GroupAddress(self.range, IpAddr::from(*address)));
        }
        true
    }

    fn pass_services(&mut self, slots: &Slots, steps: &mut usize, taker: &mut impl Taker) -> bool {
        for (slot, node) in slots.nodes_from(self.slot) {
            self.slot = slot;
            if !may_step(steps, taker) {
                return false;
            }
            if let Some(port) = node.record.port.filter(|_| node.is_in_group()) {
                let place = NodePlace { range: self.range, slot };
                taker.take(ZoneRecord::GroupService(place, port));
            }
        }
        true
    }
}

impl Walk {
    fn pass_named(&mut self, slots: &Slots, steps: &mut usize, taker: &mut impl Taker) -> bool {
        for (name, service, slot, port) in slots.group_services().from(self.index, self.slot) {
            (self.index, self.slot) = (name, slot);
            if !may_step(steps, taker) {
                return false;
            }
            taker.take(ZoneRecord::GroupNamedService(self.range, service.into(), slot, port));
        }
        true
    }
}

/// Whether another slot or address may be looked at.
fn may_step(steps: &mut usize, taker: &impl Taker) -> bool {
    let Some(left) = steps.checked_sub(1).filter(|_| taker.has_room()) else { return false };
    *steps = left;
    true
}
