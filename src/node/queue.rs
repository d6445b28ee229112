//! Waiting in the queue for a slot, first come, first served.
//!
//! Whoever waits knows the tickets ahead of its own and strikes out those that leave, so a free slot
//! costs etcd one claim, however many are waiting.

use std::collections::HashSet;

use super::claim::{Claimant, Ticket};
use super::rank::{FreeSlot, free_slot};
use super::session::Session;
use super::{Host, SessionError, WhenFull};
use crate::cluster::SlotId;
use crate::etcd::{Etcd, WatchStream};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Waits until a slot is ours to claim. `None`: our ticket is gone, and a new one is needed.
    pub(super) fn wait_in_queue(
        &mut self,
        claimant: Claimant<'_>,
        taken: &Ticket,
        when_full: WhenFull,
    ) -> Result<Option<SlotId>, SessionError> {
        let result = claimant.look_at_queue(&mut self.client);
        let queue = self.heard(result)?;
        let Some(ahead) = queue.ahead else { return Ok(None) };
        let mut ahead: HashSet<Vec<u8>> = ahead.into_iter().collect();
        // A ticket that was put late, by a node that has a name already, is nobody's.
        self.host.directory(|directory| {
            for record in directory.slots().filter_map(|(_, record)| record) {
                ahead.remove(&claimant.keyspace.ticket(record));
            }
        });
        let ticket = claimant.keyspace.ticket(claimant.record);
        let mut watch = self.open_watch(Some(queue.revision))?;
        let names = claimant.keyspace.ranges().len();
        let mut is_logged = false;
        let mut left = queue.revision;
        loop {
            let free = if self.is_current(taken) {
                self.free_slot(claimant, ahead.len())
            } else {
                FreeSlot::Behind
            };
            match free {
                FreeSlot::Slot(slot) => return Ok(Some(slot)),
                FreeSlot::Full if when_full == WhenFull::Exit => {
                    return Err(SessionError::NoFreeSlot);
                }
                _ if is_logged || !self.is_current(taken) => {}
                _ => {
                    let pattern = &claimant.keyspace.pattern;
                    let count = ahead.len();
                    log::info!("no free name of {pattern}: waiting for one, {count} nodes ahead");
                    is_logged = true;
                }
            }
            if watch.endpoint() != self.client.endpoint() {
                self.sync()?;
                watch = self.open_watch(Some(left))?;
            }
            let Some(reply) = self.follow_once(&mut watch)? else { continue };
            if reply.range != names {
                continue;
            }
            for event in &reply.events {
                left = left.max(event.kv.mod_revision);
                ahead.remove(&event.kv.key);
                if event.kv.key == ticket {
                    return Ok(None);
                }
            }
        }
    }

    /// The slot that a rank in the queue leads to, as far as the directory knows.
    pub(super) fn free_slot(&self, claimant: Claimant<'_>, rank: usize) -> FreeSlot {
        self.host.directory(|directory| {
            free_slot(rank, directory.slots().map(|(slot, _)| slot), claimant.keyspace.limit)
        })
    }
}
