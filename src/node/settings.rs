//! What the operator wants of this node.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{AddressChoice, Keyspace};

/// The settings of this node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The names to claim from, and where they lie in etcd.
    pub keyspace: Arc<Keyspace>,
    /// What to do without a free slot.
    pub when_full: WhenFull,
    /// How long to answer from memory while etcd is out of reach.
    pub max_stale: Duration,
    /// How long the name outlives a node that died; whole seconds.
    pub lease_ttl: Duration,
    /// The IPv4 address to publish.
    pub ipv4: AddressChoice<Ipv4Addr>,
    /// The IPv6 address to publish.
    pub ipv6: AddressChoice<Ipv6Addr>,
    /// The interface whose addresses are published; `None`: the one towards etcd.
    pub interface: Option<String>,
    /// The port to publish; `None`: that of the first socket, which whoever binds it puts here.
    pub port: Option<u16>,
}

/// The reaction to every slot up to the limit being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// End.
    Exit,
    /// Stay in the queue, and answer DNS meanwhile.
    Wait,
}
