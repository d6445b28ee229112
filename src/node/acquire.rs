//! From a lease to a name: which slot to try, in which order.

use std::collections::BTreeSet;

use super::claim::{Claimant, OwnRecord, Taken};
use super::queue::Waited;
use super::rank::{FreeSlot, free_slot, presumed, taken_since};
use super::session::Session;
use super::state::{Claimed, Membership};
use super::ticket::{LatestSlots, Ticket};
use super::{Host, Result, SessionError, WhenFull};
use crate::cluster::{RangeDigest, Record, SlotId};
use crate::etcd::{Etcd, LeaseId};

/// The number of claims that may fail, because others were quicker, before their changes are followed.
const QUICK_FAILURES: u32 = 1;

/// The source of what slots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// They may be presumed, once: where many start together that is right but for strange cases.
    MayBePresumed,
    /// They are read.
    OfEtcd,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Claims a slot unless one is owned, or none is wanted.
    pub(super) fn ensure_name(&mut self) -> Result<()> {
        let previous = match self.membership {
            Membership::Owned(_) | Membership::Doubtful(_) => return Ok(()),
            Membership::Newcomer => None,
            Membership::Lost(claimed) => Some(claimed),
        };
        if !self.host.wants_name() {
            return Ok(());
        }
        let record = self.find_record()?;
        self.tell_nameless(None);
        let is_ready = self.is_ready;
        let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
        // Who once had a name serves on without one; ending would be a fault of its own.
        let when_full = previous.map_or(self.settings.when_full, |_| WhenFull::Wait);
        let keyspace = self.settings.keyspace.clone();
        let (node_id, details) = (self.settings.node_id.clone(), self.settings.details.clone());
        let claimant = Claimant {
            keyspace: &keyspace,
            record: &record,
            node_id: node_id.as_ref(),
            is_ready,
            details: &details,
            lease: lease.id,
        };
        let taken = match self.reclaim(claimant, previous) {
            Ok(None) => self.queue_and_claim(claimant, when_full),
            Ok(Some(taken)) => Ok(taken),
            Err(error) => Err(error),
        };
        let taken = taken.map_err(|error| self.claim_failed(error))?;
        self.client.timeout_mut().settle();
        self.is_ready = is_ready;
        self.own(taken.claimed, record, previous);
        self.note_late_claims();
        if previous.is_none() {
            self.join_start(taken.queue_length, taken.claimed.claim_revision);
        }
        self.settle_doubt()
    }

    /// A call that failed may have been carried out: read everything, and look for it.
    fn claim_failed(&mut self, error: SessionError) -> SessionError {
        self.history = None;
        match error {
            SessionError::Etcd(error) if error.is_not_found() => {
                self.lease = None;
                SessionError::LeaseGone
            }
            error => error,
        }
    }

    /// The slots that hold our record, or one that this life of ours put, as far as the directory knows.
    pub(super) fn own_slots(&self, claimant: Claimant<'_>) -> Vec<SlotId> {
        self.host.directory(|directory| {
            let records = self.addresses.put().chain([claimant.record]);
            let slots = records.flat_map(|record| directory.slots_with(record));
            let own: BTreeSet<SlotId> =
                slots.filter(|slot| slot.get() <= claimant.keyspace.limit).collect();
            own.into_iter().collect()
        })
    }

    /// The slot that is ours already, or was and is free.
    fn reclaim(
        &mut self,
        claimant: Claimant<'_>,
        previous: Option<Claimed>,
    ) -> Result<Option<Taken>> {
        // Only a newcomer may have been here before, and whoever is where a backup was restored. Else it is
        // somebody else who publishes the same addresses, whatever its ID.
        let may_return = previous.is_none() || self.is_restored;
        let mut others = Vec::new();
        for slot in self.own_slots(claimant) {
            let found = self.ask(|client| claimant.find_own(client, slot))?;
            let Some(own) = found else { continue };
            if own.lease == claimant.lease {
                // A claim of ours succeeded, and its reply was lost; or a restored backup has it.
                if let Some(taken) = self.ask(|client| claimant.claim(client, slot))? {
                    return Ok(Some(Taken { queue_length: 0, ..taken }));
                }
                continue;
            }
            let is_former = self.own_leases.has(own.lease);
            if !is_former && !claimant.is_earlier_life(&own) {
                others.push(own);
            } else if (is_former || may_return)
                && let Some(taken) = self.take_over(claimant, &own)?
            {
                return Ok(Some(taken));
            }
        }
        if may_return && let Some(taken) = self.reclaim_with_other_addresses(claimant)? {
            return Ok(Some(taken));
        }
        match previous {
            Some(claimed) => self.ask(|client| claimant.claim(client, claimed.slot)),
            None => {
                if let Some(taken) = self.reclaim_of_this_host(claimant, &mut others)? {
                    return Ok(Some(taken));
                }
                others.extend(self.find_elsewhere(claimant)?);
                self.outlive(claimant, others)
            }
        }
    }

    /// Takes a name over from an earlier life of this node.
    pub(super) fn take_over(
        &mut self,
        claimant: Claimant<'_>,
        own: &OwnRecord,
    ) -> Result<Option<Taken>> {
        // Known before the call, whose reply may be lost: then the name is found under our lease.
        self.superseded = Some(own.lease).filter(|lease| *lease != LeaseId(0));
        self.superseded.into_iter().for_each(|lease| self.own_leases.note(lease));
        let taken = self.ask(|client| claimant.take_over(client, own.claimed))?;
        // Where it failed, the name may have been taken by a call whose reply was lost, and changed since.
        if taken.is_some() {
            let name = self.name(own.claimed);
            log::info!("{name} holds this node's record from an earlier life: taking it over");
        }
        Ok(taken)
    }

    /// Revokes the lease of an earlier life, or one that was said to be gone, so that nothing can keep it
    /// alive. Until etcd did so it is asked again; what hung on it is ours by now, or lost.
    pub(super) fn end_superseded(&mut self) -> Result<()> {
        if let Some(lease) = self.superseded {
            self.revoke_former(lease)?;
        }
        self.superseded = None;
        Ok(())
    }

    /// Revokes a lease that was left without a name on it. Until etcd did so it is asked again.
    pub(super) fn end_left_over(&mut self) -> Result<()> {
        if let Some(lease) = self.left_over {
            self.revoke_former(lease)?;
        }
        self.left_over = None;
        Ok(())
    }

    fn revoke_former(&mut self, lease: LeaseId) -> Result<()> {
        match self.ask(|client| client.lease_revoke(lease)) {
            // A user that is unknown may be known again: then it is asked again.
            Err(SessionError::Etcd(error)) if error.is_permission_denied() => {
                log::info!("the lease {lease} that this node had is left to run out: {error}");
            }
            result => result?,
        }
        Ok(())
    }

    /// Takes tickets until one leads to a slot. Whoever finds that others are quicker than it can read waits in
    /// the queue, where it is told what they take.
    fn queue_and_claim(&mut self, claimant: Claimant<'_>, when_full: WhenFull) -> Result<Taken> {
        if let Some(taken) = self.claim_remembered(claimant)? {
            return Ok(taken);
        }
        let (mut waited, mut failures) = (false, 0);
        let mut knowledge = Knowledge::MayBePresumed;
        // This may take long, and no call of it is to be cut off because what a former watch proved gets old.
        self.leave_watch();
        loop {
            self.ensure_lease()?;
            self.leave_queue()?;
            let mut ticket = self.ask(|client| claimant.take_ticket(client))?;
            match self.slot_for(claimant, &mut ticket, knowledge)? {
                FreeSlot::Slot(slot) => {
                    if let Some(taken) = self.ask(|client| claimant.claim(client, slot))? {
                        let queue_length = if waited { 0 } else { taken.queue_length };
                        return Ok(Taken { queue_length, ..taken });
                    }
                    knowledge = Knowledge::OfEtcd;
                    failures += 1;
                    if failures <= QUICK_FAILURES {
                        continue;
                    }
                }
                FreeSlot::Full if when_full == WhenFull::Exit && self.is_current(&ticket) => {
                    return Err(SessionError::NoFreeSlot);
                }
                // Who waited knows that the others wait as well, rather than start.
                FreeSlot::Full | FreeSlot::Behind => waited = true,
            }
            if let Waited::Claimed(taken) = self.wait_in_queue(claimant, &ticket, when_full)? {
                let queue_length = if waited { 0 } else { taken.queue_length };
                return Ok(Taken { queue_length, ..taken });
            }
        }
    }

    /// The slot that a ticket leads to: where many start, as may be presumed; else as the directory knows, if it stands where
    /// the ticket does, or as is read.
    fn slot_for(
        &mut self,
        claimant: Claimant<'_>,
        ticket: &mut Ticket,
        knowledge: Knowledge,
    ) -> Result<FreeSlot> {
        let digest = self.expect_to_go_on(ticket)?;
        let limit = claimant.keyspace.limit;
        let known: Vec<SlotId> =
            self.host.directory(|directory| directory.slots().map(|(slot, _)| slot).collect());
        if knowledge == Knowledge::MayBePresumed
            && let Some(slot) = presumed(ticket, &known, digest.keys, limit)
        {
            self.miss(ticket.newest);
            return Ok(FreeSlot::Slot(slot));
        }
        let latest = self.latest_slots(claimant, ticket, digest)?;
        ticket.newest = latest.newest;
        if digest == (RangeDigest { keys: ticket.keys, newest: ticket.newest }) {
            self.stand_at(ticket);
            return Ok(self.free_slot(claimant, ticket.rank));
        }
        self.miss(ticket.newest);
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        if let Some(taken) = seen.and_then(|seen| taken_since(&latest, &known, *seen)) {
            let is_all = digest.keys + (taken.len() - known.len()) == ticket.keys;
            let slot = free_slot(ticket.rank, taken.into_iter(), limit);
            // Others are quicker than all names are read: what became free meanwhile is left to them.
            let is_enough = knowledge == Knowledge::OfEtcd && matches!(slot, FreeSlot::Slot(_));
            if is_all || is_enough {
                return Ok(slot);
            }
        }
        let taken = self.ask(|client| claimant.taken(client, ticket.revision))?;
        Ok(free_slot(ticket.rank, taken.into_iter(), limit))
    }

    /// Returns whether the directory knows every slot that was taken when the ticket was.
    pub(super) fn is_current(&self, ticket: &Ticket) -> bool {
        self.has_seen_names(ticket.newest)
    }

    /// Returns whether all changes of the pattern's names up to this revision are known.
    pub(super) fn has_seen_names(&self, revision: i64) -> bool {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        seen.is_some_and(|seen| *seen >= revision)
    }

    /// What the directory has of the slots. It is to be followed up to the ticket.
    ///
    /// # Errors
    /// When another cluster answers, or an older backup.
    fn expect_to_go_on(&mut self, ticket: &Ticket) -> Result<RangeDigest> {
        let known = self.history.as_ref();
        if known.is_some_and(|known| !known.goes_on_at(ticket.cluster_id, ticket.revision)) {
            return Err(self.break_off("etcd's history is not what was seen"));
        }
        Ok(self.host.directory(|directory| directory.digest(0, i64::MAX)))
    }

    /// The slots that had changed last when a ticket was taken; `known` is what the directory has of them.
    fn latest_slots(
        &mut self,
        claimant: Claimant<'_>,
        ticket: &Ticket,
        known: RangeDigest,
    ) -> Result<LatestSlots> {
        if self.has_seen_names(ticket.revision - 1) {
            // Nothing at all was written in between.
            return Ok(LatestSlots { newest: known.newest, slots: Vec::new(), past: i64::MAX });
        }
        self.ask(|client| claimant.latest_slots(client, ticket.revision))
    }

    /// Takes note that no slot changed between the full sync and the ticket: etcd serves a watch that begins in the present
    /// at once, but those that begin in the past ten times a second only.
    fn stand_at(&mut self, ticket: &Ticket) {
        if !self.reach(0, ticket.revision, false) {
            self.miss(ticket.newest);
        }
    }

    fn own(&mut self, claimed: Claimed, record: Record, previous: Option<Claimed>) {
        let name = self.name(claimed);
        self.contact.logged.clear();
        let is_over = self.lease.is_none_or(|lease| self.host.now() >= lease.valid_until);
        let is_doubtful = is_over || self.client.timeout_mut().was_late();
        let membership = if is_doubtful { Membership::Doubtful } else { Membership::Owned };
        self.is_restored = false;
        self.set_membership(membership(claimed));
        self.apply_own(claimed, &record);
        let verb = if previous.is_some() { "re-claimed" } else { "claimed" };
        let limit = self.settings.keyspace.limit;
        log::info!("{verb} {name} (slot {} of {limit}): {record}", claimed.slot);
        if !self.is_ready {
            log::info!("{name} is not ready, and so not in its group");
        }
        if is_doubtful {
            log::warn!("{name} is in doubt: the reply to its claim came late");
        }
    }
}
