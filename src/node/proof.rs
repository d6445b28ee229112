//! What is proven of the directory, and what is to be: see [`super::prove`].

use std::time::{Duration, Instant};

use crate::etcd::RangeReply;

/// The part of it for which a watch that was opened may tell nothing of what is missing.
const OPENING_PART: u32 = 3;

/// What etcd holds of all names.
#[derive(Debug)]
pub(super) struct Present {
    /// When that was asked.
    pub(super) asked: Instant,
    /// The revision of etcd.
    pub(super) revision: i64,
    /// The keys of each range that changed last, without values, which may be large, and the number of all.
    pub(super) ranges: Vec<RangeReply>,
}

/// What is proven, and what is to be.
#[derive(Debug)]
pub(super) struct Proof {
    /// Before the directory was last seen to be etcd's, while it is followed.
    pub(super) proven_at: Option<Instant>,
    /// A revision of etcd at which the directory was right.
    pub(super) revision: i64,
    /// When the watch was opened, or told something before the directory was proven.
    pub(super) since: Instant,
    /// When to ask next.
    pub(super) next_at: Instant,
    /// How often it was asked since it was proven, with the watch behind.
    pub(super) asked_again: u32,
    /// What the directory is to become by what the watch tells.
    pub(super) awaited: Option<Present>,
}

impl Proof {
    /// Nothing is proven.
    pub(super) fn none(now: Instant) -> Proof {
        Proof {
            proven_at: None,
            revision: 0,
            since: now,
            next_at: now,
            asked_again: 0,
            awaited: None,
        }
    }

    /// The directory is right at this revision.
    pub(super) fn right_at(&mut self, revision: i64) {
        self.revision = revision;
    }

    /// Whether the directory is etcd's, as far as is known.
    pub(super) fn is_given(&self) -> bool {
        self.proven_at.is_some()
    }

    /// Nobody follows from now on.
    pub(super) fn end(&mut self) {
        (self.proven_at, self.awaited) = (None, None);
    }

    /// The time from which on it is too old.
    pub(super) fn ends_at(&self, max_lag: Duration) -> Instant {
        self.proven_at.map_or(self.since + max_lag / OPENING_PART, |at| at + max_lag)
    }

    /// When something is to be done.
    pub(super) fn due_at(&self, max_lag: Duration) -> Instant {
        self.next_at.min(self.ends_at(max_lag))
    }
}
