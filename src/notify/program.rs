//! A program that runs for as long as the name is owned: `idetcd exec … -- PROGRAM`.
//!
//! It is started once. When it ends, so does this process, with its status; when the name is lost
//! it is ended, because what it does under that name may be another node's to do. What it started is
//! ended with it, as far as that stayed in its process group.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::children::{self, AFTER_KILL, Ended};
use super::identity::Identity;
use super::parent_death;

/// The signals that are passed on to it. Others, SIGKILL and SIGSTOP foremost, cannot be, or do not
/// ask a process for anything.
const PASSED_ON: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Those among them that ask a process to end. One that is stopped obeys only when it is continued.
const ASKING_TO_END: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];

#[derive(Debug)]
enum State {
    /// There was no name yet.
    Waiting,
    Running(Pid),
    Ending(Ending),
    Over(Outcome),
}

/// Its process group, which is to be gone before the name is another node's, or before this process
/// ends: two nodes must not do the work of one name.
#[derive(Debug)]
struct Ending {
    group: Pid,
    /// Whether it was not only asked to end: nothing of it runs any further then, even where the
    /// system cannot let go of it.
    is_killed: bool,
    /// The time to kill it, or to give up.
    until: Instant,
    /// The outcome to tell when it is gone.
    outcome: Outcome,
}

/// The fate of the program.
#[derive(Debug)]
pub enum Outcome {
    /// It ended by itself.
    Ended(Ended),
    /// It was ended, because this name was lost.
    NameLost(String),
    /// No process could be started for it.
    NotStarted(io::Error),
    /// A signal came before there was a name; its number.
    Stopped(u8),
    /// There never was a name to run it under.
    NeverNamed,
}

/// The program, before, while, and after it runs.
#[derive(Debug)]
pub(super) struct Program {
    words: Vec<String>,
    grace: Duration,
    /// The signals to pass on, and whether they came.
    signals: Vec<(Signal, Arc<AtomicBool>)>,
    state: State,
}

impl Program {
    /// A program with its arguments, and how long it may take to end when the name is lost.
    /// `watch` gives for a signal's number a flag that is raised when it comes.
    pub(super) fn new(
        words: Vec<String>,
        grace: Duration,
        watch: impl Fn(i32) -> io::Result<Arc<AtomicBool>>,
    ) -> io::Result<Program> {
        let watched = |signal: Signal| Ok((signal, watch(signal.as_raw())?));
        let signals = PASSED_ON.into_iter().map(watched).collect::<io::Result<_>>()?;
        Ok(Program { words, grace, signals, state: State::Waiting })
    }

    /// Starts it, if it was not yet.
    pub(super) fn start(&mut self, identity: &Identity) {
        let (State::Waiting, Some(program)) = (&self.state, self.words.first()) else { return };
        self.state = match children::start(&mut parent_death::command(&self.words), identity) {
            Ok(pid) => {
                log::info!("{program} started as process {pid} under {}", identity.name);
                State::Running(pid)
            }
            Err(error) => State::Over(Outcome::NotStarted(error)),
        };
    }

    /// Ends it, because the name is no longer owned.
    pub(super) fn end(&mut self, identity: &Identity, now: Instant) {
        let State::Running(pid) = self.state else { return };
        log::warn!("{} is no longer owned: ending process {pid}", identity.name);
        self.ask_to_end(pid, Outcome::NameLost(identity.name.clone()), now);
    }

    fn ask_to_end(&mut self, group: Pid, outcome: Outcome, now: Instant) {
        pass_on(group, Signal::TERM);
        let until = now + self.grace;
        self.state = State::Ending(Ending { group, is_killed: false, until, outcome });
    }

    /// A child ended; it may be this one. What it leaves in its process group is ended as well,
    /// while the name is still owned.
    pub(super) fn ended(&mut self, ended_pid: Pid, ended: Ended, now: Instant) {
        match self.state {
            State::Running(pid) if pid == ended_pid => {
                log::info!("process {pid} ended: {ended}");
                let outcome = Outcome::Ended(ended);
                if children::are_left(pid) {
                    self.ask_to_end(pid, outcome, now)
                } else {
                    self.state = State::Over(outcome)
                }
            }
            State::Ending(Ending { group, .. }) if group == ended_pid => {
                log::info!("process {group} ended: {ended}");
            }
            _ => {}
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        if let State::Ending(Ending { until, .. }) = self.state { Some(until) } else { None }
    }

    /// Passes on the signals that came, and goes on with its end. Where it is over already, nobody is
    /// left to obey one that asks to end: it is returned.
    pub(super) fn run(&mut self, now: Instant) -> Option<Signal> {
        let came = self.signals.iter().filter(|(_, came)| came.swap(false, Ordering::Relaxed));
        let came: Vec<Signal> = came.map(|(signal, _)| *signal).collect();
        if self.is_over() {
            return came.into_iter().find(asks_to_end);
        }
        self.state = match std::mem::replace(&mut self.state, State::Waiting) {
            // The first signal that asks a process to end does so; the others are nobody's yet.
            State::Waiting => match came.into_iter().find(asks_to_end) {
                Some(signal) => {
                    let number = u8::try_from(signal.as_raw()).unwrap_or(0);
                    State::Over(Outcome::Stopped(number))
                }
                None => State::Waiting,
            },
            running @ State::Running(pid) => {
                came.into_iter().for_each(|signal| pass_on(pid, signal));
                running
            }
            State::Ending(ending) => {
                came.into_iter().for_each(|signal| pass_on(ending.group, signal));
                ending.go_on(now)
            }
            over @ State::Over(_) => over,
        };
        None
    }

    /// Whether it is still to be started, for want of a name.
    pub(super) fn awaits_name(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether a name is of use to it: it runs, or will, or what it left is being ended.
    pub(super) fn wants_name(&self) -> bool {
        match &self.state {
            State::Waiting | State::Running(_) => true,
            State::Ending(ending) => matches!(ending.outcome, Outcome::Ended(_)),
            State::Over(_) => false,
        }
    }

    /// The time that its end may take; `None`: it is not on its way out.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        matches!(self.state, State::Ending(_)).then(|| self.grace + AFTER_KILL)
    }

    /// Whether it ended, or never will be started.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    pub(super) fn outcome(self) -> Outcome {
        match self.state {
            State::Over(outcome) | State::Ending(Ending { outcome, .. }) => outcome,
            State::Waiting | State::Running(_) => Outcome::NeverNamed,
        }
    }
}

fn asks_to_end(signal: &Signal) -> bool {
    ASKING_TO_END.contains(signal)
}

fn pass_on(group: Pid, signal: Signal) {
    children::signal(group, signal);
    if asks_to_end(&signal) {
        children::signal(group, Signal::CONT);
    }
}

impl Ending {
    /// Looks whether it is gone, and kills it when its grace time is over.
    fn go_on(self, now: Instant) -> State {
        let group = self.group;
        if !children::are_left(group) {
            return State::Over(self.outcome);
        }
        if now < self.until {
            return State::Ending(self);
        }
        if self.is_killed {
            log::error!(
                "process group {group} was killed, but is still there; going on without its end"
            );
            return State::Over(self.outcome);
        }
        log::error!("process group {group} did not end in time (--grace): killing it");
        children::signal(group, Signal::KILL);
        State::Ending(Ending { is_killed: true, until: now + AFTER_KILL, ..self })
    }
}
