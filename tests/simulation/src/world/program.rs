//! A program that runs under the name (`idetcd exec`): what it does, and what is done to it.
//!
//! It is started with the first name and gets SIGTERM when that is lost, or when the lease that is left
//! is no longer than its grace time; it is killed when the grace time is over, and at the end of the lease
//! at the latest.

use std::time::{Duration, Instant};

use idetcd::cluster::SlotId;
use idetcd::node::Owned;

/// A program, before, while and after it runs.
#[derive(Debug)]
pub struct Program {
    grace: Duration,
    /// How long it takes to end when it is asked to.
    takes: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running(Name),
    Ending {
        name: Name,
        /// When it ends by itself or is killed.
        until: Instant,
        /// Whether its name was lost, rather than that it was to stop.
        is_lost: bool,
    },
    Over,
}

/// What it runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    slot: SlotId,
    token: i64,
    valid_until: Instant,
}

impl Program {
    /// One that waits for a name, with the grace time that it is given and the time that it takes to end.
    pub fn new(grace: Duration, takes: Duration) -> Program {
        Program { grace, takes, state: State::Waiting }
    }

    /// The slot under whose name it runs.
    pub fn runs_under(&self) -> Option<SlotId> {
        match self.state {
            State::Running(name) | State::Ending { name, .. } => Some(name.slot),
            State::Waiting | State::Over => None,
        }
    }

    /// Whether it is over, and the process that ran it is to end.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether a name is of use to it.
    pub fn wants_name(&self) -> bool {
        match self.state {
            State::Waiting | State::Running(_) => true,
            State::Ending { is_lost, .. } => !is_lost,
            State::Over => false,
        }
    }

    /// The name was gained, renewed or lost.
    pub fn ownership(&mut self, owned: Option<Owned>, now: Instant) {
        let told = owned.map(|owned| Name {
            slot: owned.slot,
            token: super::host::token(&owned),
            valid_until: owned.valid_until,
        });
        match (self.state, told) {
            (State::Waiting, Some(name)) => self.state = State::Running(name),
            (State::Running(name), Some(again)) if name.is_like(again) => {
                self.state = State::Running(again);
            }
            (State::Running(name), _) => self.ask_to_end(name, now, true),
            (State::Ending { name, until, .. }, told)
                if !told.is_some_and(|it| name.is_like(it)) =>
            {
                let until = until.min(now + self.grace);
                self.state = State::Ending { name, until, is_lost: true };
            }
            _ => {}
        }
    }

    /// The process is to stop: the program goes first.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            State::Waiting => self.state = State::Over,
            State::Running(name) => self.ask_to_end(name, now, false),
            State::Ending { .. } | State::Over => {}
        }
    }

    fn ask_to_end(&mut self, name: Name, now: Instant, is_lost: bool) {
        let killed =
            if is_lost { name.valid_until.min(now + self.grace) } else { name.valid_until };
        self.state = State::Ending { name, until: killed.min(now + self.takes), is_lost };
    }

    /// When something is to be done with it.
    pub fn next(&self) -> Option<Instant> {
        match self.state {
            State::Running(name) => {
                Some(name.valid_until.checked_sub(self.grace).unwrap_or(name.valid_until))
            }
            State::Ending { until, .. } => Some(until),
            State::Waiting | State::Over => None,
        }
    }

    /// Does what is due.
    pub fn run(&mut self, now: Instant) {
        if self.next().is_some_and(|at| at <= now) {
            match self.state {
                State::Running(name) => self.ask_to_end(name, now, true),
                _ => self.state = State::Over,
            }
        }
        if let State::Ending { until, .. } = self.state
            && until <= now
        {
            self.state = State::Over;
        }
    }
}

impl Name {
    fn is_like(self, other: Name) -> bool {
        (self.slot, self.token) == (other.slot, other.token)
    }
}
