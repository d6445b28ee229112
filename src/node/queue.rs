//! Waiting in the queue for a slot, first come, first served.
//!
//! Whoever waits knows the tickets ahead of its own and strikes out those that leave, so a free slot
//! costs etcd one claim, however many are waiting.

use super::claim::{ClaimAttempt, Claimant, Taken};
use super::full_sync::MOST_AT_ONCE;
use super::overtake::Overtaking;
use super::queue_place::QueuePlace;
use super::rank::{FreeSlot, free_slot};
use super::session::Session;
use super::sync::Synced;
use super::ticket::{Ahead, Ticket};
use super::{Counter, Host, Result, SessionError, WhenFull};
use crate::cluster::Keyspace;
use crate::etcd::{Etcd, WatchStream};

/// The end of a wait in the queue.
pub(super) enum Waited {
    /// A slot was claimed.
    Claimed(Taken),
    /// Our ticket is gone, and a new one is needed.
    TicketGone,
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
        // The revision of the last change of names that is known to be.
        let mut newest = taken.newest;
        let (mut is_logged, mut told, mut last_why) = (false, None, None);
        loop {
            self.follow_what_came(&mut watch, &mut place, claimant.keyspace)?;
            if place.is_gone {
                return Ok(Waited::TicketGone);
            }
            let rank = place.rank();
            if told != Some(rank) {
                self.host.note(Counter::Ahead(rank));
                told = Some(rank);
            }
            let mut try_at = None;
            let free = self.has_seen_names(newest).then(|| self.free_slot(claimant, rank));
            let why = (rank, free == Some(FreeSlot::Full));
            if last_why != Some(why) {
                self.tell_place(why);
                last_why = Some(why);
            }
            match free {
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
            if let Some(reply) = self.follow_until(&mut watch, try_at)? {
                place.heed(&reply, claimant.keyspace, self.host.now());
            }
        }
    }

    /// Lets those who ask know how many are ahead, and whether no name is free.
    fn tell_place(&self, (ahead, is_full): (usize, bool)) {
        let taken = if is_full { "all names are taken; " } else { "" };
        let nodes = if ahead == 1 { "node" } else { "nodes" };
        self.tell_nameless(Some(format!("{taken}in the queue, {ahead} {nodes} ahead")));
    }

    /// Looks who is ahead of this node. `None`: its ticket is gone.
    fn find_place(&mut self, claimant: Claimant<'_>) -> Result<Option<QueuePlace>> {
        let queue = self.ask(|client| claimant.look_at_queue(client))?;
        let Some(Ahead { tickets, revision }) = queue else { return Ok(None) };
        let ticket = claimant.keyspace.ticket(claimant.record);
        let mut place = QueuePlace::new(ticket, tickets, revision, self.host.now());
        self.host.directory(|directory| {
            for (slot, record) in directory.slots() {
                place.see(slot, record, claimant.keyspace);
            }
        });
        Ok(Some(place))
    }

    /// Applies what a watch has told by now: a slot is chosen by all of that, for the first of many changes that
    /// come together says of no slot whether it is free.
    fn follow_what_came(
        &mut self,
        watch: &mut E::Watch,
        place: &mut QueuePlace,
        keyspace: &Keyspace,
    ) -> Result<()> {
        for _ in 0..MOST_AT_ONCE {
            self.stay_named()?;
            let now = self.host.now();
            let Some(reply) = self.follow_until(watch, Some(now))? else { break };
            place.heed(&reply, keyspace, now);
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
