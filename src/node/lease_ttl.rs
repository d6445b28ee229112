//! The time to live of leases, by the number of names: keep-alives are what an idle cluster asks of etcd most.

use std::time::Duration;

/// How long a name outlives a node that died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseTtl {
    /// Always so long; whole seconds.
    Fixed(Duration),
    /// The longer the more names there are.
    ByNames(LeaseByNames),
}

/// A time to live by the number of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseByNames {
    /// That of a few names, and more than zero; whole seconds.
    pub shortest: Duration,
    /// The part of each name.
    pub each: Duration,
    /// That of however many names; whole seconds.
    pub longest: Duration,
}

/// A lease is left for another one that would be so many times as long.
const OUTGROWN_BY: u32 = 2;

/// The time over which the nodes of a cluster leave their leases is so many times the shortest of them, at least.
const LEAVING_LEASES: u32 = 3;
/// What it takes at etcd, roughly, that one node hears of another one's new lease: a quarter of its time.
const HEARING_TIME: Duration = Duration::from_micros(80);
/// And at most so long.
const LONGEST_LEAVING: Duration = Duration::from_secs(3600);

/// A lease is as long as so many replies of an etcd that is busy: it is renewed in time though each keep-alive takes as
/// long as that. And at most so long by this alone.
const REPLIES: u32 = 30;
const LONGEST_BY_REPLIES: Duration = Duration::from_secs(120);

impl LeaseTtl {
    /// What counts where nothing is said: 20 s, and of more than 400 names a second for every 20, up to 500 s.
    pub const AUTO: LeaseTtl = LeaseTtl::ByNames(LeaseByNames {
        shortest: Duration::from_secs(20),
        each: Duration::from_millis(50),
        longest: Duration::from_secs(500),
    });

    /// That of a lease that is granted where there are so many names, in whole seconds.
    pub fn for_names(self, names: usize) -> Duration {
        match self {
            LeaseTtl::Fixed(ttl) => ttl,
            LeaseTtl::ByNames(LeaseByNames { shortest, each, longest }) => {
                let names = u32::try_from(names).unwrap_or(u32::MAX);
                let seconds = Duration::from_secs(each.saturating_mul(names).as_secs());
                seconds.min(longest).max(shortest)
            }
        }
    }

    /// The same where etcd took so long for its last reply: where it is busy, as when many nodes start together, short
    /// leases end before they are renewed, and the names that are lost and claimed anew keep it busy.
    pub(super) fn to_grant(self, names: usize, reply_after: Duration) -> Duration {
        let by_names = self.for_names(names);
        match self {
            LeaseTtl::Fixed(_) => by_names,
            LeaseTtl::ByNames(LeaseByNames { longest, .. }) => {
                let seconds = Duration::from_secs(reply_after.saturating_mul(REPLIES).as_secs());
                by_names.max(seconds.min(LONGEST_BY_REPLIES).min(longest))
            }
        }
    }

    /// The shortest that there may be.
    pub fn shortest(self) -> Duration {
        self.for_names(0)
    }

    /// Returns whether a lease is to be left for a longer one, where there are so many names.
    pub(super) fn is_outgrown(self, lease: Duration, names: usize) -> bool {
        matches!(self, LeaseTtl::ByNames(_)) && self.for_names(names) >= lease * OUTGROWN_BY
    }

    /// The time over which so many nodes do that: each of them may hear of all others.
    pub fn spread(self, names: usize) -> Duration {
        let names = u32::try_from(names).unwrap_or(u32::MAX);
        let hearing = HEARING_TIME.saturating_mul(names).saturating_mul(names);
        hearing.max(self.shortest() * LEAVING_LEASES).min(LONGEST_LEAVING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_400_names_make_leases_longer_up_to_500_s() {
        let table = [
            (0, 20),
            (1, 20),
            (400, 20),
            (419, 20),
            (420, 21),
            (450, 22),
            (1000, 50),
            (9999, 499),
            (10_000, 500),
            (1_000_000, 500),
            (usize::MAX, 500),
        ];
        for (names, seconds) in table {
            let ttl = LeaseTtl::AUTO.for_names(names);
            assert_eq!(ttl, Duration::from_secs(seconds), "{names} names");
            let fixed = LeaseTtl::Fixed(Duration::from_secs(7));
            assert_eq!(fixed.for_names(names), Duration::from_secs(7));
            assert!(!fixed.is_outgrown(Duration::from_secs(1), names));
        }
        assert_eq!(LeaseTtl::AUTO.shortest(), Duration::from_secs(20));
    }

    #[test]
    fn where_etcd_is_busy_leases_are_longer() {
        let table = [
            (0, 0, 20),
            (0, 600, 20),
            (0, 1000, 30),
            (0, 2900, 87),
            (1000, 1000, 50),
            (0, 90_000, 120),
        ];
        for (names, reply_after, seconds) in table {
            let reply_after = Duration::from_millis(reply_after);
            let ttl = LeaseTtl::AUTO.to_grant(names, reply_after);
            assert_eq!(ttl, Duration::from_secs(seconds), "{names} names, {reply_after:?}");
            let fixed = Duration::from_secs(7);
            assert_eq!(LeaseTtl::Fixed(fixed).to_grant(names, reply_after), fixed);
        }
    }

    #[test]
    fn a_lease_is_left_where_another_would_be_twice_as_long_and_no_name_is_heard_of_too_often() {
        let table = [(20, 799, false), (20, 800, true), (50, 1000, false), (300, 20_000, false)];
        for (lease, names, wanted) in table {
            let lease = Duration::from_secs(lease);
            assert_eq!(LeaseTtl::AUTO.is_outgrown(lease, names), wanted, "{lease:?} {names}");
        }
        for (names, seconds) in [(0, 60), (800, 60), (1000, 80), (3000, 720), (usize::MAX, 3600)] {
            assert_eq!(LeaseTtl::AUTO.spread(names).as_secs(), seconds, "{names}");
        }
    }
}
