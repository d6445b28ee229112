//! Invariants 1 and 2: who owns which name, by what its process says.

use std::collections::BTreeMap;

use idetcd::cluster::SlotId;

use super::{Checks, Invariant, Told};
use crate::model::Time;
use crate::world::process::ProcessId;

/// How far past the end of a lease its owner may be heard to own the name: what computing takes.
const COMPUTING: Time = Time::from_millis(50);

/// Who owns what, and what runs under it.
#[derive(Debug, Default)]
pub struct Owners {
    slots: BTreeMap<SlotId, Slot>,
    /// When a backup was restored last.
    restored_at: Option<Time>,
    /// Slots with two owners, who were let off so far.
    watched: Vec<SlotId>,
    /// Processes that stand still: so do their programs.
    still: Vec<ProcessId>,
}

#[derive(Debug, Default)]
struct Slot {
    owners: Vec<(ProcessId, Told)>,
    programs: Vec<ProcessId>,
    /// When it was changed by hand last.
    by_hand_at: Option<Time>,
    /// The last owner and its token.
    last: Option<(ProcessId, i64)>,
}

impl Owners {
    pub(super) fn by_hand(&mut self, slot: SlotId, now: Time) {
        self.slots.entry(slot).or_default().by_hand_at = Some(now);
    }

    /// A backup takes tokens back.
    pub(super) fn restored(&mut self, now: Time) {
        self.restored_at = Some(now);
        for slot in self.slots.values_mut() {
            slot.last = None;
        }
    }

    pub(super) fn gone(&mut self, id: ProcessId, _now: Time) {
        for slot in self.slots.values_mut() {
            slot.owners.retain(|(owner, _)| *owner != id);
            slot.programs.retain(|owner| *owner != id);
        }
        self.still.retain(|still| *still != id);
    }

    pub(super) fn stands_still(&mut self, id: ProcessId, is_still: bool) {
        self.still.retain(|still| *still != id);
        if is_still {
            self.still.push(id);
        }
    }

    pub(super) fn is_watching(&self) -> bool {
        !self.watched.is_empty()
    }

    /// When the slot was changed last by what may make two owners.
    pub(super) fn excused_at(&self, slot: SlotId) -> Option<Time> {
        self.slots.get(&slot).and_then(|slot| slot.by_hand_at).max(self.restored_at)
    }

    /// Those who own a slot now.
    fn owners(&self, slot: SlotId, now: Time) -> Vec<(ProcessId, Told)> {
        let owners = self.slots.get(&slot).map_or(&[][..], |slot| &slot.owners);
        owners.iter().filter(|(_, told)| told.valid_until > now).copied().collect()
    }

    /// Those whose programs run under a slot now.
    fn programs(&self, slot: SlotId) -> Vec<ProcessId> {
        let programs = self.slots.get(&slot).map_or(&[][..], |slot| &slot.programs);
        programs.iter().filter(|id| !self.still.contains(id)).copied().collect()
    }
}

impl Checks {
    /// A process says which name it owns. Returns whether that is another than before.
    pub fn told(&mut self, id: ProcessId, now: Time, told: Option<Told>) -> bool {
        let Some(standing) = self.standing_mut(id) else { return false };
        let before = std::mem::replace(&mut standing.owned, told);
        if told.is_none() && before.is_some() {
            standing.without_since = now;
        }
        let is_first = standing.last_slot.is_none();
        if let Some(told) = told {
            standing.last_slot = Some(told.slot);
        }
        let name = |told: Told| (told.slot, told.token);
        let is_new = before.map(name) != told.map(name);
        if is_new {
            standing.owned_since = now;
        }
        if is_first && let Some(told) = told {
            self.check_old_name(id, now, told);
            self.check_name_of_plugin(id, now, told);
        }
        if is_new && let Some(told) = told {
            self.check_left_to_plugin(id, now, told);
        }
        if let Some(before) = before
            && told.is_none_or(|told| told.slot != before.slot)
            && let Some(slot) = self.owners.slots.get_mut(&before.slot)
        {
            slot.owners.retain(|(owner, _)| *owner != id);
        }
        let Some(told) = told else { return is_new };
        if let Some(before) = before
            && before.slot == told.slot
            && before.token != told.token
        {
            let text = format!(
                "process {id} owns {} with token {}, and did with token {} until now",
                told.slot, told.token, before.token
            );
            self.violated(now, Invariant::Token, text);
        }
        let slot = self.owners.slots.entry(told.slot).or_default();
        slot.owners.retain(|(owner, _)| *owner != id);
        slot.owners.push((id, told));
        if is_new {
            self.check_token(id, now, told);
        }
        self.check_owners(told.slot, now);
        is_new
    }

