//! The proof that everything was read in one history of etcd, and in the one that is followed since.
//!
//! Where a backup is restored while names are read, and another one just before, the logs of both are equally short
//! (see [`super::position`]), and some pages are of the one, some of the other. So a lease is granted first, and
//! all names are read as of the revision at which it was. A history that has this lease has all that was before
//! it, whatever was restored meanwhile: so if it is there once a watch is open, all of that was right. For a node
//! that has none this is its own lease, which a claim puts to the proof without being asked; a node that has
//! one is granted another, which is revoked then.

use std::time::Duration;

use super::session::Session;
use super::state::{Lease, Witness};
use super::{Host, Result, SessionError};
use crate::etcd::Etcd;

/// The time to live of a lease that is granted for this alone: longer than names are read.
const TTL: Duration = Duration::from_secs(300);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Has a lease granted. `None`: there is none, so that everything is to be read as of now.
    pub(super) fn call_witness(&mut self) -> Result<Option<Witness>> {
        self.witness = None;
        let is_nameless = self.membership.held().is_none() && self.host.wants_name();
        if self.lease.is_none() && is_nameless {
            match self.find_record() {
                // It will not need the lease soon.
                Err(SessionError::NoAddress(_)) => return Ok(None),
                found => found?,
            };
        }
        let ttl = if self.lease.is_none() { self.settings.lease_ttl } else { TTL };
        let asked = self.host.now();
        let lease = match self.ask(|client| client.lease_grant(ttl)) {
            Err(SessionError::Etcd(error)) if error.is_refusal() => return Ok(None),
            reply => Lease::new(reply?, asked, ttl),
        };
        if self.lease.is_none() {
            self.have_lease(lease);
        }
        let header = self.client.last_header().filter(|header| header.revision > 0);
        let (id, until) = (lease.id, lease.valid_until);
        self.witness = header.map(|header| Witness { lease: id, revision: header.revision, until });
        Ok(self.witness)
    }

    /// Looks whether the history that is followed is the one that everything was read in. The own name says
    /// so as well, where it hangs on that lease, and is looked at anyway: see [`Session::dismiss_witness`].
    ///
    /// # Errors
    /// [`SessionError::NoHistory`]: it is another one.
    pub(super) fn hear_witness(&mut self) -> Result<()> {
        let Some(witness) = self.witness.filter(|_| !self.is_witness()) else { return Ok(()) };
        let is_there = self.ask_member(|client| client.lease_keep_alive(witness.lease))?.is_some();
        if !is_there && self.host.now() < witness.until {
            return Err(self.break_off("etcd's history is not the one that was read"));
        }
        self.witness = None;
        if is_there && self.lease.is_none_or(|lease| lease.id != witness.lease) {
            self.ask(|client| client.lease_revoke(witness.lease))?;
        }
        Ok(())
    }

    /// Whether the name that is ours hangs on the lease in question.
    fn is_witness(&self) -> bool {
        let (witness, lease) = (self.witness, self.lease.map(|lease| lease.id));
        self.membership.held().is_some() && witness.map(|witness| witness.lease) == lease
    }

    /// Takes note that the own name was seen, if there is one.
    pub(super) fn dismiss_witness(&mut self) {
        if self.is_witness() {
            self.witness = None;
        }
    }
}
