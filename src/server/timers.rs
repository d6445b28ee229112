//! Work at set times beside the service, such as running hooks and writing metrics.

use std::fmt;
use std::time::Instant;

use crate::cluster::Directory;
use crate::dns::Counters;

/// Work to be done at certain times, and when a signal came. [`super::Server::wait`] runs it.
pub trait Timer: fmt::Debug + Send {
    /// When to run it next at the latest; `None`: not before a signal comes.
    fn next(&self) -> Option<Instant>;

    /// Does what is due, which may be nothing. No query is answered meanwhile: it must not block.
    fn run(&mut self, now: Instant, view: View<'_>);
}

/// The part of the server that a timer sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The names that are answered for.
    pub directory: &'a Directory,
    /// Replies counted by kind.
    pub counters: &'a Counters,
}

/// All timers.
#[derive(Debug, Default)]
pub(super) struct Timers(Vec<Box<dyn Timer>>);

impl Timers {
    pub(super) fn add(&mut self, timer: Box<dyn Timer>) {
        self.0.push(timer);
    }

    /// When the first of them is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|timer| timer.next()).min()
    }

    /// Runs those that are due; after a signal, all of them.
    pub(super) fn run(&mut self, signalled: bool, view: View<'_>) {
        if self.0.is_empty() {
            return;
        }
        let now = Instant::now();
        for timer in &mut self.0 {
            if signalled || timer.next().is_some_and(|at| at <= now) {
                timer.run(now, view);
            }
        }
    }
}
