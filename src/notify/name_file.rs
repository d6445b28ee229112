//! A file that holds this node's name while it is owned, and is not there else.

use std::time::{Duration, Instant};

use super::atomic_file::AtomicFile;

/// The time after which it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct NameFile {
    file: AtomicFile,
    /// The text that it is to hold; `None`: it is to be gone.
    wanted: Option<String>,
    /// The time to try again; `None`: it is as wanted.
    retry_at: Option<Instant>,
}

impl NameFile {
    /// One that is not there, because [`AtomicFile::prepare`] saw to that.
    pub(super) fn new(file: AtomicFile) -> NameFile {
        NameFile { file, wanted: None, retry_at: None }
    }

    pub(super) fn set(&mut self, name: Option<&str>, now: Instant) {
        self.wanted = name.map(|name| format!("{name}\n"));
        self.update(now);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn run(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.update(now);
        }
    }

    fn update(&mut self, now: Instant) {
        let is_done = self.file.set(self.wanted.as_deref(), RETRY_INTERVAL);
        self.retry_at = (!is_done).then(|| now + RETRY_INTERVAL);
    }
}
