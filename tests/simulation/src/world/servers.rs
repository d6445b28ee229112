//! Members with one core each, on which calls and watches take turns: the time that an answer takes is what it
//! costs, and what is before it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::costs::Cost;
use super::{Event, World};
use crate::model::{Request, Time, WatchId};

/// What a member has to do.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// A call, by its number.
    Call(u64),
    /// The next message of a watch.
    Watch(WatchId),
}

/// What all members had to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Calls.
    pub calls: u64,
    /// Those of them that were transactions.
    pub transactions: u64,
    /// Messages of watches.
    pub messages: u64,
    /// Octets there and back.
    pub octets: u64,
    /// The time of a core that it took.
    pub time: Duration,
}

/// A member's core.
#[derive(Clone, Debug, Default)]
struct Core {
    jobs: VecDeque<Job>,
    busy_until: Time,
    /// Whether the agenda has its next job.
    is_awaited: bool,
}

/// The cores of all members.
#[derive(Clone, Debug)]
pub struct Servers {
    cores: Vec<Core>,
    /// The watches that wait for their turn.
    waiting: BTreeSet<WatchId>,
    served: Served,
}

impl Servers {
    /// Of so many members.
    pub fn new(members: usize) -> Servers {
        let cores = vec![Core::default(); members];
        Servers { cores, waiting: BTreeSet::new(), served: Served::default() }
    }

    /// What all members had to do so far.
    pub fn served(&self) -> Served {
        self.served
    }

    fn spend(&mut self, member: usize, now: Time, cost: Cost) -> Time {
        self.served.octets += cost.octets;
        self.served.time += cost.time;
        let core = &mut self.cores[member];
        core.busy_until = core.busy_until.max(now) + cost.time;
        core.busy_until
    }
}

impl World {
    /// Lets a member carry a call out, now or when its turn comes.
    pub(super) fn take_in(&mut self, member: usize, number: u64) {
        if self.servers.is_some() {
            self.line_up(member, Job::Call(number));
        } else {
            self.carry_out(number);
        }
    }

    /// Lets a watch wait for its turn at its member; `false`: nobody takes turns.
    pub(super) fn line_up_watch(&mut self, member: usize, watch: WatchId) -> bool {
        let Some(servers) = &mut self.servers else { return false };
        if servers.waiting.insert(watch) {
            self.line_up(member, Job::Watch(watch));
        }
        true
    }

    fn line_up(&mut self, member: usize, job: Job) {
        let Some(servers) = &mut self.servers else { return };
        servers.cores[member].jobs.push_back(job);
        self.await_core(member);
    }

    fn await_core(&mut self, member: usize) {
        let Some(servers) = &mut self.servers else { return };
        let core = &mut servers.cores[member];
        if core.is_awaited || core.jobs.is_empty() {
            return;
        }
        core.is_awaited = true;
        let at = core.busy_until;
        self.at(at, Event::Serve(member));
    }

    /// The core of a member does what is next.
    pub(super) fn serve(&mut self, member: usize) {
        let Some(servers) = &mut self.servers else { return };
        let core = &mut servers.cores[member];
        core.is_awaited = false;
        match core.jobs.pop_front() {
            Some(Job::Call(number)) => self.carry_out(number),
            Some(Job::Watch(watch)) => {
                servers.waiting.remove(&watch);
                if self.send_next(watch) {
                    self.line_up_watch(member, watch);
                }
            }
            None => {}
        }
        self.await_core(member);
    }

    /// When an answer to a call leaves its member.
    pub(super) fn leaves_at(&mut self, member: usize, number: u64, cost: Cost) -> Time {
        let now = self.now;
        let request = self.calls.get(&number).map(|call| call.request());
        let Some(servers) = &mut self.servers else {
            return now + self.chance.around(self.service);
        };
        servers.served.calls += 1;
        servers.served.transactions += u64::from(matches!(request, Some(Request::Txn(_))));
        servers.spend(member, now, cost)
    }

    /// When a message of a watch leaves its member.
    pub(super) fn message_leaves_at(&mut self, member: usize, cost: Cost) -> Time {
        let now = self.now;
        let Some(servers) = &mut self.servers else { return now };
        servers.served.messages += 1;
        servers.spend(member, now, cost)
    }
}
