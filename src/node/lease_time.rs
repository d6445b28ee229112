//! Until when a lease is valid by this node's clock, and which of its renewals count.
//!
//! A leader of etcd that was frozen, and replaced meanwhile, acknowledges keep-alives for some milliseconds after it goes
//! on, of which its successor knows nothing: seen with etcd 3.4.23, one time in four after a freeze of five seconds
//! and more. Later releases make sure that they lead first.
//!
//! The successor counts each lease anew from its election, so nothing is lost but that renewal. The reply to it tells
//! the term in which the member was that gave it. Any call that only a member answers which is not behind tells the term
//! that there is: if that is the same, nobody had been elected then, and the renewal is confirmed; if it is a later one,
//! the renewal may not count, and the lease is as it was before it. A member that has not applied yet what the new leader
//! began with tells the former term, too, of a renewal that counts: that is renewed once more than it needs to be.
//!
//! No call is made for that, but where the reply took so long that the member may have been frozen meanwhile.

use std::time::{Duration, Instant};

use crate::etcd::{LeaseId, TimeToLive};

/// The lease is renewed after this part of its TTL: early enough for renewals that fail, each of which is tried
/// again at once, and for a program that has to end before it; and as late as that allows, for etcd's sake.
const RENEWED_AFTER: (u32, u32) = (3, 7);

/// From so long on a lease is renewed after half of it: what is left, less the quarter that a program may take to
/// end, is more than it is for shorter ones. Where there are many nodes, whose leases are long, that is what etcd has to
/// do while nothing happens.
const LONG_LEASE: Duration = Duration::from_secs(30);

/// This part of its TTL is taken off a lease, because clocks differ in rate: if ours is 1 % slow and
/// etcd's 1 % fast, the lease still ends here first.
const DRIFT_A_TTL: u32 = 50;

/// A lease as this node's clock sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: LeaseId,
    /// Counted from before the request was sent, less the drift of clocks, so never later than etcd's
    /// own, if the last renewal counts.
    pub(super) valid_until: Instant,
    /// When to keep it alive next.
    pub(super) renew_at: Instant,
    /// Its time to live, as it was granted.
    pub(super) ttl: Duration,
    /// The last renewal, while it is not confirmed.
    pub(super) renewal: Option<Renewal>,
}

impl Lease {
    pub(super) fn new(id: LeaseId, asked: Instant, ttl: Duration) -> Self {
        let valid_until = asked + (ttl - ttl / DRIFT_A_TTL);
        let (part, parts) = if ttl < LONG_LEASE { RENEWED_AFTER } else { (1, 2) };
        Lease { id, valid_until, renew_at: asked + ttl * part / parts, ttl, renewal: None }
    }
}

/// The time without its leader after which etcd elects another one, unless it is told otherwise. No leader is
/// ignorant for so long of having been replaced, but while it is frozen.
pub(super) const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause before a renewal that does not count is made again, by how long the lease lasts without it, and at the
/// least: the member may be behind for longer.
const PAUSE_PART: u32 = 4;
const LEAST_PAUSE: Duration = Duration::from_millis(50);

/// A renewal that is not confirmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal {
    /// Until when the lease is valid if it does not count.
    former_until: Instant,
    /// The term that its reply told, and when that was heard.
    pub(super) raft_term: u64,
    pub(super) heard: Instant,
}

impl Lease {
    /// The lease after a keep-alive that was asked and answered at these times.
    pub(super) fn renewed(self, asked: Instant, heard: Instant, reply: TimeToLive) -> Lease {
        let TimeToLive { left, raft_term } = reply;
        // Two leaders, or one that was frozen twice, may not have known of a third.
        let is_as_doubtful = |before: &Renewal| {
            raft_term > before.raft_term || asked < before.heard + ELECTION_TIMEOUT
        };
        let before = self.renewal.filter(is_as_doubtful);
        let former_until = before.map_or(self.valid_until, |before| before.former_until);
        // Where no term is told, none is known to be a later one.
        let renewal = (raft_term > 0).then_some(Renewal { former_until, raft_term, heard });
        Lease { renewal, ..Lease::new(self.id, asked, left) }
    }

    /// The lease after a renewal that does not count, and is to be made again.
    pub(super) fn unrenewed(self, now: Instant) -> Lease {
        let pause = self.valid_until.saturating_duration_since(now) / PAUSE_PART;
        Lease { renew_at: now + pause.clamp(LEAST_PAUSE, ELECTION_TIMEOUT), ..self }
    }

