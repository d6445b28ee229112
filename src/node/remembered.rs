//! A slot that this node had in an earlier life, whose lease may be over for long: where it is free it is taken
//! again, before any other.
//!
//! It is a free slot like others, claimed by the same compare-and-swap: one that is taken is not touched. It
//! goes before those in the queue, who want any name, and costs one call at most: after that the
//! node stands in the queue as ever.

use super::claim::{Claimant, Taken};
use super::session::Session;
use super::state::Membership;
use super::{Host, Result};
use crate::etcd::Etcd;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Claims the slot that a newcomer remembers, once.
    pub(super) fn claim_remembered(&mut self, claimant: Claimant<'_>) -> Result<Option<Taken>> {
        let Some(slot) = self.settings.remembered else { return Ok(None) };
        let taken = match self.membership {
            Membership::Newcomer => self.ask(|client| claimant.claim(client, slot))?,
            _ => None,
        };
        // A call that failed may have been carried out, or is made again.
        self.settings.remembered = None;
        if taken.is_none() {
            let name = claimant.keyspace.pattern.name(slot);
            log::info!("{name}, which this node had before, is another's by now");
        }
        Ok(taken)
    }
}
