//! Calls that a member has not answered yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use idetcd::etcd::ErrorKind;

use super::refusal::Refusal;
use super::request::{CallId, LeaseLeft, Outcome, Reply, Request};
use super::{Model, Time};

/// How long a member goes on with a call: five seconds, and two election time-outs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);

/// What a call waits for.
#[derive(Clone, Debug)]
pub(super) enum Wait {
    /// The member is to go on.
    Thaw,
    /// A leader is to be heard.
    Leader {
        /// What comes of it when the leader of before goes on.
        when_resumed: Fate,
        /// What comes of it when there is a new leader.
        when_changed: Fate,
        /// How it is refused if there is none in time.
        in_vain: Refusal,
    },
    /// The member is to apply the entry of this index; it was carried out then.
    Applied(u64, Outcome),
    /// A lease that ran out is to be revoked.
    Revocation(i64),
}

/// What becomes of a call when a leader is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is carried out.
    CarriedOut,
    /// It is refused.
    Refused(Refusal),
    /// It was lost on the way to the leader before; nobody says so.
    Lost,
}

/// What a member makes of a call at once.
pub(super) enum Served {
    /// This is the answer.
    Answered(Outcome),
    /// This is the answer once the member has applied all that is committed.
    WhenApplied(Outcome),
    /// It waits.
    Waiting(Wait),
}

impl<R: Into<Outcome>> From<R> for Served {
    fn from(answer: R) -> Served {
        Served::Answered(answer.into())
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Outcome {
        Outcome::Reply(reply)
    }
}

/// A call that was not answered.
#[derive(Clone, Debug)]
struct Held {
    member: usize,
    token: Option<String>,
    request: Request,
    wait: Wait,
    /// When the member gives up; `None`: it does not count yet.
    due: Option<Time>,
    /// The term in which it began to wait.
    term: u64,
    /// The term in which its member was when it read the request: that is what its reply tells of a lease that it
    /// renews.
    read_in: u64,
    /// Whether the caller does not listen any more.
    is_abandoned: bool,
}

/// The calls that were not answered, and answers to be fetched.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    held: BTreeMap<CallId, Held>,
    /// Of the members that are not frozen.
    due: BTreeSet<(Time, CallId)>,
    answers: Vec<(CallId, Outcome)>,
    last: u64,
}

impl Calls {
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn take_answers(&mut self) -> Vec<(CallId, Outcome)> {
        std::mem::take(&mut self.answers)
    }

    /// The member answers, or nobody does any more.
    fn end(&mut self, id: CallId, outcome: Option<Outcome>) {
        let Some(held) = self.held.remove(&id) else { return };
        self.due.retain(|(_, due)| *due != id);
        let outcome = outcome.filter(|_| !held.is_abandoned);
        self.answers.extend(outcome.map(|outcome| (id, outcome)));
    }

    fn matching(&self, which: impl Fn(&Held) -> bool) -> Vec<CallId> {
        self.held.iter().filter(|(_, held)| which(held)).map(|(id, _)| *id).collect()
    }

    /// The member is frozen: it does not count the time.
    pub(super) fn freeze(&mut self, member: usize) {
        let Calls { held, due, .. } = self;
        due.retain(|(_, id)| held.get(id).is_none_or(|held| held.member != member));
    }

    /// The member is dead, and with it the connections.
    pub(super) fn cut(&mut self, member: usize) {
        for id in self.matching(|held| held.member == member) {
            let cut = Outcome::Error(ErrorKind::CutOff, "connection reset by peer".to_owned());
            self.end(id, Some(cut));
        }
    }
}

impl Model {
    /// The outcome of a call that was just made.
    pub(super) fn settle(
        &mut self,
        member: usize,
        token: Option<&str>,
        request: &Request,
        served: Served,
    ) -> Outcome {
        let wait = match served {
            Served::Answered(outcome) => return outcome,
            Served::WhenApplied(outcome) if self.is_current(member) => return outcome,
            Served::WhenApplied(outcome) => Wait::Applied(self.index, outcome),
            Served::Waiting(wait) => wait,
        };
        self.calls.last += 1;
        let id = CallId(self.calls.last);
        let due = (!matches!(wait, Wait::Thaw)).then(|| self.now + REQUEST_TIMEOUT);
        self.calls.due.extend(due.map(|due| (due, id)));
        let token = token.map(str::to_owned);
        let request = request.clone();
        let (term, read_in) = (self.term, self.members[member].applied.term);
        let held = Held { member, token, request, wait, due, term, read_in, is_abandoned: false };
        self.calls.held.insert(id, held);
        Outcome::Pending(id)
    }

    fn is_current(&self, member: usize) -> bool {
        self.members[member].applied.index >= self.index
    }

