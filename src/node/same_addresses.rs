//! Names that hold this node's addresses, put by another node as far as can be told.
//!
//! That may be this very node before its host was started anew, where nothing tells one boot from the
//! next; or another host that has the same addresses by mistake, or had them until now, and lives. The
//! lease tells: who lives renews it. So nobody's name is taken. A name whose lease runs out is claimed as
//! any that is free; one whose lease is renewed is left alone, and another one taken.

use std::time::{Duration, Instant};

use super::claim::{Claimant, OwnRecord, Taken};
use super::rank::FreeSlot;
use super::session::Session;
use super::{Host, Result, SessionError};
use crate::cluster::NodeId;
use crate::etcd::{Etcd, LeaseId, TimeToLive, WatchStream};

/// The time between two looks at a lease is this part of what is left of it, within these bounds. The
/// watch tells of its end in between.
const LOOKS_A_LEASE: u32 = 8;
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// The time in which etcd deletes the keys of a lease that ran out: it looks twice a second.
const DELETION_TIME: Duration = Duration::from_secs(5);
/// The longest wait while another name is free: leases may be long.
const LONGEST_LEASE_WAIT: Duration = Duration::from_secs(60);
/// etcd tells what is left of a lease in whole seconds, rounded down.
const ROUNDING: Duration = Duration::from_secs(1);
/// This part of what is left is added, because clocks differ in rate.
const DRIFT_PART: u32 = 50;

