//! The barrier before programs start together: what a node of a job does next, by what it knows.
//!
//! ```text
//! named → enter (member key, and how many there are) → the one that completes the number fixes the list
//!       → each member joins it → the one that completes that starts the list → programs start
//! ```
//!
//! Each step is one transaction, and each is decided by etcd alone. Whoever should have taken one may have
//! died, so all who wait look around by themselves after a while. Knows no calls: see [`super::steps`].

use std::time::{Duration, Instant};

use super::settings::JobSettings;
use super::stage::{JobStep, Stage};
use crate::cluster::{JobKeys, JobList, JobMember, Keyspace, ListState};
use crate::etcd::LeaseId;
use crate::random::Random;

/// The shortest time until a node that waits looks around; it is longer by chance, and grows.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// The time until then where there is something to be seen soon, at most.
pub(super) const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// The time in which nobody may have come before a list of fewer than the most is fixed, and the longest time
/// for which more are waited for.
pub(super) const SETTLING: Duration = Duration::from_secs(1);
pub(super) const LONGEST_SETTLING: Duration = Duration::from_secs(10);

/// The time before the end of waiting at which a node looks who is missing, in half of a short one at the
/// latest.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A job, as far as this node knows.
#[derive(Debug)]
pub(in crate::node) struct Barrier {
    pub(super) settings: JobSettings,
    pub(super) keys: JobKeys,
    pub(super) stage: Stage,
    /// The keys that were put under a name, or may have been, and what they hang on.
    pub(super) put: Vec<(LeaseId, Vec<u8>)>,
    /// The revision of the list's key, 0 where there is none, and what stands there; `None`: no list.
    pub(super) list_revision: i64,
    pub(super) list: Option<JobList>,
    /// The revision up to which changes of the keys were seen.
    pub(super) seen: i64,
    /// Whether a list is to be fixed now.
    pub(super) is_form_due: bool,
    /// Whether it is to be looked who is left of the list that was started.
    pub(super) are_peers_due: bool,
    /// Whether the list is to be read, though there is nothing to wait for.
    pub(super) is_list_due: bool,
    /// Whether etcd may not know that this node joined the list that it runs by.
    pub(super) may_be_unknown: bool,
    /// Of the ranges that are watched, the first of this job; `None`: none is.
    pub(super) watched_from: Option<usize>,
    /// When to look around next.
    pub(super) look_at: Option<Instant>,
    /// When to look in any case, to say who is missing; `None`: that is not to be said, or was seen.
    pub(super) last_look_at: Option<Instant>,
    /// The bound of the pause before the look after that.
    pub(super) pause: Duration,
    /// How many steps were taken since there was nothing to do.
    pub(super) steps: usize,
    /// What is left of a list that is over: to be deleted by whoever fixes the next one.
    pub(super) left_over: Vec<Vec<u8>>,
    /// Until when to do nothing, as everything was in vain.
    pub(super) rests_until: Option<Instant>,
    /// How many there were at the last look, and since when there are enough.
    pub(super) count: usize,
    pub(super) counted_at: Option<Instant>,
    pub(super) enough_since: Option<Instant>,
}

impl Barrier {
    pub(in crate::node) fn new(
        settings: JobSettings,
        keyspace: &Keyspace,
        now: Instant,
    ) -> Barrier {
        let last_look = settings.timeout.map(|timeout| timeout - LAST_LOOK.min(timeout / 2));
        let last_look_at = last_look.and_then(|after| now.checked_add(after));
        let keys = JobKeys::new(keyspace, &settings.name);
        Barrier {
            settings,
            keys,
            stage: Stage::Outside,
            put: Vec::new(),
            list_revision: 0,
            list: None,
            seen: 0,
            is_form_due: false,
            are_peers_due: false,
            is_list_due: false,
            may_be_unknown: false,
            watched_from: None,
            look_at: None,
            last_look_at,
            pause: FIRST_LOOK,
            steps: 0,
            left_over: Vec::new(),
            rests_until: None,
            count: 0,
            counted_at: None,
            enough_since: None,
        }
    }

