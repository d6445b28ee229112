//! Invariants 3 and 5: what is answered from is what etcd holds.

use idetcd::cluster::{Directory, Freshness, Record, SlotId};

use super::oracle::{Epoch, Held};
use super::{Checks, Invariant};
use crate::model::Time;
use crate::world::process::ProcessId;

/// A slot that is not as it should be.
#[derive(Debug)]
struct Difference {
    slot: SlotId,
    known: Held,
    wanted: Held,
}

/// Each slot that the directory has or that the history had, with what the directory has.
fn all_slots(directory: &Directory, epoch: &Epoch) -> Vec<(SlotId, Held)> {
    let known = directory.slots().map(|(slot, record)| (slot, Held::of(record)));
    let mut all: Vec<(SlotId, Held)> = known.collect();
    let known = all.len();
    for slot in epoch.slots.keys() {
        if all[..known].binary_search_by_key(slot, |(slot, _)| *slot).is_err() {
            all.push((*slot, Held::Nothing));
        }
    }
    all
}

/// Compares a directory with a history, at the directory's revision. Something newer is right for the own
/// name, which is known from its claim; and for all where the directory is in the middle of a change.
fn difference(
    directory: &Directory,
    epoch: &Epoch,
    own: Record,
    is_strict: bool,
) -> Option<Difference> {
    let revision = directory.revision();
    all_slots(directory, epoch).into_iter().find_map(|(slot, known)| {
        let wanted = epoch.at(slot, revision);
        let is_own = known == Held::Record(own);
        let is_right =
            known == wanted || ((is_own || !is_strict) && epoch.held_after(slot, revision, known));
        (!is_right).then_some(Difference { slot, known, wanted })
    })
}

impl Checks {
    /// The directory of a process changed. `is_strict`: the process is between two changes.
    pub fn directory(&mut self, id: ProcessId, now: Time, directory: &Directory, is_strict: bool) {
        if directory.freshness() != Freshness::Synced {
            return;
        }
        let Some(standing) = self.standing(id) else { return };
        let (own, node) = (standing.record, standing.node);
        let Some(difference) = difference(directory, self.oracle.current(), own, is_strict) else {
            return;
        };
        if self.is_of_old_history(id, directory, own, now) {
            return;
        }
        let Difference { slot, known, wanted } = difference;
        let text = format!(
            "process {id} (n{node}) says that it is in sync at revision {}, and has {known:?} at slot {slot}, \
             where etcd had {wanted:?}",
            directory.revision()
        );
        self.violated(now, Invariant::Directory, text);
    }

    /// Whether a directory is right in a history that a restored backup ended, and its process could not
    /// hear of that yet.
    fn is_of_old_history(
        &self,
        id: ProcessId,
        directory: &Directory,
        own: Record,
        now: Time,
    ) -> bool {
        let Some(restored_at) = self.oracle.restored_at() else { return false };
        let is_heard = self
            .undisturbed_since(id)
            .is_some_and(|since| now > since.max(restored_at) + self.bounds.behind);
        let is_right = |epoch: &Epoch| difference(directory, epoch, own, false).is_none();
        let is_common = directory.revision() < self.oracle.current().base();
        (is_common || !is_heard) && self.oracle.previous().any(is_right)
    }

    /// Looks how far a directory is behind, and whether it is right once all is well.
    pub(crate) fn look_at_directory(&mut self, id: ProcessId, now: Time, directory: &Directory) {
        let Some(standing) = self.standing(id) else { return };
        let node = standing.node;
        let undisturbed = self.undisturbed_since(id);
        let is_synced = directory.freshness() == Freshness::Synced;
        if is_synced && let Some(changed) = self.oracle.changed_after(directory.revision()) {
            let in_calm = undisturbed.map(|since| (since.max(changed), self.bounds.behind));
            let always = self.bounds.behind_always.map(|bound| (changed, bound));
            let late = in_calm.into_iter().chain(always).find(|(from, bound)| now > *from + *bound);
            if let Some((from, _)) = late {
                let behind = (now - from).as_secs_f64();
                let revision = directory.revision();
                let text = format!(
                    "process {id} (n{node}) says that it is in sync, and is {behind:.3} s behind, at \
                     revision {revision}"
                );
                self.violated(now, Invariant::Freshness, text);
            }
        }
        let Some(since) = undisturbed else { return };
        if now < since + self.bounds.settled {
            return;
        }
        if !is_synced {
            let text =
                format!("process {id} (n{node}) is {:?} though all is well", directory.freshness());
            return self.violated(now, Invariant::Settled, text);
        }
        let epoch = self.oracle.current();
        let then = now - self.bounds.told;
        let wrong = all_slots(directory, epoch)
            .into_iter()
            .find(|(slot, known)| !epoch.held_since(*slot, then, *known));
        if let Some((slot, known)) = wrong {
            let text = format!(
                "process {id} (n{node}) has {known:?} at slot {slot} though all is well, where etcd has {:?}",
                epoch.at(slot, i64::MAX)
            );
            self.violated(now, Invariant::Settled, text);
        }
    }
}
