//! What happens to members, to what is between them, and by hand.

use std::time::Duration;

use idetcd::etcd::{LeaseId, Op, Txn};

use super::member::State;
use super::{Limits, Model, Time, User, txn};

impl Model {
    /// A member stops to run, and keeps its connections (`SIGSTOP`).
    pub fn freeze(&mut self, member: usize, now: Time) {
        self.advance(now);
        if self.members[member].state == State::Up {
            self.members[member].state = State::Frozen;
            self.calls.freeze(member);
            self.regroup();
        }
    }

    /// A frozen member goes on.
    pub fn thaw(&mut self, member: usize, now: Time) {
        self.advance(now);
        if self.members[member].state != State::Frozen {
            return;
        }
        self.members[member].state = State::Up;
        self.wake_leader(member);
        self.thaw_calls(member);
        self.change_leader();
        self.apply_behind();
        self.thaw_watches(member);
    }

    /// A member dies. What it acknowledged is on its disk.
    pub fn kill(&mut self, member: usize, now: Time) {
        self.advance(now);
        if self.members[member].state == State::Dead {
            return;
        }
        let told = self.members[member].applied.revision;
        let arrives = if self.toss() { told } else { 0 };
        self.watches.cut(member, arrives);
        self.calls.cut(member);
        self.users.forget(member);
        let this = &mut self.members[member];
        this.state = State::Dead;
        this.knows_leader = false;
        this.gives_up_at = None;
        // It has the log, and will have applied it before it listens.
        if let Some((_, last)) = this.behind.pop_back() {
            this.applied = last;
            this.behind.clear();
        }
        this.postponed.clear();
        self.forget_leader(member);
        self.regroup();
    }

    /// A member that died is started again.
    pub fn start(&mut self, member: usize, now: Time) {
        self.advance(now);
        if self.members[member].state != State::Dead {
            return;
        }
        let patience = self.patience_of_started();
        let this = &mut self.members[member];
        this.state = State::Up;
        this.is_to_publish = true;
        this.gives_up_at = Some(now + patience);
        self.change_leader();
    }

    /// Cuts these members off from all others; they reach each other. Any earlier cut is healed.
    pub fn cut_off(&mut self, members: &[usize], now: Time) {
        self.advance(now);
        for (index, member) in self.members.iter_mut().enumerate() {
            member.group = usize::from(members.contains(&index));
        }
        self.change_leader();
    }

    /// Heals the cut.
    pub fn heal(&mut self, now: Time) {
        self.cut_off(&[], now);
    }

    /// Lets a member apply what is committed later by so much: it answers late, and so do its watches.
    /// Zero: it catches up.
    pub fn lag(&mut self, member: usize, delay: Duration, now: Time) {
        self.advance(now);
        let this = &mut self.members[member];
        this.delay = delay;
        if delay.is_zero() {
            for (at, _) in &mut this.behind {
                *at = (*at).min(now);
            }
            self.apply_behind();
        }
    }

    /// Another member becomes leader at once, if one can.
    pub fn elect(&mut self, now: Time) {
        self.advance(now);
        if let Some(leader) = self.leadership.leader {
            self.elect_new(Some(leader));
            self.after_election();
        }
    }

    /// Lets the clock of a member show so many seconds in a true one. It counts for leases while that member
    /// leads, from their next renewal on.
    pub fn set_clock_rate(&mut self, member: usize, rate: f64) {
        self.members[member].clock_rate = rate;
        if self.leadership.last == member {
            self.leases.clock_rate = rate;
        }
    }

    /// Forgets what was before a revision, by hand; false: it is refused, or there is no leader.
    pub fn compact(&mut self, revision: i64, now: Time) -> bool {
        self.by_hand(now, |model| model.store.compact(revision).is_ok())
    }

    /// Puts a key, by hand; lease 0: none. False: there is no such lease, or no leader.
    pub fn put(&mut self, key: &[u8], value: &[u8], lease: LeaseId, now: Time) -> bool {
        let (key, value) = (key.to_vec(), value.to_vec());
        self.change(Op::Put { key, value, lease }, now)
    }

    /// Deletes a key, by hand; false: there is no leader.
    pub fn delete(&mut self, key: &[u8], now: Time) -> bool {
        self.change(Op::Delete(key.to_vec()), now)
    }

    /// Revokes a lease, by hand; false: there is none, or no leader.
    pub fn revoke(&mut self, lease: LeaseId, now: Time) -> bool {
        let is_done = self.by_hand(now, |model| model.end_lease(lease.0).is_ok());
        self.answer_lease(Some(lease.0));
        is_done
    }

    fn change(&mut self, op: Op, now: Time) -> bool {
        let txn = Txn { success: vec![op], ..Txn::default() };
        self.by_hand(now, |model| txn::carry_out(&txn, &mut model.store, &mut model.leases).is_ok())
    }

    fn by_hand(&mut self, now: Time, what: impl FnOnce(&mut Model) -> bool) -> bool {
        self.advance(now);
        if self.leadership.leader.is_none() {
            return false;
        }
        let is_done = what(self);
        self.commit();
        is_done
    }

    /// Lets etcd know these users, and nobody else (`etcdctl auth enable`); none: it asks nobody.
    pub fn set_users(&mut self, users: &[User], now: Time) {
        self.by_hand(now, |model| {
            model.users.set(users);
            true
        });
    }

    /// Raises or ends the alarm `NOSPACE`, with which etcd takes no more keys.
    pub fn set_full(&mut self, full: bool, now: Time) {
        self.by_hand(now, |model| {
            model.is_full = full;
            true
        });
    }

    /// The limits, to be changed.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }
}
