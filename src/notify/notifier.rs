//! The fact whether this node owns a name now, and all who are told of its changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::awaited_list::AwaitedList;
use super::children;
use super::files::KeptFile;
use super::hooks::{Hooks, NameEvent};
use super::id_file::IdFile;
use super::identity::{Identity, nameless};
use super::listing::Listing;
use super::metrics::{self, MetricsFile, Tally};
use super::program::Program;
use super::supervision::Supervision;
use crate::cluster::{Directory, Keyspace};
use crate::connect::Certificates;
use crate::host::accounts::Login;
use crate::node::{Counter, JobNews, Owned};
use crate::server::reading_progress::first_reading;
use crate::server::timers::View;

/// Those who are told.
#[derive(Debug)]
pub(super) struct Recipients {
    pub(super) name_file: Option<KeptFile>,
    pub(super) id_file: Option<IdFile>,
    pub(super) hooks: Hooks,
    pub(super) program: Option<Program>,
    pub(super) list: Option<AwaitedList>,
    pub(super) metrics: Option<MetricsFile>,
    pub(super) listing: Listing,
    pub(super) supervision: Option<Supervision>,
}

/// Tells other programs of this node's name.
#[derive(Debug)]
pub struct Notifier {
    keyspace: Arc<Keyspace>,
    /// The user that this process became; `None`: it is still the one who started it.
    login: Option<Login>,
    /// Asks the process to stop.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) name_file: Option<KeptFile>,
    pub(super) id_file: Option<IdFile>,
    pub(super) hooks: Hooks,
    pub(super) program: Option<Program>,
    /// What the program waits for beside the name.
    pub(super) list: Option<AwaitedList>,
    pub(super) metrics: Option<MetricsFile>,
    /// Those who are told all names.
    pub(super) listing: Listing,
    pub(super) supervision: Option<Supervision>,
    /// Those whose ends are told by metrics.
    certificates: Option<Certificates>,
    /// The name that this node owns now.
    owned: Option<Owned>,
    tally: Tally,
    /// Whether the process ends as soon as no child is left to wait for.
    pub(super) is_closing: bool,
    /// Whether none is left, or those that were are given up.
    pub(super) is_finished: bool,
}

impl Notifier {
    /// One that owns no name. `stop`: asks the process to stop.
    pub(super) fn new(
        keyspace: Arc<Keyspace>,
        login: Option<Login>,
        stop: Arc<AtomicBool>,
        told: Recipients,
    ) -> Notifier {
        let Recipients { name_file, id_file, hooks, program, list, metrics, listing, supervision } =
            told;
        Notifier {
            keyspace,
            login,
            stop,
            name_file,
            id_file,
            hooks,
            program,
            list,
            metrics,
            listing,
            supervision,
            certificates: None,
            owned: None,
            tally: Tally::start(),
            is_closing: false,
            is_finished: false,
        }
    }

    /// Tells when these end as well.
    #[must_use]
    pub fn with_certificates(self, certificates: Option<Certificates>) -> Notifier {
        Notifier { certificates, ..self }
    }

    /// Whether [`Notifier::run`] will ever be needed: a server that has nothing else to do should not
    /// have to ask at every query.
    pub fn needs_timer(&self) -> bool {
        self.name_file.is_some()
            || self.id_file.is_some()
            || self.hooks.are_wanted()
            || self.program.is_some()
            || self.metrics.is_some()
            || self.listing.is_wanted()
            || self.supervision.is_some()
            || children::is_init()
    }

