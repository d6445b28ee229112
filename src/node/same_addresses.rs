//! Names that hold this node's addresses, put by another node as far as can be told; or other addresses, put
//! under its ID.
//!
//! That may be this very node before its host was started anew, where nothing tells one boot from the
//! next, or with another address; or another host that has the same addresses by mistake, or had them until
//! now, or the same ID as a clone has, and lives. The
//! lease tells: who lives renews it. So nobody's name is taken. A name whose lease runs out is claimed as
//! any that is free; one whose lease is renewed is left alone, and another one taken.

use std::time::Duration;

use super::claim::{Claimant, OwnRecord, Taken};
use super::rank::FreeSlot;
use super::session::Session;
use super::suspect::{SHORTEST_INTERVAL, Suspect};
use super::{Host, Result, SessionError};
use crate::cluster::NodeId;
use crate::etcd::{Etcd, LeaseId, TimeToLive, WatchStream};

/// The longest wait while another name is free: leases may be long.
const LONGEST_LEASE_WAIT: Duration = Duration::from_secs(60);
/// What a look at such a name found.
#[derive(Debug)]
enum Look {
    /// It is ours.
    Ours(Taken),
    /// Its lease may run out.
    Open(Suspect),
    /// It is another's for good.
    Others,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Waits for these names to be free, and claims the first that is. `None`: others keep them, or
    /// it takes too long.
    pub(super) fn outlive(
        &mut self,
        claimant: Claimant<'_>,
        found: Vec<OwnRecord>,
    ) -> Result<Option<Taken>> {
        // Names that were waited for when etcd was lost, and are free now.
        for slot in self.awaited.clone() {
            if !found.iter().any(|own| own.claimed.slot == slot)
                && let Some(taken) = self.ask(|client| claimant.claim(client, slot))?
            {
                return Ok(Some(taken));
            }
        }
        self.alive.retain(|lease| found.iter().any(|own| own.lease == *lease));
        let unknown = found.into_iter().filter(|own| !self.alive.contains(&own.lease));
        let suspects: Vec<Suspect> = unknown.map(Suspect::new).collect();
        for suspect in &suspects {
            self.tell_suspicion(claimant, &suspect.found);
        }
        self.awaited = suspects.iter().map(|suspect| suspect.found.claimed.slot).collect();
        let taken = self.wait_for_end(claimant, suspects)?;
        self.awaited.clear();
        // Who waited followed the others meanwhile, so there is nothing to be learnt by turns.
        Ok(taken.map(|taken| Taken { queue_length: 0, ..taken }))
    }

    fn wait_for_end(
        &mut self,
        claimant: Claimant<'_>,
        mut suspects: Vec<Suspect>,
    ) -> Result<Option<Taken>> {
        if suspects.is_empty() {
            return Ok(None);
        }
        // Not anew where a lease of ours or etcd's history is gone meanwhile, or another such name is found.
        let end = self.host.now() + LONGEST_LEASE_WAIT;
        let end = *self.awaits_leases_until.get_or_insert(end);
        let name = suspects.first().map(|suspect| self.name(suspect.found.claimed));
        self.tell_nameless(name.map(|name| {
            format!("waits whether the lease of {name} ends, which has the same addresses")
        }));
        let mut watch = self.open_watch(None)?;
        loop {
            let mut open = Vec::new();
            for suspect in suspects {
                match self.look_at(claimant, suspect)? {
                    Look::Ours(taken) => return Ok(Some(taken)),
                    Look::Open(suspect) => open.push(suspect),
                    Look::Others => {}
                }
            }
            suspects = open;
            if suspects.is_empty() {
                return Ok(None);
            }
            if self.host.now() >= end && self.free_slot(claimant, 0) != FreeSlot::Full {
                log::warn!("that takes long, and another name is free: taking that");
                // Whatever goes wrong until then, it is not waited for anew.
                self.alive.extend(suspects.iter().map(|suspect| suspect.found.lease));
                return Ok(None);
            }
            self.follow_suspects(&suspects, &mut watch)?;
        }
    }

    /// Follows the changes until it is time to look again, or one of the names is free.
    fn follow_suspects(&mut self, suspects: &[Suspect], watch: &mut E::Watch) -> Result<()> {
        let now = self.host.now();
        let interval = suspects.iter().map(|suspect| suspect.interval(now)).min();
        let end = now + interval.unwrap_or(SHORTEST_INTERVAL);
        // One that the directory does not have, and etcd has, is looked at as often as the others.
        let known: Vec<&Suspect> =
            suspects.iter().filter(|suspect| self.is_known(&suspect.found)).collect();
        while self.host.now() < end {
            if !known.iter().all(|suspect| self.is_known(&suspect.found)) {
                break;
            }
            if watch.endpoint() != self.client.endpoint() {
                self.sync()?;
                *watch = self.open_watch(None)?;
            }
            self.follow_until(watch, Some(end))?;
        }
        Ok(())
    }

