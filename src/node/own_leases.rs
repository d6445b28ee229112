//! The leases that were this node's, as far as it remembers: what hangs on one of them, in a backup that was
//! restored, is nobody else's.

use std::collections::VecDeque;

use crate::etcd::LeaseId;

/// The leases that are remembered: one is granted whenever the one before was gone.
const MOST_LEASES: usize = 16;

/// The latest leases that were granted to this life of a node, or whose names it took over.
#[derive(Debug, Default)]
pub(super) struct OwnLeases(VecDeque<LeaseId>);

impl OwnLeases {
    /// Takes note of one.
    pub(super) fn note(&mut self, lease: LeaseId) {
        if !self.has(lease) {
            self.0.truncate(MOST_LEASES - 1);
            self.0.push_front(lease);
        }
    }

    /// Returns whether this is one of them.
    pub(super) fn has(&self, lease: LeaseId) -> bool {
        self.0.contains(&lease)
    }
}
