//! What ends a stretch of contact with etcd.

use super::address::AddressError;
use crate::etcd;

/// What comes of a step in the life of a node.
pub(super) type Result<T, E = SessionError> = std::result::Result<T, E>;

/// The end of a stretch of contact with etcd.
#[derive(Debug)]
pub(super) enum SessionError {
    /// A call to etcd failed, or the watch ended.
    Etcd(etcd::Error),
    /// Every slot is taken.
    NoFreeSlot,
    /// This host has no address to publish yet.
    NoAddress(AddressError),
    /// The lease is gone: it ran out, or somebody revoked it.
    LeaseGone,
    /// etcd answers, and the watch did not tell in time what it holds.
    Silent,
    /// Nothing is known that changes could be followed up from: read everything.
    NoHistory,
}

impl From<etcd::Error> for SessionError {
    fn from(error: etcd::Error) -> Self {
        SessionError::Etcd(error)
    }
}