    /// Looks at the lease, and at the key where that is gone or hangs on none.
    fn look_at(&mut self, claimant: Claimant<'_>, mut suspect: Suspect) -> Result<Look> {
        let (slot, lease) = (suspect.found.claimed.slot, suspect.found.lease);
        if lease == LeaseId(0) {
            return Ok(self.leave(claimant, &suspect.found));
        }
        if self.is_known(&suspect.found) {
            let asked = self.host.now();
            let life = match self.ask_member(|client| client.lease_time_to_live(lease)) {
                // Nobody says, so it is taken to be as long as ours.
                Err(SessionError::Etcd(error)) if error.is_denied() => {
                    let names = self.host.directory(|directory| directory.occupied());
                    let ttl = self.settings.lease_ttl.for_names(names);
                    suspect.ends_by.is_none().then_some(TimeToLive { left: ttl, raft_term: 0 })
                }
                life => life?,
            };
            if let Some(life) = life {
                let heard = self.host.now();
                if suspect.is_renewed(asked, heard, life) || suspect.is_overdue(heard) {
                    return Ok(self.leave(claimant, &suspect.found));
                }
                return Ok(Look::Open(suspect));
            }
        }
        let record = suspect.found.record;
        match self.ask(|client| claimant.find(client, slot, &record))? {
            Some(found) if found.lease == claimant.lease => {
                Ok(Look::Ours(Taken { claimed: found.claimed, queue_length: 0 }))
            }
            Some(found) if found == suspect.found && !suspect.is_overdue(self.host.now()) => {
                Ok(Look::Open(suspect))
            }
            // Renewed as the CoreDNS plugin does, by another put.
            Some(found) => Ok(self.leave(claimant, &found)),
            None => {
                let taken = self.ask(|client| claimant.claim(client, slot))?;
                Ok(taken.map_or(Look::Others, Look::Ours))
            }
        }
    }

    /// Whether the directory has the record that was found.
    fn is_known(&self, found: &OwnRecord) -> bool {
        let name = self.name(found.claimed);
        self.host.directory(|directory| directory.record(name.as_bytes()) == Some(&found.record))
    }

    /// Says for whose name this node waits.
    fn tell_suspicion(&self, claimant: Claimant<'_>, found: &OwnRecord) {
        let (name, record) = (self.name(found.claimed), found.record);
        if claimant.is_earlier_life(found) {
            log::info!(
                "{name} was put under this node's ID with other addresses, {record}, in an earlier life \
                 or by a clone of this machine: waiting to see whether its lease ends"
            );
            return;
        }
        let host = on_host(found.node_id.as_ref());
        log::info!(
            "{name} holds this node's addresses, {record}, and was put by another node{host} or \
             before a reboot: waiting to see whether its lease ends; with the same --node-id in \
             each life there is no need to"
        );
    }

    /// Leaves a name to whoever has it, and says so.
    fn leave(&mut self, claimant: Claimant<'_>, found: &OwnRecord) -> Look {
        self.alive.push(found.lease);
        let (name, record) = (self.name(found.claimed), found.record);
        let is_same = !claimant.is_earlier_life(found);
        if found.lease == LeaseId(0) {
            let what = if is_same { "this node's addresses" } else { "a record under its ID" };
            log::warn!(
                "{name} holds {what}, {record}, without a lease, so it stays until it is deleted: taking \
                 another name"
            );
            return Look::Others;
        }
        if !is_same {
            log::warn!(
                "{name} is the name of another node with this node's ID, which lives at {record}, as a \
                 clone of this machine does: taking another name; give each node its own --node-id"
            );
            return Look::Others;
        }
        let [ours, theirs] = [claimant.node_id, found.node_id.as_ref()]
            .map(|id| id.map_or("none".to_owned(), ToString::to_string));
        let host = on_host(found.node_id.as_ref());
        log::warn!(
            "{name} is the name of another node{host}, which lives and publishes the same addresses, \
             {record} (its node ID is {theirs}, ours {ours}): taking another name; give each node \
             its own --ipv4, --ipv6 or --port"
        );
        Look::Others
    }
}

/// Says on which host another node is, where etcd knows.
pub(super) fn on_host(node: Option<&NodeId>) -> String {
    let host = node.and_then(NodeId::host);
    host.map_or(String::new(), |host| format!(" on the host {host}"))
}
