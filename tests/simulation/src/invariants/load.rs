//! Invariant 6: what a node asks of etcd, and what it leaves there.

use std::time::Duration;

use idetcd::cluster::Record;

use super::{Checks, Invariant, Told};
use crate::model::{Model, Time};
use crate::world::process::ProcessId;

/// The time over which requests are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// The most of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests of a node within ten seconds.
    pub requests: u32,
}

/// The requests of a process within some time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    began: Time,
    requests: u32,
}

impl Checks {
    /// The most of the whole run.
    pub fn load(&self) -> Load {
        self.load
    }

    /// A process asks etcd for something.
    pub fn called(&mut self, id: ProcessId, now: Time) {
        let most = self.bounds.requests;
        let Some(standing) = self.standing_mut(id) else { return };
        standing.asked_at = Some(now);
        let (node, window) = (standing.node, &mut standing.load);
        if now >= window.began + WINDOW {
            *window = Window { began: now, requests: 0 };
        }
        window.requests += 1;
        let requests = window.requests;
        self.load.requests = self.load.requests.max(requests);
        if requests > most {
            let text = format!("process {id} (n{node}) asked {requests} times within 10 s");
            self.violated(now, Invariant::Requests, text);
        }
    }

    /// Looks whether a ticket is kept alive that nobody waits with: beside another one, or beside a name, on
    /// one lease. That of what is published there, or was, may have come late, which does no harm.
    pub(crate) fn look_at_queue(&mut self, now: Time, etcd: &Model) {
        let Some(calm) = self.calm_since else { return };
        let settled = calm + self.bounds.settled;
        if now <= settled {
            return;
        }
        let mut before = std::mem::take(&mut self.nobodys);
        if !etcd.has_keys(&self.queue.0, &self.queue.1) {
            return;
        }
        for lease in etcd.leases().into_iter().filter_map(|id| etcd.lease(id)) {
            let renewed = lease.deadline.and_then(|deadline| deadline.checked_sub(lease.ttl));
            let Some(ticket) = self.ticket_too_many(&lease.keys, etcd) else { continue };
            let since = before.remove(&ticket).unwrap_or(now);
            self.nobodys.insert(ticket.clone(), since);
            // What was on its way then may have come.
            if renewed.is_some_and(|renewed| renewed > since.max(settled) + self.bounds.told) {
                let key = String::from_utf8_lossy(&ticket);
                let text = format!("nobody waits with the ticket {key}, and it is kept alive");
                self.violated(now, Invariant::Leftovers, text);
            }
        }
    }

    /// Of the keys of a lease, a ticket that is not that of the name or of the ticket beside it.
    fn ticket_too_many(&self, keys: &[Vec<u8>], etcd: &Model) -> Option<Vec<u8>> {
        let (keyspace, (first, end)) = (self.oracle.keyspace(), &self.queue);
        let mut tickets = keys.iter().filter(|key| first <= *key && *key < end);
        let mut names = keys.iter().filter(|key| keyspace.slot_of(key).is_some());
        let ticket = tickets.next()?;
        if tickets.next().is_some() {
            return Some(ticket.clone());
        }
        let name = names.next()?;
        let record = Record::parse(&etcd.get(name)?.value).ok()?;
        let owned = |told: &Told| keyspace.slot_of(name) == Some(told.slot);
        let owner = self.live().find(|(_, standing)| standing.owned.as_ref().is_some_and(owned));
        let earlier = owner.map_or(Vec::new(), |(_, standing)| standing.records());
        let is_of_it = |record: &Record| keyspace.ticket(record) == *ticket;
        (!earlier.iter().chain([&record]).any(is_of_it)).then(|| ticket.clone())
    }
}
