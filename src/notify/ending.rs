//! The end of the program's process group: it is asked to end, has some time for that, and is killed
//! then. It is to be gone before the name is another node's, or before this process ends: two nodes
//! must not do the work of one name.

use std::io;
use std::ops::ControlFlow;
use std::time::Instant;

use rustix::process::{Pid, Signal};

use super::children::{self, AFTER_KILL, Ended};

/// The signals that ask a process to end. One that is stopped obeys only when it is continued.
const ASKING_TO_END: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];

/// The fate of the program.
#[derive(Debug)]
pub enum Outcome {
    /// It ended by itself.
    Ended(Ended),
    /// It was ended, because this name was lost.
    NameLost(String),
    /// It was ended, because the lease of this name was not renewed in time.
    LeaseEnding(String),
    /// It was ended, because a node of its list was lost: this one.
    PeerLost(String),
    /// It was not started, because the list that it waited for did not come in time, for this reason.
    NoList(String),
    /// No process could be started for it.
    NotStarted(io::Error),
    /// A signal came before there was a name; its number.
    Stopped(u8),
    /// There never was a name to run it under.
    NeverNamed,
}

/// A process group on its way out.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) group: Pid,
    /// Whether it was not only asked to end: nothing of it runs any further then, even where the
    /// system cannot let go of it.
    is_killed: bool,
    /// The time to kill it, if the lease does not end before; or to give up.
    until: Instant,
    /// The outcome to tell when it is gone.
    pub(super) outcome: Outcome,
}

impl Ending {
    /// Asks a group to end by then. Where that is now, it is killed.
    pub(super) fn begin(group: Pid, outcome: Outcome, until: Instant, now: Instant) -> Ending {
        if until <= now {
            return Ending::kill(group, outcome, now);
        }
        pass_on(group, Signal::TERM);
        Ending { group, is_killed: false, until, outcome }
    }

    fn kill(group: Pid, outcome: Outcome, now: Instant) -> Ending {
        children::signal(group, Signal::KILL);
        Ending { group, is_killed: true, until: now + AFTER_KILL, outcome }
    }

    /// Leaves it no more time than that.
    pub(super) fn hasten(&mut self, until: Instant) {
        if !self.is_killed {
            self.until = self.until.min(until);
        }
    }

    /// The time to kill it, at the end of the lease at the latest, or to give up.
    pub(super) fn next(&self, lease_end: Option<Instant>) -> Instant {
        lease_end.filter(|_| !self.is_killed).map_or(self.until, |at| at.min(self.until))
    }

    /// Looks whether it is gone, and kills it when its time is over.
    pub(super) fn go_on(
        self,
        lease_end: Option<Instant>,
        now: Instant,
    ) -> ControlFlow<Outcome, Ending> {
        let group = self.group;
        if !children::are_left(group) {
            return ControlFlow::Break(self.outcome);
        }
        if now < self.next(lease_end) {
            return ControlFlow::Continue(self);
        }
        if self.is_killed {
            log::error!(
                "process group {group} was killed, but is still there; going on without its end"
            );
            return ControlFlow::Break(self.outcome);
        }
        log::error!("process group {group} did not end in time (--grace): killing it");
        ControlFlow::Continue(Ending::kill(group, self.outcome, now))
    }
}

pub(super) fn asks_to_end(signal: &Signal) -> bool {
    ASKING_TO_END.contains(signal)
}

/// Hands a signal to a group.
pub(super) fn pass_on(group: Pid, signal: Signal) {
    children::signal(group, signal);
    if asks_to_end(&signal) {
        children::signal(group, Signal::CONT);
    }
}
