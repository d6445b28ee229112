//! A program that runs for as long as the name is owned: `idetcd exec … -- PROGRAM`.
//!
//! It is started once. When it ends, so does this process, with its status; when the name is lost
//! it is ended, because what it does under that name may be another node's to do. What it started is
//! ended with it, as far as that stayed in its process group.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::children::{self, AFTER_KILL, Ended};
use super::ending::{Ending, Outcome, asks_to_end, pass_on};
use super::identity::Identity;
use super::program_settings::{ProgramSettings, WhenInDoubt};
use super::{deputy_process, parent_death};
use crate::host::helper::Helper;
use crate::node::Owned;

/// The signals that are passed on to it. Others, SIGKILL and SIGSTOP foremost, cannot be, or do not
/// ask a process for anything.
const PASSED_ON: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// The most that it may go on when the name is lost while the lease was valid by our clock: deleted or
/// overwritten, it may be another's already.
const LONGEST_OVERLAP: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum State {
    /// There was no name yet.
    Waiting,
    /// As the process at the head of this group, under this name.
    Running {
        group: Pid,
        name: String,
        /// The fencing token that it was started with.
        token: i64,
    },
    Ending(Ending),
    Over(Outcome),
}

/// The program, before, while, and after it runs.
#[derive(Debug)]
pub(super) struct Program {
    settings: ProgramSettings,
    /// The signals to pass on, and whether they came.
    signals: Vec<(Signal, Arc<AtomicBool>)>,
    state: State,
    /// When the lease of the name runs out unless it is renewed; `None`: no name is owned.
    lease_end: Option<Instant>,
    /// The process that ends it where this one cannot.
    deputy: Option<Helper>,
    /// Whether the system lets one start.
    may_have_deputy: bool,
}

impl Program {
    /// One that is not started yet. `watch` gives for a signal's number a flag that is raised when
    /// it comes.
    pub(super) fn new(
        settings: ProgramSettings,
        watch: impl Fn(i32) -> io::Result<Arc<AtomicBool>>,
    ) -> io::Result<Program> {
        let watched = |signal: Signal| Ok((signal, watch(signal.as_raw())?));
        let signals = PASSED_ON.into_iter().map(watched).collect::<io::Result<_>>()?;
        Ok(Program {
            settings,
            signals,
            state: State::Waiting,
            lease_end: None,
            deputy: None,
            may_have_deputy: true,
        })
    }

    /// Takes note that this name is owned until then, or later if the lease is renewed.
    pub(super) fn follow(&mut self, owned: &Owned, now: Instant) {
        if let State::Running { token, .. } = self.state
            && token != owned.claim_revision
        {
            self.lose(now);
            return;
        }
        self.lease_end = Some(owned.valid_until);
        self.tell_deputy();
    }

    /// The end of the lease, where that ends the program.
    fn fatal_end(&self) -> Option<Instant> {
        self.lease_end.filter(|_| self.settings.when_in_doubt == WhenInDoubt::End)
    }

    /// The name may be another's by now. Returns whether the program goes on.
    pub(super) fn doubt(&mut self, now: Instant) -> bool {
        if let State::Running { group, name, .. } = &self.state
            && self.settings.when_in_doubt == WhenInDoubt::Keep
        {
            log::warn!("{name} may be another's: process {group} goes on (--when-in-doubt)");
            return true;
        }
        self.lose(now);
        false
    }

    /// Has somebody ready who ends the program in our stead, even before that runs, and tells by when it
    /// has to end.
    fn tell_deputy(&mut self) {
        if self.lease_end.is_none() || !self.may_have_deputy {
            return;
        }
        let order = match &self.state {
            State::Waiting => None,
            State::Running { group, .. } => match deputy_process::order(*group, self.fatal_end()) {
                Some(order) => Some(order),
                None => return,
            },
            State::Ending(_) | State::Over(_) => return,
        };
        let is_told = |deputy: &Helper| order.is_none_or(|order| deputy.tell(&order).is_ok());
        if self.deputy.as_ref().is_some_and(is_told) {
            return;
        }
        match Helper::start(deputy_process::DEPUTY_TASK, &[]) {
            Ok(deputy) => self.deputy = Some(deputy).filter(is_told),
            Err(error) => {
                self.may_have_deputy = false;
                log::info!(
                    "no process starts that would end the program were this one killed: {error}"
                );
            }
        }
    }

    /// Lets that process go where nothing is left to end.
    fn release_deputy(&mut self) {
        if self.is_over()
            && let Some(deputy) = self.deputy.take()
        {
            let _ = deputy.tell(&deputy_process::OVER);
        }
    }

    /// Whether it is to be started under the name that is owned: not if it was, nor so late that it would
    /// have to end at once.
    pub(super) fn is_to_start(&self, now: Instant) -> bool {
        self.awaits_name() && self.lease_end.is_some_and(|end| now + self.settings.grace < end)
    }

    pub(super) fn start(&mut self, identity: &Identity) {
        let Some(program) = self.settings.words.first() else { return };
        let command = &mut parent_death::command(&self.settings.words);
        self.state = match children::start(command, identity.environment()) {
            Ok(group) => {
                // It may turn out that there is no such program.
                log::info!("starting {program} as process {group} under {}", identity.name);
                State::Running { group, name: identity.name.clone(), token: identity.token() }
            }
            Err(error) => State::Over(Outcome::NotStarted(error)),
        };
        self.tell_deputy();
    }

