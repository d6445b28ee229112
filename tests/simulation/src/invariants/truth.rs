//! Invariants 3 and 5: what is answered from is what etcd holds.

use idetcd::cluster::{Directory, Freshness, Record, SlotId};

use super::history::{Epoch, Held};
use super::{Checks, Invariant, Standing};
use crate::model::Time;
use crate::world::process::ProcessId;

/// How much of an age a clock may count wrongly, where two run at rates that differ, and what is rounded.
const CLOCK_RATES: f64 = 0.045;
const ROUNDING: Time = Time::from_millis(5);

/// A slot that is not as it should be.
#[derive(Debug)]
struct Difference {
    slot: SlotId,
    known: Held,
    wanted: Held,
}

/// What a process knows of its own name otherwise than of others.
struct Own {
    /// What it publishes, and did before.
    records: Vec<Record>,
    /// The slot, if that alone is followed at etcd: it may be older than the others then.
    followed: Option<SlotId>,
    /// Whether it takes the table of another process.
    takes_table: bool,
}

/// Whether the difference is none in what is answered, which is all that zones tell.
fn is_untold(known: Held, wanted: Held) -> bool {
    (known, wanted) == (Held::Nothing, Held::Unusable)
}

/// Compares a directory with a history, at the directory's revision. Something newer is right for the own
/// name, which is known from its claim; and for all where the directory is in the middle of a change.
fn difference(
    directory: &Directory,
    epoch: &Epoch,
    Own { records: own, followed, takes_table }: &Own,
    is_strict: bool,
) -> Option<Difference> {
    let revision = directory.revision();
    // Mostly nothing changed since.
    if epoch.is_reached_by(revision) && epoch.is_now(directory) {
        return None;
    }
    epoch.find_beside(directory, |slot, known, history| {
        let wanted = history.at(revision);
        if known == wanted || (*takes_table && is_untold(known, wanted)) {
            return None;
        }
        // That of its standing as well.
        let name = || directory.pattern().name(slot);
        let here = || Held::of(directory.record(name().as_bytes()));
        let known_here = if let Held::Record(_) = known { known } else { here() };
        let is_own = |record: &Record| known_here == Held::Record(*record);
        let may_be_newer = !is_strict || own.iter().any(is_own);
        let is_newer = may_be_newer && history.held_after(revision, known);
        let is_right = is_newer || (*followed == Some(slot) && history.ever_held(known));
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
        let (own, node) = (self.own(standing, directory), standing.node);
        let Some(difference) = difference(directory, self.oracle.current(), &own, is_strict) else {
            return;
        };
        if self.is_of_old_history(id, directory, &own, now) {
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

    /// Whether a directory is of a history that a restored backup ended, wholly or in part, and its process
    /// could not notice yet; or of what both histories have in common.
    fn is_of_old_history(
        &self,
        id: ProcessId,
        directory: &Directory,
        own: &Own,
        now: Time,
    ) -> bool {
        let Some(restored_at) = self.oracle.restored_at() else { return false };
        let is_noticed = self
            .undisturbed_since(id)
            .is_some_and(|since| now > since.max(restored_at) + self.bounds.behind);
        let is_right = |epoch: &Epoch| difference(directory, epoch, own, false).is_none();
        let is_common = directory.revision() < self.oracle.current().base();
        !is_noticed || (is_common && self.oracle.previous().any(is_right))
    }

    fn own(&self, standing: &Standing, directory: &Directory) -> Own {
        let followed = directory.own().filter(|_| standing.takes_table);
        Own { records: standing.records(), followed, takes_table: standing.takes_table }
    }

    /// A process takes the table of another one where its slot is high enough.
    pub(crate) fn may_take_table(&mut self, id: ProcessId) {
        if let Some(standing) = self.standing_mut(id) {
            standing.may_take_table = true;
        }
    }

    /// A process takes the table of another one from now on, or does so no more.
    pub(crate) fn takes_table(&mut self, id: ProcessId, takes_table: bool) {
        if let Some(standing) = self.standing_mut(id) {
            standing.takes_table = takes_table;
        }
    }

    /// A directory says that it was etcd's at a time, in true time: so it has what was there then. Clocks that run
    /// at other rates may count the age of that wrongly by a part.
    pub(crate) fn proof(&mut self, id: ProcessId, now: Time, directory: &Directory, at: Time) {
        let revision = directory.revision();
        let tolerance = now.saturating_sub(at).mul_f64(CLOCK_RATES) + ROUNDING;
        let is_late = |missed: &Time| *missed + tolerance < at;
        if self.oracle.current().first_after(revision).filter(is_late).is_none() {
            return;
        }
        // What it has may be newer than its revision.
        let Some(standing) = self.standing(id) else { return };
        let (node, own) = (standing.node, self.own(standing, directory));
        let Some(missed) = self.missed(directory, &own).filter(is_late) else { return };
        let text = format!(
            "process {id} (n{node}) says that revision {revision} was etcd's at {:.3} s, and something changed at \
             {:.3} s",
            at.as_secs_f64(),
            missed.as_secs_f64()
        );
        self.violated(now, Invariant::Proof, text);
    }

    /// When that was which a directory does not have yet.
    fn missed(&self, directory: &Directory, own: &Own) -> Option<Time> {
        let revision = directory.revision();
        let mut first = None;
        self.oracle.current().find_beside(directory, |slot, known, history| {
            let is_right =
                history.now() == known || (own.takes_table && is_untold(known, history.now()));
            if !is_right {
                let missed = match own.followed == Some(slot) {
                    true => history.changed_since_last(known),
                    false => history.changed_from(revision, known),
                };
                first = first.into_iter().chain(missed).min();
            }
            None::<()>
        });
        first
    }

    /// Looks how far a directory is behind, and whether it is right once all is well.
    pub(crate) fn look_at_directory(&mut self, id: ProcessId, now: Time, directory: &Directory) {
        let Some(standing) = self.standing(id) else { return };
        let (node, max_lag) = (standing.node, standing.max_lag.mul_f64(1.02));
        let standing_may_take = standing.may_take_table;
        let runs = standing.runs_since.is_some_and(|since| now > since + self.bounds.beyond_lag);
        let undisturbed = self.undisturbed_since(id);
        let is_synced = directory.freshness() == Freshness::Synced;
        let own = self.own(standing, directory);
        if is_synced {
            self.is_synced(id, now);
        }
        if is_synced && let Some(changed) = self.missed(directory, &own) {
            let in_calm = undisturbed.map(|since| (since.max(changed), self.bounds.behind));
            // By its own clock, and no call outlasts it.
            let always = runs.then_some((changed, max_lag + self.bounds.beyond_lag));
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
        self.directory(id, now, directory, false);
        let Some(since) = undisturbed else { return };
        let more = self.table_patience(standing_may_take, directory);
        if now < since + self.bounds.settled + more {
            return;
        }
        if !is_synced {
            return self.look_at_unsynced(id, now, directory);
        }
        self.look_at_serial_base(id, now, directory);
        let then = now - self.bounds.told - more;
        let wrong = self.oracle.current().find_beside(directory, |slot, known, history| {
            let is_untold = own.takes_table && known == Held::Nothing;
            let is_right = history.held_since(then, known)
                || (is_untold && history.held_since(then, Held::Unusable));
            (!is_right).then(|| (slot, known, history.now()))
        });
        if let Some((slot, known, wanted)) = wrong {
            let text = format!(
                "process {id} (n{node}) has {known:?} at slot {slot} though all is well, where etcd has {wanted:?}"
            );
            self.violated(now, Invariant::Settled, text);
        }
    }

    /// How much longer a node may take that takes the table of another one: the more names there are, the longer it
    /// waits until it turns to etcd.
    fn table_patience(&self, may_take_table: bool, directory: &Directory) -> Time {
        let names = u32::try_from(directory.occupied()).unwrap_or(u32::MAX);
        if may_take_table {
            self.bounds.table + self.bounds.table_a_name * names
        } else {
            Time::ZERO
        }
    }

    /// A directory is in sync now.
    pub(crate) fn is_synced(&mut self, id: ProcessId, now: Time) {
        if let Some(standing) = self.standing_mut(id) {
            standing.synced_at = now;
        }
    }

    /// Who loses its name now has to look around a moment before it is in sync again.
    fn look_at_unsynced(&mut self, id: ProcessId, now: Time, directory: &Directory) {
        let (since, told) = (self.undisturbed_since(id), self.bounds.told);
        let Some(standing) = self.standing(id) else { return };
        let (lost, last, node) = (standing.without_since, standing.synced_at, standing.node);
        let more = self.table_patience(standing.may_take_table, directory);
        if since.is_some_and(|since| now > since.max(lost).max(last) + told + more) {
            let text =
                format!("process {id} (n{node}) is {:?} though all is well", directory.freshness());
            self.violated(now, Invariant::Settled, text);
        }
    }

    /// Whether a directory that is in sync is what etcd holds now: then time cannot make it wrong.
    pub(crate) fn is_up_to_date(&self, directory: &Directory) -> bool {
        directory.freshness() == Freshness::Synced
            && directory.unstored_serial_base().is_none()
            && self.oracle.current().is_now(directory)
    }
}
