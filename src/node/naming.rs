//! From a lease to a name: which slot to try, in which order, and what was lost.

use super::claim::{Claimant, Claimed, Place};
use super::follow::{Scope, Until};
use super::membership::Membership;
use super::session::Session;
use super::{Host, Trouble, address};
use crate::cluster::{Entry, Record};

impl<H: Host> Session<H> {
    /// Claims a slot unless one is owned.
    pub(super) fn ensure_name(&mut self) -> Result<(), Trouble> {
        let previous = match self.membership {
            Membership::Owned(_) | Membership::Doubtful(_) => return Ok(()),
            Membership::Newcomer => None,
            Membership::Lost(claimed) => Some(claimed),
        };
        let Some(lease) = self.lease else { return Err(Trouble::LeaseGone) };
        let record = match self.record {
            Some(record) => record,
            None => address::discover(&self.settings, self.host.source_address())
                .map_err(Trouble::NoAddress)?,
        };
        self.record = Some(record);
        let settings = self.settings.clone();
        let claimant = Claimant {
            pattern: &settings.pattern,
            limit: settings.limit,
            record: &record,
            lease: lease.id,
        };
        let result = self.reclaim(claimant, previous);
        if let Some(claimed) = self.heard_or_resync(result)? {
            self.own(claimed, record, previous);
            return Ok(());
        }
        loop {
            let result = claimant.take_ticket(&mut self.client).map_err(Trouble::from);
            let slot = match self.heard_or_resync(result)? {
                Place::Slot(slot) => slot,
                Place::Full => return Err(Trouble::NoFreeSlot),
                Place::Behind => {
                    let mut watch = self.open_watch(Scope::SlotsAndQueue)?;
                    self.follow(&mut watch, Until::Departure)?;
                    continue;
                }
            };
            let result = claimant.claim(&mut self.client, slot).map_err(Trouble::from);
            if let Some(claimed) = self.heard_or_resync(result)? {
                self.own(claimed, record, previous);
                return Ok(());
            }
        }
    }

    /// The slot that is ours already, or was and is free.
    fn reclaim(
        &mut self,
        claimant: Claimant<'_>,
        previous: Option<Claimed>,
    ) -> Result<Option<Claimed>, Trouble> {
        let slots = self.host.directory(|directory| {
            let own = directory.records().filter(|(slot, record)| {
                *record == claimant.record && slot.get() <= claimant.limit
            });
            own.map(|(slot, _)| slot).collect::<Vec<_>>()
        });
        for slot in slots {
            let Some(own) = claimant.find_own(&mut self.client, slot)? else { continue };
            if own.lease == claimant.lease {
                // A claim of ours succeeded, and its reply was lost.
                return Ok(Some(own.claimed));
            }
            // Only a newcomer takes over: we crashed and came back. Later it is somebody else who
            // publishes the same addresses, and may be alive.
            if previous.is_some() {
                continue;
            }
            if let Some(claimed) = claimant.take_over(&mut self.client, own)? {
                return Ok(Some(claimed));
            }
        }
        match previous {
            Some(claimed) => Ok(claimant.claim(&mut self.client, claimed.slot)?),
            None => Ok(None),
        }
    }

    /// A failed call of a claim may have succeeded in etcd: read everything, and look for it there.
    fn heard_or_resync<T>(&mut self, result: Result<T, Trouble>) -> Result<T, Trouble> {
        if result.is_err() {
            self.history = None;
        }
        self.heard(result)
    }

    fn own(&mut self, claimed: Claimed, record: Record, previous: Option<Claimed>) {
        let name = self.settings.pattern.name(claimed.slot);
        let limit = self.settings.limit;
        let verb = if previous.is_some() { "re-claimed" } else { "claimed" };
        self.membership = Membership::Owned(claimed);
        // The watch will tell it too, but whoever reads the log may ask for the name at once.
        let value = record.to_json();
        self.host.directory(|directory| {
            directory.apply(Entry {
                key: name.as_bytes(),
                value: Some(value.as_bytes()),
                mod_revision: claimed.mod_revision,
            })
        });
        log::info!("{verb} {name} (slot {} of {limit}): {record}", claimed.slot);
    }
}
