//! Whether etcd answers, for how long it has not, and what of that is told.

use std::time::{Duration, Instant};

use super::session::Session;
use super::{Counter, Host, SessionError};
use crate::cluster::Freshness;
use crate::etcd::Error;

/// The kinds of errors that are kept in mind.
const MOST_TOLD: usize = 16;

/// What is known of etcd.
#[derive(Debug, Default)]
pub(super) struct Contact {
    /// The endpoint that answered last; `None`: it is out of reach.
    endpoint: Option<String>,
    /// When it was heard last.
    heard_at: Option<Instant>,
    /// What was told since it was heard last, each kind once: kinds may alternate.
    told: Vec<Error>,
    told_address: Option<String>,
}

impl Contact {
    /// Notes that something came from etcd.
    pub(super) fn hear(&mut self) {
        self.heard_at = Some(Instant::now());
    }

    /// Lets an error be told again that was told before.
    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    /// When the directory is too old to answer from.
    pub(super) fn expires_at(&self, max_stale: Duration) -> Option<Instant> {
        let lost = self.endpoint.is_none();
        self.heard_at.filter(|_| lost).and_then(|heard_at| heard_at.checked_add(max_stale))
    }
}

impl<H: Host> Session<H> {
    /// Notes that etcd answered, and by which endpoint.
    pub(super) fn heard<T>(&mut self, result: Result<T, SessionError>) -> Result<T, SessionError> {
        if result.is_ok() {
            self.contact.hear();
            let endpoint = self.client.endpoint();
            if self.contact.endpoint.as_deref() != Some(endpoint) {
                log::info!("etcd endpoint {endpoint} found");
                self.contact.endpoint = Some(endpoint.to_owned());
                self.contact.told.clear();
            }
        }
        result
    }

    /// Notes that etcd does not answer, or refuses; answers are as of now from here on.
    pub(super) fn lose_contact(&mut self, error: Error) {
        if matches!(error, Error::WatchEnded { .. }) {
            // It was there until now.
            self.contact.hear();
        }
        self.host.directory(|directory| {
            if directory.freshness() == Freshness::Synced {
                directory.mark(Freshness::Stale);
            }
        });
        let refuses = matches!(error, Error::Rejected { .. }) && !error.is_unavailable();
        let lost = if refuses { None } else { self.contact.endpoint.take() };
        let is_news = !self.contact.told.iter().any(|told| told.is_like(&error));
        let advice = match (&lost, &error) {
            // It spoke as --endpoints says until now.
            (Some(_), Error::CutOff { .. }) => "",
            _ => advice(&error),
        };
        match lost {
            Some(endpoint) => {
                self.host.note(Counter::ContactLost);
                log::warn!("etcd endpoint {endpoint} lost: {error}{advice}");
            }
            None if !is_news => log::debug!("still without etcd: {error}"),
            None if refuses => log::warn!("etcd refuses, trying on: {error}{advice}"),
            None => log::warn!("etcd is out of reach, waiting for it: {error}{advice}"),
        }
        if is_news && self.contact.told.len() < MOST_TOLD {
            self.contact.told.push(error);
        }
    }

    /// What is older than the operator wants is not answered from.
    pub(super) fn expire(&mut self) {
        let max_stale = self.settings.max_stale;
        if self.contact.expires_at(max_stale).is_none_or(|at| at > Instant::now()) {
            return;
        }
        let was = self.host.directory(|directory| {
            let was = directory.freshness();
            directory.mark(Freshness::Expired);
            was
        });
        if was == Freshness::Stale {
            let seconds = max_stale.as_secs();
            log::warn!(
                "etcd not heard for {seconds} s (--max-stale): answering SERVFAIL until then"
            );
        }
    }

    /// Tells once that there is no address to publish yet.
    pub(super) fn tell_address(&mut self, text: String) {
        if self.contact.told_address.as_ref() != Some(&text) {
            log::warn!("{text}");
            self.contact.told_address = Some(text);
        }
    }
}

/// What the operator can do about it, to be put behind it; often nothing.
pub fn advice(error: &Error) -> &'static str {
    match error {
        Error::Untrusted { .. } => "; see --cacert, --cert and --key",
        Error::CutOff { endpoint, .. } if endpoint.starts_with("http://") => {
            "; if it speaks TLS, write https:// in --endpoints"
        }
        Error::WithoutTls { .. } => "; if it speaks no TLS, write http:// in --endpoints",
        error if error.is_unauthenticated() => "; give --user and --password-file",
        error if error.is_denied() => {
            "; see --user and --password-file, and the role's permission on the keys"
        }
        _ => "",
    }
}
