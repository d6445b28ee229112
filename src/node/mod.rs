//! The life of this node: find its addresses, claim a slot, follow the others, stay a member,
//! release.
//!
//! Written as plain blocking code from top to bottom; whatever waits, waits in [`Host`], which
//! answers DNS meanwhile. Knows etcd and the cluster, and nothing of sockets or DNS messages.

mod acquire;
pub mod address;
pub mod backoff;
pub mod claim;
pub mod contact;
mod lease;
mod ownership;
mod queue;
pub mod rank;
pub mod session;
mod stagger;
pub mod sync;
mod watch;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::{AddressChoice, Directory, Keyspace, Record, SlotId};
use crate::etcd;

/// What a node's life needs of the process it lives in.
pub trait Host {
    /// Waits, answering DNS meanwhile. Returns early when the process is asked to stop.
    fn sleep_until(&self, deadline: Instant);

    /// Whether the process was asked to stop.
    fn is_stopping(&self) -> bool;

    /// Lets waits wait again after a request to stop, for the release.
    fn begin_release(&self);

    /// This host's address on the latest connection to etcd.
    fn source_address(&self) -> Option<IpAddr>;

    /// Reads or changes what DNS is answered from.
    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T;

    /// Tells which name this node owns from now on; `None`: none. Called at every change, and with
    /// the same name and a later end at every renewal of its lease. Must not block.
    fn ownership(&self, owned: Option<Owned>);

    /// Whether a name is of use to this process, if it owns none. Without one it goes on answering.
    fn wants_name(&self) -> bool;

    /// Tells that something happened that is worth counting.
    fn note(&self, counter: Counter);
}

/// A name that is this node's, for as long as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The slot of the name.
    pub slot: SlotId,
    /// The revision that created its key; grows with every new owner, so that whoever guards
    /// something by it can refuse an owner of the past: a fencing token.
    pub create_revision: i64,
    /// What is published there.
    pub record: Record,
    /// When the lease runs out by this node's clock, unless it is renewed.
    pub valid_until: Instant,
}

/// What is counted of a node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// All names were read anew.
    FullSync,
    /// A watch was opened.
    WatchOpened,
    /// An endpoint of etcd was lost.
    ContactLost,
}

/// What the operator wants of this node.
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

/// What to do when every slot up to the limit is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// SessionEnd.
    Exit,
    /// Stay in the queue, and answer DNS meanwhile.
    Wait,
}

/// What ended a stretch of contact with etcd.
#[derive(Debug)]
pub enum SessionError {
    /// A call to etcd failed, or the watch ended.
    Etcd(etcd::Error),
    /// Every slot is taken.
    NoFreeSlot,
    /// This host has no address to publish yet.
    NoAddress(address::AddressError),
    /// The lease is gone: it ran out, or somebody revoked it.
    LeaseGone,
    /// Nothing is known that changes could be followed up from: read everything.
    NoHistory,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Etcd(error) => error.fmt(f),
            SessionError::NoFreeSlot => f.write_str("no free slot"),
            SessionError::NoAddress(error) => error.fmt(f),
            SessionError::LeaseGone => f.write_str("the lease is gone"),
            SessionError::NoHistory => f.write_str("nothing was read from etcd yet"),
        }
    }
}

impl From<etcd::Error> for SessionError {
    fn from(error: etcd::Error) -> Self {
        SessionError::Etcd(error)
    }
}
