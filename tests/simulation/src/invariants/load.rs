//! Invariant 6: what a node asks of etcd, and what it leaves there.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Checks, Invariant};
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

    /// Looks whether a ticket is kept alive that nobody waits with. Those that nobody keeps alive go by
    /// themselves, and those by hand are nobody's fault.
    pub(crate) fn look_at_queue(&mut self, now: Time, etcd: &Model, waiting: &BTreeSet<Vec<u8>>) {
        let Some(calm) = self.calm_since else { return };
        if now <= calm + self.bounds.settled {
            return;
        }
        let (first, end) = self.oracle.keyspace().queue();
        for ticket in etcd.content(&first, &end, 0).unwrap_or_default() {
            if waiting.contains(&ticket.key) {
                continue;
            }
            let Some(lease) = etcd.lease(ticket.lease) else { continue };
            let renewed = lease.deadline.and_then(|deadline| deadline.checked_sub(lease.ttl));
            if renewed.is_some_and(|renewed| renewed > calm + self.bounds.settled) {
                let text = format!(
                    "nobody waits with the ticket {}, and it is kept alive",
                    String::from_utf8_lossy(&ticket.key)
                );
                return self.violated(now, Invariant::Leftovers, text);
            }
        }
    }
}
