//! A file that holds this node's name while it is owned, and is not there else.

use std::time::{Duration, Instant};

use super::atomic_file::AtomicFile;

/// The time after which it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The file with the name.
#[derive(Debug)]
pub struct NameFile {
    file: AtomicFile,
    /// The text that it is to hold; `None`: it is to be gone.
    wanted: Option<String>,
    /// The time to try again; `None`: it is as wanted.
    retry_at: Option<Instant>,
}

impl NameFile {
    /// One that is not there, because [`AtomicFile::prepare`] saw to that.
    pub fn new(file: AtomicFile) -> NameFile {
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
        let result = match &self.wanted {
            Some(line) => self.file.write(line),
            None => self.file.remove(),
        };
        let failed_before = self.retry_at.take().is_some();
        let path = self.file.path().display();
        let Err(error) = result else {
            if failed_before {
                let now = if self.wanted.is_some() { "written again" } else { "removed now" };
                log::info!("--name-file: {path} is {now}");
            }
            return;
        };
        if !failed_before {
            let what = if self.wanted.is_some() { "written" } else { "removed" };
            let seconds = RETRY_INTERVAL.as_secs();
            log::error!(
                "--name-file: {path} cannot be {what}: {error}; trying again every {seconds} s"
            );
        }
        self.retry_at = Some(now + RETRY_INTERVAL);
    }
}
