//! What transfers tell, until it can be used.

use std::collections::BTreeMap;

use super::error::TransferError;
use super::zones::TransferZones;
use crate::cluster::{Directory, NodePlace, SnapshotBuilder, TransferredChange};

/// All names, as whole zones tell of them, beside the directory that answers meanwhile.
#[derive(Debug)]
pub struct WholeTable {
    snapshot: SnapshotBuilder,
    /// Names of which no address came yet: a zone may have its records in any order.
    incomplete: BTreeMap<NodePlace, TransferredChange>,
    most_names: usize,
}

impl WholeTable {
    /// Nothing came yet.
    pub fn new(old: &Directory, zones: &TransferZones) -> WholeTable {
        let (snapshot, most_names) = (SnapshotBuilder::new(old), zones.most_names());
        WholeTable { snapshot, incomplete: BTreeMap::new(), most_names }
    }

    /// Takes what is told of a name.
    ///
    /// # Errors
    /// [`TransferError::TooLong`]: there are more names than there can be.
    pub fn take(
        &mut self,
        place: NodePlace,
        change: TransferredChange,
    ) -> Result<(), TransferError> {
        let change = match self.incomplete.remove(&place) {
            Some(mut earlier) => {
                earlier.follow_up(change);
                earlier
            }
            None => change,
        };
        if !self.snapshot.take_transferred(place, &change) {
            self.incomplete.insert(place, change);
        }
        if self.names() > self.most_names { Err(TransferError::TooLong) } else { Ok(()) }
    }

    /// The names that came so far.
    pub fn names(&self) -> usize {
        self.snapshot.names_read() + self.incomplete.len()
    }

    /// Looks at up to so many names that the old directory had, once all came, and forgets those that are
    /// gone; `false`: there are no more.
    pub fn forget_gone(&mut self, most: usize) -> bool {
        self.snapshot.forget_unread(most)
    }

    /// The directory, for [`Directory::replace_transferred`].
    pub fn finish(self) -> Directory {
        self.snapshot.finish()
    }
}

/// Names that changed, and what became of each.
#[derive(Debug)]
pub struct ChangeSet {
    changes: BTreeMap<NodePlace, TransferredChange>,
    most_names: usize,
}

impl ChangeSet {
    /// Nothing came yet.
    pub fn new(zones: &TransferZones) -> ChangeSet {
        ChangeSet { changes: BTreeMap::new(), most_names: zones.most_names() }
    }

    /// Takes what is told of a name, after what was told before.
    ///
    /// # Errors
    /// [`TransferError::TooLong`]: there are more names than there can be.
    pub fn take(
        &mut self,
        place: NodePlace,
        change: TransferredChange,
    ) -> Result<(), TransferError> {
        self.changes.entry(place).or_default().follow_up(change);
        if self.changes.len() > self.most_names { Err(TransferError::TooLong) } else { Ok(()) }
    }

    /// The number of names that changed.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether none did.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Applies up to so many of them; `false`: there are no more.
    pub fn apply(&mut self, directory: &mut Directory, most: usize) -> bool {
        for _ in 0..most {
            let Some((place, change)) = self.changes.pop_first() else { return false };
            directory.change_transferred(place, &change);
        }
        !self.is_empty()
    }
}