    /// Takes in the term that there is. Returns whether the last renewal does not count, for that is a later one: then
    /// it is time for another.
    pub(super) fn heed_term(&mut self, raft_term: u64, now: Instant) -> bool {
        let Some(renewal) = self.renewal.take_if(|it| it.raft_term <= raft_term) else {
            return false;
        };
        if renewal.raft_term == raft_term {
            return false;
        }
        self.valid_until = renewal.former_until.min(self.valid_until);
        self.renew_at = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(21);

    /// A lease of 21 s that was granted at first, and renewed by replies of these terms, asked so many milliseconds
    /// later, each of which took 10 ms.
    fn lease(began: Instant, renewals: &[(u64, u64)]) -> Lease {
        let granted = Lease::new(LeaseId(7), began, TTL);
        renewals.iter().fold(granted, |lease, (asked, raft_term)| {
            let asked = began + Duration::from_millis(*asked);
            let reply = TimeToLive { left: TTL, raft_term: *raft_term };
            lease.renewed(asked, asked + Duration::from_millis(10), reply)
        })
    }

    #[test]
    fn a_renewal_counts_unless_a_later_term_is_told_than_its_own() {
        // Renewals, the terms that are told then, and the number of the renewal that counts in the end; 0: the grant.
        type Row = (&'static [(u64, u64)], &'static [u64], usize);
        let table: [Row; 10] = [
            (&[], &[3], 0),
            (&[(9_000, 2)], &[], 1),
            (&[(9_000, 2)], &[2], 1),
            (&[(9_000, 2)], &[2, 3], 1),
            (&[(9_000, 2)], &[3], 0),
            // Of a history that is no more.
            (&[(9_000, 2)], &[1], 1),
            // That which came before was acknowledged by one who led for longer than a deposed one would.
            (&[(9_000, 2), (18_000, 2)], &[3], 1),
            (&[(9_000, 2), (9_900, 2)], &[3], 0),
            (&[(9_000, 2), (18_000, 3)], &[4], 0),
            // None is told, as by what stands in for etcd.
            (&[(9_000, 0)], &[3], 1),
        ];
        let began = Instant::now();
        for (renewals, terms, counts) in table {
            let mut lease = lease(began, renewals);
            let now = began + Duration::from_secs(19);
            let fell_back = terms.iter().any(|term| lease.heed_term(*term, now));
            assert_eq!(fell_back, counts < renewals.len(), "{renewals:?} {terms:?}");
            let asked = counts.checked_sub(1).map_or(0, |index| renewals[index].0);
            let asked = began + Duration::from_millis(asked);
            let wanted = Lease::new(LeaseId(7), asked, TTL);
            assert_eq!(lease.valid_until, wanted.valid_until, "{renewals:?} {terms:?}");
            assert_eq!(lease.renew_at, if fell_back { now } else { wanted.renew_at });
        }
    }

    #[test]
    fn a_lease_counts_from_before_the_request_and_is_renewed_before_half_of_it_is_over() {
        let asked = Instant::now();
        let lease = Lease::new(LeaseId(7), asked, Duration::from_secs(21));
        assert_eq!(lease.renew_at, asked + Duration::from_secs(9));
        assert_eq!(lease.valid_until, asked + Duration::from_millis(20_580));
    }

    #[test]
    fn no_lease_is_renewed_so_late_that_less_time_is_left_than_of_one_of_twenty_seconds() {
        let asked = Instant::now();
        // Less the quarter in which a program ends.
        let left =
            |ttl: Duration| asked + ttl - ttl / 4 - Lease::new(LeaseId(7), asked, ttl).renew_at;
        let usual = left(Duration::from_secs(20));
        for seconds in [20, 29, 30, 50, 500, 86_400] {
            assert!(left(Duration::from_secs(seconds)) >= usual, "{seconds}");
        }
        let long = Lease::new(LeaseId(7), asked, Duration::from_secs(50));
        assert_eq!(long.renew_at, asked + Duration::from_secs(25));
    }

    #[test]
    fn a_node_with_a_slow_clock_stops_believing_before_etcd_with_a_fast_one_ends_the_lease() {
        let asked = Instant::now();
        for seconds in [2, 3, 20, 86_400] {
            let ttl = Duration::from_secs(seconds);
            let believed = Lease::new(LeaseId(7), asked, ttl).valid_until - asked;
            // What passes in truth while each counts that.
            assert!(believed.mul_f64(1.0 / 0.99) < ttl.mul_f64(1.0 / 1.01), "{seconds}");
        }
    }
}
