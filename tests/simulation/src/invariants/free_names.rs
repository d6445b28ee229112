//! Invariants 4 and 5: who wants a name gets one that is free.

use std::time::Duration;

use idetcd::cluster::{Record, SlotId};

use super::history::Held;
use super::{Checks, Invariant, Standing};
use crate::model::Time;
use crate::world::process::ProcessId;

impl Checks {
    /// Looks who is without a name, while there is one.
    pub(crate) fn look_at_free_names(&mut self, now: Time, wants_name: impl Fn(ProcessId) -> bool) {
        let mut found = None;
        for (id, standing) in self.live() {
            let Some(limit) = standing.limit else { continue };
            if standing.owned.is_some() || !wants_name(id) {
                continue;
            }
            let Some(undisturbed) = self.undisturbed_since(id) else { continue };
            let waiting = undisturbed.max(standing.without_since);
            let late = self.bounds.free;
            // What it waits for its addresses is asked only where that matters.
            let is_free = |(_, since): &(SlotId, Time)| now > waiting.max(*since) + late;
            let is_suspect = self.oracle.longest_free(limit).filter(is_free).is_some()
                || standing.last_slot.is_some();
            if now <= waiting + late || !is_suspect {
                continue;
            }
            let bound = late + self.wait_for_own_address(id, standing, now);
            if now <= waiting + bound {
                continue;
            }
            let node = standing.node;
            if let Some((slot, since)) = self.oracle.longest_free(limit)
                && now > waiting.max(since) + bound
            {
                let seconds = (now - waiting.max(since)).as_secs_f64();
                let text = format!(
                    "process {id} (n{node}) waits for a name up to {limit}, and {slot} is free for {seconds:.3} s"
                );
                found = Some((Invariant::FreeName, text));
                break;
            }
            if let Some(text) = self.is_kept_from_own_name(id, waiting, now) {
                found = Some((Invariant::Settled, text));
                break;
            }
        }
        if let Some((invariant, text)) = found {
            self.violated(now, invariant, text);
        }
    }

    /// Who finds its addresses, or its ID, at a name that it did not take waits to see whether somebody lives there, before
    /// it takes another one.
    fn wait_for_own_address(&self, id: ProcessId, standing: &Standing, now: Time) -> Duration {
        let then = now.saturating_sub(self.bounds.free);
        let own = standing.records();
        // A node of the plugin publishes a link-local address beside it.
        let is_held = |own: &Record| {
            let is_alike = |held: Held| held.has_address_of(own);
            self.oracle.current().all().any(|history| history.was_since(then, is_alike))
        };
        if own.iter().any(is_held) || self.is_marked_elsewhere(id, standing, then) {
            self.bounds.own_address
        } else {
            Duration::ZERO
        }
    }

    /// Says if the name that a process owned last holds its record still, and no lease of an earlier life or of
    /// another host can be what keeps it there.
    fn is_kept_from_own_name(&self, id: ProcessId, waiting: Time, now: Time) -> Option<String> {
        let standing = self.standing(id)?;
        let (slot, node) = (standing.last_slot?, standing.node);
        let version = self.oracle.current().slot(slot).last().copied()?;
        let is_alone = !self.live().any(|(other, s)| other != id && s.record == standing.record);
        let ended_at = self.ended_at.get(&standing.record.identity()).copied();
        let since = waiting.max(version.since).max(ended_at.unwrap_or_default());
        let is_its = version.held == Held::Record(standing.record) && is_alone;
        (is_its && now > since + standing.lease_ttl + self.bounds.free).then(|| {
            let seconds = (now - since).as_secs_f64();
            format!("process {id} (n{node}) owns no name, and {slot} holds its record for {seconds:.3} s")
        })
    }

    /// A process ended because there is no free name.
    pub(super) fn check_no_free_name(&mut self, id: ProcessId, now: Time) {
        let Some(standing) = self.standing(id) else { return };
        let Some(limit) = standing.limit else { return };
        let Some((slot, since)) = self.oracle.longest_free(limit) else { return };
        // What it read may be older than what is there now.
        let in_calm =
            self.undisturbed_since(id).map(|calm| calm.max(since) + Duration::from_secs(5));
        if since <= standing.started || in_calm.is_some_and(|then| now > then) {
            let node = standing.node;
            let text = format!(
                "process {id} (n{node}) ended for want of a name up to {limit}, and {slot} is free for {:.3} s",
                (now - since).as_secs_f64()
            );
            self.violated(now, Invariant::NoFreeName, text);
        }
    }
}
