//! What follows from what a node that waits for a list sees when it looks around.

use std::time::Instant;

use super::barrier::{Barrier, LONGEST_SETTLING, SETTLING};
use super::sight::{Joined, Judgement, Sighting};
use crate::cluster::{JobMember, Keyspace, ListState, SlotId};
use crate::etcd::LeaseId;
use crate::random::Random;

/// The most names that are told.
const MOST_TOLD: usize = 10;

impl Barrier {
    /// What is to be done after a look around.
    pub(super) fn looked(
        &mut self,
        look: &Sighting,
        own: &JobMember,
        now: Instant,
        random: &mut Random,
    ) -> Judgement {
        let judgement = self.judge(look, own, now);
        self.last_look_at = self.last_look_at.filter(|at| now < *at);
        self.look_at = Some(match judgement {
            Judgement::Settle => now + SETTLING,
            _ => now + self.draw_pause(random),
        });
        judgement
    }

    pub(super) fn judge(&mut self, look: &Sighting, own: &JobMember, now: Instant) -> Judgement {
        let Some(list) = self.list.as_ref() else { return self.judge_count(look, now) };
        if list.state == ListState::Fixed {
            // That another life of it is there, it says itself.
            let is_there = |one: &JobMember| look.slots.contains(&one.slot);
            if !list.members.iter().all(is_there) {
                return self.judge_lost(look, now);
            }
            let has_joined = |one: &JobMember| look.joined.iter().any(|it| it.slot == one.slot);
            let silent = list.members.iter().filter(|member| !has_joined(member));
            let silent: Vec<String> = silent.map(|member| member.name.clone()).collect();
            return if silent.is_empty() { Judgement::Commit } else { Judgement::Silent(silent) };
        }
        let (mine, others): (Vec<&Joined>, Vec<&Joined>) = look
            .joined
            .iter()
            .filter(|it| it.lease != LeaseId(0))
            .partition(|it| it.slot == own.slot);
        match (mine.first(), others.first()) {
            (_, Some(other)) if list.of_slot(own.slot).is_some() => {
                Judgement::JoinLate((*other).clone())
            }
            (_, Some(_)) => Judgement::Busy,
            (Some(mine), None) => Judgement::Forget((*mine).clone()),
            (None, None) => self.judge_count(look, now),
        }
    }

    /// A member is lost before the list was started.
    fn judge_lost(&mut self, look: &Sighting, now: Instant) -> Judgement {
        self.counted(look.count, now);
        if look.count >= self.settings.least { Judgement::Form } else { Judgement::TooFew }
    }

    /// There is no list, or none that counts.
    fn judge_count(&mut self, look: &Sighting, now: Instant) -> Judgement {
        let (before, before_at) = (self.count, self.counted_at);
        self.counted(look.count, now);
        let (least, most) = (self.settings.least, self.settings.most);
        if look.count < least {
            return Judgement::TooFew;
        }
        let is_quiet = look.count <= before && before_at.is_some_and(|at| now >= at + SETTLING);
        let is_long = self.enough_since.is_some_and(|since| now >= since + LONGEST_SETTLING);
        if look.count >= most || is_quiet || is_long { Judgement::Form } else { Judgement::Settle }
    }

    /// Who waits for the list, as far as `slots` tells, in words.
    pub(super) fn shortage(&self, keyspace: &Keyspace, slots: &[SlotId]) -> String {
        let least = self.settings.least;
        if self.count >= least {
            return format!("{} nodes are there, and {least} are enough", self.count);
        }
        let there = format!("{} of {least} nodes wait", self.count);
        if slots.len() < self.count {
            return there;
        }
        let all = (1..=u32::try_from(least).unwrap_or(u32::MAX)).filter_map(SlotId::new);
        let missing = all.filter(|slot| !slots.contains(slot));
        let missing = missing.take(least.saturating_sub(self.count));
        let names = missing.map(|slot| keyspace.pattern.name(slot));
        let names: Vec<String> = names.map(|name| name.trim_end_matches('.').to_owned()).collect();
        if names.is_empty() {
            return there;
        }
        format!("{there}, none under {}", some_of(&names))
    }
}

/// The first few of some names.
pub(super) fn some_of(names: &[String]) -> String {
    let told = names.get(..names.len().min(MOST_TOLD)).unwrap_or_default().join(", ");
    match names.len().checked_sub(MOST_TOLD) {
        Some(more @ 1..) => format!("{told} and {more} more"),
        _ => told,
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
