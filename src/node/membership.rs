//! What this node knows of its lease and of its name.

use std::time::{Duration, Instant};

use super::claim::Claimed;
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
