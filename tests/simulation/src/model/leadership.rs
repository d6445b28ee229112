//! Who leads: raft seen from outside. A leader that is out of reach of most members for as long as their
//! patience is replaced, and one that comes back before that goes on.

use std::time::Duration;

use super::leases::Leases;
use super::member::{Applied, State};
use super::{Model, Time};

/// The shortest time that a member waits to hear its leader; at most it waits twice as long.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest time that a member which is started alone needs for its election.
const OWN_ELECTION: Duration = Duration::from_millis(300);

/// The time between two terms of a member that stands for election in vain, about.
const VAIN_ELECTION: Duration = Duration::from_millis(1400);

/// The longest time for which a leader that ran no more, and runs again, does not know that it was replaced.
const IGNORANCE: Duration = Duration::from_millis(50);

/// Who leads.
#[derive(Clone, Debug)]
pub(super) struct Leadership {
    /// The member that leads most members; `None`: there is none now.
    pub(super) leader: Option<usize>,
    /// The one that led last: it counts the leases.
    pub(super) last: usize,
    /// Whether that one may go on where it stopped.
    is_resumable: bool,
    pub(super) election_at: Option<Time>,
    /// One that was replaced and does not know it.
    pub(super) stale: Option<Stale>,
    /// The highest term that anybody stood for.
    highest_term: u64,
}

/// A leader that was replaced and does not know it: it keeps leases alive that may be gone.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    pub(super) member: usize,
    /// Until when, where that is known: not while it is frozen.
    pub(super) until: Option<Time>,
    /// As it counts them.
    pub(super) leases: Leases,
}

impl Leadership {
    pub(super) fn new(term: u64) -> Leadership {
        Leadership {
            leader: None,
            last: 0,
            is_resumable: false,
            election_at: None,
            stale: None,
            highest_term: term,
        }
    }
}

