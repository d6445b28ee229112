//! The lease: granted, kept alive, revoked. The name lives as long as it does.

use std::time::Duration;

use super::session::Session;
use super::state::{Claimed, Lease, Membership};
use super::{Host, SessionError};
use crate::etcd::{Error, Etcd, KeyValue, Range};

/// The time that the release may take, all endpoints together: who stops a process does not wait long.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of attempts to release in that time: a reply may be lost.
const RELEASE_ROUNDS: u32 = 2;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Grants a lease if there is none, and keeps it alive when it is time to.
    pub(super) fn ensure_lease(&mut self) -> Result<(), SessionError> {
        let asked = self.host.now();
        match self.lease {
            Some(lease) if asked < lease.renew_at => Ok(()),
            Some(lease) => self.keep_alive(lease),
            None => {
                let ttl = self.settings.lease_ttl;
                let result = self.client.lease_grant(ttl);
                let id = self.heard(result)?;
                self.lease = Some(Lease::new(id, asked, ttl));
                Ok(())
            }
        }
    }

    pub(super) fn keep_alive(&mut self, lease: Lease) -> Result<(), SessionError> {
        let asked = self.host.now();
        let result = self.client.lease_keep_alive(lease.id);
        let Some(ttl) = self.heard(result)? else {
            self.lease = None;
            if let Some(claimed) = self.membership.held() {
                self.lose(claimed, "its lease is gone");
            }
            return Err(SessionError::LeaseGone);
        };
        self.lease = Some(Lease::new(lease.id, asked, ttl));
        if self.membership != Membership::Newcomer {
            self.client.timeout_mut().settle();
        }
        self.set_membership(self.membership);
        Ok(())
    }

    /// Ends the doubt about the name. A lease that lives is no proof: while this node was away, the
    /// key may have been changed by hand.
    pub(super) fn settle_doubt(&mut self) -> Result<(), SessionError> {
        let (Membership::Doubtful(claimed), Some(lease)) = (self.membership, self.lease) else {
            return Ok(());
        };
        let own = self.read_own_key(claimed)?;
        if self.host.now() >= lease.valid_until {
            return Ok(());
        }
        match own {
            Some(kv) if kv.lease == lease.id && kv.create_revision == claimed.create_revision => {
                let name = self.settings.keyspace.pattern.name(claimed.slot);
                log::info!("kept {name}: its lease lives");
                self.set_membership(Membership::Owned(claimed));
            }
            other => self.lose_to(claimed, other),
        }
        Ok(())
    }

    /// Reads what stands at the key of our name now.
    pub(super) fn read_own_key(
        &mut self,
        claimed: Claimed,
    ) -> Result<Option<KeyValue>, SessionError> {
        let key = self.settings.keyspace.key(claimed.slot);
        let result = self.client.range(&Range::new(key, None));
        Ok(self.heard(result)?.kvs.into_iter().next())
    }

    /// Loses the name to what stands at its key, or to nothing.
    pub(super) fn lose_to(&mut self, claimed: Claimed, other: Option<KeyValue>) {
        match other {
            Some(kv) => {
                let cause = self.displaced_by(&kv.value);
                self.lose(claimed, &cause);
            }
            None => self.lose(claimed, "its key is gone"),
        }
    }

    /// Gives the name back: with the lease go the record and the ticket. That is tried again, and
    /// a lease that is gone then was revoked by a call whose reply was lost.
    pub(super) fn release(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        self.host.begin_release();
        let held = self.membership.held();
        if let Some(claimed) = held {
            // Nobody is to rely on it any more when others may take it.
            self.set_membership(Membership::Lost(claimed));
        }
        let requests = RELEASE_ROUNDS.saturating_mul(self.client.endpoint_count()).max(1);
        self.client.timeout_mut().reset();
        self.client.timeout_mut().set_timeout(RELEASE_TIMEOUT / requests);
        self.client.timeout_mut().set_not_after(Some(self.host.now() + RELEASE_TIMEOUT));
        let name = match held {
            Some(claimed) => self.settings.keyspace.pattern.name(claimed.slot),
            None => "the place in the queue".to_owned(),
        };
        log::info!("releasing {name}");
        let mut result = Ok(());
        for _ in 0..RELEASE_ROUNDS {
            result = self.client.lease_revoke(lease.id);
            if !result.as_ref().is_err_and(Error::is_unavailable) {
                break;
            }
        }
        match result {
            Ok(()) => log::info!("released {name}"),
            Err(error) => log::warn!("{name} stays until its lease runs out: {error}"),
        }
    }
}
