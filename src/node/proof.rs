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
    /// Whether it was proven since the watch was opened. Until then etcd tells of one range after the other what there is
    /// of the past; from then on of all of them as they change.
    pub(super) is_caught_up: bool,
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
            is_caught_up: false,
            asked_again: 0,
            awaited: None,
        }
    }

    /// The directory is right at this revision.
    pub(super) fn right_at(&mut self, revision: i64) {
        self.revision = revision;
    }

    /// The own key was put at this revision. It is not what it was at one before any more, so what etcd held
    /// then says nothing of what is missing: that is to be asked again.
    pub(super) fn own_is_put(&mut self, revision: i64, now: Instant) {
        if self.awaited.take_if(|present| present.revision < revision).is_some() {
            self.next_at = now;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_held_before_an_own_put_is_asked_again() {
        let now = Instant::now();
        let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
        for (put_at, is_kept) in [(6, true), (7, true), (8, false)] {
            let mut proof = Proof::none(now);
            proof.awaited = Some(Present { asked: now, revision: 7, ranges: Vec::new() });
            proof.next_at = now + minute;
            proof.own_is_put(put_at, now);
            assert_eq!(proof.awaited.is_some(), is_kept, "{put_at}");
            assert_eq!(proof.due_at(hour), if is_kept { now + minute } else { now }, "{put_at}");
        }
    }
}
