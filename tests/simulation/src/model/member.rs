//! One member: whether it runs, whom it reaches, and how far it is.

use std::collections::VecDeque;
use std::time::Duration;

use super::Time;

/// Whether a member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Frozen,
    Dead,
}

/// How far a member is with what is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// The index of the last entry of raft's log.
    pub(super) index: u64,
    /// Its term.
    pub(super) term: u64,
    /// The revision of the store.
    pub(super) revision: i64,
    /// The first revision that can be read.
    pub(super) compacted: i64,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) state: State,
    /// Members of the same group reach each other.
    pub(super) group: usize,
    /// How much later it applies what is committed.
    pub(super) delay: Duration,
    /// What it has applied.
    pub(super) applied: Applied,
    /// What it is to apply, and when.
    pub(super) behind: VecDeque<(Time, Applied)>,
    /// The index of the last entry that it has.
    pub(super) log_index: u64,
    /// When it gives up on a leader that it does not hear, and stands for election itself; `None`: it hears
    /// one.
    pub(super) gives_up_at: Option<Time>,
    /// Whether it heard a leader since it was started, or since that stepped down.
    pub(super) knows_leader: bool,
    /// Whether it has to tell the cluster of itself, as it does after its start.
    pub(super) is_to_publish: bool,
    /// When its clocks tick.
    pub(super) phase: Duration,
    /// The seconds that its clock shows in a true one.
    pub(super) clock_rate: f64,
    /// Watches that were to catch up while it was frozen: stream and range.
    pub(super) postponed: Vec<(u64, usize)>,
}

impl Member {
    /// A member that runs and has nothing.
    pub(super) fn new(id: u64, phase: Duration) -> Member {
        Member {
            id,
            state: State::Up,
            group: 0,
            delay: Duration::ZERO,
            applied: Applied::default(),
            behind: VecDeque::new(),
            log_index: 0,
            gives_up_at: None,
            knows_leader: false,
            is_to_publish: false,
            phase,
            clock_rate: 1.0,
            postponed: Vec::new(),
        }
    }

    /// Hears a leader.
    pub(super) fn hear(&mut self) {
        self.gives_up_at = None;
        self.knows_leader = true;
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether it has given up on its leader.
    pub(super) fn stands(&self, now: Time) -> bool {
        self.gives_up_at.is_some_and(|at| at <= now)
    }

    /// The first time from `from` on at which a clock of this period ticks.
    pub(super) fn tick(&self, from: Time, period: Duration) -> Time {
        let phase = self.phase.as_nanos() % period.as_nanos();
        let since = from.as_nanos().saturating_sub(phase);
        let ticks = since.div_ceil(period.as_nanos());
        let nanoseconds = phase + ticks * period.as_nanos();
        Time::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}
