//! What is known of a slot that is occupied.

use super::record::Record;

/// A key that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occupant {
    /// `None`: its value is not a record. It holds the slot all the same: nobody can claim it.
    pub(super) record: Option<Record>,
    /// See [`super::Entry::fingerprint`].
    pub(super) fingerprint: u64,
    /// The revision of etcd that changed it last.
    pub(super) mod_revision: i64,
    /// Whether it says that it is ready, or nothing of it.
    pub(super) is_ready: bool,
    /// Whether it is counted among those of its group: it is ready and not drained.
    pub(super) is_in_group: bool,
    /// Whether it tells more than that.
    pub(super) has_details: bool,
}

/// There are as many as there are nodes, on each of them.
const _: () = assert!(size_of::<Option<Occupant>>() <= 48);
