//! Waiting in the queue for a slot, first come, first served.
//!
//! Whoever waits knows the tickets ahead of its own and strikes out those that leave, so a free slot
//! costs etcd one claim, however many are waiting.

use std::collections::HashSet;
use std::time::Instant;

use super::claim::{Ahead, ClaimAttempt, Claimant, Taken, Ticket};
use super::full_sync::MOST_AT_ONCE;
use super::overtake::Overtaking;
use super::rank::{FreeSlot, free_slot};
use super::session::Session;
use super::sync::Synced;
use super::{Host, Result, SessionError, WhenFull};
use crate::etcd::{Etcd, WatchReply, WatchStream};

/// The end of a wait in the queue.
pub(super) enum Waited {
    /// A slot was claimed.
    Claimed(Taken),
    /// Our ticket is gone, and a new one is needed.
    TicketGone,
}

/// The place of this node in the queue, as far as it was told.
struct QueuePlace {
    ticket: Vec<u8>,
    /// The tickets ahead of it.
    ahead: HashSet<Vec<u8>>,
    /// The revision up to which it is known who left.
    left: i64,
    /// Whether our own ticket left as well.
    is_gone: bool,
    overtaking: Overtaking,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Waits until a slot is ours, by its turn, or because those ahead let one lie for too long.
    pub(super) fn wait_in_queue(
        &mut self,
        claimant: Claimant<'_>,
        taken: &Ticket,
        when_full: WhenFull,
    ) -> Result<Waited> {
        if self.sync()? == Synced::Anew && !self.is_current(taken) {
            // The ticket is of a history that does not go on: the own name may stand there.
            return Err(SessionError::NoHistory);
        }
        let Some(mut place) = self.find_place(claimant)? else { return Ok(Waited::TicketGone) };
        let mut watch = self.open_watch(Some(place.left))?;
        // Who only waits does not give etcd the time that it takes where many start together.
        self.client.timeout_mut().settle();
        let names = claimant.keyspace.ranges().len();
        // The revision of the last change of names that is known to be.
        let mut newest = taken.slots.newest;
        let mut is_logged = false;
        loop {
            self.follow_what_came(&mut watch, names, &mut place)?;
            if place.is_gone {
                return Ok(Waited::TicketGone);
            }
            let rank = place.ahead.len();
            let mut try_at = None;
            match self.has_seen_names(newest).then(|| self.free_slot(claimant, rank)) {
                Some(FreeSlot::Slot(slot)) => {
                    match self.ask(|client| claimant.try_claim(client, slot))? {
                        ClaimAttempt::Taken(taken) => return Ok(Waited::Claimed(taken)),
                        ClaimAttempt::Refused(at) if self.has_seen_names(at) => {
                            return Err(SessionError::NoHistory);
                        }
                        // Somebody was quicker, of which the watch has not told yet.
                        ClaimAttempt::Refused(at) => newest = at,
                    }
                }
                Some(FreeSlot::Full) if when_full == WhenFull::Exit => {
                    return Err(SessionError::NoFreeSlot);
                }
                Some(FreeSlot::Full) => {
                    place.overtaking.none_free();
                    if !is_logged {
                        let pattern = &claimant.keyspace.pattern;
                        log::info!(
                            "no free name of {pattern}: waiting for one, {rank} nodes ahead"
                        );
                        is_logged = true;
                    }
                }
                Some(FreeSlot::Behind) => {
                    if let Some(taken) = self.overtake(claimant, rank, &mut place.overtaking)? {
                        return Ok(Waited::Claimed(taken));
                    }
                    let now = self.host.now();
                    try_at = Some(place.overtaking.next(rank, now, &mut self.random));
                }
                None => {}
            }
            if watch.endpoint() != self.client.endpoint() {
                if self.sync()? == Synced::Anew {
                    // So may be what was seen of the queue.
                    return Err(SessionError::NoHistory);
                }
                watch = self.open_watch(Some(place.left))?;
            }
            if let Some(reply) = self.follow_until(&mut watch, try_at)?
                && reply.range == names
            {
                place.heed(&reply, self.host.now());
            }
        }
    }

    /// Looks who is ahead of this node. `None`: its ticket is gone.
    fn find_place(&mut self, claimant: Claimant<'_>) -> Result<Option<QueuePlace>> {
        let queue = self.ask(|client| claimant.look_at_queue(client))?;
        let Some(Ahead { tickets: mut ahead, revision: left }) = queue else { return Ok(None) };
        // A ticket that was put late, by a node that has a name already, is nobody's.
        self.host.directory(|directory| {
            for record in directory.slots().filter_map(|(_, record)| record) {
                ahead.remove(&claimant.keyspace.ticket(record));
            }
        });
        let ticket = claimant.keyspace.ticket(claimant.record);
        let overtaking = Overtaking::new(self.host.now());
        Ok(Some(QueuePlace { ticket, ahead, left, is_gone: false, overtaking }))
    }

    /// Applies what a watch has told by now: a slot is chosen by all of that, for the first of many changes that
    /// come together says of no slot whether it is free.
    fn follow_what_came(
        &mut self,
        watch: &mut E::Watch,
        names: usize,
        place: &mut QueuePlace,
    ) -> Result<()> {
        for _ in 0..MOST_AT_ONCE {
            self.stay_named()?;
            let now = self.host.now();
            let Some(reply) = self.follow_until(watch, Some(now))? else { break };
            if reply.range == names {
                place.heed(&reply, now);
            }
        }
        Ok(())
    }

    /// Claims the lowest slot that is free, if it is time to: those ahead take none.
    fn overtake(
        &mut self,
        claimant: Claimant<'_>,
        ahead: usize,
        overtaking: &mut Overtaking,
    ) -> Result<Option<Taken>> {
        let FreeSlot::Slot(lowest) = self.free_slot(claimant, 0) else { return Ok(None) };
        if !overtaking.is_due(self.host.now()) {
            return Ok(None);
        }
        let name = claimant.keyspace.pattern.name(lowest);
        log::info!("{name} is free, and none of {ahead} nodes ahead takes it: trying to");
        let taken = self.ask(|client| claimant.claim(client, lowest))?;
        if taken.is_none() {
            overtaking.failed(self.host.now(), &mut self.random);
        }
        Ok(taken)
    }

    /// The slot that a rank in the queue leads to, as far as the directory knows.
    pub(super) fn free_slot(&self, claimant: Claimant<'_>, rank: usize) -> FreeSlot {
        self.host.directory(|directory| {
            free_slot(rank, directory.slots().map(|(slot, _)| slot), claimant.keyspace.limit)
        })
    }
}

impl QueuePlace {
    /// Takes in who left the queue.
    fn heed(&mut self, reply: &WatchReply, now: Instant) {
        for event in &reply.events {
            self.left = self.left.max(event.kv.mod_revision);
            if self.ahead.remove(&event.kv.key) {
                self.overtaking.moved(now);
            }
            self.is_gone |= event.kv.key == self.ticket;
        }
    }
}
