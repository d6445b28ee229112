//! What a member that runs makes of a call.

use idetcd::etcd::{LeaseId, Range, RangeReply, ResponseHeader, Txn, TxnReply};

use super::calls::{Fate, Served, Wait};
use super::refusal::Refusal;
use super::request::{MemberStatus, Reply, Request};
use super::span::Span;
use super::users::Caller;
use super::{Model, limits, txn};

/// Where a member stands in its cluster, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// A leader hears it, or it is the leader.
    Led,
    /// It leads, as it believes: most members do not hear it.
    Isolated,
    /// It led, and was replaced without its knowledge.
    Replaced,
    /// It believes in a leader that does not hear it.
    Unheard,
    /// It knows of no leader.
    Alone,
}

type Result<T = Reply> = std::result::Result<T, Refusal>;

impl Model {
    /// Lets a member that runs answer a call.
    pub(super) fn serve(
        &mut self,
        member: usize,
        token: Option<&str>,
        request: &Request,
    ) -> Served {
        match request {
            Request::Range(range) => self.serve_range(member, token, range),
            Request::Txn(txn) => self.serve_txn(member, token, txn),
            Request::Compact(revision) => self.propose(member, token, |model, _| {
                model.store.compact(*revision)?;
                Ok(Reply::Compacted)
            }),
            Request::LeaseGrant(ttl) => self.propose(member, token, |model, _| {
                let id = model.new_lease();
                model.without_alarm()?;
                let ttl = model.leases.grant(id, *ttl, model.now)?;
                let header = model.header(member, model.store.revision());
                Ok(Reply::Granted(LeaseId(id), ttl, header))
            }),
            Request::LeaseRevoke(id) => self.propose(member, token, |model, caller| {
                model.may_revoke(caller, *id)?;
                model.end_lease(id.0)?;
                Ok(Reply::Revoked)
            }),
            Request::LeaseKeepAlive(id) => self.serve_keep_alive(member, *id),
            Request::LeaseTimeToLive(id) => self.serve_time_to_live(member, *id),
            Request::Status => Reply::Status(self.status(member)).into(),
            Request::Authenticate { name, password } => self.serve_login(member, name, password),
            Request::Watch(ranges) => {
                let caller = self.users.caller(member, token, self.now);
                self.open_watch(member, caller, ranges)
            }
        }
    }

    pub(super) fn position(&self, member: usize) -> Position {
        let leadership = &self.leadership;
        let is_replaced = leadership.stale.as_ref().is_some_and(|stale| {
            stale.member == member && stale.until.is_some_and(|until| until > self.now)
        });
        if is_replaced {
            return Position::Replaced;
        }
        if self.is_led(member) {
            return Position::Led;
        }
        let this = &self.members[member];
        if this.stands(self.now) || !this.knows_leader {
            Position::Alone
        } else if leadership.leader.is_none() && leadership.last == member {
            Position::Isolated
        } else {
            Position::Unheard
        }
    }

    pub(super) fn header(&self, member: usize, revision: i64) -> ResponseHeader {
        let member_id = self.members[member].id;
        let (cluster_id, raft_term) = (self.cluster_id, self.members[member].applied.term);
        ResponseHeader { cluster_id, member_id, revision, raft_term }
    }

    pub(super) fn status(&self, member: usize) -> MemberStatus {
        let applied = self.members[member].applied;
        let leader = match self.position(member) {
            Position::Led => self.leadership.leader,
            Position::Isolated | Position::Replaced => Some(member),
            Position::Unheard => Some(self.leadership.last),
            Position::Alone => None,
        };
        let mut errors = Vec::new();
        if leader.is_none() {
            errors.push("etcdserver: no leader".to_owned());
        }
        if self.is_full {
            errors.push(format!("memberID:{} alarm:NOSPACE ", self.members[0].id));
        }
        MemberStatus {
            header: self.header(member, applied.revision),
            leader: leader.map_or(0, |leader| self.members[leader].id),
            raft_term: applied.term,
            raft_index: self.members[member].log_index,
            errors,
        }
    }

