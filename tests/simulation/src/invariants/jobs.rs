//! Invariant 8: programs that start together run by one list, which is the one in etcd at its revision; and where
//! enough wait and all is well, they start soon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{
    JobKeys, JobList, JobMember, JobName, Keyspace, ListState, SlotId, StartedList,
};

use super::{Checks, Invariant};
use crate::model::{Model, Time};
use crate::world::process::ProcessId;

/// How long it may take, beside the longest lease, until those who wait have started.
const STARTED_WITHIN: Duration = Duration::from_secs(50);

/// What is known of the job of a run.
#[derive(Debug)]
pub struct Jobs {
    list: Vec<u8>,
    revision: i64,
    restores: u64,
    /// The lists that were fixed, by revision, and whether they were started.
    lists: BTreeMap<i64, (Vec<JobMember>, bool)>,
    /// Those of before backups were restored.
    before: Vec<BTreeMap<i64, (Vec<JobMember>, bool)>>,
    /// What programs run by, under which name.
    programs: BTreeMap<ProcessId, (SlotId, Arc<StartedList>)>,
    /// Who takes part, and how many there are to be.
    parts: BTreeMap<ProcessId, usize>,
    /// When a program began or ended last.
    moved_at: Time,
    /// How many programs were started.
    starts: u64,
}

impl Jobs {
    pub(super) fn new(keyspace: &Keyspace) -> Jobs {
        Jobs {
            list: JobKeys::new(keyspace, &JobName::default()).list(),
            revision: 0,
            restores: 0,
            lists: BTreeMap::new(),
            before: Vec::new(),
            programs: BTreeMap::new(),
            parts: BTreeMap::new(),
            moved_at: Time::ZERO,
            starts: 0,
        }
    }

    /// Whether anybody takes part.
    pub(super) fn is_there(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Takes over what etcd changed.
    pub(super) fn follow(&mut self, etcd: &Model) {
        if etcd.restores() != self.restores {
            self.restores = etcd.restores();
            self.before.push(std::mem::take(&mut self.lists));
            self.revision = etcd.revision();
            if let Some(kv) = etcd.get(&self.list) {
                self.add(kv.mod_revision, &kv.value);
            }
            return;
        }
        if self.parts.is_empty() || self.revision == etcd.revision() {
            return;
        }
        let changes = etcd.changes_after(self.revision);
        let puts = changes.filter(|change| change.key == self.list);
        let puts: Vec<(i64, Vec<u8>)> =
            puts.filter_map(|put| Some((put.revision, put.value?.to_vec()))).collect();
        self.revision = etcd.revision();
        puts.iter().for_each(|(revision, value)| self.add(*revision, value));
    }

    fn add(&mut self, revision: i64, value: &[u8]) {
        let Some(list) = JobList::parse(value) else { return };
        match list.state {
            ListState::Fixed => drop(self.lists.insert(revision, (list.members, false))),
            ListState::Started(fixed) => drop(self.lists.insert(fixed, (list.members, true))),
        }
    }

    fn is_list(list: &StartedList, lists: &BTreeMap<i64, (Vec<JobMember>, bool)>) -> bool {
        let found = lists.get(&list.revision);
        found.is_some_and(|(members, is_started)| *is_started && *members == list.members)
    }

    pub(super) fn gone(&mut self, id: ProcessId, now: Time) {
        if self.programs.remove(&id).is_some() {
            self.moved_at = now;
        }
        self.parts.remove(&id);
    }
}

impl Checks {
    /// A process takes part in the job, which starts with so many.
    pub fn takes_part(&mut self, id: ProcessId, least: usize) {
        self.jobs.parts.insert(id, least);
    }

    /// How many programs were started by a list.
    pub fn starts_by_list(&self) -> u64 {
        self.jobs.starts
    }

    /// The program of a process runs by this list, or by none.
    pub fn runs_by(&mut self, id: ProcessId, now: Time, run: Option<(SlotId, Arc<StartedList>)>) {
        if self.jobs.programs.get(&id) == run.as_ref() {
            return;
        }
        self.jobs.moved_at = now;
        let Some((slot, list)) = run else {
            self.jobs.programs.remove(&id);
            return;
        };
        self.jobs.starts += 1;
        self.jobs.programs.insert(id, (slot, list.clone()));
        // What was in etcd before a backup was restored may be heard only now.
        let restored = self.oracle.restored_at();
        let since = self.undisturbed_since(id);
        let by_hand = self.bounds.by_hand;
        let is_settled =
            restored.is_none_or(|at| since.is_some_and(|since| now > since.max(at) + by_hand));
        let is_known = Jobs::is_list(&list, &self.jobs.lists)
            || (!is_settled && self.jobs.before.iter().any(|lists| Jobs::is_list(&list, lists)));
        if !is_known || list.rank_of(slot).is_none() {
            let text = format!(
                "the program of process {id} runs under {slot} by a list of revision {} that is not etcd's",
                list.revision
            );
            self.violated(now, Invariant::OneList, text);
        }
        let others: Vec<(ProcessId, SlotId, i64)> = self
            .jobs
            .programs
            .iter()
            .filter(|(other, (_, run))| **other != id && *run != list)
            // What runs goes on after a backup was restored, that knows nothing of its list.
            .filter(|(_, (_, run))| Jobs::is_list(run, &self.jobs.lists))
            .filter(|(other, _)| !self.stands(**other))
            .map(|(other, (slot, run))| (*other, *slot, run.revision))
            .collect();
        for (other, others_slot, revision) in others {
            let all = vec![id, other];
            let is_excused =
                self.are_excused(slot, all.clone(), now) || self.are_excused(others_slot, all, now);
            if !is_excused {
                let text = format!(
                    "process {id} runs by the list of revision {}, and {other} by that of {revision}",
                    list.revision
                );
                self.violated(now, Invariant::OneList, text);
            }
        }
    }

    /// Whether a process, and its program with it, cannot run.
    fn stands(&self, id: ProcessId) -> bool {
        self.standing(id).is_none_or(|standing| standing.runs_since.is_none())
    }

    /// Looks whether enough nodes wait for a list though all is well.
    pub(crate) fn look_at_job(&mut self, now: Time) {
        let Some(least) = self.jobs.parts.values().copied().max() else { return };
        if !self.jobs.programs.is_empty() {
            return;
        }
        let mut waiting = 0;
        let mut since = self.jobs.moved_at;
        let parts: Vec<ProcessId> = self.jobs.parts.keys().copied().collect();
        for id in parts {
            let (Some(standing), Some(calm)) = (self.standing(id), self.undisturbed_since(id))
            else {
                return;
            };
            since = since.max(calm).max(standing.lease_ttl.min(now));
            let lease = standing.lease_ttl;
            if standing.owned.is_some()
                && now > standing.owned_since.max(calm) + lease + STARTED_WITHIN
            {
                waiting += 1;
            }
        }
        let lease = self.live().map(|(_, standing)| standing.lease_ttl).max().unwrap_or_default();
        if waiting >= least && now > since + lease + STARTED_WITHIN {
            let text = format!("{waiting} nodes wait for a list of {least} though all is well");
            self.violated(now, Invariant::Together, text);
        }
    }
}
