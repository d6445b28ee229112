//! The own name in etcd, while the table of all names is another node's.

use crate::cluster::{Details, SlotId};
use crate::etcd::{Etcd, EventKind, WatchStream, read_keys};
use crate::node::claim::Claimant;
use crate::node::full_sync::entry;
use crate::node::session::Session;
use crate::node::state::{Membership, watch_range};
use crate::node::{Host, Result};

impl<H: Host, E: Etcd> Session<H, E> {
    /// This watch of the own name, or another one where there is none at the endpoint in use. `None`: the name is lost.
    pub(super) fn own_watch(&mut self, watch: Option<E::Watch>) -> Result<Option<E::Watch>> {
        match watch.filter(|watch| watch.endpoint() == self.client.endpoint()) {
            None => self.watch_own_name(),
            watch => Ok(watch),
        }
    }

    /// Reads the own key and its drain, and watches them from there. `None`: the name is lost. Where the table will be
    /// taken, those who may have it are read by the same call.
    fn watch_own_name(&mut self) -> Result<Option<E::Watch>> {
        self.stay_named()?;
        self.hear_witness()?;
        let Some(claimed) = self.membership.held() else { return Ok(None) };
        let keyspace = self.settings.keyspace.clone();
        let (key, drain_key) = (keyspace.key(claimed.slot), keyspace.drain(claimed.slot));
        let servers = self.servers_to_read();
        let own_keys = [key.clone(), drain_key.clone()].into_iter();
        let keys = own_keys.chain(servers.iter().map(|slot| keyspace.key(*slot))).collect();
        let mut replies = self.ask(|client| read_keys(client, keys))?.into_iter();
        let (own, drain) = (replies.next().unwrap_or_default(), replies.next().unwrap_or_default());
        self.table.found = self.servers_of(servers.into_iter().zip(replies));
        let seen = self.confirm_by(own)?.revision;
        let Some(claimed) = self.membership.held() else { return Ok(None) };
        self.dismiss_witness();
        if std::mem::take(&mut self.is_restored) {
            // What came back with the backup may hold tickets of ours.
            self.may_queue = self.addresses.lease.is_some();
        }
        let known = self.host.directory(|directory| {
            let entry = drain.kvs.first().map(|kv| entry(kv, EventKind::Put));
            directory.read_drain(claimed.slot, entry);
            directory.version(0, &key).map(|(revision, _)| revision)
        });
        if let Some(record) = self.record
            && !claimed.is_being_put
            && known != Some(claimed.mod_revision)
        {
            // As a zone told it while the name was in doubt.
            self.apply_own(claimed, &record);
        }
        let told = self.host.directory(|directory| directory.own_as_told().map(|it| it.revision));
        // What was told of another history, or came of an error, is looked at once as well.
        self.table.confirmed_at = told.map_or(seen, |told| told.max(seen));
        let ranges = [key, drain_key].map(|key| {
            let end = [&key[..], &[0]].concat();
            watch_range((key, end), seen)
        });
        self.watch(&ranges).map(Some)
    }

    /// Whether the table has something else at the own name than what was published there, and later: the watch
    /// told nothing of that.
    pub(super) fn is_own_name_told_otherwise(&self) -> bool {
        let Membership::Owned(claimed) = self.membership else { return false };
        let (record, is_ready) = (self.record, self.is_ready);
        self.host.directory(|directory| {
            let Some(told) = directory.own_as_told() else { return false };
            if told.revision < claimed.mod_revision || told.revision <= self.table.confirmed_at {
                return false;
            }
            let is_drained = directory.own_standing().is_some_and(|own| own.drain.is_some());
            !told.node.as_ref().is_some_and(|node| {
                Some(node.record) == record
                    && node.is_ready == is_ready
                    && node.drain.is_some() == is_drained
            })
        })
    }

    /// Takes note of slots that hold our record beside the one that is owned, as the table tells: a claim of ours
    /// may have been carried out late. Those of others with our addresses are looked at once.
    pub(super) fn note_late_claims_told(&mut self) {
        let (Some(own), Some(record), Some(lease)) =
            (self.membership.held(), self.record, self.lease)
        else {
            return;
        };
        let keyspace = self.settings.keyspace.clone();
        let (record, lease, node_id, is_ready) = (&record, lease.id, None, true);
        let (keyspace, details) = (&keyspace, Details::NONE);
        let claimant = Claimant { keyspace, record, node_id, is_ready, details, lease };
        let mut others: Vec<SlotId> = self.own_slots(claimant);
        others.retain(|slot| *slot != own.slot);
        self.table.foreign.retain(|slot| others.contains(slot));
        others.retain(|slot| !self.table.foreign.contains(slot));
        self.table.foreign.extend(&others);
        self.late_claims.extend(others);
    }
}
