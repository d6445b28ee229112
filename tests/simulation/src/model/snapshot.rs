//! Backups.

use super::leases::Leases;
use super::store::Store;
use super::users::Users;
use super::{Model, Time};

/// What `etcdctl snapshot save` writes: keys with their history, leases, users and alarms.
#[derive(Clone, Debug)]
pub struct Snapshot {
    store: Store,
    leases: Leases,
    users: Users,
    is_full: bool,
}

impl Model {
    /// What the cluster holds now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            store: self.store.clone(),
            leases: self.leases.clone(),
            users: self.users.without_tokens(),
            is_full: self.is_full,
        }
    }

    /// Ends all members and starts them from a snapshot; the cluster's ID stays the same if they are given
    /// the same token and URLs. Watches end, and calls that were pending fail.
    pub fn restore(&mut self, snapshot: &Snapshot, same_cluster_id: bool, now: Time) {
        self.advance(now);
        for member in 0..self.members.len() {
            self.watches.cut(member, 0);
            self.calls.cut(member);
        }
        let Snapshot { store, leases, users, is_full } = snapshot.clone();
        (self.store, self.leases, self.users, self.is_full) = (store, leases, users, is_full);
        if !same_cluster_id {
            self.cluster_id = self.random.draw();
            for index in 0..self.members.len() {
                self.members[index].id = self.random.draw();
            }
        }
        self.restores += 1;
        self.begin();
        for index in 0..self.members.len() {
            let patience = self.patience_of_started();
            self.members[index].gives_up_at = Some(now + patience);
        }
        self.regroup();
    }
}
