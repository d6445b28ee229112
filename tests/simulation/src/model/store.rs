//! The store: keys with their versions, and the changes in order.

use super::keys::{History, Keys, Octets, Version};
use super::refusal::Refusal;

/// One change of one key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) key: Octets,
    pub(super) version: Version,
}

/// All keys, at all revisions that are not forgotten.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) keys: Keys,
    /// All that ever changed: a member that is behind has still to tell its watchers.
    changes: Vec<Change>,
    revision: i64,
    compacted: i64,
    /// Whether something was changed since the revision.
    is_changed: bool,
}

impl Store {
    pub(super) fn new() -> Store {
        // etcd begins with revision 1, at which there is nothing.
        Store {
            keys: Keys::default(),
            changes: Vec::new(),
            revision: 1,
            compacted: 0,
            is_changed: false,
        }
    }

    /// The newest revision; that of the changes that are being made, if there are any.
    pub(super) fn revision(&self) -> i64 {
        self.revision + i64::from(self.is_changed)
    }

    /// The first revision that can be read.
    pub(super) fn compacted(&self) -> i64 {
        self.compacted
    }

    /// Puts a key, and returns the lease that it hung on; 0: none.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8], lease: i64) -> i64 {
        let modified = self.revision + 1;
        let (created, previous) = match self.keys.get(key).and_then(History::now) {
            Some(version) => (version.created, version.lease),
            None => (modified, 0),
        };
        self.push(key, Version { created, modified, lease, value: Some(value.into()) });
        previous
    }

    /// Deletes a key, and returns the lease that it hung on; 0: none.
    pub(super) fn delete(&mut self, key: &[u8]) -> i64 {
        let Some(version) = self.keys.get(key).and_then(History::now) else { return 0 };
        let previous = version.lease;
        self.push(key, Version { created: 0, modified: self.revision + 1, lease: 0, value: None });
        previous
    }

    fn push(&mut self, key: &[u8], version: Version) {
        let key = self.keys.push(key, version.clone());
        self.changes.push(Change { key, version });
        self.is_changed = true;
    }

    /// Ends what happens at one revision.
    pub(super) fn commit(&mut self) {
        self.revision = self.revision();
        self.is_changed = false;
    }

    /// Forgets what was before a revision.
    pub(super) fn compact(&mut self, revision: i64) -> Result<(), Refusal> {
        if revision <= self.compacted {
            return Err(Refusal::COMPACTED);
        }
        if revision > self.revision {
            return Err(Refusal::FUTURE);
        }
        self.compacted = revision;
        self.keys.compact(revision);
        Ok(())
    }

    /// The place in [`Store::changes`] of the first change of a revision or of what follows it.
    pub(super) fn place(&self, revision: i64) -> usize {
        // Most revisions change one key, so most of the changes after one are as many as revisions.
        let behind = usize::try_from(self.revision() - revision + 1).unwrap_or(0);
        let near = self.changes.len().saturating_sub(behind);
        let is_before = |change: &Change| change.version.modified < revision;
        if self.changes.get(near).is_some_and(|change| !is_before(change))
            && near.checked_sub(1).is_none_or(|place| is_before(&self.changes[place]))
        {
            return near;
        }
        self.changes.partition_point(is_before)
    }

    /// All changes, from a place on.
    pub(super) fn changes(&self, from: usize) -> &[Change] {
        self.changes.get(from..).unwrap_or_default()
    }

    /// The changes after a revision.
    pub(super) fn changes_after(&self, revision: i64) -> &[Change] {
        self.changes(self.place(revision.saturating_add(1)))
    }

    /// The changes up to a revision.
    pub(super) fn changes_until(&self, revision: i64) -> &[Change] {
        &self.changes[..self.place(revision.saturating_add(1))]
    }
}
