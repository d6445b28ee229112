//! A model of etcd: members of one cluster with one history (MVCC), leases, watches and users.
//!
//! It is pure. The time is what the caller says, as the true time since the beginning of the run, and
//! never goes back; chance comes from the seed. Between two calls nothing happens by itself but what
//! [`Model::advance`] catches up with, at the times that [`Model::next_event`] foretells.
//!
//! What is modelled is etcd 3.4 as seen from its gateway. There is one history: what a member acknowledged
//! is never lost but by a restored backup. Members differ in how far they are with it, in whom they reach,
//! and in whether they run. A test holds the same calls against a real etcd.

mod calls;
mod faults;
mod follow;
mod interest;
mod keys;
mod leadership;
mod leases;
mod lessor;
mod limits;
mod member;
mod range;
mod refusal;
mod request;
mod serve;
mod snapshot;
mod span;
mod store;
mod txn;
mod users;
mod view;
mod watch;

use std::time::Duration;

use idetcd::etcd::{ErrorKind, WatchRange};
use idetcd::random::Random;

use calls::{Calls, Served, Wait};
use leadership::Leadership;
use leases::Leases;
use member::{Applied, Member, State};
use store::Store;
use users::Users;
use watch::Watches;

pub use limits::Limits;
pub use request::{CallId, LeaseLeft, MemberStatus, Outcome, Reply, Request};
pub use snapshot::Snapshot;
pub use users::User;
pub use view::{ChangeView, LeaseView};
pub use watch::{WatchId, WatchOutput};

/// True time since the beginning of the run.
pub type Time = Duration;

/// How often a leader looks for leases that ran out, and how many of them it ends at a time.
const LEASES_LOOK: Duration = Duration::from_millis(500);
const ENDED_A_LOOK: usize = 500;

/// How long a member that is started waits for a leader before it stands for election itself, at most; one
/// that is alone knows at once that there is none.
const LONGEST_START: Duration = Duration::from_secs(2);
const LONGEST_LONE_START: Duration = Duration::from_millis(300);

/// A cluster of etcd members.
#[derive(Clone, Debug)]
pub struct Model {
    limits: Limits,
    random: Random,
    now: Time,
    cluster_id: u64,
    members: Vec<Member>,
    leadership: Leadership,
    /// The index and the term of the last entry in raft's log that is committed.
    index: u64,
    term: u64,
    store: Store,
    leases: Leases,
    /// When the leader looked for leases that ran out.
    ticked_at: Time,
    users: Users,
    /// Whether the alarm `NOSPACE` is raised.
    is_full: bool,
    calls: Calls,
    watches: Watches,
    restores: u64,
}

impl Model {
    /// A cluster without keys, all of whose members run, with a leader.
    pub fn new(members: usize, seed: u64) -> Model {
        let mut random = Random::from_seed(seed);
        let cluster_id = random.draw();
        let mut member = || {
            let phase = LEASES_LOOK.mul_f64(random.fraction());
            Member::new(random.draw(), phase)
        };
        let members: Vec<Member> = (0..members).map(|_| member()).collect();
        let mut model = Model {
            limits: Limits::default(),
            random,
            now: Time::ZERO,
            cluster_id,
            watches: Watches::new(members.len()),
            members,
            leadership: Leadership::new(1),
            index: 0,
            term: 1,
            store: Store::new(),
            leases: Leases::default(),
            ticked_at: Time::ZERO,
            users: Users::default(),
            is_full: false,
            calls: Calls::default(),
            restores: 0,
        };
        model.begin();
        model.elect_new(None);
        model
    }

    /// Begins raft's log anew, with all members and what the store is.
    fn begin(&mut self) {
        self.term = 1;
        self.leadership = Leadership::new(self.term);
        // An entry for each member that there is, one for each that tells of itself, and for the version of
        // the cluster; another one comes with the first election.
        self.index = 2 * self.members.len() as u64 + 1;
        let (revision, compacted) = (self.store.revision(), self.store.compacted());
        let applied = Applied { index: self.index, term: self.term, revision, compacted };
        for member in &mut self.members {
            member.state = State::Up;
            member.applied = applied;
            member.log_index = self.index;
            member.behind.clear();
            member.postponed.clear();
            member.knows_leader = false;
            member.is_to_publish = false;
        }
    }

