//! From a lease to a name: which slot to try, in which order.

use super::claim::{Claimant, Claimed, Place};
use super::membership::Membership;
use super::session::Session;
use super::{Host, Trouble, WhenFull, address};
use crate::cluster::{Entry, Record, SlotId};

impl<H: Host> Session<H> {
    /// Claims a slot unless one is owned.
    pub(super) fn ensure_name(&mut self) -> Result<(), Trouble> {
        let previous = match self.membership {
            Membership::Owned(_) | Membership::Doubtful(_) => return Ok(()),
            Membership::Newcomer => None,
            Membership::Lost(claimed) => Some(claimed),
        };
        let Some(lease) = self.lease else { return Err(Trouble::LeaseGone) };
        let record = self.find_record()?;
        let keyspace = self.settings.keyspace.clone();
        let claimant = Claimant { keyspace: &keyspace, record: &record, lease: lease.id };
        let result = match self.reclaim(claimant, previous) {
            Ok(None) => self.queue_and_claim(claimant),
            Ok(Some(claimed)) => Ok(claimed),
            Err(trouble) => Err(trouble),
        };
        let claimed = match result {
            Ok(claimed) => claimed,
            Err(trouble) => {
                // A call that failed may have been carried out: read everything, and look for it.
                self.history = None;
                return Err(trouble);
            }
        };
        self.own(claimed, record, previous);
        self.give_back_others(claimant, claimed.slot)
    }

    /// Addresses may come and go until there is a name.
    fn find_record(&mut self) -> Result<Record, Trouble> {
        let found = address::discover(&self.settings, self.host.source_address());
        let record = match (found, self.record) {
            (Ok(record), _) => record,
            (Err(_), Some(record)) => record,
            (Err(error), None) => return Err(Trouble::NoAddress(error)),
        };
        self.record = Some(record);
        Ok(record)
    }

    /// The slots that hold our record, as far as the directory knows.
    fn own_slots(&self, claimant: Claimant<'_>) -> Vec<SlotId> {
        self.host.directory(|directory| {
            let own = directory.slots().filter(|(slot, record)| {
                *record == Some(claimant.record) && slot.get() <= claimant.keyspace.limit
            });
            own.map(|(slot, _)| slot).collect()
        })
    }

    /// The slot that is ours already, or was and is free.
    fn reclaim(
        &mut self,
        claimant: Claimant<'_>,
        previous: Option<Claimed>,
    ) -> Result<Option<Claimed>, Trouble> {
        for slot in self.own_slots(claimant) {
            let result = claimant.find_own(&mut self.client, slot).map_err(Trouble::from);
            let Some(own) = self.heard(result)? else { continue };
            if own.lease == claimant.lease {
                // A claim of ours succeeded, and its reply was lost.
                return Ok(Some(own.claimed));
            }
            // Only a newcomer takes over: it crashed and came back. Later it is somebody else who
            // publishes the same addresses, and may be alive.
            if previous.is_some() {
                continue;
            }
            let result = claimant.take_over(&mut self.client, own).map_err(Trouble::from);
            if let Some(claimed) = self.heard(result)? {
                let name = claimant.keyspace.pattern.name(slot);
                log::info!("{name} holds this node's record from an earlier life: taking it over");
                return Ok(Some(claimed));
            }
        }
        let Some(claimed) = previous else { return Ok(None) };
        let result = claimant.claim(&mut self.client, claimed.slot).map_err(Trouble::from);
        self.heard(result)
    }

    /// Takes tickets until one leads to a slot.
    fn queue_and_claim(&mut self, claimant: Claimant<'_>) -> Result<Claimed, Trouble> {
        loop {
            let result = claimant.take_ticket(&mut self.client).map_err(Trouble::from);
            let slot = match self.heard(result)? {
                Place::Slot(slot) => Some(slot),
                Place::Full if self.settings.when_full == WhenFull::Exit => {
                    return Err(Trouble::NoFreeSlot);
                }
                Place::Full | Place::Behind => self.wait_in_queue(claimant)?,
            };
            let Some(slot) = slot else { continue };
            let result = claimant.claim(&mut self.client, slot).map_err(Trouble::from);
            if let Some(claimed) = self.heard(result)? {
                return Ok(claimed);
            }
        }
    }

    fn own(&mut self, claimed: Claimed, record: Record, previous: Option<Claimed>) {
        let name = self.settings.keyspace.pattern.name(claimed.slot);
        let limit = self.settings.keyspace.limit;
        let verb = if previous.is_some() { "re-claimed" } else { "claimed" };
        self.turn(Membership::Owned(claimed));
        // The watch will tell it too, but whoever reads the log may ask for the name at once.
        let key = self.settings.keyspace.key(claimed.slot);
        let value = record.to_json();
        self.host.directory(|directory| {
            directory.apply(Entry {
                key: &key,
                value: Some(value.as_bytes()),
                mod_revision: claimed.mod_revision,
            })
        });
        log::info!("{verb} {name} (slot {} of {limit}): {record}", claimed.slot);
    }

    /// A claim that was held up may have been carried out while another one succeeded.
    fn give_back_others(&mut self, claimant: Claimant<'_>, own: SlotId) -> Result<(), Trouble> {
        for slot in self.own_slots(claimant).into_iter().filter(|slot| *slot != own) {
            let result = claimant.give_back(&mut self.client, slot).map_err(Trouble::from);
            if self.heard(result)? {
                log::info!("gave slot {slot} back: its claim was carried out late");
            }
        }
        Ok(())
    }
}
