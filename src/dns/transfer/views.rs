//! The copies of the directory that transfers walk: those that begin between two changes share one.

use std::sync::{Arc, Weak};

use crate::cluster::Directory;

/// Copies at a time. Each holds what changed since it was made, and with 100,000 names some MB at most.
const MOST_VIEWS: usize = 8;

/// The copies that are in use.
#[derive(Debug, Default)]
pub struct Views(Vec<SharedView>);

#[derive(Debug)]
struct SharedView {
    /// Those of the directory when it was copied: the copy differs from a later one if these do.
    serial: u32,
    changes: u64,
    copy: Weak<Directory>,
}

impl Views {
    /// The directory as etcd is at its revision. Where too many copies are in use already, the latest of
    /// them does: its serial says how old it is, and it ends with its transfers. `None`: what the
    /// directory was at its revision is not known, or was read anew since that copy: no changes lead from the one to the
    /// other.
    pub fn current(&mut self, directory: &Directory) -> Option<Arc<Directory>> {
        self.0.retain(|view| view.copy.strong_count() > 0);
        let (serial, changes) = (directory.serial(), directory.changes());
        let is_crowded = self.0.len() >= MOST_VIEWS;
        let latest = self
            .0
            .last()
            .filter(|latest| is_crowded || (latest.serial, latest.changes) == (serial, changes));
        if let Some(copy) = latest.and_then(|latest| latest.copy.upgrade()) {
            return Some(copy).filter(|copy| copy.reading() == directory.reading());
        }
        let copy = Arc::new(directory.at_revision()?);
        self.0.push(SharedView { serial, changes, copy: Arc::downgrade(&copy) });
        Some(copy)
    }
}
