//! The fact whether this node owns a name now, and all who are told of its changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::children;
use super::hooks::{Hooks, NameEvent};
use super::identity::Identity;
use super::metrics::{MetricsFile, Tally};
use super::name_file::NameFile;
use super::program::{Outcome, Program};
use crate::cluster::Keyspace;
use crate::host::accounts::Login;
use crate::node::{Counter, Owned};
use crate::server::timers::View;

/// Tells other programs of this node's name.
#[derive(Debug)]
pub struct Notifier {
    pub(super) keyspace: Arc<Keyspace>,
    /// The user that this process became; `None`: it is still the one who started it.
    pub(super) login: Option<Login>,
    /// Asks the process to stop.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) name_file: Option<NameFile>,
    pub(super) hooks: Hooks,
    pub(super) program: Option<Program>,
    pub(super) metrics: Option<MetricsFile>,
    /// The name that this node owns now.
    pub(super) owned: Option<Owned>,
    pub(super) tally: Tally,
    /// Whether the process ends as soon as no child is left to wait for.
    pub(super) is_closing: bool,
}

impl Notifier {
    /// Whether [`Notifier::run`] will ever be needed: a server that has nothing else to do should not
    /// have to ask at every query.
    pub fn needs_timer(&self) -> bool {
        self.name_file.is_some()
            || self.hooks.are_wanted()
            || self.program.is_some()
            || self.metrics.is_some()
            || children::is_init()
    }

    /// Tells which name this node owns from now on; `None`: none. The same name told again has a
    /// longer lease.
    pub fn ownership(&mut self, owned: Option<Owned>, now: Instant) {
        // What a program was started for ends with it: it is not started twice.
        let owned = owned.filter(|_| self.program.as_ref().is_none_or(Program::wants_name));
        let before = std::mem::replace(&mut self.owned, owned);
        let lifetime = |owned: Owned| (owned.slot, owned.create_revision);
        if before.map(lifetime) == owned.map(lifetime) {
            return;
        }
        if let Some(before) = before {
            self.lost(&self.identity(&before), now);
        }
        if let Some(owned) = owned {
            self.gained(&self.identity(&owned), now);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.hasten(now);
        }
    }

    /// Whether this node, if it owns no name, is to claim one: not for a program that is on its way
    /// out, so that it keeps no name from others.
    pub fn wants_name(&self) -> bool {
        self.program.as_ref().is_none_or(Program::awaits_name)
    }

    fn identity(&self, owned: &Owned) -> Identity {
        Identity::new(&self.keyspace, owned, self.login.clone())
    }

    fn gained(&mut self, identity: &Identity, now: Instant) {
        self.tally.claims += 1;
        if let Some(file) = &mut self.name_file {
            file.set(Some(&identity.name), now);
        }
        self.hooks.call(NameEvent::Claim, identity, now);
        if let Some(program) = &mut self.program {
            program.start(identity);
        }
        self.stop_when_over();
    }

    fn lost(&mut self, identity: &Identity, now: Instant) {
        self.tally.losses += 1;
        if let Some(file) = &mut self.name_file {
            file.set(None, now);
        }
        self.hooks.call(NameEvent::Lost, identity, now);
        if let Some(program) = &mut self.program {
            program.end(identity, now);
        }
    }

    /// Counts what happened.
    pub fn note(&mut self, counter: Counter) {
        self.tally.note(counter);
    }

    /// The time to run next, unless a signal comes before.
    pub fn next(&self) -> Option<Instant> {
        let file = self.name_file.as_ref().and_then(NameFile::next);
        let program = self.program.as_ref().and_then(Program::next);
        let metrics = self.metrics.as_ref().map(MetricsFile::next);
        [file, self.hooks.next(), program, metrics].into_iter().flatten().min()
    }

    /// Does what is due, and looks after the children.
    pub fn run(&mut self, now: Instant, view: View<'_>) {
        if let Some(file) = &mut self.name_file {
            file.run(now);
        }
        for (pid, ended) in children::reap() {
            self.hooks.ended(pid, ended, now);
            if let Some(program) = &mut self.program {
                program.ended(pid, ended, now);
            }
        }
        self.hooks.run(now);
        let unheard = self.program.as_mut().and_then(|program| program.run(now));
        if self.is_closing && unheard.is_some() {
            // Asked once more: no hook is waited for any longer.
            self.stop.store(true, Ordering::Relaxed);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.run(now, &self.tally, view, self.owned.as_ref());
        }
        self.stop_when_over();
    }

    fn stop_when_over(&self) {
        let is_over = if self.is_closing {
            self.hooks.patience().is_none() && self.program_patience().is_none()
        } else {
            self.program.as_ref().is_some_and(Program::is_over)
        };
        if is_over {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Lets nothing begin any more but what the end of the name calls for, and says how long that
    /// may take; `None`: nothing is left to wait for. `stop` is set when it is over.
    pub fn close(&mut self, now: Instant) -> Option<Duration> {
        self.ownership(None, now);
        self.hooks.close(now);
        self.is_closing = true;
        let (hooks, program) = (self.hooks.patience(), self.program_patience());
        if hooks.is_some() {
            log::info!("waiting for hooks to end");
        }
        if program.is_some() {
            log::info!("waiting for the program to end");
        }
        hooks.max(program)
    }

    fn program_patience(&self) -> Option<Duration> {
        self.program.as_ref().and_then(Program::patience)
    }

    /// Ends what is still there, and says what became of the program, if there was to be one.
    pub fn finish(&mut self) -> Option<Outcome> {
        self.hooks.kill();
        if let Some(metrics) = &self.metrics {
            metrics.remove();
        }
        self.program.take().map(Program::outcome)
    }
}
