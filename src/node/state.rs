//! What a session knows: of etcd, of where it stands in its history, of its lease and its name.

use std::time::{Duration, Instant};

use super::lease_time::Lease;
use super::position::Position;
use crate::cluster::{KeyRange, Keyspace, SlotId};
use crate::etcd::{Error, KeyValue, LeaseId, WatchRange};

/// When etcd was heard, by which endpoint, and what was logged of it.
#[derive(Debug, Default)]
pub(super) struct Contact {
    /// The endpoint that answered last; `None`: it is out of reach.
    pub(super) endpoint: Option<String>,
    /// When the directory was last as etcd was: everything had been read, or the changes were followed.
    /// That some call is answered says nothing of that.
    followed_at: Option<Instant>,
    /// Whether changes cannot be followed since then.
    is_lost: bool,
    /// The errors logged since it was heard last, each kind once: kinds may alternate.
    pub(super) logged: Vec<Error>,
    /// The last line logged of there being no address to publish.
    pub(super) logged_address: Option<String>,
}

impl Contact {
    /// Notes that the directory is as etcd is now.
    pub(super) fn follow(&mut self, now: Instant) {
        self.followed_at = Some(now);
        self.is_lost = false;
    }

    /// Notes that the directory was as etcd is up to this time, and is not any more.
    pub(super) fn followed_until(&mut self, at: Option<Instant>) {
        self.followed_at = at.or(self.followed_at);
        self.is_lost = true;
    }

    /// Notes that changes cannot be followed.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
    }

    /// Whether the directory ever was as etcd is.
    pub(super) fn was_followed(&self) -> bool {
        self.followed_at.is_some()
    }

    /// The time from which the directory is too old to answer from.
    pub(super) fn expires_at(&self, max_stale: Duration) -> Option<Instant> {
        let followed_at = self.followed_at.filter(|_| self.is_lost);
        followed_at.and_then(|followed_at| followed_at.checked_add(max_stale))
    }
}

/// The point in etcd's history at which the directory stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The cluster that was read from.
    pub cluster_id: u64,
    /// The revision up to which each range's changes were seen.
    pub revisions: Vec<i64>,
    /// The latest revision of what a watch told, or this node put.
    pub(super) told: i64,
    /// How far etcd had got; `None`: that is not known yet, or not told.
    pub(super) position: Option<Position>,
    /// Whether it was asked for, and is not told.
    pub(super) is_position_refused: bool,
}

impl History {
    /// The latest revision that was seen of any range.
    pub fn latest(&self) -> i64 {
        self.revisions.iter().copied().max().unwrap_or(0)
    }

    /// The revision up to which all of them were seen.
    pub(super) fn earliest(&self) -> i64 {
        self.revisions.iter().copied().min().unwrap_or(0)
    }

    /// Whether what was put just now is of the same history: it is newer than anything that was seen.
    pub(super) fn goes_on_at(&self, cluster_id: u64, revision: i64) -> bool {
        self.cluster_id == cluster_id && self.latest() < revision
    }

    /// Moves on in a range, and returns up to where it was seen. `None`: it is none of the names.
    pub(super) fn see(&mut self, range: usize, revision: i64) -> Option<i64> {
        let seen = self.revisions.get_mut(range)?;
        *seen = revision.max(*seen);
        Some(*seen)
    }

    /// The ranges to watch of these names, each from where it stands.
    pub fn watch_ranges(&self, keyspace: &Keyspace) -> Vec<WatchRange> {
        let ranges = keyspace.ranges().into_iter().zip(&self.revisions);
        ranges.map(|(range, revision)| watch_range(range, *revision)).collect()
    }
}

/// The changes of a range after a revision.
pub(super) fn watch_range((key, range_end): KeyRange, seen: i64) -> WatchRange {
    WatchRange { key, range_end, start_revision: seen + 1, deletions_only: false }
}

/// A slot that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) slot: SlotId,
    /// The revision of the put by which this life of ours claimed the slot or took it over: the
    /// fencing token. It stays when the record is only put again.
    pub(super) claim_revision: i64,
    /// The revision of the put that left the key as it is.
    pub(super) mod_revision: i64,
    /// Whether a further put of ours may have been carried out since, for its reply has not come.
    pub(super) is_being_put: bool,
}

impl Claimed {
    /// A slot that was claimed or taken over by the put of this revision.
    pub(super) fn at(slot: SlotId, revision: i64) -> Self {
        Claimed { slot, claim_revision: revision, mod_revision: revision, is_being_put: false }
    }

    /// The fencing token, where the record was put again since.
    pub(super) fn owned_by(&self) -> Option<i64> {
        (self.mod_revision != self.claim_revision).then_some(self.claim_revision)
    }

    /// Returns whether the key is as we left it: on our lease, and put by nobody since. If only the
    /// lease is ours, another node may have owned the name before a claim of ours that came late. A
    /// further put of ours does not make the key anew, and is compared with the one before.
    pub(super) fn stands(&self, kv: &KeyValue, lease: LeaseId) -> bool {
        let is_put_again = self.is_being_put && kv.create_revision <= self.claim_revision;
        kv.lease == lease && (kv.mod_revision == self.mod_revision || is_put_again)
    }
}

/// A lease that was granted before everything was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    /// It is there while it is valid, at least, in the history that it was granted in.
    pub(super) lease: Lease,
    /// The revision to read as of: that at which it was granted, or an earlier one.
    pub(super) revision: i64,
    /// The revision at which it was granted.
    pub(super) granted_at: i64,
}

/// The part of a node in a start of many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// How many were known to start when this node was named.
    pub(super) starters: usize,
    /// Whether they take over names of before, rather than wait in the queue.
    pub(super) is_return: bool,
    /// When this node was named, and until when it lets others be named.
    pub(super) named_at: Instant,
    pub(super) named_by: Instant,
    /// When it learns what names came and changed since its full sync; `None`: that is not drawn yet.
    pub(super) learn_at: Option<Instant>,
}

/// This node's name, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// Never claimed.
    Newcomer,
    /// Ours while the lease is valid.
    Owned(Claimed),
    /// The lease ran out by our clock; etcd has not been heard since.
    Doubtful(Claimed),
    /// Somebody or something took it; the old slot is tried first.
    Lost(Claimed),
}

impl Membership {
    /// The slot that is ours, or may be.
    pub(super) fn held(&self) -> Option<Claimed> {
        match self {
            Membership::Owned(claimed) | Membership::Doubtful(claimed) => Some(*claimed),
            Membership::Newcomer | Membership::Lost(_) => None,
        }
    }
}
