//! Those who are told all names, as they change: files that list them, and a hook that is run once these
//! are written.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::change_hook::ChangeHook;
use super::children::{Ended, Variable};
use super::files::KeptFile;
use super::list_file::ListFile;
use crate::cluster::Directory;

#[derive(Debug)]
pub(super) struct Listing {
    lists: Vec<ListFile>,
    hook: Option<ChangeHook>,
    /// The changes of the directory that are known.
    changes: u64,
}

impl Listing {
    pub(super) fn new(lists: Vec<ListFile>, hook: Option<ChangeHook>) -> Listing {
        Listing { lists, hook, changes: 0 }
    }

    /// Whether anybody is to be told.
    pub(super) fn is_wanted(&self) -> bool {
        self.hook.is_some() || !self.lists.is_empty()
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &KeptFile> {
        self.lists.iter().map(|list| &list.file)
    }

    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut KeptFile> {
        self.lists.iter_mut().map(|list| &mut list.file)
    }

    /// Takes note of the number of changes of the directory.
    pub(super) fn note_changes(&mut self, changes: u64, now: impl FnOnce() -> Instant) {
        if std::mem::replace(&mut self.changes, changes) != changes {
            let now = now();
            self.lists.iter_mut().for_each(|list| list.note_change(now));
            self.hook.iter_mut().for_each(|hook| hook.note_change(now));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let lists = self.lists.iter().filter_map(ListFile::next).min();
        self.hook.as_ref().and_then(ChangeHook::next).into_iter().chain(lists).min()
    }

    /// Writes lists that are due, and says whether the hook is to be started.
    pub(super) fn run(&mut self, now: Instant, directory: &Directory) -> bool {
        self.hook.iter_mut().for_each(|hook| hook.run(now));
        let since = self.hook.as_mut().and_then(|hook| hook.waits_since(now));
        if since == Some(now) {
            self.lists.iter_mut().for_each(|list| list.hasten(now));
        }
        self.lists.iter_mut().for_each(|list| list.run(now, directory));
        let is_written = |since| self.lists.iter().all(|list| list.is_written(since));
        let is_due = since.is_some_and(is_written);
        is_due && self.hook.as_mut().is_some_and(|hook| hook.take_change(directory))
    }

    /// Starts the hook.
    pub(super) fn start_hook(&mut self, environment: Vec<Variable>, now: Instant) {
        self.hook.iter_mut().for_each(|hook| hook.start(environment.clone(), now));
    }

    /// A child ended; it may be the hook.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended, now: Instant) {
        self.hook.iter_mut().for_each(|hook| hook.ended(pid, ended, now));
    }

    /// Lets the end of this process wait for the hook, and starts it no more.
    pub(super) fn close(&mut self, now: Instant) {
        self.hook.iter_mut().for_each(|hook| hook.close(now));
    }

    /// The time that the end of the hook may take; `None`: it does not run.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        self.hook.as_ref().and_then(ChangeHook::time_to_end)
    }

    /// Ends the hook, if it runs.
    pub(super) fn kill(&mut self) {
        self.hook.iter_mut().for_each(ChangeHook::kill);
    }
}
