//! The names of all nodes, taken from the zones of another node: AXFR (RFC 5936) and IXFR (RFC 1995) from
//! the side that asks.
//!
//! A transfer is a stream of messages, and that a stream of records, which begins and ends with the zone's
//! SOA. Between them is the whole zone; or, where changes were asked for, for each step from one serial to
//! the next its old SOA, what goes, its new SOA, and what comes. Who is up to date gets one SOA.
//!
//! ```text
//!  request ──▶ server ──▶ messages ──▶ TransferReader ──▶ changes of names ──▶ WholeTable or ChangeSet ──▶ directory
//! ```
//!
//! Of each node the zone has its addresses, its port (SRV), and where it is not in its group, why (TXT). What
//! stands for all nodes of a group follows from that and is passed over, as are names that nobody here answers
//! for. Nothing of a transfer is used before its end: what contradicts itself, or the request, is an error.

mod collected;
mod error;
mod names;
mod reader;
mod records;
mod request;
mod zones;

pub use collected::{ChangeSet, WholeTable};
pub use error::TransferError;
pub use reader::{TransferContent, TransferReader, TransferState};
pub use request::TransferRequest;
pub use zones::TransferZones;
