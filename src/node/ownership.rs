//! What this node knows of its lease and of its name.
//!
//! The name is *owned* while the lease is valid by this node's clock, *doubtful* from then on until
//! etcd is heard, and *lost* when etcd says so. Each change is logged.

use std::time::{Duration, Instant};

use super::claim::Claimed;
use super::session::Session;
use super::{Host, Owned};
use crate::etcd::LeaseId;

/// The lease is renewed after this part of its TTL, so that two renewals may fail.
const RENEWALS_A_TTL: u32 = 3;

/// A lease as this node's clock sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: LeaseId,
    /// Counted from before the request was sent, so never later than etcd's own.
    pub(super) valid_until: Instant,
    /// When to keep it alive next.
    pub(super) renew_at: Instant,
}

impl Lease {
    pub(super) fn new(id: LeaseId, asked: Instant, ttl: Duration) -> Self {
        Lease { id, valid_until: asked + ttl, renew_at: asked + ttl / RENEWALS_A_TTL }
    }
}

/// What this node knows of its name.
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

impl<H: Host> Session<H> {
    /// Changes the state, tells it to the process, and lets no call to etcd outlast the ownership,
    /// so that its end is noticed in time.
    pub(super) fn turn(&mut self, membership: Membership) {
        self.membership = membership;
        let owned = self.owned();
        self.client.timeout_mut().set_not_after(owned.map(|owned| owned.valid_until));
        self.host.directory(|directory| directory.set_own(owned.map(|owned| owned.slot)));
        self.host.ownership(owned);
    }

    /// The name that is ours by all that is known here.
    fn owned(&self) -> Option<Owned> {
        let (Membership::Owned(claimed), Some(lease), Some(record)) =
            (self.membership, self.lease, self.record)
        else {
            return None;
        };
        Some(Owned {
            slot: claimed.slot,
            create_revision: claimed.create_revision,
            record,
            valid_until: lease.valid_until,
        })
    }

    pub(super) fn lose(&mut self, claimed: Claimed, why: &str) {
        log::warn!("lost {}: {why}", self.settings.keyspace.pattern.name(claimed.slot));
        self.turn(Membership::Lost(claimed));
    }

    /// Once the lease ran out by our clock, the name may be another's.
    pub(super) fn doubt(&mut self) {
        let (Membership::Owned(claimed), Some(lease)) = (self.membership, self.lease) else {
            return;
        };
        let now = Instant::now();
        if now >= lease.valid_until {
            let name = self.settings.keyspace.pattern.name(claimed.slot);
            let ago = now.saturating_duration_since(lease.valid_until);
            log::warn!(
                "{name} is in doubt: its lease ran out {:.3} s ago by this clock",
                ago.as_secs_f64()
            );
            self.turn(Membership::Doubtful(claimed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_before_the_request_and_is_renewed_after_a_third() {
        let asked = Instant::now();
        let lease = Lease::new(LeaseId(7), asked, Duration::from_secs(21));
        assert_eq!(lease.renew_at, asked + Duration::from_secs(7));
        assert_eq!(lease.valid_until, asked + Duration::from_secs(21));
    }
}