    fn check_token(&mut self, id: ProcessId, now: Time, told: Told) {
        // What was claimed before a backup was restored may be told only now.
        let is_settled = self.owners.restored_at.is_none_or(|at| {
            self.undisturbed_since(id)
                .is_some_and(|since| now > since.max(at) + self.bounds.by_hand)
        });
        if !is_settled {
            return;
        }
        // A reply tells what was so when etcd answered: what is changed by hand on its way is heard of later.
        let on_its_way = self.standing(id).and_then(|standing| {
            let asked = standing.asked_last?;
            (now <= asked + standing.reply_after).then_some(asked)
        });
        let slot = self.owners.slots.entry(told.slot).or_default();
        let is_excused = on_its_way.is_some_and(|asked| slot.by_hand_at >= Some(asked));
        let (before, token) = slot.last.unwrap_or((id, 0));
        if told.token > token || (before == id && told.token == token) {
            slot.last = Some((id, told.token));
            return;
        }
        if is_excused {
            return;
        }
        // The reply to a claim may come after the key was deleted by hand, and claimed by another.
        if self.are_excused(told.slot, vec![id], now) {
            return;
        }
        let text = format!(
            "process {id} owns {} with token {}, after process {before} with token {token}",
            told.slot, told.token
        );
        self.violated(now, Invariant::Token, text);
    }

    /// Looks who owns a slot, and whether that may be.
    fn check_owners(&mut self, slot: SlotId, now: Time) {
        let owners = self.owners.owners(slot, now);
        let programs = self.owners.programs(slot);
        if owners.len() < 2 && programs.len() < 2 {
            self.owners.watched.retain(|watched| *watched != slot);
            return;
        }
        let all = owners.iter().map(|(id, _)| *id).chain(programs.iter().copied());
        if self.are_excused(slot, all.collect(), now) {
            if !self.owners.watched.contains(&slot) {
                self.owners.watched.push(slot);
            }
            return;
        }
        let (invariant, who) = if owners.len() > 1 {
            let who = owners.iter().map(|(id, told)| {
                let until = told.valid_until.as_secs_f64();
                format!("process {id} (n{}) until {until:.6}", self.node_of(*id))
            });
            (Invariant::OneOwner, who.collect::<Vec<_>>())
        } else {
            let who =
                programs.iter().map(|id| format!("that of process {id} (n{})", self.node_of(*id)));
            (Invariant::OneProgram, who.collect())
        };
        let text = format!("{slot} has {} owners: {}", who.len(), who.join(", "));
        self.violated(now, invariant, text);
    }

    fn node_of(&self, id: ProcessId) -> usize {
        self.standing(id).map_or(usize::MAX, |standing| standing.node)
    }

    /// Whether two owners are the fault of somebody who changed the key by hand, and could not hear of it.
    pub(super) fn are_excused(&self, slot: SlotId, all: Vec<ProcessId>, now: Time) -> bool {
        let Some(at) = self.owners.excused_at(slot) else { return false };
        let heard = all.iter().map(|id| self.undisturbed_since(*id));
        // Who is disturbed cannot hear, and loses the name with its lease.
        let Some(heard) = heard.collect::<Option<Vec<Time>>>() else { return true };
        let latest = heard.into_iter().max().unwrap_or_default();
        now <= at.max(latest) + self.bounds.by_hand
    }

    /// The program of a process runs under this name, or under none.
    pub fn program(&mut self, id: ProcessId, now: Time, runs_under: Option<SlotId>) {
        for slot in self.owners.slots.values_mut() {
            slot.programs.retain(|owner| *owner != id);
        }
        let Some(slot) = runs_under else { return };
        self.owners.slots.entry(slot).or_default().programs.push(id);
        self.check_owners(slot, now);
    }

    /// Looks again at what time alone changes.
    pub(crate) fn look_at_owners(&mut self, now: Time) {
        for slot in self.owners.watched.clone() {
            self.check_owners(slot, now);
        }
        let late = self.live().find(|(_, standing)| {
            standing.runs_since.is_some()
                && standing.owned.is_some_and(|told| told.valid_until + COMPUTING < now)
        });
        if let Some((id, standing)) = late {
            let text = format!("process {id} (n{}) owns a name past its lease", standing.node);
            self.violated(now, Invariant::InTime, text);
        }
    }
}
