//! Calls about leases: granted and revoked by way of raft, counted by the leader alone.

use idetcd::etcd::LeaseId;

use super::Model;
use super::calls::{Fate, Served, Wait};
use super::leases::Leases;
use super::member::State;
use super::refusal::Refusal;
use super::request::{LeaseLeft, Reply};
use super::serve::Position;
use super::span::Span;
use super::users::Caller;

impl Model {
    pub(super) fn new_lease(&mut self) -> i64 {
        loop {
            // Positive, and not 0.
            let id = (self.random.draw() >> 1).cast_signed();
            if id != 0 && self.leases.get(id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn may_revoke(&self, caller: &Caller, id: LeaseId) -> Result<(), Refusal> {
        let keys = self.leases.get(id.0).into_iter().flat_map(|lease| &lease.keys);
        keys.into_iter().try_for_each(|key| caller.check(Span::new(key, b"")))
    }

    /// Ends a lease with its keys, all at one revision.
    pub(super) fn end_lease(&mut self, id: i64) -> Result<(), Refusal> {
        let keys = self.leases.remove(id).ok_or(Refusal::NO_LEASE)?;
        for key in keys {
            self.store.delete(&key);
        }
        self.store.commit();
        Ok(())
    }

    /// The leases as a member counts them or the leader that it asks; else what it waits for.
    fn lessor(&mut self, member: usize) -> Result<&mut Leases, Wait> {
        let (when_changed, in_vain) = match self.position(member) {
            Position::Led | Position::Isolated => return Ok(&mut self.leases),
            Position::Replaced => match &mut self.leadership.stale {
                Some(stale) => return Ok(&mut stale.leases),
                None => (Fate::Lost, Refusal::TIMED_OUT),
            },
            // A connection that is refused leads to another try.
            Position::Unheard if self.members[self.leadership.last].state != State::Dead => {
                (Fate::Lost, Refusal::TIMED_OUT)
            }
            Position::Unheard | Position::Alone => (Fate::CarriedOut, Refusal::NO_LEADER),
        };
        Err(Wait::Leader { when_resumed: Fate::CarriedOut, when_changed, in_vain })
    }

    pub(super) fn serve_keep_alive(&mut self, member: usize, LeaseId(id): LeaseId) -> Served {
        let (now, raft_term) = (self.now, self.members[member].applied.term);
        let position = self.position(member);
        let leases = match self.lessor(member) {
            Ok(leases) => leases,
            Err(wait) => return Served::Waiting(wait),
        };
        let deadline = leases.get(id).and_then(|lease| lease.deadline);
        if deadline.is_none_or(|deadline| deadline > now) {
            let left = leases.renew(id, now);
            return Reply::KeptAlive(left.map(|left| LeaseLeft { left, raft_term })).into();
        }
        match position {
            // It steps down before it has ended the lease, and asks the leader then.
            Position::Replaced | Position::Isolated => Served::Waiting(Wait::Leader {
                when_resumed: Fate::CarriedOut,
                when_changed: Fate::CarriedOut,
                in_vain: Refusal::NO_LEADER,
            }),
            _ => Served::Waiting(Wait::Revocation(id)),
        }
    }

    pub(super) fn serve_time_to_live(&mut self, member: usize, LeaseId(id): LeaseId) -> Served {
        let (now, raft_term) = (self.now, self.members[member].applied.term);
        match self.lessor(member) {
            Ok(leases) => {
                let left = leases.time_left(id, now);
                Reply::TimeToLive(left.map(|left| LeaseLeft { left, raft_term })).into()
            }
            Err(wait) => Served::Waiting(wait),
        }
    }
}
