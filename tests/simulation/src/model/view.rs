//! What is so, for those who judge: what every member would say once it has caught up.

use std::time::Duration;

use idetcd::etcd::{KeyValue, LeaseId, Range};

use super::{Model, Time};

/// A lease as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The time to live that was granted.
    pub ttl: Duration,
    /// When it runs out; `None`: nobody counted yet, as after a restored backup.
    pub deadline: Option<Time>,
    /// The keys that hang on it.
    pub keys: Vec<Vec<u8>>,
}

/// One change of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeView<'a> {
    /// The key.
    pub key: &'a [u8],
    /// What was written; `None`: it was deleted.
    pub value: Option<&'a [u8]>,
    /// The lease that it hangs on; 0: none.
    pub lease: LeaseId,
    /// The revision of the change.
    pub revision: i64,
}

impl Model {
    /// The number of members.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// The member that leads; `None`: there is no quorum, or the election is under way.
    pub fn leader(&self) -> Option<usize> {
        self.leadership.leader
    }

    /// Whether a member runs, and is not frozen.
    pub fn is_up(&self, member: usize) -> bool {
        self.members[member].is_up()
    }

    /// The ID of a member.
    pub fn member_id(&self, member: usize) -> u64 {
        self.members[member].id
    }

    /// The newest revision.
    pub fn revision(&self) -> i64 {
        self.store.revision()
    }

    /// The revision up to which a member stands.
    pub fn revision_of(&self, member: usize) -> i64 {
        self.members[member].applied.revision
    }

    /// The first revision that can be read.
    pub fn first_revision(&self) -> i64 {
        self.store.compacted()
    }

    /// The index of the last entry in raft's log.
    pub fn raft_index(&self) -> u64 {
        self.index
    }

    /// The term of that entry.
    pub fn raft_term(&self) -> u64 {
        self.term
    }

    /// The ID of the cluster.
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// How often a snapshot was restored: with each, revisions begin to be given out anew.
    pub fn restores(&self) -> u64 {
        self.restores
    }

    /// A key as it stands now.
    pub fn get(&self, key: &[u8]) -> Option<KeyValue> {
        self.read(&Range::new(key, None))?.pop()
    }

    /// The keys from `key` up to, and without, `range_end`, at a revision, 0 being now. `None`: it is
    /// forgotten, or not reached.
    pub fn content(&self, key: &[u8], range_end: &[u8], revision: i64) -> Option<Vec<KeyValue>> {
        self.read(&Range { revision, ..Range::new(key, Some(range_end.to_vec())) })
    }

    /// Whether there are keys from `key` up to, and without, `range_end` now.
    pub fn has_keys(&self, key: &[u8], range_end: &[u8]) -> bool {
        let range = Range { limit: 1, ..Range::new(key, Some(range_end.to_vec())) };
        self.read(&range).is_some_and(|found| !found.is_empty())
    }

    /// What changed after a revision, in order.
    pub fn changes_after(&self, revision: i64) -> impl Iterator<Item = ChangeView<'_>> {
        self.store.changes_after(revision).iter().map(|change| ChangeView {
            key: &change.key,
            value: change.version.value.as_deref(),
            lease: LeaseId(change.version.lease),
            revision: change.version.modified,
        })
    }

    fn read(&self, range: &Range) -> Option<Vec<KeyValue>> {
        Some(self.store.range(range).ok()?.kvs)
    }

    /// A lease; `None`: there is none of this number, or not any more.
    pub fn lease(&self, id: LeaseId) -> Option<LeaseView> {
        let lease = self.leases.get(id.0)?;
        let keys = lease.keys.iter().map(|key| key.to_vec()).collect();
        Some(LeaseView { ttl: lease.ttl, deadline: lease.deadline, keys })
    }

    /// The numbers of all leases.
    pub fn leases(&self) -> Vec<LeaseId> {
        self.leases.ids().map(LeaseId).collect()
    }
}
