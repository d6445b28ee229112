//! The file of figures, written anew at times. It goes when the process ends: a file that stays
//! would be scraped for ever as if the process ran.

use std::time::{Duration, Instant};

use super::metrics::{Figures, Name, Tally, format};
use super::whole_file::WholeFile;
use crate::node::Owned;
use crate::server::chore::View;

/// The interval at which Prometheus scrapes, where nobody set another.
const INTERVAL: Duration = Duration::from_secs(15);

/// The file of figures.
#[derive(Debug)]
pub struct MetricsFile {
    file: WholeFile,
    write_at: Instant,
    has_failed: bool,
}

impl MetricsFile {
    /// One that is written first at `now`.
    pub fn new(file: WholeFile, now: Instant) -> MetricsFile {
        MetricsFile { file, write_at: now, has_failed: false }
    }

    pub(super) fn next(&self) -> Instant {
        self.write_at
    }

    /// Something changed that is worth writing now.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.write_at = now;
    }

    pub(super) fn run(
        &mut self,
        now: Instant,
        tally: &Tally,
        view: View<'_>,
        owned: Option<&Owned>,
    ) {
        if now < self.write_at {
            return;
        }
        self.write_at = now + INTERVAL;
        let figures = figures(now, tally, view, owned);
        let path = self.file.path().display();
        let failed_before = std::mem::take(&mut self.has_failed);
        match self.file.write(&format(&figures)) {
            Ok(()) if failed_before => log::info!("--metrics-file: {path} is written again"),
            Ok(()) => {}
            Err(error) => {
                if !failed_before {
                    log::error!("--metrics-file: {path} is not written, trying on: {error}");
                }
                self.has_failed = true;
            }
        }
    }

    pub(super) fn remove(&mut self) {
        if let Err(error) = self.file.remove() {
            log::error!("--metrics-file: {} stays: {error}", self.file.path().display());
        }
    }
}

fn figures<'a>(
    now: Instant,
    tally: &'a Tally,
    view: View<'_>,
    owned: Option<&Owned>,
) -> Figures<'a> {
    let View { directory, counters } = view;
    let name = owned.map(|owned| Name {
        name: directory.pattern().name(owned.slot),
        id: owned.slot.get(),
        create_revision: owned.create_revision,
        lease: owned.valid_until.saturating_duration_since(now),
    });
    Figures {
        tally,
        name,
        freshness: directory.freshness(),
        revision: directory.revision(),
        slots: directory.slots().count(),
        limit: directory.keyspace().limit,
        queries: counters.queries(),
        dropped: counters.dropped(),
        forwarded: counters.forwarded(),
        unanswered: counters.unanswered(),
        answers: counters.answers().collect(),
    }
}
