//! A name that goes from one lease to a longer one, for the cluster has grown since that was granted.
//!
//! Nodes that start at once know of nobody when their leases are granted. So a node that has long settled has
//! another one granted, and puts its record on that by one transaction which holds only where the key is as it was
//! left, on its old lease, and nobody drained it: a drain hangs on the lease too. Then the old lease is revoked.
//! The name stays owned all the while, by the same fencing token.
//!
//! Where the reply to the transaction is lost the record may be on either lease, or go to the other one yet. Until
//! that is known, which is found out before anything else, the name is owned for as long as both last; neither is
//! revoked. Programs that start together know each other by their leases: there no name moves.

use super::lease_time::Lease;
use super::republish::PUTS;
use super::session::Session;
use super::state::{Claimed, Membership};
use super::{Host, Result, SessionError};
use crate::cluster::NodePlace;
use crate::etcd::{Compare, Equal, Etcd, Op, Range, Txn};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Goes to a longer lease if this one is outgrown: some time after that was seen, for others see it as well.
    pub(super) fn outgrow_lease(&mut self) -> Result<()> {
        self.settle_lease()?;
        let names = self.host.directory(|directory| directory.occupied());
        let Some(lease) = self.lease.filter(|lease| self.may_leave(lease, names)) else {
            self.leaves_lease_at = None;
            return Ok(());
        };
        let now = self.host.now();
        let Some(at) = self.leaves_lease_at else {
            let delay = self.settings.lease_ttl.spread(names).mul_f64(self.random.fraction());
            self.leaves_lease_at = Some(now + delay);
            return Ok(());
        };
        // It is renewed first where that is due soon: it has to last until all is done.
        if now < at || now >= lease.renew_at {
            return Ok(());
        }
        self.leaves_lease_at = None;
        let ttl = self.ttl_to_grant(names);
        let id = self.ask(|client| client.lease_grant(ttl))?;
        self.own_leases.note(id);
        self.longer_lease = Some(Lease::new(id, now, ttl));
        self.settle_lease()?;
        self.end_superseded()
    }

    /// Whether a lease is to be left, and nothing is under way or in doubt.
    fn may_leave(&self, lease: &Lease, names: usize) -> bool {
        let Membership::Owned(claimed) = self.membership else { return false };
        let is_outgrown = self.settings.lease_ttl.is_outgrown(lease.ttl, names);
        is_outgrown
            && self.job.is_none()
            && self.turn.is_none()
            && self.missing.is_none()
            && self.witness.is_none()
            && self.under_way.is_none()
            && self.superseded.is_none()
            && !self.is_restored
            && !claimed.is_being_put
            && self.addresses.gone_since.is_none()
            && (self.proof.is_given() || self.has_table())
            && !self.is_drained(claimed)
    }

    fn is_drained(&self, claimed: Claimed) -> bool {
        let place = NodePlace { slot: claimed.slot, ..NodePlace::FIRST };
        self.host.directory(|directory| directory.standing(place).drain.is_some())
    }

    /// Finds out on which lease the name is, if that is not known, and puts it on the longer one.
    pub(super) fn settle_lease(&mut self) -> Result<()> {
        let Some(longer) = self.longer_lease else { return Ok(()) };
        let (Some(mut claimed), Some(lease), Some(record)) =
            (self.membership.held(), self.lease, self.record)
        else {
            // The name is lost, so nothing of it is to be there.
            self.ask(|client| client.lease_revoke(longer.id))?;
            self.longer_lease = None;
            return Ok(());
        };
        let keyspace = self.settings.keyspace.clone();
        let key = keyspace.key(claimed.slot);
        for _ in 0..PUTS {
            let compare = [
                (key.clone(), Equal::Lease(lease.id)),
                (key.clone(), Equal::ModRevision(claimed.mod_revision)),
                (keyspace.drain(claimed.slot), Equal::CreateRevision(0)),
            ];
            let value = self.value_of(&record, Some(claimed.claim_revision));
            let txn = Txn {
                compare: compare.map(|(key, to)| Compare { key, to }).to_vec(),
                success: vec![Op::Put { key: key.clone(), value, lease: longer.id }],
                failure: vec![Op::Range(Range::new(key.clone(), None))],
            };
            let reply = match self.ask(|client| client.txn(&txn)) {
                // It is over: nothing can be put on it any more, and what was is gone.
                Err(SessionError::Etcd(error)) if error.is_not_found() => {
                    self.doubt();
                    self.longer_lease = None;
                    return self.confirm().map(drop);
                }
                reply => reply?,
            };
            if reply.succeeded {
                claimed.mod_revision = reply.header.revision;
                self.have_left(claimed, lease, longer);
                return Ok(());
            }
            let found =
                reply.ranges.into_iter().next().and_then(|range| range.kvs.into_iter().next());
            match found {
                Some(kv)
                    if kv.lease == longer.id && kv.create_revision <= claimed.claim_revision =>
                {
                    claimed.mod_revision = kv.mod_revision;
                    self.have_left(claimed, lease, longer);
                    return Ok(());
                }
                Some(kv)
                    if claimed.stands(&kv, lease.id) && kv.mod_revision != claimed.mod_revision =>
                {
                    claimed.mod_revision = kv.mod_revision;
                }
                Some(kv) if claimed.stands(&kv, lease.id) => {
                    return self.stay_on(claimed, lease, longer);
                }
                other => {
                    self.lose_to(claimed, other.as_ref());
                    return Ok(());
                }
            }
        }
        Err(SessionError::NoHistory)
    }

    /// The name is on the longer lease.
    fn have_left(&mut self, mut claimed: Claimed, lease: Lease, longer: Lease) {
        claimed.is_being_put = false;
        self.superseded = Some(lease.id);
        (self.lease, self.longer_lease) = (Some(longer), None);
        self.addresses.move_to(longer.id);
        if let Some(record) = self.record {
            self.apply_own(claimed, &record);
        }
        let membership = match self.membership {
            Membership::Doubtful(_) => Membership::Doubtful(claimed),
            _ => Membership::Owned(claimed),
        };
        self.set_membership(membership);
        let (name, seconds) = (self.name(claimed), longer.ttl.as_secs());
        log::info!(
            "{name} is on a lease of {seconds} s from now on: there are more names than before"
        );
    }

    /// The node is drained, so its name stays on the lease that the drain hangs on.
    fn stay_on(&mut self, claimed: Claimed, lease: Lease, longer: Lease) -> Result<()> {
        let (Membership::Owned(_), Some(record)) = (self.membership, self.record) else {
            // Not before the doubt is settled.
            return Ok(());
        };
        // A transaction that was sent before, and comes late, finds another put and does nothing.
        self.republish(claimed, lease, record)?;
        if self.membership.held().is_none() {
            return Ok(());
        }
        self.ask(|client| client.lease_revoke(longer.id))?;
        self.longer_lease = None;
        Ok(())
    }
}