/// A name with our addresses whose node may live.
#[derive(Debug)]
pub(super) struct Suspect {
    found: OwnRecord,
    /// When its lease ends at the latest if nobody renews it, and the term in which that was heard.
    /// `None`: nothing was heard.
    ends_by: Option<(Instant, u64)>,
}

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
        let suspects: Vec<Suspect> =
            unknown.map(|found| Suspect { found, ends_by: None }).collect();
        for suspect in &suspects {
            let (name, record) = (self.name(suspect.found.claimed), claimant.record);
            let host = on_host(suspect.found.node_id.as_ref());
            log::info!(
                "{name} holds this node's addresses, {record}, and was put by another node{host} or \
                 before a reboot: waiting to see whether its lease ends; with the same --node-id in \
                 each life there is no need to"
            );
        }
        self.awaited = suspects.iter().map(|suspect| suspect.found.claimed.slot).collect();
        let taken = self.wait_for_end(claimant, suspects)?;
        self.awaited.clear();
        self.awaits_leases_until = None;
        Ok(taken)
    }

    fn wait_for_end(
        &mut self,
        claimant: Claimant<'_>,
        mut suspects: Vec<Suspect>,
    ) -> Result<Option<Taken>> {
        if suspects.is_empty() {
            return Ok(None);
        }
        // Not anew where a lease of ours or etcd's history is gone meanwhile.
        let end = self.host.now() + LONGEST_LEASE_WAIT;
        let end = *self.awaits_leases_until.get_or_insert(end);
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
            self.follow_suspects(claimant, &suspects, &mut watch)?;
        }
    }

    /// Follows the changes until it is time to look again, or one of the names is free.
    fn follow_suspects(
        &mut self,
        claimant: Claimant<'_>,
        suspects: &[Suspect],
        watch: &mut E::Watch,
    ) -> Result<()> {
        let now = self.host.now();
        let interval = suspects.iter().map(|suspect| suspect.interval(now)).min();
        let end = now + interval.unwrap_or(SHORTEST_INTERVAL);
        let before = self.own_slots(claimant);
        let is_known = |suspect: &&Suspect| before.contains(&suspect.found.claimed.slot);
        while self.host.now() < end {
            let own = self.own_slots(claimant);
            // One that the directory does not have, and etcd has, is looked at as often as the others.
            if !suspects
                .iter()
                .filter(is_known)
                .all(|suspect| own.contains(&suspect.found.claimed.slot))
            {
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
        if self.own_slots(claimant).contains(&slot) {
            let asked = self.host.now();
            let life = match self.ask_member(|client| client.lease_time_to_live(lease)) {
                // Nobody says, so it is taken to be as long as ours.
                Err(SessionError::Etcd(error)) if error.is_denied() => {
                    let ttl = self.settings.lease_ttl;
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
        match self.ask(|client| claimant.find_own(client, slot))? {
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

    /// Leaves a name to whoever has it, and says so.
    fn leave(&mut self, claimant: Claimant<'_>, found: &OwnRecord) -> Look {
        self.alive.push(found.lease);
        let (name, record) = (self.name(found.claimed), claimant.record);
        if found.lease == LeaseId(0) {
            log::warn!(
                "{name} holds this node's addresses, {record}, without a lease, so it stays until it \
                 is deleted: taking another name"
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

impl Suspect {
    /// Takes in what etcd, asked and heard at these times, said of its lease. Returns whether
    /// somebody renewed it.
    fn is_renewed(&mut self, asked: Instant, heard: Instant, life: TimeToLive) -> bool {
        let latest = heard + life.left + ROUNDING + life.left / DRIFT_PART;
        // A new leader of etcd gives every lease its whole time again.
        let known = self.ends_by.filter(|(_, term)| *term == life.raft_term);
        let ends_by = known.map_or(latest, |(ends_by, _)| ends_by.min(latest));
        self.ends_by = Some((ends_by, life.raft_term));
        // Of a lease that ran out, nothing is left however long ago that was.
        !life.left.is_zero() && asked + life.left > ends_by
    }

    /// Returns whether etcd should have deleted it by now.
    fn is_overdue(&self, now: Instant) -> bool {
        self.ends_by.is_some_and(|(ends_by, _)| now > ends_by + DELETION_TIME)
    }

    /// The time until the next look.
    fn interval(&self, now: Instant) -> Duration {
        let left = self.ends_by.map(|(ends_by, _)| ends_by.saturating_duration_since(now));
        let interval = left.unwrap_or_default() / LOOKS_A_LEASE;
        interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SlotId;
    use crate::node::state::Claimed;

    /// The times of looks at a lease, in milliseconds, and the time after which it is seen that
    /// somebody renewed it. `left` says what is left of it, and in which term.
    fn seen_renewed(looks: u32, left: impl Fn(u64) -> (u64, u64)) -> Option<u64> {
        let claimed = Claimed::at(SlotId::new(1).expect("not zero"), 7);
        let found = OwnRecord { claimed, lease: LeaseId(9), node_id: None };
        let mut suspect = Suspect { found, ends_by: None };
        let (began, mut at) = (Instant::now(), 400);
        for _ in 0..looks {
            let asked = began + Duration::from_millis(at);
            let (left, raft_term) = left(at);
            let life = TimeToLive { left: Duration::from_secs(left / 1000), raft_term };
            if suspect.is_renewed(asked, asked + Duration::from_millis(3), life) {
                return Some(at);
            }
            at += u64::try_from(suspect.interval(asked).as_millis()).expect("short");
        }
        None
    }

    #[test]
    fn a_lease_that_is_kept_alive_is_seen_to_be_and_one_that_is_not_is_not() {
        for ttl in [2_000, 3_000, 6_000, 20_000, 60_000] {
            let kept = seen_renewed(100, |at| (ttl - at % (ttl / 3), 2)).expect("it was renewed");
            assert!(kept <= ttl / 3 + ttl / 8 + 4_000, "{ttl}: {kept}");
            assert_eq!(seen_renewed(100, |at| (ttl.saturating_sub(at), 2)), None, "{ttl}");
        }
    }

    #[test]
    fn a_new_leader_that_counts_a_lease_anew_is_no_renewal() {
        let ttl = 20_000_u64;
        let left =
            |at| if at < 9_000 { (ttl - at, 2) } else { ((ttl + 9_000).saturating_sub(at), 3) };
        assert_eq!(seen_renewed(100, left), None);
        assert!(seen_renewed(100, |at| (left(at).0, 2)).is_some());
    }
}
