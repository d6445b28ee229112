//! Whether the node lives whose name may be ours: by its lease, as etcd tells it from time to time.

use std::time::{Duration, Instant};

use super::claim::OwnRecord;
use crate::etcd::TimeToLive;

/// The time between two looks at a lease is this part of what is left of it, within these bounds. The
/// watch tells of its end in between.
const LOOKS_A_LEASE: u32 = 8;
pub(super) const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// The time in which etcd deletes the keys of a lease that ran out: it looks twice a second.
const DELETION_TIME: Duration = Duration::from_secs(5);
/// etcd tells what is left of a lease in whole seconds, rounded down.
const ROUNDING: Duration = Duration::from_secs(1);
/// This part of what is left is added, because clocks differ in rate.
const DRIFT_PART: u32 = 50;

/// A name with our addresses whose node may live.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) found: OwnRecord,
    /// When its lease ends at the latest if nobody renews it, and the term in which that was heard.
    /// `None`: nothing was heard.
    pub(super) ends_by: Option<(Instant, u64)>,
}

impl Suspect {
    /// One of whose lease nothing was heard.
    pub(super) fn new(found: OwnRecord) -> Suspect {
        Suspect { found, ends_by: None }
    }

    /// Takes in what etcd, asked and heard at these times, said of its lease. Returns whether
    /// somebody renewed it.
    pub(super) fn is_renewed(&mut self, asked: Instant, heard: Instant, life: TimeToLive) -> bool {
        let latest = heard + life.left + ROUNDING + life.left / DRIFT_PART;
        // A new leader of etcd gives every lease its whole time again.
        let known = self.ends_by.filter(|(_, term)| *term == life.raft_term);
        let ends_by = known.map_or(latest, |(ends_by, _)| ends_by.min(latest));
        self.ends_by = Some((ends_by, life.raft_term));
        // Of a lease that ran out, nothing is left however long ago that was.
        !life.left.is_zero() && asked + life.left > ends_by
    }

    /// Returns whether etcd should have deleted it by now.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.ends_by.is_some_and(|(ends_by, _)| now > ends_by + DELETION_TIME)
    }

    /// The time until the next look.
    pub(super) fn interval(&self, now: Instant) -> Duration {
        let left = self.ends_by.map(|(ends_by, _)| ends_by.saturating_duration_since(now));
        let interval = left.unwrap_or_default() / LOOKS_A_LEASE;
        interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Record, SlotId};
    use crate::etcd::LeaseId;
    use crate::node::state::Claimed;

    /// The times of looks at a lease, in milliseconds, and the time after which it is seen that
    /// somebody renewed it. `left` says what is left of it, and in which term.
    fn seen_renewed(looks: u32, left: impl Fn(u64) -> (u64, u64)) -> Option<u64> {
        let claimed = Claimed::at(SlotId::new(1).expect("not zero"), 7);
        let record = Record::default();
        let found = OwnRecord { claimed, lease: LeaseId(9), node_id: None, record };
        let mut suspect = Suspect::new(found);
        let (began, mut at) = (Instant::now(), 400);
        for _ in 0..looks {
            let asked = began + Duration::from_millis(at);
            let (left, raft_term) = left(at);
            let life = TimeToLive { left: Duration::from_secs(left / 1000), raft_term };
            if suspect.is_renewed(asked, asked + Duration::from_millis(3), life) {
                return Some(at);
            }
            at += u64::try_from(suspect.interval(asked).as_millis()).expect("short");
        }
        None
    }

    #[test]
    fn a_lease_that_is_kept_alive_is_seen_to_be_and_one_that_is_not_is_not() {
        for ttl in [2_000, 3_000, 6_000, 20_000, 60_000] {
            let kept = seen_renewed(100, |at| (ttl - at % (ttl / 3), 2)).expect("it was renewed");
            assert!(kept <= ttl / 3 + ttl / 8 + 4_000, "{ttl}: {kept}");
            assert_eq!(seen_renewed(100, |at| (ttl.saturating_sub(at), 2)), None, "{ttl}");
        }
    }

    #[test]
    fn a_new_leader_that_counts_a_lease_anew_is_no_renewal() {
        let ttl = 20_000_u64;
        let left =
            |at| if at < 9_000 { (ttl - at, 2) } else { ((ttl + 9_000).saturating_sub(at), 3) };
        assert_eq!(seen_renewed(100, left), None);
        assert!(seen_renewed(100, |at| (left(at).0, 2)).is_some());
    }
}
