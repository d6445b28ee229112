//! What a run is made of: members, machines, nodes, and how they are set up.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{AddressChoice, Details, Keyspace, NodeId, Pattern};
use idetcd::node::{JobSettings, LeaseTtl, NodeSettings, WhenFull};

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
    /// Whether it takes as long instead as was measured, one thing after the other.
    pub has_costs: bool,
    /// The longest pause before a process that ended is started again.
    pub restart: Duration,
    /// By how many millionths the clock of each machine is too fast.
    pub machines: Vec<i32>,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// How they talk to etcd.
    pub client: ClientKind,
}

/// The way to etcd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKind {
    /// A client that keeps the rules of the product's, and calls the model.
    #[default]
    Direct,
    /// The product's own, by way of etcd's JSON gateway: slower by far.
    Gateway,
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
    /// The time to live of its lease, or the longest.
    pub lease_ttl: Duration,
    /// How that follows from the number of names; `None`: it is always the same.
    pub auto_lease: Option<LeaseTtl>,
    /// How long it answers from memory without etcd.
    pub max_stale: Duration,
    /// How far it may be behind etcd without saying so.
    pub max_lag: Duration,
    /// The members that it knows.
    pub endpoints: Vec<usize>,
    /// Whether it knows them by one address, whose connections go to any of them.
    pub has_balancer: bool,
    /// The time-out of its requests.
    pub timeout: Duration,
    /// Where the address that it publishes comes from.
    pub published: Published,
    /// Whether it publishes the link-local address of its machine as well, as a node of the plugin.
    pub has_link_local: bool,
    /// Whether its port is its own at all addresses of its machine.
    pub has_port: bool,
    /// What tells its earlier lives from other nodes.
    pub identity: Identity,
    /// Whether it remembers its name on disk (`--id-file`).
    pub remembers: bool,
    /// Its port.
    pub port: u16,
    /// What it calls itself to etcd.
    pub login: Option<Login>,
    /// The job that its program takes part in.
    pub job: Option<JobSettings>,
    /// The highest slot whose node watches all names at etcd itself; 0: all do.
    pub watchers: u32,
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

/// What tells a node's earlier lives from other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The ID of its machine.
    Machine,
    /// That of the boot of its machine.
    Boot,
    /// That of a machine of which all others are clones.
    Clone,
    /// Nothing.
    None,
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

    /// What its earlier lives are known by, where the machine was started so often; `None`: nothing.
    pub fn node_id(&self, boots: u32) -> Option<String> {
        let machine = self.machine;
        match self.identity {
            Identity::Machine => Some(format!("machine-{machine}")),
            Identity::Boot => Some(format!("machine-{machine}-boot-{boots}")),
            Identity::Clone => Some("clone".to_owned()),
            Identity::None => None,
        }
    }

    /// What the product is told, where the address to publish is this one now, and the machine was started
    /// so often.
    pub fn settings(&self, keyspace: Arc<Keyspace>, address: Ipv4Addr, boots: u32) -> NodeSettings {
        let host = match self.identity {
            Identity::Clone => "clone".to_owned(),
            _ => format!("h{}", self.machine),
        };
        let node_id = self.node_id(boots).and_then(|id| id.parse().ok());
        let node_id = node_id.map(|id: NodeId| id.on_host(Some(&host)));
        let when_full = match self.kind {
            NodeKind::Idetcd(when_full, _) => when_full,
            NodeKind::Plugin => WhenFull::Exit,
        };
        NodeSettings {
            keyspace,
            when_full,
            max_stale: self.max_stale,
            max_lag: self.max_lag,
            lease_ttl: self.auto_lease.unwrap_or(LeaseTtl::Fixed(self.lease_ttl)),
            ipv4: match self.published {
                Published::Given => AddressChoice::Fixed(address),
                Published::Found => AddressChoice::Discover,
            },
            ipv6: AddressChoice::Omit,
            interface: None,
            port: Some(self.port),
            job: self.job.clone(),
            node_id,
            details: Details::default(),
            remembered: None,
            watchers: self.watchers,
        }
    }
}
