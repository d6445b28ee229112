//! The proof that everything was read in one history of etcd, and in the one that is followed since.
//!
//! Where a backup is restored while names are read, and another one just before, the logs of both are equally short
//! (see [`super::position`]), and some pages are of the one, some of the other. So a lease is granted first, and
//! all names are read as of the revision at which it was. A history that has this lease has all that was before
//! it, whatever was restored meanwhile: so if it is there once a watch is open, all of that was right. A newcomer reads
//! as of its first reply, which is earlier: where thousands start together, etcd grants the lease when many of them have
//! names, which it would read for nothing, since none of them is of an earlier life. For a node that has no lease this is
//! its own one, which a claim puts to the proof without being asked; a node that has one is granted another, which is
//! revoked then.

use std::time::Duration;

use super::lease_time::Lease;
use super::session::Session;
use super::state::{Membership, Witness};
use super::{Host, LeaseTtl, Result, SessionError};
use crate::etcd::Etcd;

/// The time to live of a lease that is granted for this alone: longer than names are read.
const TTL: Duration = Duration::from_secs(300);

/// The time for which a newcomer reads names as of its first count: it answers by them until it follows.
const FIRST_COUNT_LASTS: Duration = Duration::from_secs(60);

/// Why everything is read anew.
const NOT_READ: &str = "etcd's history is not the one that was read";

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
        let ttl = if self.lease.is_none() { self.first_ttl()? } else { TTL };
        let asked = self.host.now();
        let lease = match self.ask(|client| client.lease_grant(ttl)) {
            Err(SessionError::Etcd(error)) if error.is_refusal() => return Ok(None),
            reply => Lease::new(reply?, asked, ttl),
        };
        if self.lease.is_none() {
            self.have_lease(lease);
        }
        let header = self.client.last_header().filter(|header| header.revision > 0);
        let first = self.first_count.filter(|(at, _)| asked < *at + FIRST_COUNT_LASTS);
        self.witness = header.map(|header| {
            let granted_at = header.revision;
            let revision = first.map_or(granted_at, |(_, revision)| revision.min(granted_at));
            Witness { lease, revision, granted_at }
        });
        Ok(self.witness)
    }

    /// The time to live of a lease that is granted before names are read: they are counted.
    fn first_ttl(&mut self) -> Result<Duration> {
        let mut names = self.host.directory(|directory| directory.occupied());
        if !matches!(self.settings.lease_ttl, LeaseTtl::Fixed(_)) {
            names = names.max(self.count_names()?);
            if self.membership == Membership::Newcomer && !self.contact.was_followed() {
                let header = self.client.last_header().filter(|header| header.revision > 0);
                let count = header.map(|header| (self.host.now(), header.revision));
                self.first_count = self.first_count.or(count);
            }
        }
        Ok(self.ttl_to_grant(names))
    }

    /// Looks whether etcd's history is the one in which names are being read, so that they can be read on.
    pub(super) fn witness_lives(&mut self) -> Result<bool> {
        match self.witness {
            Some(witness) if self.host.now() < witness.lease.valid_until => {
                self.ask_for_witness(witness)
            }
            _ => Ok(false),
        }
    }

    /// Keeps the lease alive that was granted for this alone, if it is time to.
    ///
    /// # Errors
    /// [`SessionError::NoHistory`]: it is gone.
    pub(super) fn keep_witness(&mut self) -> Result<()> {
        match self.witness {
            Some(witness) if self.host.now() >= witness.lease.renew_at => {
                let is_there = self.ask_for_witness(witness)?;
                if is_there { Ok(()) } else { Err(self.lose_witness()) }
            }
            _ => Ok(()),
        }
    }

    /// Asks whether it is there, and keeps it alive.
    fn ask_for_witness(&mut self, witness: Witness) -> Result<bool> {
        if let Some(lease) = self.lease.filter(|lease| lease.id == witness.lease.id) {
            self.keep_alive(lease)?;
            return Ok(true);
        }
        let asked = self.host.now();
        let reply = self.ask_member(|client| client.lease_keep_alive(witness.lease.id))?;
        let Some(reply) = reply else { return Ok(false) };
        self.witness_is_there(Lease::new(witness.lease.id, asked, reply.left));
        Ok(true)
    }

    /// Takes note that a lease was kept alive, which may be the one in question.
    pub(super) fn witness_is_there(&mut self, lease: Lease) {
        if let Some(witness) = self.witness.as_mut().filter(|it| it.lease.id == lease.id) {
            witness.lease = lease;
        }
    }

    /// Looks whether the history that is followed is the one that everything was read in. The own name says
    /// so as well, where it hangs on that lease, and is looked at anyway: see [`Session::dismiss_witness`].
    ///
    /// # Errors
    /// [`SessionError::NoHistory`]: it is another one.
    pub(super) fn hear_witness(&mut self) -> Result<()> {
        let Some(witness) = self.witness.filter(|_| !self.is_witness()) else { return Ok(()) };
        let is_there = self.ask_for_witness(witness)?;
        if !is_there && self.host.now() < witness.lease.valid_until {
            return Err(self.lose_witness());
        }
        self.witness = None;
        if is_there && self.lease.is_none_or(|lease| lease.id != witness.lease.id) {
            self.ask(|client| client.lease_revoke(witness.lease.id))?;
        }
        Ok(())
    }

    /// Takes note that it is gone before its time. It is not asked for again: who takes the table of another node reads
    /// nothing anew that another one would be granted for.
    fn lose_witness(&mut self) -> SessionError {
        self.witness = None;
        self.break_off(NOT_READ)
    }

    /// Whether the name that is ours hangs on the lease in question.
    fn is_witness(&self) -> bool {
        let (witness, lease) = (self.witness, self.lease.map(|lease| lease.id));
        self.membership.held().is_some() && witness.map(|witness| witness.lease.id) == lease
    }

    /// Takes note that the own name was seen, if there is one.
    pub(super) fn dismiss_witness(&mut self) {
        if self.is_witness() {
            self.witness = None;
        }
    }
}
