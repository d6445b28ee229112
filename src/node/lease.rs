//! The lease: granted, kept alive, revoked; and the name, which lives as long as it does.
//!
//! The name is *owned* while the lease is valid by this node's clock, *doubtful* from then on until
//! etcd is heard, and *lost* when etcd says so. Each change is logged.

use std::time::{Duration, Instant};

use super::lease_time::{ELECTION_TIMEOUT, Lease};
use super::same_addresses::on_host;
use super::session::Session;
use super::state::{Claimed, Membership};
use super::{Host, Owned, Result, SessionError};
use crate::cluster::{NodeId, Record};
use crate::etcd::{Error, Etcd, KeyValue, LeaseId, Timeout, read_key};

/// The time that the release may take, all endpoints together: who stops a process does not wait long.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);
/// The time that a member gets for it at the least while there is any: two round trips, for the connection and
/// the call, to one that is 150 ms away.
const RELEASE_REQUEST: Duration = Duration::from_millis(300);

/// The number of attempts to release in that time: a reply may be lost.
const RELEASE_ROUNDS: u32 = 2;

/// The reads of the own key that settle a doubt, each because the reply to the one before came late: where etcd
/// is busy for long, the last of them has to do.
const LOOKS: u32 = 3;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Grants a lease if there is none, and keeps it alive when it is time to.
    pub(super) fn ensure_lease(&mut self) -> Result<()> {
        let asked = self.host.now();
        match self.lease {
            Some(lease) if asked < lease.renew_at => {}
            Some(lease) => self.keep_alive(lease)?,
            None => {
                if self.membership.held().is_none() && self.host.wants_name() {
                    // A lease that is granted first would have to be revoked if that is another one by now.
                    self.find_record()?;
                }
                let names = self.host.directory(|directory| directory.occupied());
                let ttl = self.ttl_to_grant(names);
                let id = self.ask(|client| client.lease_grant(ttl))?;
                self.have_lease(Lease::new(id, asked, ttl));
            }
        }
        Ok(())
    }

    /// The time to live of a lease that is granted now, where there are so many names.
    pub(super) fn ttl_to_grant(&mut self, names: usize) -> Duration {
        let reply_after = self.client.timeout_mut().last_reply_after();
        self.settings.lease_ttl.to_grant(names, reply_after)
    }

    /// Has a lease that was granted just now.
    pub(super) fn have_lease(&mut self, lease: Lease) {
        self.own_leases.note(lease.id);
        self.lease = Some(lease);
    }

    pub(super) fn keep_alive(&mut self, lease: Lease) -> Result<()> {
        let asked = self.host.now();
        let Some(reply) = self.ask_member(|client| client.lease_keep_alive(lease.id))? else {
            self.lease = None;
            // A new leader of etcd may count it anew, as if that had not been said; and a member that is behind
            // does not know one that was granted just now.
            match self.membership.held() {
                Some(claimed) => {
                    self.superseded.get_or_insert(lease.id);
                    self.lose(claimed, "its lease is gone");
                }
                // Who waits for a name, and has one lease more, may wait for long.
                None => self.left_over = Some(lease.id),
            }
            if self.host.now() >= lease.valid_until {
                return Err(SessionError::LeaseGone);
            }
            return Err(self.break_off("etcd does not know a lease whose time is not over"));
        };
        let mut renewed = lease.renewed(asked, self.host.now(), reply);
        if !self.counts(asked, &mut renewed)? {
            let now = self.host.now();
            self.lease = self.lease.map(|lease| lease.unrenewed(now));
            return Ok(());
        }
        self.lease = Some(renewed);
        self.witness_is_there(renewed);
        if self.membership != Membership::Newcomer {
            self.client.timeout_mut().settle();
        }
        self.set_membership(self.membership);
        Ok(())
    }

    /// Takes in the term that a member told which is not behind.
    pub(super) fn heed_term(&mut self, raft_term: u64) {
        let now = self.host.now();
        if self.lease.as_mut().is_some_and(|lease| lease.heed_term(raft_term, now)) {
            log::debug!(
                "etcd elected another leader since the lease was renewed: renewing it again"
            );
            self.set_membership(self.membership);
        }
    }

    /// Whether a renewal of the name's lease counts. Asks etcd where the member that acknowledged it may have been
    /// frozen meanwhile, or is known to be behind.
    fn counts(&mut self, asked: Instant, renewed: &mut Lease) -> Result<bool> {
        let (Some(claimed), Some(renewal)) = (self.membership.held(), renewed.renewal) else {
            return Ok(true);
        };
        let is_behind = self.heard.is_some_and(|heard| heard.is_past(renewal.raft_term));
        if !is_behind && renewal.heard < asked + ELECTION_TIMEOUT {
            return Ok(true);
        }
        self.read_own_key(claimed)?;
        let now = self.host.now();
        let raft_term = self.client.last_header().map_or(0, |header| header.raft_term);
        Ok(!renewed.heed_term(raft_term, now))
    }

    /// Ends the doubt about the name. A lease that lives is no proof: while this node was away, the
    /// key may have been changed by hand, and another node may own the name since, with a later token.
    pub(super) fn settle_doubt(&mut self) -> Result<()> {
        let Membership::Doubtful(claimed) = self.membership else { return Ok(()) };
        let mut own = self.read_own_key(claimed)?;
        for _ in 1..LOOKS {
            if !self.client.timeout_mut().was_late() {
                break;
            }
            own = self.read_own_key(claimed)?;
        }
        // The replies may have told that it was not renewed.
        let Some(lease) = self.lease.filter(|lease| self.host.now() < lease.valid_until) else {
            return Ok(());
        };
        match own {
            Some(kv) if claimed.stands(&kv, lease.id) => {
                log::info!("kept {}: its lease lives", self.name(claimed));
                self.set_membership(Membership::Owned(claimed));
            }
            other => self.lose_to(claimed, other.as_ref()),
        }
        Ok(())
    }

    /// Reads what stands at the key of our name now.
    pub(super) fn read_own_key(&mut self, claimed: Claimed) -> Result<Option<KeyValue>> {
        let key = self.settings.keyspace.key(claimed.slot);
        let reply = self.ask(|client| read_key(client, key))?;
        Ok(reply.kvs.into_iter().next())
    }

    /// Loses the name to what stands at its key, or to nothing.
    pub(super) fn lose_to(&mut self, claimed: Claimed, other: Option<&KeyValue>) {
        match other {
            Some(kv) => self.lose(claimed, &self.displaced_by(&kv.value)),
            None => self.lose(claimed, "its key is gone"),
        }
    }

    /// Says why a key that was ours holds another's record.
    fn displaced_by(&self, value: &[u8]) -> String {
        match (Record::parse(value), self.record) {
            (Ok(theirs), Some(ours)) if theirs == ours => {
                let theirs = NodeId::of(value);
                let host = on_host(theirs.as_ref());
                let id = theirs.filter(|id| self.settings.node_id.as_ref() == Some(id));
                let id = id.map_or(String::new(), |id| format!(" under the same node ID, {id},"));
                format!(
                    "another node{host} publishes the same addresses, {ours},{id} and took it for its \
                     own; give each node its own --ipv4, --ipv6 or --port, and --node-id"
                )
            }
            (Ok(theirs), _) => format!("somebody else put a record there: {theirs}"),
            (Err(_), _) => "somebody else put something there that is not a record".to_owned(),
        }
    }

    /// Changes the state, reports it to the process, and lets no call to etcd outlast the ownership,
    /// so that its end is noticed in time.
    pub(super) fn set_membership(&mut self, membership: Membership) {
        self.membership = membership;
        self.limit_calls();
        let owned = self.owned();
        let now = self.host.now();
        self.host.directory(|directory| {
            directory.set_own(owned.map(|owned| owned.slot));
            let account = owned.map(|owned| (owned.claim_revision, owned.valid_until));
            directory.account.own(account, now);
        });
        self.host.ownership(owned);
        if matches!(membership, Membership::Lost(_)) {
            self.host.loss();
        }
    }

    /// The name that is ours by all that is known here.
    pub(super) fn owned(&self) -> Option<Owned> {
        let (Membership::Owned(claimed), Some(lease), Some(record)) =
            (self.membership, self.lease, self.record)
        else {
            return None;
        };
        Some(Owned {
            slot: claimed.slot,
            claim_revision: claimed.claim_revision,
            record,
            valid_until: self.lasts_until(lease),
        })
    }

    /// Until when the name lasts, as far as is known: it may be on another lease as well.
    fn lasts_until(&self, lease: Lease) -> Instant {
        let longer = self.longer_lease.map(|longer| longer.valid_until);
        longer.map_or(lease.valid_until, |until| until.min(lease.valid_until))
    }

    pub(super) fn name(&self, claimed: Claimed) -> String {
        self.settings.keyspace.pattern.name(claimed.slot)
    }

    pub(super) fn lose(&mut self, claimed: Claimed, why: &str) {
        log::warn!("lost {}: {why}", self.name(claimed));
        self.set_membership(Membership::Lost(claimed));
    }

    /// Once the lease ran out by our clock, the name may be another's.
    pub(super) fn doubt(&mut self) {
        let (Membership::Owned(claimed), Some(lease)) = (self.membership, self.lease) else {
            return;
        };
        let (now, until) = (self.host.now(), self.lasts_until(lease));
        if now >= until {
            let name = self.name(claimed);
            let ago = now.saturating_duration_since(until).as_secs_f64();
            log::warn!("{name} is in doubt: its lease ran out {ago:.3} s ago by this clock");
            self.set_membership(Membership::Doubtful(claimed));
        }
    }

    /// Gives the name back: with the lease go the record and the ticket, and with that of an earlier life
    /// what was not taken over yet.
    pub(super) fn release(&mut self) {
        let longer = self.longer_lease.take();
        let leases = [self.lease, longer].map(|lease| lease.map(|lease| lease.id));
        let leases: Vec<LeaseId> = leases
            .into_iter()
            .chain([self.superseded.take(), self.left_over.take()])
            .flatten()
            .collect();
        if leases.is_empty() {
            return;
        }
        self.host.begin_release();
        let end = self.host.now() + RELEASE_TIMEOUT;
        if let Some(lease) = self.lease {
            // The name is owned until that is done, and no longer than its lease lasts.
            let half = (end - RELEASE_TIMEOUT / 2).min(lease.valid_until);
            *self.client.timeout_mut() = Timeout::within(half, RELEASE_REQUEST);
            self.leave_job();
        }
        self.lease = None;
        let held = self.membership.held();
        if let Some(claimed) = held {
            // Nobody is to rely on it any more when others may take it.
            self.set_membership(Membership::Lost(claimed));
        }
        *self.client.timeout_mut() = Timeout::within(end, RELEASE_REQUEST);
        let name = held.map_or("the place in the queue".to_owned(), |claimed| self.name(claimed));
        log::info!("releasing {name}");
        let mut result = Ok(());
        for lease in leases {
            result = result.and(self.revoke_for_good(lease));
        }
        match result {
            Ok(()) => log::info!("released {name}"),
            Err(error) => log::warn!("{name} stays until its lease runs out: {error}"),
        }
    }

    /// Revokes a lease, and does so again if that fails: one that is gone then was revoked by a call whose reply
    /// was lost.
    fn revoke_for_good(&mut self, lease: LeaseId) -> std::result::Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..RELEASE_ROUNDS {
            result = self.client.lease_revoke(lease);
            if !result.as_ref().is_err_and(Error::is_unavailable) {
                break;
            }
        }
        result
    }
}
