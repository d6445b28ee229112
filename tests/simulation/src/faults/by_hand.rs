//! What somebody does by hand to the keys and leases of the cluster, and how that is put in order at the end.

use std::time::Duration;

use idetcd::cluster::{Record, SlotId};
use idetcd::etcd::{KeyValue, LeaseId};

use super::Faults;
use super::kind::FaultKind;
use super::undo::Undo;
use crate::world::World;
use crate::world::machine_address;

/// The numbers of the addresses that strangers have.
const STRANGERS: u32 = 0x2_0000;

impl Faults {
    pub(super) fn begin_by_hand(
        &mut self,
        kind: FaultKind,
        world: &mut World,
    ) -> Option<Vec<Undo>> {
        let now = world.now;
        let keyspace = world.checks.oracle().keyspace().clone();
        let limit = world.nodes.iter().map(|node| node.spec.limit).max()?;
        let number = self.plan.strangers
            + 1
            + self.chance.below((limit - self.plan.strangers) as usize) as u32;
        let slot = SlotId::new(number)?;
        let key = keyspace.key(slot);
        let there = world.etcd.get(&key);
        match kind {
            FaultKind::DeleteKey => {
                there?;
                world.checks.by_hand(slot, now);
                world.etcd.delete(&key, now);
            }
            FaultKind::PutRecord | FaultKind::PutGarbage => {
                world.checks.by_hand(slot, now);
                let value = match kind {
                    FaultKind::PutRecord => stranger(number).to_json(),
                    _ => "garbage".to_owned(),
                };
                world.etcd.put(&key, value.as_bytes(), LeaseId(0), now);
                self.by_hand.push(key);
            }
            FaultKind::RevokeLease => {
                let lease = there.map(|kv| kv.lease).filter(|lease| *lease != LeaseId(0))?;
                for key in world.etcd.lease(lease).map_or(Vec::new(), |lease| lease.keys) {
                    if let Some(slot) = keyspace.slot_of(&key) {
                        world.checks.by_hand(slot, now);
                    }
                }
                world.etcd.revoke(lease, now);
            }
            FaultKind::PutTicket => {
                let ticket = keyspace.ticket(&stranger(number));
                world.etcd.put(&ticket, b"", LeaseId(0), now);
                self.by_hand.push(ticket);
            }
            FaultKind::DeleteTicket => {
                let (first, end) = keyspace.queue();
                let tickets = world.etcd.content(&first, &end, 0)?;
                world.etcd.delete(&self.chance.pick(&tickets)?.key, now);
            }
            FaultKind::Drain => self.drain(slot, there, world),
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Drains a slot, or ends its drain; mostly as the product's tool does.
    fn drain(&mut self, slot: SlotId, there: Option<KeyValue>, world: &mut World) {
        let (now, keyspace) = (world.now, world.checks.oracle().keyspace().clone());
        let key = keyspace.drain(slot);
        if world.etcd.get(&key).is_some() && self.chance.happens(0.5) {
            world.etcd.delete(&key, now);
            return;
        }
        let value = self.chance.pick(&["{}", "x", r#"{"reason":"why"}"#]).unwrap_or_default();
        // Of nobody, or of somebody else, it is to count for nobody.
        let lease = there.map(|kv| kv.lease).filter(|_| self.chance.happens(0.9));
        let lease = lease.unwrap_or(LeaseId(0));
        world.etcd.put(&key, value.as_bytes(), lease, now);
        if lease == LeaseId(0) {
            self.by_hand.push(key);
        }
    }

    /// After the last fault: what was put by hand goes, mostly, and who does not run is started.
    pub(super) fn tidy_up(&mut self, world: &mut World) {
        let now = world.now;
        for key in std::mem::take(&mut self.by_hand) {
            let is_ticket = world.checks.oracle().keyspace().slot_of(&key).is_none();
            if is_ticket && self.chance.happens(0.5) {
                // A ticket of somebody who never comes.
                self.by_hand.push(key);
                continue;
            }
            if let Some(kv) = world.etcd.get(&key).filter(|kv| kv.lease == LeaseId(0)) {
                world.etcd.delete(&kv.key, now);
            }
        }
        for node in 0..world.nodes.len() {
            if !self.plan.twins.contains(&node) && world.nodes[node].process.is_none() {
                world.start_after(node, Duration::ZERO);
            }
        }
        world.heed_etcd();
    }
}

/// What somebody publishes who is not of this cluster.
pub(super) fn stranger(number: u32) -> Record {
    Record { ipv4: Some(machine_address(STRANGERS + number)), ipv6: None, port: Some(53) }
}
