//! What ends a stretch of contact with etcd.

use std::fmt;

use super::address::AddressError;
use crate::etcd;

/// The end of a stretch of contact with etcd.
#[derive(Debug)]
pub enum SessionError {
    /// A call to etcd failed, or the watch ended.
    Etcd(etcd::Error),
    /// Every slot is taken.
    NoFreeSlot,
    /// This host has no address to publish yet.
    NoAddress(AddressError),
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
