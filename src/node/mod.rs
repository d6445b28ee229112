//! The life of this node: find its addresses, claim a slot, follow the others, stay a member,
//! release.
//!
//! Written as plain blocking code from top to bottom; whatever waits, waits in [`Host`], which
//! answers DNS meanwhile. Knows etcd and the cluster, and nothing of sockets or DNS messages. Time
//! comes from the [`Host`], chance from a [`crate::random::Random`], and etcd is whatever implements
//! [`crate::etcd::Etcd`]: with a virtual clock, a seed and a model of etcd a life can be repeated.

mod acquire;
pub mod address;
mod addresses;
mod ask;
pub mod backoff;
mod claim;
mod contact;
mod earlier_life;
mod error;
mod full_sync;
mod heard;
mod host;
mod job;
mod late_claims;
mod lease;
mod lease_time;
mod lease_ttl;
mod longer_lease;
pub mod network;
mod overtake;
mod own_leases;
mod own_mark;
mod own_put;
mod position;
mod proof;
mod prove;
mod queue;
mod queue_place;
pub mod rank;
mod read_everything;
mod remembered;
mod republish;
mod same_addresses;
mod serial;
pub mod session;
mod stagger;
mod state;
mod suspect;
mod sync;
mod table;
mod this_host;
mod ticket;
mod under_way;
mod watch;
mod witness;

use error::{Result, SessionError};
pub use full_sync::{apply_event, full_sync};
pub use host::{Counter, Host, JobNews, NodeSettings, Owned, TableServer, TableState, WhenFull};
pub use job::{JobSettings, OnPeerLost};
pub use lease_ttl::{LeaseByNames, LeaseTtl};
pub use state::History;

#[cfg(test)]
mod acquire_tests;
#[cfg(test)]
mod session_tests;