    /// The number of nodes with which it starts.
    pub(in crate::node) fn least(&self) -> usize {
        self.settings.least
    }

    /// Whether a list is fixed that this node is on, and its program is not started yet.
    pub(in crate::node) fn is_fixed(&self) -> bool {
        let (Stage::Waiting(own) | Stage::Joined(own, _)) = &self.stage else { return false };
        self.own_entry(own).is_some_and(|mine| mine.is_same_life(own))
    }

    /// Whether that is so, or there would be enough for a list if so many others came as well.
    pub(in crate::node) fn is_start_near(&self, others: usize) -> bool {
        let is_near = self.count.saturating_add(others) >= self.settings.least;
        self.is_fixed()
            || (matches!(self.stage, Stage::Waiting(_)) && self.list.is_none() && is_near)
    }

    /// What a node that owns this name does next.
    pub(super) fn step(&self, own: &JobMember, now: Instant) -> JobStep {
        if let Some(until) = self.rests_until.filter(|until| now < *until) {
            return JobStep::Wait(Some(until));
        }
        match &self.stage {
            Stage::Outside => return JobStep::Enter,
            Stage::Waiting(entered) if entered != own => return JobStep::Enter,
            Stage::Joined(entered, _) if !entered.is_same_life(own) => return JobStep::Enter,
            // The program was not started under the name that was lost, or there would be no other.
            Stage::Started(entered, _) if !entered.is_same_life(own) => return JobStep::Enter,
            Stage::Started(_, list) => return self.step_of_started(own, list.revision),
            Stage::Waiting(_) | Stage::Joined(..) => {}
        }
        if let Some((list, mine)) = self.list.as_ref().zip(self.own_entry(own)) {
            match list.state {
                ListState::Started(revision) if mine.is_same_life(own) => {
                    return JobStep::Start(revision);
                }
                ListState::Fixed if mine.is_same_life(own) => {
                    let revision = self.list_revision;
                    if !matches!(self.stage, Stage::Joined(_, joined) if joined == revision) {
                        return JobStep::Join(revision);
                    }
                }
                _ => {}
            }
        }
        if self.is_form_due {
            return JobStep::Form;
        }
        let look_at = self.look_at.map(|at| self.last_look_at.map_or(at, |last| at.min(last)));
        match look_at {
            Some(at) if at > now => JobStep::Wait(Some(at)),
            _ => JobStep::Look,
        }
    }

    fn step_of_started(&self, own: &JobMember, revision: i64) -> JobStep {
        let is_other = self.list_revision != 0
            && self.list.as_ref().is_some_and(|list| list.state != ListState::Started(revision));
        let has_me = self.own_entry(own).is_some_and(|mine| mine.is_same_life(own));
        if is_other && has_me && self.is_form_due {
            return JobStep::Withdraw;
        }
        if self.is_list_due {
            return JobStep::ReadList;
        }
        if self.are_peers_due {
            return JobStep::LookAtPeers;
        }
        if self.may_be_unknown { JobStep::JoinAgain } else { JobStep::Wait(None) }
    }

    /// The entry of this node in the list, of whatever life.
    fn own_entry(&self, own: &JobMember) -> Option<&JobMember> {
        self.list.as_ref()?.of_slot(own.slot)
    }

    /// It is to say again that it waits, as what it said may be gone, unless its program may run.
    pub(super) fn leave_and_enter(&mut self) {
        if !matches!(self.stage, Stage::Started(..)) {
            self.stage = Stage::Outside;
        }
    }

    /// Changes may have been missed, or etcd's history is another one.
    pub(in crate::node) fn forget(&mut self) {
        (self.list_revision, self.list, self.seen) = (0, None, 0);
        (self.is_list_due, self.may_be_unknown) = (true, true);
        self.forget_counts();
        self.leave_and_enter();
    }

