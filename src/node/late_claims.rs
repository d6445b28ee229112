//! Claims that etcd carried out late, when another one had succeeded, and tickets that came back with a backup:
//! what they took is given back.

use super::claim::{Claimant, delete_if_on};
use super::session::Session;
use super::{Host, Result};
use crate::cluster::{Details, Keyspace, Record};
use crate::etcd::{Etcd, LeaseId};

/// Who put what is to be given back: it is told by record and lease alone.
fn late_claimant<'a>(keyspace: &'a Keyspace, record: &'a Record, lease: LeaseId) -> Claimant<'a> {
    Claimant { keyspace, record, node_id: None, is_ready: true, details: Details::NONE, lease }
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes note of slots that hold our record beside the one that is owned, after all names were read:
    /// no event tells of them.
    pub(super) fn note_late_claims(&mut self) {
        let (Some(own), Some(record), Some(lease)) =
            (self.membership.held(), self.record, self.lease)
        else {
            return;
        };
        let keyspace = self.settings.keyspace.clone();
        let claimant = late_claimant(&keyspace, &record, lease.id);
        let others = self.own_slots(claimant).into_iter().filter(|slot| *slot != own.slot);
        self.late_claims.extend(others);
    }

    /// Gives those slots back that hang on our lease; another node may publish the same addresses. What
    /// fails is tried again when this is called again.
    pub(super) fn give_back_late_claims(&mut self) -> Result<()> {
        while let Some(slot) = self.late_claims.last().copied() {
            let (Some(record), Some(lease)) = (self.record, self.lease) else { return Ok(()) };
            let keyspace = self.settings.keyspace.clone();
            let claimant = late_claimant(&keyspace, &record, lease.id);
            let is_own = self.membership.held().is_some_and(|own| own.slot == slot);
            if !is_own && self.ask(|client| claimant.give_back(client, slot))? {
                log::info!(
                    "gave slot {slot} back: etcd carried its claim out late, beside another one"
                );
            }
            self.late_claims.pop();
        }
        Ok(())
    }

    /// Takes the tickets out of the queue that hang on our lease, but for the one that is waited with while
    /// there is no name: nobody else would, while the lease lives.
    pub(super) fn leave_queue(&mut self) -> Result<()> {
        let Some(lease) = self.lease.filter(|_| self.may_queue) else { return Ok(()) };
        let waits_with = self.record.filter(|_| self.membership.held().is_none());
        for record in self.addresses.put_on(lease.id) {
            if waits_with == Some(record) {
                continue;
            }
            let ticket = self.settings.keyspace.ticket(&record);
            if self.ask(|client| delete_if_on(client, ticket, lease.id))? {
                log::info!("took a ticket of {record} back, which this node had before");
            }
        }
        self.may_queue = false;
        Ok(())
    }
}
