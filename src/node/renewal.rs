//! Which renewals of a lease count. A leader of etcd that was frozen, and replaced meanwhile, acknowledges keep-alives for
//! some milliseconds after it goes on, of which its successor knows nothing: seen with etcd 3.4.23, one time in four
//! after a freeze of five seconds and more. Later releases make sure that they lead first.
//!
//! The successor counts each lease anew from its election, so nothing is lost but that renewal. The reply to it tells
//! the term in which the member was that gave it. Any call that only a member answers which is not behind tells the term
//! that there is: if that is the same, nobody had been elected then, and the renewal is confirmed; if it is a later one,
//! the renewal may not count, and the lease is as it was before it. A member that has not applied yet what the new leader
//! began with tells the former term, too, of a renewal that counts: that is renewed once more than it needs to be.
//!
//! No call is made for that, but where the reply took so long that the member may have been frozen meanwhile.

use std::time::{Duration, Instant};

use super::session::Session;
use super::state::Lease;
use super::{Host, Result};
use crate::etcd::{Etcd, TimeToLive};

/// The time without its leader after which etcd elects another one, unless it is told otherwise. No leader is
/// ignorant for so long of having been replaced, but while it is frozen.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause before a renewal that does not count is made again, by how long the lease lasts without it, and at the
/// least: the member may be behind for longer.
const PAUSE_PART: u32 = 4;
const LEAST_PAUSE: Duration = Duration::from_millis(50);

/// A renewal that is not confirmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal {
    /// Until when the lease is valid if it does not count.
    former_until: Instant,
    /// The term that its reply told.
    raft_term: u64,
    heard: Instant,
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

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes in the term that a member told which is not behind.
    pub(super) fn heed_term(&mut self, raft_term: u64) {
        let now = self.host.now();
        if self.lease.as_mut().is_some_and(|lease| lease.heed_term(raft_term, now)) {
            log::debug!(
                "etcd elected another leader since the lease was renewed: renewing it again"
            );
            self.set_membership(self.membership);
        }
    }

    /// Whether a renewal of the name's lease counts. Asks etcd where the member that acknowledged it may have been
    /// frozen meanwhile, or is known to be behind.
    pub(super) fn counts(&mut self, asked: Instant, renewed: &mut Lease) -> Result<bool> {
        let (Some(claimed), Some(renewal)) = (self.membership.held(), renewed.renewal) else {
            return Ok(true);
        };
        let is_behind = self.heard.is_some_and(|heard| heard.is_past(renewal.raft_term));
        if !is_behind && renewal.heard < asked + ELECTION_TIMEOUT {
            return Ok(true);
        }
        self.read_own_key(claimed)?;
        let now = self.host.now();
        let raft_term = self.client.last_header().map_or(0, |header| header.raft_term);
        Ok(!renewed.heed_term(raft_term, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::LeaseId;

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
        let table: [(&[(u64, u64)], &[u64], usize); 10] = [
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
}