    /// Lets a member look once more at a call that it holds.
    fn serve_held(&mut self, id: CallId) {
        let Some(held) = self.calls.held.get(&id).cloned() else { return };
        let was_read = !matches!(held.wait, Wait::Thaw);
        let read_in = if was_read { held.read_in } else { self.members[held.member].applied.term };
        let served = self.serve(held.member, held.token.as_deref(), &held.request);
        let wait = match served {
            Served::Answered(Outcome::Reply(Reply::KeptAlive(Some(left)))) => {
                let left = LeaseLeft { raft_term: read_in, ..left };
                return self.calls.end(id, Some(Reply::KeptAlive(Some(left)).into()));
            }
            Served::Answered(outcome) => return self.calls.end(id, Some(outcome)),
            Served::WhenApplied(outcome) if self.is_current(held.member) => {
                return self.calls.end(id, Some(outcome));
            }
            Served::WhenApplied(outcome) => Wait::Applied(self.index, outcome),
            Served::Waiting(wait) => wait,
        };
        let (now, term) = (self.now, self.term);
        if let Some(held) = self.calls.held.get_mut(&id) {
            held.wait = wait;
            (held.term, held.read_in) = (term, read_in);
            let due = *held.due.get_or_insert(now + REQUEST_TIMEOUT);
            self.calls.due.insert((due, id));
        }
    }

    /// A member that was frozen goes on with what it has of calls.
    pub(super) fn thaw_calls(&mut self, member: usize) {
        for id in self.calls.matching(|held| held.member == member) {
            let held = &self.calls.held[&id];
            match (&held.wait, held.due) {
                (Wait::Thaw, _) => self.serve_held(id),
                (_, Some(due)) => _ = self.calls.due.insert((due.max(self.now), id)),
                (_, None) => {}
            }
        }
        self.answer_applied(member);
    }

    /// Goes on with calls for which a leader was missing.
    pub(super) fn retry_calls(&mut self) {
        for id in self.calls.matching(|held| matches!(held.wait, Wait::Leader { .. })) {
            let held = &self.calls.held[&id];
            let Wait::Leader { when_resumed, when_changed, .. } = held.wait else { continue };
            if !self.is_led(held.member) {
                continue;
            }
            match if held.term == self.term { when_resumed } else { when_changed } {
                Fate::CarriedOut => self.serve_held(id),
                Fate::Refused(refusal) => self.calls.end(id, Some(refusal.into())),
                Fate::Lost => {}
            }
        }
    }

    /// A lease is gone, or lives on under a new leader.
    pub(super) fn answer_lease(&mut self, lease: Option<i64>) {
        let concerned = |held: &Held| match held.wait {
            Wait::Revocation(waited) => lease.is_none_or(|lease| lease == waited),
            _ => false,
        };
        for id in self.calls.matching(concerned) {
            self.serve_held(id);
        }
    }

    /// A member has applied more.
    pub(super) fn answer_applied(&mut self, member: usize) {
        let applied = self.members[member].applied.index;
        let concerned = |held: &Held| match held.wait {
            Wait::Applied(index, _) => held.member == member && index <= applied,
            _ => false,
        };
        for id in self.calls.matching(concerned) {
            if let Wait::Applied(_, outcome) = &self.calls.held[&id].wait {
                let outcome = outcome.clone();
                self.calls.end(id, Some(outcome));
            }
        }
    }

    /// Members give up on calls that waited for too long.
    pub(super) fn end_due(&mut self) {
        while let Some((at, id)) = self.calls.due.first().copied()
            && at <= self.now
        {
            self.calls.due.remove(&(at, id));
            let refusal = match self.calls.held.get(&id).map(|held| &held.wait) {
                Some(Wait::Leader { in_vain, .. }) => *in_vain,
                _ => Refusal::TIMED_OUT,
            };
            self.calls.end(id, Some(refusal.into()));
        }
    }

    /// The caller closes the connection of a call that is pending: it gets no answer. Whether it is
    /// carried out is up to what holds it up.
    pub fn give_up(&mut self, call: CallId) {
        let Some(held) = self.calls.held.get(&call) else { return };
        let goes_on = match held.wait {
            // The member finds the request before it sees that nobody waits for the reply, or after it.
            Wait::Thaw => self.toss(),
            // It is on its way to a leader.
            Wait::Leader { when_changed, .. } => when_changed == Fate::Lost,
            Wait::Applied(..) | Wait::Revocation(_) => false,
        };
        match self.calls.held.get_mut(&call) {
            Some(held) if goes_on => held.is_abandoned = true,
            _ => self.calls.end(call, None),
        }
    }
}