impl Model {
    /// A time between none and this.
    pub(super) fn draw_time(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.fraction())
    }

    /// One time in two.
    pub(super) fn toss(&mut self) -> bool {
        self.random.draw().is_multiple_of(2)
    }

    /// The members that run and reach each other, if they are the majority.
    fn majority(&self) -> Vec<usize> {
        let up = |group| {
            let members = self.members.iter().enumerate();
            members.filter(move |(_, member)| member.is_up() && member.group == group)
        };
        let majority = self.members.len() / 2 + 1;
        let groups = 0..self.members.len();
        let group = groups.into_iter().find(|group| up(*group).count() >= majority);
        group.map_or(Vec::new(), |group| up(group).map(|(index, _)| index).collect())
    }

    /// Whether a member runs, and reaches a leader with most members.
    pub(super) fn is_led(&self, member: usize) -> bool {
        let group = |index: usize| self.members[index].group;
        let leader = self.leadership.leader;
        self.members[member].is_up() && leader.is_some_and(|leader| group(leader) == group(member))
    }

    /// Finds out who hears whom, after a member or the network changed.
    pub(super) fn regroup(&mut self) {
        let majority = self.majority();
        let lost = self.leadership.leader.filter(|leader| !majority.contains(leader));
        if lost.is_some() {
            self.leadership.leader = None;
        }
        if self.leadership.leader.is_none() {
            self.resume(&majority);
        }
        if self.leadership.leader.is_some() {
            self.gather(&majority);
        }
        for index in 0..self.members.len() {
            let is_alone = self.members[index].is_up() && !self.is_led(index);
            if is_alone && self.members[index].gives_up_at.is_none() {
                let patience = ELECTION_TIMEOUT + self.draw_time(ELECTION_TIMEOUT);
                self.members[index].gives_up_at = Some(self.now + patience);
            }
        }
        self.leadership.election_at = None;
        if self.leadership.leader.is_none() && !majority.is_empty() {
            let patience = majority.iter().filter_map(|index| self.members[*index].gives_up_at);
            let first = patience.min().unwrap_or(self.now).max(self.now);
            self.leadership.election_at = Some(first + self.draw_time(OWN_ELECTION));
        }
    }

    /// A leader that nobody missed goes on.
    fn resume(&mut self, majority: &[usize]) {
        let last = self.leadership.last;
        let nobody_stands = majority.iter().all(|index| !self.members[*index].stands(self.now));
        if self.leadership.is_resumable && majority.contains(&last) && nobody_stands {
            self.leadership.leader = Some(last);
        }
    }

    /// Those that the leader reaches hear it. One that stood for election meanwhile has a higher term, with
    /// which it makes the leader step down.
    fn gather(&mut self, majority: &[usize]) {
        let stood = majority.iter().filter(|index| self.members[**index].stands(self.now));
        if let Some(term) = stood.map(|index| self.own_term(*index)).max() {
            self.step_down(term, majority);
            return;
        }
        for index in majority {
            self.members[*index].hear();
        }
        self.catch_up(majority);
    }

    /// The term that a member stands in, if it stands.
    fn own_term(&self, index: usize) -> u64 {
        let alone =
            self.members[index].gives_up_at.map_or(Time::ZERO, |at| self.now.saturating_sub(at));
        let terms = alone.as_nanos() / VAIN_ELECTION.as_nanos();
        self.term + 1 + u64::try_from(terms).unwrap_or(0)
    }

    fn step_down(&mut self, term: u64, majority: &[usize]) {
        self.leadership.leader = None;
        self.leadership.is_resumable = false;
        self.leadership.highest_term = self.leadership.highest_term.max(term);
        for index in majority {
            let patience = self.draw_time(2 * ELECTION_TIMEOUT);
            self.members[*index].gives_up_at = Some(self.now + patience);
            self.members[*index].knows_leader = false;
        }
    }

    /// The leader is no more what it was: it was started anew.
    pub(super) fn forget_leader(&mut self, member: usize) {
        if self.leadership.last == member {
            self.leadership.is_resumable = false;
        }
    }

    /// A frozen member goes on, and does not know yet what happened meanwhile.
    pub(super) fn wake_leader(&mut self, member: usize) {
        // Either a call that it has waiting is the first thing that it finds, or the news.
        let ignorance = if self.toss() { IGNORANCE } else { Duration::ZERO };
        let until = self.now + ignorance;
        if let Some(stale) = self.leadership.stale.as_mut().filter(|stale| stale.member == member) {
            stale.until.get_or_insert(until);
        }
    }

    /// Most members elect one of them, which has all that was committed.
    pub(super) fn elect_new(&mut self, but: Option<usize>) -> bool {
        let majority = self.majority();
        let newest = majority.iter().map(|index| self.members[*index].log_index).max();
        let eligible: Vec<usize> = majority
            .iter()
            .copied()
            .filter(|index| Some(self.members[*index].log_index) == newest && Some(*index) != but)
            .collect();
        if eligible.is_empty() {
            return false;
        }
        let drawn = self.random.draw() % eligible.len() as u64;
        let leader = eligible[usize::try_from(drawn).unwrap_or(0)];
        let stood = majority.iter().filter(|index| self.members[**index].stands(self.now));
        let highest = stood.map(|index| self.own_term(*index)).max().unwrap_or(0);
        self.note_stale(leader, &majority);
        self.term = highest.max(self.leadership.highest_term).max(self.term + 1);
        self.leadership = Leadership {
            leader: Some(leader),
            last: leader,
            is_resumable: true,
            election_at: None,
            stale: self.leadership.stale.take(),
            highest_term: self.term,
        };
        for index in &majority {
            self.members[*index].hear();
        }
        self.leases.clock_rate = self.members[leader].clock_rate;
        self.leases.promote(self.now);
        self.ticked_at = self.now;
        self.commit();
        self.catch_up(&majority);
        true
    }

    /// The leader before, if it may believe in itself still.
    fn note_stale(&mut self, new: usize, majority: &[usize]) {
        let last = self.leadership.last;
        let member = &self.members[last];
        let until = match member.state {
            State::Up => member.gives_up_at.filter(|at| *at > self.now),
            State::Frozen | State::Dead => None,
        };
        let believes = self.leadership.is_resumable
            && (until.is_some() || member.state == State::Frozen)
            && !majority.contains(&last);
        if believes && last != new {
            let leases = self.leases.clone();
            self.leadership.stale = Some(Stale { member: last, until, leases });
        }
    }

    /// Commits an entry of raft's log, with what the store is now, to all that the leader reaches.
    pub(super) fn commit(&mut self) {
        self.index += 1;
        for index in 0..self.members.len() {
            if self.is_led(index) {
                self.hand_over(index);
            }
        }
    }

    /// Members that were away get what they missed, and those that were started tell of themselves.
    fn catch_up(&mut self, members: &[usize]) {
        let started = members.iter().filter(|index| self.members[**index].is_to_publish);
        for index in started.copied().collect::<Vec<_>>() {
            self.members[index].is_to_publish = false;
            self.commit();
        }
        for index in members {
            if self.members[*index].log_index < self.index {
                self.hand_over(*index);
            }
        }
    }

    fn hand_over(&mut self, index: usize) {
        let applied = Applied {
            index: self.index,
            term: self.term,
            revision: self.store.revision(),
            compacted: self.store.compacted(),
        };
        let member = &mut self.members[index];
        member.log_index = self.index;
        if member.delay.is_zero() && member.behind.is_empty() {
            self.apply(index, applied);
            return;
        }
        let last = member.behind.back().map_or(Time::ZERO, |(at, _)| *at);
        member.behind.push_back((last.max(self.now + member.delay), applied));
    }

    /// A member has applied more: its watchers hear of it, and so do those whose calls waited for that.
    pub(super) fn apply(&mut self, index: usize, applied: Applied) {
        let before = std::mem::replace(&mut self.members[index].applied, applied);
        if applied.revision > before.revision {
            self.watches.wake(index, &self.store, before.revision, applied.revision);
        }
        self.answer_applied(index);
    }
}