    /// Tells which name this node owns from now on; `None`: none. The same name told again has a
    /// longer lease. One whose lease is over is owned no more, whether that is told or not.
    pub fn ownership(&mut self, owned: Option<Owned>, now: Instant) {
        let owned = owned.filter(|owned| now < owned.valid_until);
        // What a program was started for ends with it: it is not started twice.
        let owned = owned.filter(|_| self.program.as_ref().is_none_or(Program::wants_name));
        let before = std::mem::replace(&mut self.owned, owned);
        let lifetime = |owned: Owned| (owned.slot, owned.claim_revision);
        let is_same = before.map(lifetime) == owned.map(lifetime);
        if let Some(before) = before.filter(|_| !is_same) {
            self.lost(&self.identity(&before), now);
        }
        if let Some(owned) = owned {
            let identity = self.identity(&owned);
            if !is_same {
                self.gained(&identity, now);
            }
            if let Some(program) = &mut self.program {
                program.follow(&owned, now);
            }
            self.start_program(now);
            self.stop_when_over();
        } else {
            // It may have been announced, and its lease over by now.
            self.write_name(None, now);
        }
        if is_same {
            return;
        }
        let identity = owned.map(|owned| self.identity(&owned));
        if let Some(supervision) = &mut self.supervision {
            supervision.name(identity.as_ref(), now);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.hasten(now);
        }
    }

    /// Takes note that DNS is answered from now on.
    pub fn serves(&mut self, now: Instant) {
        if let Some(supervision) = &mut self.supervision {
            supervision.serves(now);
        }
    }

    /// Takes note that this process is on its way out.
    pub fn stops(&mut self, now: Instant) {
        if let Some(supervision) = &mut self.supervision {
            supervision.stops(now);
        }
    }

    /// Whether this node, if it owns no name, is to claim one: not for a program that is on its way
    /// out, so that it keeps no name from others.
    pub fn wants_name(&self) -> bool {
        self.program.as_ref().is_none_or(Program::awaits_name)
    }

    /// The name that is owned then, whether its end was told or not.
    pub(super) fn owned_at(&self, now: Instant) -> Option<Owned> {
        self.owned.filter(|owned| now < owned.valid_until)
    }

    /// The figures for Prometheus.
    pub(super) fn figures(&self, now: Instant, view: View<'_>) -> String {
        let ends = self.certificates.as_ref().map(Certificates::ends).unwrap_or_default();
        metrics::format(now, &self.tally, view, &ends, self.owned_at(now).as_ref())
    }

    pub(super) fn identity(&self, owned: &Owned) -> Identity {
        Identity::new(&self.keyspace, owned, self.login.clone())
    }

    /// Has the name written of which it will be told that this node owns it, so that whoever is told then
    /// finds it.
    pub fn announce(&mut self, owned: &Owned, now: Instant) {
        let is_wanted = self.program.as_ref().is_none_or(Program::wants_name);
        if is_wanted && now < owned.valid_until {
            let identity = self.identity(owned);
            self.write_name(Some(&identity), now);
        }
    }

    /// Starts the program if that waits for nothing any more.
    fn start_program(&mut self, now: Instant) {
        let Some(owned) = self.owned.filter(|_| !self.hooks.hold_program()) else { return };
        let list = self.list.as_ref().map(AwaitedList::at_hand);
        // Nothing is waited for, or it is there.
        let list = match list {
            Some(None) => return,
            list => list.flatten(),
        };
        let identity = self.identity(&owned).on_list(list);
        if let Some(program) = self.program.as_mut().filter(|program| program.is_to_start(now)) {
            program.start(&identity);
        }
    }

    fn gained(&mut self, identity: &Identity, now: Instant) {
        self.tally.claims += 1;
        self.write_name(Some(identity), now);
        if let Some(file) = &mut self.id_file {
            file.keep(identity.slot(), now);
        }
        self.hooks.call(NameEvent::Claim, identity, now);
    }

    fn lost(&mut self, identity: &Identity, now: Instant) {
        self.tally.losses += 1;
        // Nothing before this: another node's may be about to start.
        let goes_on = self.program.as_mut().is_some_and(|program| program.doubt(now));
        self.write_name(None, now);
        if let Some(list) = self.list.as_mut().filter(|_| !goes_on) {
            list.set(None, now);
        }
        self.hooks.call(NameEvent::Lost, identity, now);
    }

    /// Takes note that etcd says so: the name is beyond doubt not this node's, or is about to be given back.
    pub fn loss(&mut self, now: Instant) {
        if let Some(program) = &mut self.program {
            program.lose(now);
        }
        if let Some(list) = &mut self.list {
            list.set(None, now);
        }
    }

