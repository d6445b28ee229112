//! What the process does beside service, in the one sleep.

use std::fmt;
use std::time::Instant;

use crate::cluster::Directory;
use crate::dns::Counters;

/// Something to be done at times, and when a signal came. [`super::Server::wait`] sees to it.
pub trait Timer: fmt::Debug + Send {
    /// When to run it next at the latest; `None`: not before a signal comes.
    fn next(&self) -> Option<Instant>;

    /// Does what is due, which may be nothing. No query is answered meanwhile: it must not block.
    fn run(&mut self, now: Instant, view: View<'_>);
}

/// What a chore may see of the server.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What is answered from.
    pub directory: &'a Directory,
    /// What was answered.
    pub counters: &'a Counters,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Timers(Vec<Box<dyn Timer>>);

impl Timers {
    pub(super) fn add(&mut self, chore: Box<dyn Timer>) {
        self.0.push(chore);
    }

    /// When the first of them is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|chore| chore.next()).min()
    }

    /// Runs those that are due; after a signal, all of them.
    pub(super) fn run(&mut self, signalled: bool, view: View<'_>) {
        if self.0.is_empty() {
            return;
        }
        let now = Instant::now();
        for chore in &mut self.0 {
            if signalled || chore.next().is_some_and(|at| at <= now) {
                chore.run(now, view);
            }
        }
    }
}
