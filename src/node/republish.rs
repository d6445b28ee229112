//! Following this host's addresses while a name is owned, and whether it is ready: what changes is
//! published under the same name, by the same owner, so that the fencing token stays.
//!
//! A host that has no address left keeps its name, with the old ones, for as long as its lease would
//! live on if the network were gone altogether: mostly others come in their place. After that the
//! name is given back, for what it says is not true.

use super::address::AddressError;
use super::addresses::Addresses;
use super::full_sync::{apply_event, entry};
use super::lease_time::Lease;
use super::own_put::OwnPut;
use super::serial::REFUSAL_PAUSE;
use super::session::Session;
use super::state::{Claimed, Membership};
use super::{Host, NodeSettings, Result, SessionError};
use crate::cluster::Record;
use crate::etcd::{Compare, Equal, Etcd, Event, EventKind, KeyValue, LeaseId, Op, Txn};

/// The attempts to put the record, each on top of a put of ours whose reply never came.
pub(super) const PUTS: usize = 3;

impl<H: Host, E: Etcd> Session<H, E> {
    /// What to publish, found anew. Where it is another record than before, the lease is another one as well.
    pub(super) fn find_record(&mut self) -> Result<Record> {
        let (network, source) = (self.host.network(), self.host.source_address());
        let record = self.addresses.find(&self.settings, &network, source);
        let record = record.map_err(SessionError::NoAddress)?;
        let is_new = self.record.is_some_and(|previous| previous != record);
        let is_used = |lease: &Lease| self.addresses.lease == Some(lease.id);
        if let Some(lease) = self.lease.filter(|lease| is_new && is_used(lease)) {
            // With the lease go the ticket and the claims of what is not this node any more. Until that is
            // done the old record is kept, to be seen as old again.
            self.ask(|client| client.lease_revoke(lease.id))?;
            self.lease = None;
            self.ensure_lease()?;
        }
        self.record = Some(record);
        self.is_ready = self.host.is_ready();
        self.addresses.note_put(record, self.lease.map(|lease| lease.id));
        Ok(record)
    }

    /// Publishes what changed of this node, if anything did, unless etcd refused that a moment ago.
    pub(super) fn follow_host(&mut self) -> Result<()> {
        let now = self.host.now();
        if self.addresses.refused_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let published = self.follow_readiness().and_then(|()| self.follow_addresses());
        let was_refused = self.addresses.refused_until.take().is_some();
        match published {
            // Of etcd's own, as while it has no room, that passes; the names are followed meanwhile.
            Err(SessionError::Etcd(error)) if error.is_refusal() => {
                let level = if was_refused { log::Level::Debug } else { log::Level::Warn };
                log::log!(level, "etcd does not take what changed of this host: {error}");
                self.addresses.refused_until = Some(self.host.now() + REFUSAL_PAUSE);
                Ok(())
            }
            published => published,
        }
    }

    /// Publishes whether this node is ready, if that changed.
    fn follow_readiness(&mut self) -> Result<()> {
        let (Membership::Owned(claimed), Some(lease), Some(record)) =
            (self.membership, self.lease, self.record)
        else {
            return Ok(());
        };
        let is_ready = self.host.is_ready();
        if is_ready == self.is_ready {
            return Ok(());
        }
        self.is_ready = is_ready;
        // Where this put fails, it is to be done again.
        self.addresses.published = None;
        self.republish(claimed, lease, record)
    }

    /// Publishes what changed of this host, if anything did.
    pub(super) fn follow_addresses(&mut self) -> Result<()> {
        let (Membership::Owned(claimed), Some(lease)) = (self.membership, self.lease) else {
            return Ok(());
        };
        let (network, source) = (self.host.network(), self.host.source_address());
        self.addresses.see(&network, self.host.now());
        if self.addresses.are_published(&network, source) {
            return Ok(());
        }
        let record = match self.addresses.find(&self.settings, &network, source) {
            Ok(record) => record,
            Err(error) => return self.outlive_addresses(claimed, lease, &error),
        };
        self.addresses.gone_since = None;
        // What a put left of which nothing was heard may be there, though it is no more what is wanted.
        if self.record != Some(record) || claimed.is_being_put {
            self.republish(claimed, lease, record)?;
        }
        self.addresses.published = Some((network, source));
        Ok(())
    }

    /// Lets the record be put again where another value stands at our own key: a backup that was restored
    /// may have the same lease and revision there, and old addresses.
    pub(super) fn expect_record(&mut self, claimed: Claimed, value: &[u8]) {
        let ours = self.record.map(|record| self.value_of(&record, claimed.owned_by()));
        if self.membership == Membership::Owned(claimed) && ours.as_deref() != Some(value) {
            self.membership = Membership::Owned(Claimed { is_being_put: true, ..claimed });
            self.addresses.published = None;
        }
    }

