//! Invariant 9: who starts again within its lease has its name again, with other addresses as well; where it is
//! known by nothing, that is no one's to say.

use std::time::Duration;

use idetcd::cluster::SlotId;

use super::history::Held;
use super::{Checks, Invariant, Standing, Told};
use crate::model::Time;
use crate::world::process::ProcessId;

/// How long it waits at the least where another name is free: 60 s by a clock that may be a hundredth fast.
const LEAST_WAIT: Duration = Duration::from_secs(59);

impl Checks {
    /// A process owns its first name: not while its old one is there.
    pub(super) fn check_old_name(&mut self, id: ProcessId, now: Time, told: Told) {
        let Some(standing) = self.standing(id) else { return };
        let (Some(mark), Some(limit)) = (&standing.mark, standing.limit) else { return };
        let is_calm = self.undisturbed_since(id).is_some_and(|since| since <= standing.started);
        let is_shared = self.leases.are_clones(mark, standing.node);
        if !is_calm || is_shared || now > standing.started + LEAST_WAIT {
            return;
        }
        let restored = self.oracle.restored_at().unwrap_or_default();
        let current = self.oracle.current();
        let is_of_it = |lease| self.leases.is_marked(lease, mark, id);
        let taken = current.slot(told.slot);
        // A name with its addresses is waited for as well: whichever is free first.
        let its_addresses = Held::of(Some(&told.record));
        let has_its_addresses = taken.held_when(standing.started) == its_addresses;
        if has_its_addresses || taken.leases_since(standing.started).any(is_of_it) {
            return;
        }
        let slots = (1..=limit).filter_map(SlotId::new);
        let old: Vec<_> = slots
            .filter(|slot| current.slot(*slot).leases_since(standing.started).any(is_of_it))
            .filter_map(|slot| Some((slot, *current.slot(slot).last()?)))
            .collect();
        // Of several, none is waited for.
        let [(slot, version)] = old[..] else { return };
        let was_there = version.since < standing.started && version.since > restored;
        if slot == told.slot
            || !is_of_it(version.lease)
            || !was_there
            || self.lives_with(version.lease)
            || self.leases.is_kept_late(version.lease, standing.started)
        {
            return;
        }
        let text = format!(
            "process {id} (n{}) owns {}, and {slot}, which its node had before, holds {:?}",
            standing.node, told.slot, version.held
        );
        self.violated(now, Invariant::OldName, text);
    }

    /// Whether a slot hung, at a time or later, on the lease of a process that may be an earlier life of this one.
    pub(super) fn is_marked_elsewhere(
        &self,
        id: ProcessId,
        standing: &Standing,
        then: Time,
    ) -> bool {
        let Some(mark) = &standing.mark else { return false };
        let is_marked = |lease| self.leases.is_marked(lease, mark, id);
        self.oracle.current().all().any(|history| history.leases_since(then).any(is_marked))
    }
}
