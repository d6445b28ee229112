//! What a cluster is made of: names with numbers, records, where they lie in etcd, and the
//! directory of all of them.
//!
//! Pure: nothing here does I/O, reads a clock, or knows of DNS messages or of etcd's gateway.

pub mod address;
pub mod directory;
pub mod keyspace;
mod known;
pub mod names;
pub mod network;
pub mod pattern;
pub mod record;
mod slots;

pub use address::AddressChoice;
pub use directory::{Applied, Directory, Entry, Freshness};
pub use keyspace::{KeyRange, Keyspace};
pub use names::Names;
pub use network::{Network, NetworkError};
pub use pattern::{Pattern, PatternError, SlotId};
pub use record::{Record, RecordError};
