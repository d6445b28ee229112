//! A query in, a reply out: pure, without sockets and clocks.
//!
//! A DNS message (RFC 1035 §4) is a header of 12 octets, a question, and three sections of records:
//! answer, authority, additional. An authoritative server answers for one zone. What exists there
//! but not with the type that was asked for is *NODATA*, what does not exist is *NXDOMAIN*; both
//! carry the zone's SOA, whose last field says how long to remember that (RFC 2308).
//!
//! Header, question and OPT are read by [`query`] and [`edns`] and not by a library: a good server answers
//! queries with unknown types and classes or odd bits (RFC 8906), which a decoder refuses, and
//! reading them in place allocates nothing. What is prepared ahead, and queries of our own, are built with
//! `simple_dns`.

pub mod answer;
pub mod cache;
pub mod chaos;
mod content;
pub mod cookie;
mod decision;
pub mod edns;
pub mod exchange;
pub mod forwarding;
pub mod framing;
mod group;
pub mod hop;
pub mod hosts;
pub mod keepalive;
mod named_service;
mod node_name;
pub mod notify;
pub mod notify_message;
pub mod query;
mod records;
pub mod relay;
pub mod relayed;
pub mod reply;
mod reply_options;
pub mod responder;
pub mod reverse;
pub mod rrl;
mod signed;
pub mod standing_text;
pub mod stats;
pub mod table_proof;
pub mod transfer;
pub mod transfer_in;
pub mod tsig;
pub mod wire;
mod zone;

pub use exchange::{Asker, Transport, Verdict};
pub use forwarding::Forwarding;
pub use responder::Responder;
pub use rrl::{Limit, RateLimiter};
pub use signed::Sender;
pub use stats::{Counters, TransferKind};
pub use table_proof::TableProof;
pub use wire::Rcode;
