//! The command that is run when a name came or went, has other addresses, or is in its group or no more.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::children::{Ended, Variable};
use super::hook_process::HookProcess;
use crate::cluster::{Directory, Freshness, NodePlace};

/// How long after it did not start it is started again, and the time without a change after that.
const START_AGAIN: Duration = Duration::from_secs(30);

/// A command to run when names or addresses changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSettings {
    /// The command for `/bin/sh -c`.
    pub command: String,
    /// The time without a change that is waited for.
    pub quiet: Duration,
    /// The longest time from the first change, where they do not stop.
    pub longest: Duration,
}

/// The command, when it is run next, and for what it was run last.
#[derive(Debug)]
pub(super) struct ChangeHook {
    settings: ChangeSettings,
    /// The time that it may go on when its end is waited for.
    grace: Duration,
    /// The names and addresses that it was run for last; `None`: it never was.
    told: Option<u64>,
    /// The times of the first and the last change since then.
    changed: Option<(Instant, Instant)>,
    /// Since when it waits for the files that list the names to be written.
    waits_since: Option<Instant>,
    running: Option<HookProcess>,
    is_closing: bool,
}

impl ChangeHook {
    pub(super) fn new(settings: ChangeSettings, grace: Duration) -> ChangeHook {
        let (told, changed, waits_since, running) = (None, None, None, None);
        ChangeHook { settings, grace, told, changed, waits_since, running, is_closing: false }
    }

    /// Takes note that the names changed, or what can be said of them.
    pub(super) fn note_change(&mut self, now: Instant) {
        let first = self.changed.map_or(now, |(first, _)| first);
        self.changed = Some((first, now));
    }

    fn due_at(&self) -> Option<Instant> {
        let (first, last) = self.changed.filter(|_| self.running.is_none() && !self.is_closing)?;
        Some((last + self.settings.quiet).min(first + self.settings.longest))
    }

    /// The time since which files are to be written before it is run; `None`: it is not to be run yet.
    pub(super) fn waits_since(&mut self, now: Instant) -> Option<Instant> {
        let is_due = self.due_at().is_some_and(|at| at <= now);
        self.waits_since = if is_due { self.waits_since.or(Some(now)) } else { None };
        self.waits_since
    }

    /// Whether anything is another than when it was run last and all of it is known: then it is to be
    /// started for that.
    pub(super) fn take_change(&mut self, directory: &Directory) -> bool {
        (self.changed, self.waits_since) = (None, None);
        // Of any other state it is told again when it is over.
        if directory.freshness() != Freshness::Synced {
            return false;
        }
        let names = Some(fingerprint(directory));
        std::mem::replace(&mut self.told, names) != names
    }

    pub(super) fn start(&mut self, environment: Vec<Variable>, now: Instant) {
        let command = &self.settings.command;
        self.running = HookProcess::start("--on-change", command, environment, now);
        if self.running.is_none() {
            self.try_again(now);
        }
    }

    /// It did not start: whoever is told by it knows nothing of the names yet.
    fn try_again(&mut self, now: Instant) {
        self.told = None;
        self.note_change(now + START_AGAIN);
    }

    /// A child ended; it may be this one.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended, now: Instant) {
        if let Some(running) = self.running.take_if(|running| running.pid == pid) {
            running.tell_end(ended, now);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        // What it waits for has a time of its own.
        let due_at = self.due_at().filter(|_| self.waits_since.is_none());
        self.running.as_ref().and_then(HookProcess::next).into_iter().chain(due_at).min()
    }

    pub(super) fn run(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            running.run(self.grace, now);
        }
    }

    /// Lets the end of this process wait for it, and starts it no more.
    pub(super) fn close(&mut self, now: Instant) {
        self.is_closing = true;
        if let Some(running) = &mut self.running {
            running.hasten(self.grace, now);
        }
    }

    /// The time that its end may take; `None`: it does not run.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        self.running.is_some().then(|| HookProcess::time_to_end(self.grace))
    }

    /// Ends it, if it runs.
    pub(super) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }
}

/// What tells names with their addresses, and whether each is ready and drained, from others.
fn fingerprint(directory: &Directory) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (place, _, record) in directory.nodes_from(NodePlace::FIRST) {
        (place.range, place.slot, record).hash(&mut hasher);
        let standing = directory.standing(place);
        (standing.is_ready, standing.drain.is_some()).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn it_is_due_after_a_quiet_time_or_at_last_and_at_the_end_no_more() {
        let milliseconds = Duration::from_millis;
        let (quiet, longest) = (milliseconds(200), milliseconds(1000));
        let settings = ChangeSettings { command: "true".to_owned(), quiet, longest };
        let mut hook = ChangeHook::new(settings.clone(), milliseconds(1));
        let start = clock::now();
        assert_eq!((hook.next(), hook.waits_since(start)), (None, None));
        for (at, due) in [(0, 200), (150, 350), (300, 500), (700, 900), (850, 1000), (990, 1000)] {
            hook.note_change(start + milliseconds(at));
            assert_eq!(hook.next(), Some(start + milliseconds(due)), "{at}");
        }
        assert_eq!(hook.waits_since(start + milliseconds(999)), None);
        let due = start + longest;
        assert_eq!(hook.waits_since(due), Some(due));
        assert_eq!(
            hook.waits_since(due + quiet),
            Some(due),
            "once it waits, it is said since when"
        );
        assert_eq!(hook.next(), None, "what it waits for has a time of its own");
        let mut failed = ChangeHook::new(settings, milliseconds(1));
        failed.told = Some(7);
        failed.try_again(start);
        assert_eq!((failed.next(), failed.told), (Some(start + START_AGAIN + quiet), None));
        hook.close(due);
        assert_eq!((hook.waits_since(due + quiet), hook.time_to_end()), (None, None));
        assert_eq!(hook.next(), None);
    }
}
