//! A key of etcd on its way into the directory, and what came of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::record::RecordError;

/// The revision of etcd that changed a key last, and the [`Entry::fingerprint`] of what it is since.
pub type KeyVersion = (i64, u64);

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
    /// etcd: see [`fingerprint`]. Only compared, and of no matter in a deletion.
    pub fingerprint: u64,
}

/// The half of a fingerprint that is of the lease alone. Fewer bits would let a drain whose lease lives on count
/// for another node's now and then.
const OF_LEASE: u64 = 0xffff_ffff << 32;

/// A hash of what stands at a key: in one half of the lease that it hangs on, in the other one of all.
/// `None`: a value that is not to be looked at.
pub fn fingerprint(lease: i64, value: Option<&[u8]>) -> u64 {
    let (mut of_lease, mut of_all) = (DefaultHasher::new(), DefaultHasher::new());
    lease.hash(&mut of_lease);
    (lease, value).hash(&mut of_all);
    of_lease.finish() & OF_LEASE | of_all.finish() & !OF_LEASE
}

/// Returns whether two keys with these fingerprints hang on one lease, and so belong to one life of a
/// node.
pub(super) fn are_on_one_lease(one: u64, other: u64) -> bool {
    (one ^ other) & OF_LEASE == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_differ_with_the_value_and_the_lease_and_tell_the_lease() {
        let values: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"a"), Some(b"b")];
        let all: Vec<(i64, u64)> = [0, 7, 8, i64::MAX]
            .into_iter()
            .flat_map(|lease| values.map(|value| (lease, fingerprint(lease, value))))
            .collect();
        for (index, (lease, one)) in all.iter().enumerate() {
            for (other_index, (other_lease, other)) in all.iter().enumerate() {
                assert_eq!(one == other, index == other_index);
                assert_eq!(are_on_one_lease(*one, *other), lease == other_lease);
            }
        }
    }
}