    /// Ends it, because the name is no longer owned: at once where the lease is over, and else soon.
    pub(super) fn lose(&mut self, now: Instant) {
        let lease_end = self.fatal_end();
        self.lease_end = None;
        let soon = now + LONGEST_OVERLAP.min(self.settings.grace);
        let until = lease_end.map_or(soon, |at| at.min(soon));
        match &mut self.state {
            State::Running { group, name, .. } => {
                log::warn!("{name} is no longer owned: ending process {group}");
                let (group, outcome) = (*group, Outcome::NameLost(std::mem::take(name)));
                self.state = State::Ending(Ending::begin(group, outcome, until, now));
            }
            State::Ending(ending) => ending.hasten(until),
            _ => {}
        }
    }

    /// Ends it, because a node of its list was lost.
    pub(super) fn lose_peer(&mut self, peer: String, now: Instant) {
        match &self.state {
            State::Running { group, .. } => {
                log::warn!("{peer} is lost (--on-peer-lost): ending process {group}");
                let (until, outcome) = (now + self.settings.grace, Outcome::PeerLost(peer));
                self.state = State::Ending(Ending::begin(*group, outcome, until, now));
            }
            State::Waiting => self.state = State::Over(Outcome::PeerLost(peer)),
            State::Ending(_) | State::Over(_) => {}
        }
    }

    /// Gives up waiting for a list, for this reason.
    pub(super) fn give_up(&mut self, why: String) {
        if self.awaits_name() {
            self.state = State::Over(Outcome::NoList(why));
        }
    }

    /// Whether it ended by itself with status 0.
    pub(super) fn has_ended_well(&self) -> bool {
        let (State::Over(outcome) | State::Ending(Ending { outcome, .. })) = &self.state else {
            return false;
        };
        matches!(outcome, Outcome::Ended(Ended::Exited(0)))
    }

    /// The time to ask it to end, because the lease was not renewed.
    fn ends_at(&self) -> Option<Instant> {
        self.fatal_end().and_then(|at| at.checked_sub(self.settings.grace))
    }

    /// Ends it while the name is still owned, so that it is gone when it no longer is. It cannot be
    /// asked to go on: so that is done even if the lease is renewed after all.
    fn end_in_time(&self, group: Pid, name: String, now: Instant) -> State {
        log::warn!("the lease of {name} was not renewed in time: ending process {group}");
        let (outcome, until) = (Outcome::LeaseEnding(name), now + self.settings.grace);
        State::Ending(Ending::begin(group, outcome, until, now))
    }

    /// A child ended; it may be this one. What it leaves in its process group is ended as well,
    /// while the name is still owned.
    pub(super) fn ended(&mut self, ended_pid: Pid, ended: Ended, now: Instant) {
        match &self.state {
            State::Running { group, .. } if *group == ended_pid => {
                log::info!("process {group} ended: {ended}");
                let (outcome, until) = (Outcome::Ended(ended), now + self.settings.grace);
                self.state = if children::are_left(*group) {
                    State::Ending(Ending::begin(*group, outcome, until, now))
                } else {
                    State::Over(outcome)
                };
            }
            State::Ending(Ending { group, .. }) if *group == ended_pid => {
                log::info!("process {group} ended: {ended}");
            }
            _ => {}
        }
        self.release_deputy();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        match &self.state {
            State::Running { .. } => self.ends_at(),
            State::Ending(ending) => Some(ending.next(self.fatal_end())),
            State::Waiting | State::Over(_) => None,
        }
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
            State::Running { group, name, token } => {
                came.into_iter().for_each(|signal| pass_on(group, signal));
                match self.ends_at() {
                    Some(at) if at <= now => self.end_in_time(group, name, now),
                    _ => State::Running { group, name, token },
                }
            }
            State::Ending(ending) => {
                came.into_iter().for_each(|signal| pass_on(ending.group, signal));
                match ending.go_on(self.fatal_end(), now) {
                    ControlFlow::Continue(ending) => State::Ending(ending),
                    ControlFlow::Break(outcome) => State::Over(outcome),
                }
            }
            over @ State::Over(_) => over,
        };
        self.release_deputy();
        None
    }

    /// Whether it is still to be started, for want of a name.
    pub(super) fn awaits_name(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether a name is of use to it: it runs, or will, or is being ended under it.
    pub(super) fn wants_name(&self) -> bool {
        match &self.state {
            State::Waiting | State::Running { .. } => true,
            State::Ending(_) => self.lease_end.is_some(),
            State::Over(_) => false,
        }
    }

    /// The time that its end may take; `None`: it is not on its way out.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        matches!(self.state, State::Ending(_)).then(|| self.settings.grace + AFTER_KILL)
    }

    /// Whether it ended, or never will be started.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    pub(super) fn outcome(self) -> Outcome {
        match self.state {
            State::Over(outcome) | State::Ending(Ending { outcome, .. }) => outcome,
            State::Waiting | State::Running { .. } => Outcome::NeverNamed,
        }
    }
}
