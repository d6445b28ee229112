//! The end of all who are told: what is still to be done, and how long that may take.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::ending::Outcome;
use super::notifier::Notifier;
use super::program::Program;

impl Notifier {
    fn hooks_time_to_end(&self) -> Option<Duration> {
        self.hooks.time_to_end().max(self.listing.time_to_end())
    }

    pub(super) fn stop_when_over(&self) {
        let is_over = if self.is_closing {
            self.hooks_time_to_end().is_none() && self.program_time_to_end().is_none()
        } else {
            self.program.as_ref().is_some_and(Program::is_over)
        };
        // Files are waited for after that.
        if is_over && !self.is_finished {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Lets nothing begin any more but what the end of the name calls for, and says how long that
    /// may take; `None`: nothing is left to wait for. `stop` is set when it is over.
    pub fn close(&mut self, now: Instant) -> Option<Duration> {
        self.stops(now);
        self.ownership(None, now);
        self.loss(now);
        self.hooks.close(now);
        self.listing.close(now);
        self.is_closing = true;
        let (hooks, program) = (self.hooks_time_to_end(), self.program_time_to_end());
        if hooks.is_some() {
            log::info!("waiting for hooks to end");
        }
        if program.is_some() {
            log::info!("waiting for the program to end");
        }
        hooks.max(program)
    }

    fn program_time_to_end(&self) -> Option<Duration> {
        self.program.as_ref().and_then(Program::time_to_end)
    }

    /// Ends what is still there, and says what became of the program, if there was to be one. What
    /// becomes of the files can be heard after that.
    pub fn finish(&mut self, now: Instant) -> Option<Outcome> {
        self.hooks.kill();
        self.listing.kill();
        self.is_finished = true;
        self.files().for_each(|file| file.close(now));
        self.program.take().map(Program::outcome)
    }
}
