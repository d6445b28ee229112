//! Tables that processes take from each other: the product's own decisions, its transfers and its timing, on
//! connections that the world carries.
//!
//! ```text
//!  session ── take_table ──▶ TableFollower ── SimStream ──▶ Wires ──▶ Link ──▶ Serving ──▶ Responder, Transfer
//!   (fiber)                   in its process                 of both    the world's   in the other process
//! ```
//!
//! The process of the product does all of it in its one loop, whatever its session waits for; here the world
//! gives follower and server their turns between those of the session, as long as the process does not stand still.

mod carry;
mod link;
mod notify;
mod peers;
mod serve;
#[cfg(test)]
mod tests;
mod turn;
pub mod wires;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{Keyspace, Network};
use idetcd::dns::Responder;

use super::chance::Chance;
use super::process::ProcessId;
use link::Link;
pub use link::LinkId;
pub use peers::Peers;
pub use serve::Serving;
pub use turn::{TableStart, Turns};

/// The TTL of all records, as the product has it by itself.
const TTL: u32 = 0;

/// What happens to tables.
#[derive(Clone, Copy, Debug)]
pub(super) enum TableEvent {
    /// The follower of a process has something to do, if this is still the latest time for it.
    Turn(ProcessId, u64),
    /// What is first on its way to the server arrives.
    There(LinkId),
    /// What is first on its way to the client arrives.
    Back(LinkId),
    /// A process has somebody to tell of a change, if this is still the latest time for it.
    Tell(ProcessId, u64),
    /// The first process's word of a change arrives at the other.
    Told(ProcessId, ProcessId),
    /// The answer to that arrives.
    Answered(ProcessId, ProcessId),
}

/// Counts of what tables cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableTally {
    /// Connections.
    pub dialed: u64,
    /// Transfers that began.
    pub transfers: u64,
    /// Messages and octets of them.
    pub messages: u64,
    /// See there.
    pub octets: u64,
    /// Words of a change that were sent.
    pub notifies: u64,
    /// Turns of followers.
    pub turns: u64,
}

/// What the world knows of all connections between processes.
pub struct Tables {
    links: BTreeMap<LinkId, Link>,
    /// The links that lead to each process.
    served: BTreeMap<ProcessId, BTreeSet<LinkId>>,
    /// Those of them on which a transfer is under way.
    begun: BTreeMap<ProcessId, BTreeSet<LinkId>>,
    responder: Arc<Responder>,
    /// The zones of which somebody is told.
    zone: String,
    /// The network between machines.
    pub peers: Peers,
    chance: Chance,
    /// Whether what a transfer costs is counted, and takes its time.
    has_costs: bool,
    /// What happened.
    pub tally: TableTally,
}

impl Tables {
    /// No connection is open.
    ///
    /// # Panics
    /// Never: the names of a keyspace are domain names.
    pub fn new(keyspace: &Keyspace, latency: Duration, has_costs: bool, seed: u64) -> Tables {
        let responder = Responder::new(keyspace, TTL).expect("good names");
        let everybody = Network::around([0, 0, 0, 0].into(), 0);
        let responder = responder.with_transferable(vec![everybody]);
        let zone = responder.zone_names().next().unwrap_or_default().to_owned();
        Tables {
            links: BTreeMap::new(),
            served: BTreeMap::new(),
            begun: BTreeMap::new(),
            responder: Arc::new(responder),
            zone,
            peers: Peers::new(latency, Chance::new(seed, 50)),
            chance: Chance::new(seed, 51),
            has_costs,
            tally: TableTally::default(),
        }
    }
}
