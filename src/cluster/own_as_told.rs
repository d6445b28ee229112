//! What zones told of the name that this node owns. It is not put into the directory, for the node itself follows
//! that name; but where its own watch is silent, it shows that something else stands in etcd.

use super::directory::Directory;
use super::journal::PublishedNode;
use super::transferred::TransferredChange;

/// The own name as it was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAsTold {
    /// What is published there; `None`: nothing is.
    pub node: Option<PublishedNode>,
    /// The revision of etcd that this is at least of, once all came that was told with it.
    pub revision: i64,
}

impl Directory {
    /// What was told of the own name since all names were taken over from zones; `None`: they were not, or another
    /// name was the own one then.
    pub fn own_as_told(&self) -> Option<&OwnAsTold> {
        self.own_as_told.as_ref()
    }

    /// Takes note of a change.
    pub(super) fn note_own_change(&mut self, change: &TransferredChange) {
        if let Some(told) = &mut self.own_as_told {
            told.node = change.applied_to(told.node.take());
        }
    }
}