    /// Lets happen what happens by itself until `now`: leases end, leaders are elected, members catch
    /// up, calls are answered.
    pub fn advance(&mut self, now: Time) {
        while let Some(at) = self.next_event()
            && at <= now
        {
            self.now = self.now.max(at);
            if self.leadership.election_at.take_if(|at| *at <= self.now).is_some() {
                self.elect_new(None);
                self.after_election();
            }
            self.apply_behind();
            if self.lease_look().is_some_and(|at| at <= self.now) {
                self.end_leases();
            }
            self.look_after_watches();
            self.end_due();
        }
        self.now = self.now.max(now);
    }

    /// When something happens by itself next; `None`: never.
    pub fn next_event(&self) -> Option<Time> {
        let up = self.members.iter().filter(|member| member.is_up());
        let behind = up.filter_map(|member| member.behind.front().map(|(at, _)| *at));
        let others = [
            self.leadership.election_at,
            self.lease_look(),
            self.watches.next_look(),
            self.calls.next_due(),
        ];
        behind.chain(others.into_iter().flatten()).min()
    }

    /// When the leader finds a lease that ran out.
    fn lease_look(&self) -> Option<Time> {
        let leader = &self.members[self.leadership.leader?];
        let from = self.leases.first_deadline()?.max(self.ticked_at + Duration::from_nanos(1));
        Some(leader.tick(from, LEASES_LOOK))
    }

    fn end_leases(&mut self) {
        self.ticked_at = self.now;
        let mut expired = self.leases.expired(self.now, ENDED_A_LOOK);
        // etcd ends many at a time, in no order.
        expired.sort_by_cached_key(|_| self.random.draw());
        for id in expired {
            // It is there.
            let _ = self.end_lease(id);
            self.commit();
            self.answer_lease(Some(id));
        }
    }

    fn apply_behind(&mut self) {
        for index in 0..self.members.len() {
            while self.members[index].is_up()
                && let Some((at, applied)) = self.members[index].behind.front().copied()
                && at <= self.now
            {
                self.members[index].behind.pop_front();
                self.apply(index, applied);
            }
        }
    }

    /// Goes on after members or the network changed.
    fn change_leader(&mut self) {
        self.regroup();
        self.retry_calls();
    }

    fn after_election(&mut self) {
        self.answer_lease(None);
        self.retry_calls();
    }

    /// How long a member that is started now will wait for a leader.
    fn patience_of_started(&mut self) -> Duration {
        let longest = if self.members.len() == 1 { LONGEST_LONE_START } else { LONGEST_START };
        longest / 4 + self.draw_time(longest * 3 / 4)
    }

    /// Calls a member, without a token.
    pub fn call(&mut self, member: usize, now: Time, request: &Request) -> Outcome {
        self.call_as(member, now, None, request)
    }

    /// Calls a member with a token that [`Request::Authenticate`] gave.
    pub fn call_as(
        &mut self,
        member: usize,
        now: Time,
        token: Option<&str>,
        request: &Request,
    ) -> Outcome {
        self.advance(now);
        let served = match self.members[member].state {
            State::Up => self.serve(member, token, request),
            State::Frozen => Served::Waiting(Wait::Thaw),
            State::Dead => {
                let refused = "connection refused".to_owned();
                return Outcome::Error(ErrorKind::Unreachable, refused);
            }
        };
        self.settle(member, token, request, served)
    }

    /// The calls that were [`Outcome::Pending`] and are answered since this was asked last, in order. To be
    /// asked after each change of the model: a call, a fault, [`Model::advance`].
    pub fn take_answers(&mut self) -> Vec<(CallId, Outcome)> {
        self.calls.take_answers()
    }

    /// Opens a watch: [`Request::Watch`] where the outcome is [`Reply::Watch`].
    ///
    /// # Errors
    /// Any other outcome, [`Outcome::Pending`] included.
    pub fn watch(
        &mut self,
        member: usize,
        now: Time,
        ranges: &[WatchRange],
    ) -> Result<WatchId, Outcome> {
        match self.call(member, now, &Request::Watch(ranges.to_vec())) {
            Outcome::Reply(Reply::Watch(id)) => Ok(id),
            other => Err(other),
        }
    }

    /// The watches for which [`Model::next_reply`] may have something since this was asked last. To be
    /// asked after each change of the model, as [`Model::take_answers`].
    pub fn take_ready(&mut self) -> Vec<WatchId> {
        self.watches.take_ready()
    }

    /// The watcher closes the stream.
    pub fn close(&mut self, watch: WatchId) {
        self.watches.close(watch);
    }
}

#[cfg(test)]
mod tests;
