//! A key of etcd on its way into the directory, and what came of it.

use super::record::RecordError;

/// One key of etcd, as a snapshot or an event tells it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` says that the key was deleted.
    pub value: Option<&'a [u8]>,
    /// The revision of etcd that changed the key last.
    pub mod_revision: i64,
}

/// The effect of an [`Entry`] on the directory.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The directory answers differently now, or might.
    Changed,
    /// The value is not a record, and this is the first time that this value is seen: tell it.
    Unusable(RecordError),
    /// Nothing changed: none of our names, or known already.
    Ignored,
}

/// A digest of one range of [`super::Keyspace::ranges`]; two of the same history are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeDigest {
    /// The number of keys.
    pub keys: usize,
    /// The revision of the latest change of those that are there; 0 without any.
    pub newest: i64,
}
