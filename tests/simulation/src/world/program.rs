//! A program that runs under the name (`idetcd exec`): what it does, and what is done to it.
//!
//! It is started with the first name and gets SIGTERM when that is lost, or when the lease that is left
//! is no longer than its grace time; it is killed when the grace time is over, and at the end of the lease
//! at the latest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use idetcd::cluster::{SlotId, StartedList};
use idetcd::node::{JobNews, Owned};

/// A program, before, while and after it runs.
#[derive(Debug)]
pub struct Program {
    grace: Duration,
    /// How long it takes to end when it is asked to.
    takes: Duration,
    state: State,
    /// The job that it takes part in.
    part: Option<Part>,
}

/// A program in its job.
#[derive(Clone, Debug)]
pub struct Part {
    /// How long it runs.
    pub lasts: Duration,
    /// Whether it ends well then.
    pub ends_well: bool,
    /// The list by which it starts.
    pub list: Option<Arc<StartedList>>,
    /// When it ends by itself.
    pub ends_at: Option<Instant>,
    /// Whether it did, and well.
    pub has_ended_well: bool,
    /// The name that is owned while it waits for the list.
    owned: Option<Name>,
}

impl Part {
    /// One that waits for its list.
    pub fn new(lasts: Duration, ends_well: bool) -> Part {
        Part { lasts, ends_well, list: None, ends_at: None, has_ended_well: false, owned: None }
    }
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
        Program { grace, takes, state: State::Waiting, part: None }
    }

    /// The same as part of a job.
    pub fn taking(self, part: Option<Part>) -> Program {
        Program { part, ..self }
    }

    /// The list by which it runs, and the slot under whose name.
    pub fn runs_by(&self) -> Option<(SlotId, Arc<StartedList>)> {
        let list = self.part.as_ref()?.list.clone()?;
        Some((self.runs_under()?, list))
    }

    /// Whether it ended by itself, and well.
    pub fn has_ended_well(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.has_ended_well)
    }

    /// Something happens in its job.
    pub fn hear_of_job(&mut self, news: JobNews, now: Instant) {
        match (news, self.state) {
            (JobNews::Starts(list), State::Waiting) => {
                let Some(part) = &mut self.part else { return };
                part.list = Some(list);
                if let Some(name) = part.owned {
                    self.begin(name, now);
                }
            }
            (JobNews::PeerLost(_), State::Running(name)) => self.ask_to_end(name, now, false),
            _ => {}
        }
    }

    fn begin(&mut self, name: Name, now: Instant) {
        if let Some(part) = &mut self.part {
            if part.owned.is_some_and(|before| !before.is_like(name)) {
                part.list = None;
            }
            part.owned = Some(name);
            if part.list.is_none() || now + self.grace >= name.valid_until {
                return;
            }
            part.ends_at = Some(now + part.lasts);
        }
        self.state = State::Running(name);
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
            (State::Waiting, Some(name)) => self.begin(name, now),
            (State::Waiting, None) => {
                if let Some(part) = &mut self.part {
                    (part.owned, part.list) = (None, None);
                }
            }
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
                let last = name.valid_until.checked_sub(self.grace).unwrap_or(name.valid_until);
                let ends_at = self.part.as_ref().and_then(|part| part.ends_at);
                Some(ends_at.map_or(last, |at| at.min(last)))
            }
            State::Ending { until, .. } => Some(until),
            State::Waiting | State::Over => None,
        }
    }

    /// Does what is due.
    pub fn run(&mut self, now: Instant) {
        if let (State::Running(name), Some(part)) = (self.state, &mut self.part)
            && part.ends_at.is_some_and(|at| at <= now)
            && now < name.valid_until
        {
            part.has_ended_well = part.ends_well;
            self.state = State::Over;
        }
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
