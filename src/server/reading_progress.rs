//! How far the first reading of all names is, on a terminal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::timers::{Timer, View};
use crate::cluster::{Directory, Freshness, NamesRead};
use crate::host::terminal::ProgressLine;

/// Shows it there, until all names were read once. A clone is the same.
#[derive(Clone, Debug)]
pub struct ReadingProgress(Arc<Mutex<ReadingLine>>);

#[derive(Debug)]
struct ReadingLine {
    line: ProgressLine,
    /// Whether names were being read when it was looked at last.
    is_under_way: bool,
}

impl ReadingProgress {
    /// One that shows nothing yet.
    pub fn new(now: Instant) -> ReadingProgress {
        let line = ReadingLine { line: ProgressLine::new(now), is_under_way: false };
        ReadingProgress(Arc::new(Mutex::new(line)))
    }

    /// Takes it away, for good.
    pub fn end(&self) {
        self.lock().line.end();
    }

    fn lock(&self) -> MutexGuard<'_, ReadingLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for ReadingProgress {
    fn next(&self) -> Option<Instant> {
        self.lock().line.next()
    }

    fn run(&mut self, now: Instant, view: View<'_>) {
        let mut shown = self.lock();
        if has_read(view.directory) {
            return shown.line.end();
        }
        if shown.line.next().is_none_or(|at| at > now) {
            return;
        }
        let reading = view.directory.account.reading;
        // What began since the last look may be over before the next one.
        let has_lasted = std::mem::replace(&mut shown.is_under_way, reading.is_some());
        match reading.filter(|_| has_lasted) {
            Some(reading) => shown.line.show(|| reading.to_string(), None, now),
            None => shown.line.look_later(now),
        }
    }
}

/// Whether all names were read once.
fn has_read(directory: &Directory) -> bool {
    !matches!(directory.freshness(), Freshness::Empty | Freshness::Incomplete)
}

/// How far the first reading is; `None`: none is under way.
pub fn first_reading(directory: &Directory) -> Option<NamesRead> {
    directory.account.reading.filter(|_| !has_read(directory))
}
