//! Invariants 1 and 9 beside nodes of the plugin: a name is never taken from one that lives, and who is started in the
//! place of one has its name at once.

use std::time::Duration;

use idetcd::cluster::SlotId;
use idetcd::etcd::LeaseId;

use super::history::Held;
use super::{Checks, Invariant, Told};
use crate::model::Time;
use crate::world::process::ProcessId;

/// The time for that: far less than the lease that the name hangs on.
const AT_ONCE: Duration = Duration::from_secs(5);

impl Checks {
    /// A process owns a name by a new token: not one that it took from a node of the plugin that lives.
    pub(super) fn check_left_to_plugin(&mut self, id: ProcessId, now: Time, told: Told) {
        let before = self.oracle.current().slot(told.slot).before(told.token).copied();
        let Some(before) = before.filter(|before| before.held != Held::Nothing) else { return };
        let Some(plugin) = self.plugin_leases.get(&before.lease).copied() else { return };
        let Some(living) = self.standing(plugin) else { return };
        let text = format!(
            "process {id} took {} from process {plugin} (n{}) of the plugin, which lives, with token {}",
            told.slot, living.node, told.token
        );
        self.violated(now, Invariant::OneOwner, text);
    }

    /// A process that was started in the place of a node of the plugin owns its first name: the one that is there since.
    pub(super) fn check_name_of_plugin(&mut self, id: ProcessId, now: Time, told: Told) {
        let Some(standing) = self.standing(id) else { return };
        let (Some(record), Some(limit)) = (standing.replaces, standing.limit) else { return };
        let (started, node) = (standing.started, standing.node);
        if self.undisturbed_since(id).is_none_or(|since| since > started) {
            return;
        }
        let current = self.oracle.current();
        let restored = self.oracle.restored_at().unwrap_or_default();
        let slots = (1..=limit).filter_map(SlotId::new);
        // Of this node's own, and of other hosts that took its address, as well.
        let there: Vec<SlotId> = slots
            .filter(|slot| current.slot(*slot).held_when(started).has_address_of(&record))
            .collect();
        // Of several, none tells which.
        let [slot] = there[..] else { return };
        let history = current.slot(slot);
        let Some(version) = history.version_when(started) else { return };
        // By hand, or by a backup, it may be another's.
        let is_plugins =
            version.lease != LeaseId(0) && self.plugin_leases.contains_key(&version.lease);
        let is_late = history
            .changed_since_last(Held::Record(record))
            .is_none_or(|changed| changed > started + AT_ONCE);
        let is_it = version.held == Held::Record(record) && is_plugins;
        if !is_it || version.since < restored || !is_late {
            return;
        }
        let text = format!(
            "process {id} (n{node}) owns {} {:.3} s after its start, and {slot}, which the plugin had here before, \
             was there until {:?}",
            told.slot,
            (now - started).as_secs_f64(),
            history.changed_since_last(Held::Record(record))
        );
        self.violated(now, Invariant::OldName, text);
    }
}