    /// Changes are followed from now on: what stands there is to be read.
    pub(super) fn begin_anew(&mut self) {
        (self.seen, self.is_list_due) = (0, true);
        self.look_again();
    }

    /// Takes note that a key is put.
    pub(super) fn note_put(&mut self, lease: LeaseId, key: Vec<u8>) {
        self.put.retain(|(hangs_on, before)| *hangs_on == lease && *before != key);
        self.put.push((lease, key));
    }

    /// Looks around at once.
    pub(super) fn look_again(&mut self) {
        self.look_at = None;
    }

    /// It said that it waits, as the last of so many.
    pub(super) fn entered(
        &mut self,
        own: JobMember,
        count: usize,
        now: Instant,
        random: &mut Random,
    ) {
        let JobSettings { least, most, .. } = self.settings;
        self.pause = FIRST_LOOK;
        self.counted(count, now);
        let (mine, list) = (self.own_entry(&own), self.list.as_ref());
        let is_other_life = mine.is_some_and(|mine| !mine.is_same_life(&own));
        let is_fixed = list.is_some_and(|list| list.state == ListState::Fixed);
        let soon = now + SHORT_PAUSE.mul_f64(random.fraction());
        // Another life of this node was to join it, and never will.
        let mut is_form_due = is_other_life && is_fixed;
        self.look_at = match list.map(|list| list.state) {
            None if count == most => {
                is_form_due = true;
                None
            }
            // Of those who wait, one alone sees this.
            None if count == least => Some(now + SETTLING),
            Some(ListState::Started(_)) if is_other_life => None,
            Some(_) if count >= least => Some(soon),
            _ => Some(now + self.draw_pause(random)),
        };
        self.is_form_due = is_form_due;
        self.stage = Stage::Waiting(own);
    }

    /// Takes note of what stands at the list's key.
    pub(super) fn see_list(
        &mut self,
        revision: i64,
        value: Option<&[u8]>,
        now: Instant,
        random: &mut Random,
    ) {
        if revision == self.list_revision && (revision > 0 || self.list.is_none()) {
            return;
        }
        self.list_revision = revision;
        self.list = value.and_then(JobList::parse);
        self.pause = FIRST_LOOK;
        self.forget_counts();
        let own = match &self.stage {
            Stage::Waiting(own) | Stage::Joined(own, _) | Stage::Started(own, _) => own.clone(),
            Stage::Outside => return,
        };
        let is_started = matches!(self.stage, Stage::Started(..));
        let mine = self.own_entry(&own);
        let is_other_life = mine.is_some_and(|mine| !mine.is_same_life(&own));
        self.is_form_due = false;
        match self.list.as_ref().map(|list| list.state) {
            None => self.look_at = Some(now + SHORT_PAUSE.mul_f64(random.fraction())),
            Some(ListState::Fixed) if is_started => self.is_form_due = true,
            Some(ListState::Fixed) if is_other_life => self.is_form_due = true,
            Some(ListState::Started(_)) if is_other_life => self.look_at = None,
            Some(_) => self.look_at = Some(now + self.draw_pause(random)),
        }
    }

    pub(super) fn counted(&mut self, count: usize, now: Instant) {
        self.count = count;
        self.counted_at = Some(now);
        let is_enough = count >= self.settings.least;
        self.enough_since = self.enough_since.filter(|_| is_enough).or(is_enough.then_some(now));
    }

    fn forget_counts(&mut self) {
        (self.count, self.counted_at, self.enough_since) = (0, None, None);
    }

    /// There are too few for a list.
    pub(super) fn too_few(&mut self, count: usize, now: Instant, random: &mut Random) {
        self.is_form_due = false;
        self.counted(count, now);
        self.look_at = Some(now + self.draw_pause(random));
    }
}
