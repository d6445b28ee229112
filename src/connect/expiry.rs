//! Tells in the log, in time, that certificates end.

use std::time::{Duration, Instant};

use super::certificate_end::{CertificateEnd, Outlook, wall_clock};
use super::certificates::Certificates;
use crate::server::timers::{Timer, View};

/// The time between two looks at the certificates. What changed is in use from then on at the latest,
/// so that nobody is told of the end of one that was replaced.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// Looks after the certificates while no new connection does.
#[derive(Debug)]
pub struct ExpiryWatch {
    certificates: Certificates,
    next: Instant,
    /// What was told last of those that do not last.
    told: Vec<(CertificateEnd, Outlook)>,
}

impl ExpiryWatch {
    /// One that looks first at `now`.
    pub fn new(certificates: Certificates, now: Instant) -> ExpiryWatch {
        ExpiryWatch { certificates, next: now, told: Vec::new() }
    }

    /// Takes note of how it is now, and returns what is to be told: of each end, once that it comes
    /// and once that it is there.
    fn news(&mut self, now: Duration) -> Vec<String> {
        let ends = self.certificates.ends().into_iter();
        let outlooks = ends.map(|end| (end.outlook_at(now), end));
        let poor = outlooks.filter(|(outlook, _)| *outlook > Outlook::Good);
        let poor: Vec<(CertificateEnd, Outlook)> =
            poor.map(|(outlook, end)| (end, outlook)).collect();
        let news = poor.iter().filter(|it| !self.told.contains(it)).map(|(end, _)| {
            let text = end.told_at(now);
            format!(
                "--{}: {text}; put a new one there, which is read without a restart",
                end.option
            )
        });
        let news = news.collect();
        self.told = poor;
        news
    }
}

impl Timer for ExpiryWatch {
    fn next(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn run(&mut self, now: Instant, _view: View<'_>) {
        if now < self.next {
            return;
        }
        self.next = now + LOOK_INTERVAL;
        self.certificates.refresh();
        for line in self.news(wall_clock()) {
            log::warn!("{line}");
        }
    }
}