    /// What is put into etcd for a record of ours; `owned_by`: where it is put again.
    pub(super) fn value_of(&self, record: &Record, owned_by: Option<i64>) -> Vec<u8> {
        let NodeSettings { node_id, details, .. } = &self.settings;
        record.value_with(node_id.as_ref(), self.is_ready, details, owned_by).into_bytes()
    }

    /// Applies a put of ours. The watch will bring it too, but whoever reads the log may ask for the
    /// name at once.
    pub(super) fn apply_own(&mut self, claimed: Claimed, record: &Record) {
        let key = self.settings.keyspace.key(claimed.slot);
        // Octet by octet as it was put: histories of etcd are told apart by that.
        let value = self.value_of(record, claimed.owned_by());
        let mod_revision = claimed.mod_revision;
        let lease = self.lease.map_or(LeaseId(0), |lease| lease.id);
        let before = self.host.directory(|directory| directory.version(0, &key));
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        let seen = seen.copied().unwrap_or_default();
        self.own_put = OwnPut::new(self.own_put.take(), (&key, before), mod_revision, seen);
        let put = KeyValue { key, value, create_revision: 0, mod_revision, lease };
        // Where all names are followed they are read anew once it is noticed that etcd was restored.
        let is_of_other_history = before.is_some_and(|(known, _)| known > mod_revision);
        if is_of_other_history && self.table.is_taken() {
            self.host.directory(|directory| directory.read_own(entry(&put, EventKind::Put)));
        } else {
            apply_event(&self.host, 0, &Event { kind: EventKind::Put, kv: put });
        }
        self.proof.own_is_put(mod_revision, self.host.now());
        if seen + 1 == mod_revision {
            self.reach(0, mod_revision, false);
        }
    }

    /// Puts another record under our name.
    pub(super) fn republish(
        &mut self,
        mut claimed: Claimed,
        lease: Lease,
        record: Record,
    ) -> Result<()> {
        let keyspace = self.settings.keyspace.clone();
        let key = keyspace.key(claimed.slot);
        let old = self.record.unwrap_or(record);
        self.addresses.note_put(record, Some(lease.id));
        claimed.is_being_put = true;
        self.membership = Membership::Owned(claimed);
        for _ in 0..PUTS {
            let value = self.value_of(&record, Some(claimed.claim_revision));
            let is_ours = [Equal::Lease(lease.id), Equal::ModRevision(claimed.mod_revision)];
            let txn = Txn {
                compare: is_ours.map(|to| Compare { key: key.clone(), to }).to_vec(),
                success: vec![
                    Op::Put { key: key.clone(), value, lease: lease.id },
                    // If one of the old spelling was put late.
                    Op::Delete(keyspace.ticket(&old)),
                ],
                failure: Vec::new(),
            };
            let reply = self.ask(|client| client.txn(&txn))?;
            if reply.succeeded {
                claimed.mod_revision = reply.header.revision;
                claimed.is_being_put = false;
                self.record = Some(record);
                self.apply_own(claimed, &record);
                self.set_membership(Membership::Owned(claimed));
                self.tell_published(claimed, record, old);
                return Ok(());
            }
            // Somebody may have put something large there.
            match self.read_own_key(claimed)? {
                Some(kv) if claimed.stands(&kv, lease.id) => claimed.mod_revision = kv.mod_revision,
                other => {
                    self.lose_to(claimed, other.as_ref());
                    return Ok(());
                }
            }
        }
        Err(SessionError::NoHistory)
    }

    fn tell_published(&self, claimed: Claimed, record: Record, old: Record) {
        let name = self.name(claimed);
        if record != old {
            log::info!("{name} is {record} from now on, no more {old}");
        } else if self.is_ready {
            log::info!("{name} is ready");
        } else {
            log::info!("{name} is not ready, and so not in its group");
        }
    }

    /// Gives the name back when there has been nothing to publish for long.
    fn outlive_addresses(
        &mut self,
        claimed: Claimed,
        lease: Lease,
        why: &AddressError,
    ) -> Result<()> {
        let (now, ttl) = (self.host.now(), lease.ttl);
        let (name, seconds) = (self.name(claimed), ttl.as_secs());
        let since = *self.addresses.gone_since.get_or_insert_with(|| {
            log::warn!("{why}; {name} stays what it was for {seconds} s");
            now
        });
        if now < since + ttl {
            return Ok(());
        }
        self.addresses = Addresses::default();
        self.lose(claimed, &format!("this host has had no address for {seconds} s"));
        self.lease = None;
        self.left_over = Some(lease.id);
        self.end_left_over()?;
        Err(SessionError::LeaseGone)
    }
}
