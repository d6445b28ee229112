//! The parts of a cluster: names with numbers, records, where they lie in etcd, and the
//! directory of all of them.
//!
//! Pure: nothing here does I/O, reads a clock, or knows of DNS messages or of etcd's gateway.

mod account;
mod address_names;
mod address_slots;
mod addresses;
mod at_revision;
pub mod details;
mod directory;
mod drain;
mod drains;
mod entry;
mod group_services;
mod index_table;
pub mod job;
pub mod job_list;
mod journal;
pub mod keyspace;
pub mod names;
mod names_read;
pub mod network;
pub mod node_id;
mod node_place;
mod occupant;
mod own_as_told;
pub mod pattern;
mod proven;
pub mod record;
mod record_slots;
mod rendezvous;
pub mod reverse_network;
mod serial;
mod serial_base;
mod slot_set;
mod slot_table;
mod slots;
pub mod snapshot;
mod spelling;
#[cfg(test)]
pub(crate) mod testing;
mod transferred;

pub use account::NodeAccount;
pub use address_names::AddressNames;
pub use details::{Details, MOST_DETAILS};
pub use directory::{Directory, Freshness};
pub use drain::{Drain, DrainReason, Standing};
pub use entry::{Applied, Entry, KeyVersion, Latest, RangeDigest, fingerprint};
pub use group_services::{GroupServices, ServicePlaces};
pub use job::{JobKeys, JobName};
pub use job_list::{JobList, JobMember, ListState, MOST_MEMBERS, StartedList};
pub use journal::{PublishedBefore, PublishedNode};
pub use keyspace::{KeyRange, Keyspace};
pub use names::Names;
pub use names_read::NamesRead;
pub use network::Network;
pub use node_id::NodeId;
pub use node_place::NodePlace;
pub use own_as_told::OwnAsTold;
pub use pattern::{Pattern, SlotId};
pub use record::{AddressChoice, LONGEST_RECORD, Record, RecordError};
pub use rendezvous::by_rendezvous;
pub use reverse_network::ReverseNetwork;
pub use serial::{UnstoredBase, ZoneVersion};
pub use serial_base::{SerialBase, compare_serials};
pub use slots::Slots;
pub use snapshot::SnapshotBuilder;
pub use spelling::PatternError;
pub use transferred::{FieldChange, TransferredChange};