    /// Waits until a read can be linearizable; `None`: it can be now.
    fn read_wait(&self, member: usize) -> Option<Served> {
        match self.position(member) {
            Position::Led => None,
            Position::Replaced => Some(Refusal::LEADER_CHANGED.into()),
            Position::Isolated | Position::Unheard | Position::Alone => {
                Some(Served::Waiting(Wait::Leader {
                    when_resumed: Fate::CarriedOut,
                    when_changed: Fate::Refused(Refusal::LEADER_CHANGED),
                    in_vain: Refusal::TIMED_OUT,
                }))
            }
        }
    }

    fn serve_range(&mut self, member: usize, token: Option<&str>, range: &Range) -> Served {
        if range.key.is_empty() {
            return Refusal::KEY_MISSING.into();
        }
        self.read_wait(member).unwrap_or_else(|| {
            let reply = self.read_range(member, token, range);
            Served::WhenApplied(reply.map_or_else(Into::into, Into::into))
        })
    }

    fn read_range(&mut self, member: usize, token: Option<&str>, range: &Range) -> Result {
        let end = range.range_end.as_deref().unwrap_or_default();
        self.users.caller(member, token, self.now)?.check(Span::new(&range.key, end))?;
        let found = self.store.range(range)?;
        let header = self.header(member, self.store.revision());
        let (kvs, count, more) = (found.kvs, found.count, found.more);
        Ok(Reply::Range(RangeReply { header, kvs, count, more }))
    }

    fn serve_txn(&mut self, member: usize, token: Option<&str>, txn: &Txn) -> Served {
        if let Err(refusal) = txn::check(txn, &self.limits) {
            return refusal.into();
        }
        if !txn::is_read_only(txn) {
            if limits::txn_size(txn) > self.limits.request {
                return Refusal::TOO_LARGE.into();
            }
            return self.propose(member, token, |model, caller| {
                if txn::may_put(txn) {
                    model.without_alarm()?;
                }
                caller.check_txn(txn)?;
                model.carry_out(member, txn)
            });
        }
        self.read_wait(member).unwrap_or_else(|| {
            let caller = self.users.caller(member, token, self.now);
            let allowed = caller.and_then(|caller| caller.check_txn(txn));
            let reply = allowed.and_then(|()| self.carry_out(member, txn));
            Served::WhenApplied(reply.map_or_else(Into::into, Into::into))
        })
    }

    fn carry_out(&mut self, member: usize, txn: &Txn) -> Result {
        let done = txn::carry_out(txn, &mut self.store, &mut self.leases)?;
        let header = self.header(member, done.revision);
        Ok(Reply::Txn(TxnReply { header, succeeded: done.succeeded, ranges: done.ranges }))
    }

    /// Sends something through raft: it is an entry of the log even where it is refused in the end.
    fn propose(
        &mut self,
        member: usize,
        token: Option<&str>,
        apply: impl FnOnce(&mut Model, &Caller) -> Result,
    ) -> Served {
        let caller = match self.users.caller(member, token, self.now) {
            Ok(caller) => caller,
            Err(refusal) => return refusal.into(),
        };
        let lost = |when_resumed| Wait::Leader {
            when_resumed,
            when_changed: Fate::Lost,
            in_vain: Refusal::TIMED_OUT,
        };
        Served::Waiting(match self.position(member) {
            Position::Led => {
                let reply = apply(self, &caller);
                self.commit();
                return Served::WhenApplied(reply.map_or_else(Into::into, Into::into));
            }
            Position::Isolated => lost(Fate::CarriedOut),
            Position::Replaced => lost(Fate::Lost),
            Position::Unheard if self.toss() => lost(Fate::CarriedOut),
            Position::Unheard => lost(Fate::Lost),
            Position::Alone => Wait::Leader {
                when_resumed: Fate::CarriedOut,
                when_changed: Fate::CarriedOut,
                in_vain: Refusal::NO_LEADER_TO_PROPOSE,
            },
        })
    }

    fn without_alarm(&self) -> Result<()> {
        if self.is_full { Err(Refusal::NO_SPACE) } else { Ok(()) }
    }

    fn serve_login(&mut self, member: usize, name: &str, password: &str) -> Served {
        if let Some(wait) = self.read_wait(member) {
            return wait;
        }
        if let Err(refusal) = self.users.check_password(name, password) {
            return refusal.into();
        }
        let token = format!("{:016x}.{}", self.random.draw(), self.index + 1);
        self.users.assign(&token, name, self.members.len(), self.now);
        self.commit();
        Served::WhenApplied(Reply::Token(token).into())
    }
}
