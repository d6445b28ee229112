//! A key of etcd on its way into the directory, and what came of it.

use super::record::RecordError;

/// The revision of etcd that changed a key last, and the [`Entry::fingerprint`] of what it is since.
pub type KeyVersion = (i64, u32);

/// One key of etcd, as a snapshot or an event tells it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` says that the key was deleted.
    pub value: Option<&'a [u8]>,
    /// The revision of etcd that changed the key last.
    pub mod_revision: i64,
    /// What tells this version of the key from another one of the same revision, in another history of
    /// etcd: a hash of its value and its lease. Only compared, and of no matter in a deletion.
    pub fingerprint: u32,
}

/// The keys of a range that changed last, as etcd has them at some revision.
#[derive(Clone, Debug)]
pub struct Latest<'a> {
    /// The number of all keys in the range.
    pub keys: usize,
    /// All that changed after this revision are here.
    pub after: i64,
    /// Whether their values are here as well: else fingerprints say nothing.
    pub has_values: bool,
    /// Those, in any order.
    pub entries: Vec<Entry<'a>>,
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