    /// Takes note of what happens in the job of this node.
    pub fn job(&mut self, news: JobNews, now: Instant) {
        let (Some(list), Some(program)) = (&mut self.list, &mut self.program) else { return };
        match news {
            JobNews::Waits(what) => list.lack(what),
            JobNews::Starts(started) => list.set(Some(started), now),
            JobNews::PeerLost(peer) => program.lose_peer(peer, now),
        }
        self.start_program(now);
        self.stop_when_over();
    }

    /// Whether the program ended by itself with status 0.
    pub fn has_ended_well(&self) -> bool {
        self.program.as_ref().is_some_and(Program::has_ended_well)
    }

    /// Looks after what the program waits for.
    fn run_list(&mut self, now: Instant, directory: &Directory) {
        let (Some(list), Some(program)) = (&mut self.list, &mut self.program) else { return };
        if let Some(file) = &mut list.file {
            file.run(now);
        }
        if let Some(why) = list.overdue(now) {
            program.give_up(why);
        }
        list.show_progress(program.awaits_name(), first_reading(directory), now);
    }

    /// Takes note of the number of changes of the directory; see [`Directory::changes`].
    pub fn note_changes(&mut self, changes: u64, now: impl Fn() -> Instant) {
        if let Some(metrics) = &mut self.metrics {
            metrics.note_changes(changes, &now);
        }
        self.listing.note_changes(changes, now);
    }

    /// Counts what happened.
    pub fn note(&mut self, counter: Counter) {
        self.tally.note(counter);
    }

    /// The time to run next, unless a signal comes before.
    pub fn next(&self) -> Option<Instant> {
        let file = self.name_file.as_ref().and_then(KeptFile::next);
        let id_file = self.id_file.as_ref().and_then(|id_file| id_file.file.next());
        let program = self.program.as_ref().and_then(Program::next);
        let metrics = self.metrics.as_ref().and_then(MetricsFile::next);
        let lease_end = self.owned.map(|owned| owned.valid_until);
        let is_awaited = self.program.as_ref().is_some_and(Program::awaits_name);
        let list = self.list.as_ref().and_then(|list| list.next(is_awaited));
        let supervision = self.supervision.as_ref().and_then(Supervision::next);
        let times =
            [file, id_file, self.hooks.next(), program, metrics, lease_end, list, supervision];
        times.into_iter().flatten().chain(self.listing.next()).min()
    }

    /// Does what is due, and looks after the children. What is owned ends with its lease even if
    /// nobody tells so, because a call to etcd waits or this process stood still.
    pub fn run(&mut self, now: Instant, view: View<'_>) {
        if self.owned.is_some_and(|owned| owned.valid_until <= now) {
            self.ownership(None, now);
        }
        let id_file = self.id_file.as_mut().map(|id_file| &mut id_file.file);
        self.name_file.iter_mut().chain(id_file).for_each(|file| file.run(now));
        for (pid, ended) in children::reap() {
            self.hooks.ended(pid, ended, now);
            self.listing.ended(pid, ended, now);
            if let Some(program) = &mut self.program {
                program.ended(pid, ended, now);
            }
        }
        if let Some(supervision) = &mut self.supervision {
            supervision.run(now);
        }
        self.hooks.run(now);
        self.run_list(now, view.directory);
        self.start_program(now);
        let unheard = self.program.as_mut().and_then(|program| program.run(now));
        if self.is_closing && unheard.is_some() {
            // Asked once more: no hook is waited for any longer.
            self.stop.store(true, Ordering::Relaxed);
        }
        if let Some(metrics) = &mut self.metrics {
            let ends = self.certificates.as_ref().map(Certificates::ends).unwrap_or_default();
            metrics.run(now, &self.tally, view, &ends, self.owned.as_ref());
        }
        if self.listing.run(now, view.directory) {
            let identity = self.owned.as_ref().map(|owned| self.identity(owned));
            let environment = match identity {
                Some(identity) => identity.environment(),
                None => nameless(&self.keyspace, self.login.as_ref()),
            };
            self.listing.start_hook(environment, now);
        }
        self.stop_when_over();
    }
}

#[cfg(test)]
#[path = "notifier_tests.rs"]
mod tests;
