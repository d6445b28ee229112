//! What this node knows of its lease and of its name.
//!
//! The name is *owned* while the lease is valid by this node's clock, *doubtful* from then on until
//! etcd is heard, and *lost* when etcd says so. Each change is logged.

use super::session::Session;
use super::state::{Claimed, Membership};
use super::{Host, Owned};
use crate::etcd::Etcd;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Changes the state, reports it to the process, and lets no call to etcd outlast the ownership,
    /// so that its end is noticed in time.
    pub(super) fn set_membership(&mut self, membership: Membership) {
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
        self.set_membership(Membership::Lost(claimed));
    }

    /// Once the lease ran out by our clock, the name may be another's.
    pub(super) fn doubt(&mut self) {
        let (Membership::Owned(claimed), Some(lease)) = (self.membership, self.lease) else {
            return;
        };
        let now = self.host.now();
        if now >= lease.valid_until {
            let name = self.settings.keyspace.pattern.name(claimed.slot);
            let ago = now.saturating_duration_since(lease.valid_until);
            log::warn!(
                "{name} is in doubt: its lease ran out {:.3} s ago by this clock",
                ago.as_secs_f64()
            );
            self.set_membership(Membership::Doubtful(claimed));
        }
    }
}
