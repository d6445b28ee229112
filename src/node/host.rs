//! What surrounds a node's life: the process that it lives in, and what the operator wants of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::JobSettings;
use super::lease_ttl::LeaseTtl;
use super::network::HostNetwork;
use crate::cluster::{
    AddressChoice, Details, Directory, Keyspace, NodeId, Record, SlotId, StartedList,
};

/// The process that a node lives in, and what the node needs of it.
pub trait Host {
    /// The time now.
    fn now(&self) -> Instant;

    /// Waits, answering DNS meanwhile. Returns early when the process is asked to stop, and when the
    /// network of this host changes, or whether it is ready.
    fn sleep_until(&self, deadline: Instant);

    /// Returns whether the process was asked to stop.
    fn is_stopping(&self) -> bool;

    /// Lets waits wait again after a request to stop, for the release.
    fn begin_release(&self);

    /// This host's address on the latest connection to etcd.
    fn source_address(&self) -> Option<IpAddr>;

    /// This host's network as it is known now. It is another `Arc` when it has changed.
    fn network(&self) -> Arc<HostNetwork>;

    /// Returns whether all addresses of this host at this port are this process's, so that no other one here can
    /// answer DNS there.
    fn has_port(&self, _port: u16) -> bool {
        false
    }

    /// Reads or changes what DNS is answered from.
    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T;

    /// Takes note of the name that this node owns from now on; `None`: none. Called at every change, and with
    /// the same name and a later end at every renewal of its lease. Must not block.
    fn ownership(&self, owned: Option<Owned>);

    /// Takes note that the name is not this node's by etcd's word, or is about to be given back, after
    /// [`Host::ownership`] told that it owns none; that alone may be for its lease was not renewed in time.
    fn loss(&self) {}

    /// Returns whether this node is ready: else it is not one of its group. A change of that ends waits as one of
    /// the network does.
    fn is_ready(&self) -> bool {
        true
    }

    /// Returns whether a name is of use to this process, if it owns none. Without one it goes on answering.
    fn wants_name(&self) -> bool;

    /// Takes all names from one of these nodes from now on, those before others preferred, and marks the directory
    /// as fresh as that makes it; with none of them no more. Whoever calls this leaves the directory alone until
    /// then, but for the own name. Must not block.
    fn take_table(&self, _from: &[TableServer]) {}

    /// What became of that. A change from one of these to another ends waits as one of the network does.
    fn table(&self) -> TableState {
        TableState::Lost
    }

    /// Counts that something happened.
    fn note(&self, counter: Counter);

    /// Hears of the job that this node takes part in. Must not block.
    fn job(&self, _news: JobNews) {}

    /// Returns whether the program that was started by the list of a job ended, and well.
    fn has_ended_well(&self) -> bool {
        false
    }
}

/// A node that has a table of all names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableServer {
    /// The slot that it owns.
    pub slot: SlotId,
    /// Where its DNS is.
    pub address: SocketAddr,
}

/// What became of taking all names from another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableState {
    /// None of the nodes that are asked has told all names yet.
    Awaited,
    /// All names are those of another node.
    Followed {
        /// Until then they are not called stale, whatever comes.
        until: Instant,
    },
    /// None of the nodes has a table that can be used, or nobody is asked. The names stay as they were, and
    /// become stale in time.
    Lost,
    /// The same, and none of the nodes is likely to have one before long: they were not reached, or do not know what is
    /// asked for.
    Hopeless,
}

impl TableState {
    /// Whether nobody is asked for a table any more.
    pub fn is_lost(self) -> bool {
        matches!(self, TableState::Lost | TableState::Hopeless)
    }
}

/// Something that happens in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobNews {
    /// What is waited for, in words.
    Waits(String),
    /// The program is to start by this list, on which is the name that is owned.
    Starts(Arc<StartedList>),
    /// After that, the node of this name, without its final dot, is lost, and the program is to end.
    PeerLost(String),
}

/// A name that is this node's, for as long as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The slot of the name.
    pub slot: SlotId,
    /// The revision of the put by which this life of the node claimed the name or took it over. Grows
    /// with every new owner and every new life, so that whoever guards something by it can refuse an
    /// owner of the past: a fencing token.
    pub claim_revision: i64,
    /// What is published there.
    pub record: Record,
    /// When the lease runs out by this node's clock, unless it is renewed.
    pub valid_until: Instant,
}

/// Something that is counted of a node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// All names were read anew.
    FullSync,
    /// A watch was opened.
    WatchOpened,
    /// An endpoint of etcd was lost.
    ContactLost,
    /// So many wait in the queue ahead of this node.
    Ahead(usize),
}

/// The settings of this node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The names to claim from, and where they lie in etcd.
    pub keyspace: Arc<Keyspace>,
    /// What to do without a free slot.
    pub when_full: WhenFull,
    /// How long to answer from memory while etcd is out of reach.
    pub max_stale: Duration,
    /// The longest time for which what is answered may be behind etcd without being called stale, more than
    /// zero.
    pub max_lag: Duration,
    /// How long the name outlives a node that died.
    pub lease_ttl: LeaseTtl,
    /// The IPv4 address to publish.
    pub ipv4: AddressChoice<Ipv4Addr>,
    /// The IPv6 address to publish.
    pub ipv6: AddressChoice<Ipv6Addr>,
    /// The interface whose addresses are published; `None`: the one towards etcd.
    pub interface: Option<String>,
    /// The port to publish; `None`: that of the first socket, which whoever binds it puts here.
    pub port: Option<u16>,
    /// The job that it takes part in.
    pub job: Option<JobSettings>,
    /// What tells this node from others with its addresses, and outlasts its process; `None`: nothing
    /// does. While this process runs no other may have it.
    pub node_id: Option<NodeId>,
    /// What it tells of itself besides.
    pub details: Details,
    /// The slot that it had in an earlier life, up to the limit, which a newcomer tries first; `None`: it
    /// remembers none.
    pub remembered: Option<SlotId>,
    /// The slots from 1 on whose nodes watch all names in etcd. Those of the higher ones take the table from them,
    /// unless they take part in a job. 0: all nodes watch.
    pub watchers: u32,
}

impl NodeSettings {
    /// Whether there may be nodes that take the table from others: those with a higher limit, if this one has none that is
    /// high enough.
    pub fn may_have_followers(&self) -> bool {
        self.watchers > 0
    }

    /// Returns whether an address to publish is to be found on this host.
    pub(super) fn finds_addresses(&self) -> bool {
        self.ipv4 == AddressChoice::Discover || self.ipv6 == AddressChoice::Discover
    }
}

/// The reaction to every slot up to the limit being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// End.
    Exit,
    /// Stay in the queue, and answer DNS meanwhile.
    Wait,
}
