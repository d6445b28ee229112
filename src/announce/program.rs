//! A program that runs for as long as the name is owned: `idetcd exec … -- PROGRAM`.
//!
//! It is started once. When it ends, so does this process, with its status; when the name is lost
//! it is ended, because what it does under that name may be another node's to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::children::{self, Ended};
use super::identity::Identity;
use super::leash;

/// The signals that are passed on to it. Others, SIGKILL and SIGSTOP foremost, cannot be, or do not
/// ask a process for anything.
pub const PASSED_ON: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// A signal that may come, and whether it did.
#[derive(Debug)]
struct Passed {
    signal: Signal,
    came: Arc<AtomicBool>,
}

#[derive(Debug)]
enum State {
    /// There was no name yet.
    Waiting,
    Running(Pid),
    /// The name is lost, and it was asked to end.
    Ending {
        pid: Pid,
        /// When to kill it; `None`: that is done.
        kill_at: Option<Instant>,
        name: String,
    },
    Over(Outcome),
}

/// What became of the program.
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
pub struct Program {
    words: Vec<String>,
    grace: Duration,
    signals: Vec<Passed>,
    state: State,
}

impl Program {
    /// A program with its arguments, and how long it may take to end when the name is lost.
    /// `watch` gives for a signal's number a flag that is raised when it comes.
    ///
    /// # Errors
    /// Those of `watch`.
    pub fn new(
        words: Vec<String>,
        grace: Duration,
        watch: impl Fn(i32) -> io::Result<Arc<AtomicBool>>,
    ) -> io::Result<Program> {
        let passed = |signal: Signal| {
            let came = watch(signal.as_raw())?;
            Ok(Passed { signal, came })
        };
        let signals = PASSED_ON.into_iter().map(passed).collect::<io::Result<_>>()?;
        Ok(Program { words, grace, signals, state: State::Waiting })
    }

    /// Starts it, if it was not yet.
    pub(super) fn start(&mut self, identity: &Identity) {
        let (State::Waiting, Some(program)) = (&self.state, self.words.first()) else { return };
        self.state = match children::start(&mut leash::command(&self.words), identity) {
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
        children::signal(pid, Signal::TERM);
        let (kill_at, name) = (Some(now + self.grace), identity.name.clone());
        self.state = State::Ending { pid, kill_at, name };
    }

    /// A child ended; it may be this one.
    pub(super) fn ended(&mut self, ended_pid: Pid, ended: Ended) {
        let outcome = match &mut self.state {
            State::Running(pid) if *pid == ended_pid => Outcome::Ended(ended),
            State::Ending { pid, name, .. } if *pid == ended_pid => {
                Outcome::NameLost(std::mem::take(name))
            }
            _ => return,
        };
        log::info!("process {ended_pid} ended: {ended}");
        self.state = State::Over(outcome);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        match self.state {
            State::Ending { kill_at, .. } => kill_at,
            _ => None,
        }
    }

    /// Passes on the signals that came, and kills it when its grace time is over.
    pub(super) fn run(&mut self, now: Instant) {
        let came = |passed: &&Passed| passed.came.swap(false, Ordering::Relaxed);
        let came: Vec<Signal> = self.signals.iter().filter(came).map(|p| p.signal).collect();
        match &mut self.state {
            State::Waiting => {
                let asks_nothing = |signal: &Signal| [Signal::USR1, Signal::USR2].contains(signal);
                if let Some(signal) = came.into_iter().find(|signal| !asks_nothing(signal)) {
                    let number = u8::try_from(signal.as_raw()).unwrap_or(0);
                    self.state = State::Over(Outcome::Stopped(number));
                }
            }
            State::Running(pid) => {
                came.into_iter().for_each(|signal| children::signal(*pid, signal));
            }
            State::Ending { pid, kill_at, .. } => {
                came.into_iter().for_each(|signal| children::signal(*pid, signal));
                if kill_at.take_if(|at| *at <= now).is_some() {
                    log::error!("process {pid} does not end: killing it");
                    children::signal(*pid, Signal::KILL);
                }
            }
            State::Over(_) => {}
        }
    }

    /// Whether it runs, or will when there is a name.
    pub(super) fn may_run(&self) -> bool {
        matches!(self.state, State::Waiting | State::Running(_))
    }

    /// Whether it ended, or never will be started.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    pub(super) fn outcome(self) -> Outcome {
        match self.state {
            State::Over(outcome) => outcome,
            _ => Outcome::NeverNamed,
        }
    }
}
