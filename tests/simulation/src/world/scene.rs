//! What a run is made of: members, machines, nodes, and how they are set up.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{AddressChoice, Keyspace, Pattern};
use idetcd::node::{NodeSettings, WhenFull};

use super::client::Login;

/// The names of all runs.
const PATTERN: &str = "w{{.ID}}.tf.local.";

/// Everything that does not change while a run goes on.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The number of etcd's members.
    pub members: usize,
    /// How long a message takes between a machine and a member, about.
    pub latency: Duration,
    /// How long a member takes to carry a call out, about.
    pub service: Duration,
    /// By how many millionths the clock of each machine is too fast.
    pub machines: Vec<i32>,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
}

/// A node as it is set up.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// The machine that it runs on.
    pub machine: usize,
    /// What runs there.
    pub kind: NodeKind,
    /// The highest slot that it may claim.
    pub limit: u32,
    /// The time to live of its lease.
    pub lease_ttl: Duration,
    /// How long it answers from memory without etcd.
    pub max_stale: Duration,
    /// The members that it knows.
    pub endpoints: Vec<usize>,
    /// The time-out of its requests.
    pub timeout: Duration,
    /// Where the address that it publishes comes from.
    pub published: Published,
    /// Its port.
    pub port: u16,
    /// What it calls itself to etcd.
    pub login: Option<Login>,
}

/// What runs on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A session of idetcd, with the grace time of the program that it runs, if it does (`exec`).
    Idetcd(WhenFull, Option<Duration>),
    /// A node of the CoreDNS plugin.
    Plugin,
}

/// The source of the address that a node publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// `--ipv4`.
    Given,
    /// The machine's own, towards etcd.
    Found,
}

impl NodeSpec {
    /// The keys of its cluster, as far as it may claim them.
    ///
    /// # Panics
    /// Never: the pattern is a good one.
    pub fn keyspace(&self) -> Arc<Keyspace> {
        let pattern = Pattern::parse(PATTERN, self.limit).expect("a good pattern");
        Arc::new(Keyspace::new(pattern, self.limit))
    }

    /// What the product is told, where the address to publish is this one now.
    pub fn settings(&self, keyspace: Arc<Keyspace>, address: Ipv4Addr) -> NodeSettings {
        let when_full = match self.kind {
            NodeKind::Idetcd(when_full, _) => when_full,
            NodeKind::Plugin => WhenFull::Exit,
        };
        NodeSettings {
            keyspace,
            when_full,
            max_stale: self.max_stale,
            lease_ttl: self.lease_ttl,
            ipv4: match self.published {
                Published::Given => AddressChoice::Fixed(address),
                Published::Found => AddressChoice::Discover,
            },
            ipv6: AddressChoice::Omit,
            interface: None,
            port: Some(self.port),
            node_id: format!("machine-{}", self.machine).parse().ok(),
        }
    }
}
