//! A synchronous client of etcd v3, by way of its JSON gateway (`/v3/…`). It knows nothing of DNS.
//!
//! # The concept
//!
//! * A [`GatewayClient`] sends each call as one short POST over a ready [`ureq::Agent`], and the agent
//!   decides what a wait is: this module has no sockets, threads, sleeps or clock of its own.
//! * [`Etcd`] has the calls that a node makes, so that a model of etcd can stand in for a real one.
//! * It sticks to one endpoint for as long as that works, and tries each other one once when it
//!   does not. A call may thus be carried out twice, or be carried out and yet fail: after
//!   [`ErrorKind::TimedOut`] and [`ErrorKind::Unreachable`], look before you conclude.
//! * A [`Watch`] is one long reply, read line by line until a deadline. Past it, the transport
//!   returns [`std::io::ErrorKind::WouldBlock`], see [`ReadDeadline`], and the same watch is read
//!   on later. So one thread can keep a lease alive and follow changes.
//! * The gateway writes 64-bit integers as strings, octets in base64, and leaves out zero values.
//!   Every field is therefore optional, and nothing that etcd sends makes this module panic.
//!
//! Revisions are etcd's: one number for the whole store, which grows with every change. The names
//! of the calls are those of etcd's API (`KV.Range`, `Lease.LeaseGrant`, `Watch.Watch` …).

mod api;
mod auth;
mod client;
mod error;
mod header;
mod json;
mod kv;
mod lease;
mod maintenance;
mod pages;
mod remedy;
mod reply;
mod slices;
mod timeout;
mod txn;
mod watch;

pub use api::Etcd;
pub use auth::{Credentials, LoginState};
pub use client::{Clock, GatewayClient, ReadBound, ReadDeadline};
pub use error::{Error, ErrorKind};
pub use header::ResponseHeader;
pub use kv::{KeyValue, LARGE_VALUE, Order, Range, RangeReply};
pub use lease::{LeaseId, TimeToLive};
pub use maintenance::Status;
pub use pages::{Pages, read_key, read_keys};
pub use remedy::{advised, remedy_for};
pub use timeout::Timeout;
pub use txn::{Compare, Equal, Op, Txn, TxnReply};
pub use watch::{Event, EventKind, Watch, WatchRange, WatchReply, WatchStream};
