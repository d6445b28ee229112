//! What a cluster is made of: names with numbers, records, and the directory of all of them.
//!
//! Pure: nothing here does I/O, reads a clock, or knows of DNS messages or of etcd's gateway.

pub mod address;
pub mod directory;
pub mod pattern;
pub mod record;

pub use address::AddressChoice;
pub use directory::{Applied, Directory, Entry};
pub use pattern::{Pattern, PatternError, SlotId};
pub use record::{Record, RecordError};
