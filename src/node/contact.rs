//! The contact with etcd: whether it answers, for how long it has not, and what is logged of that.

use super::session::Session;
use super::{Counter, Host};
use crate::cluster::Freshness;
use crate::etcd::{Error, ErrorKind, Etcd, advised};

/// The number of kinds of errors that are remembered as logged.
const MOST_LOGGED: usize = 16;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Notes that etcd answered, and by which endpoint.
    pub(super) fn heard(&mut self) {
        self.backoff.succeed(self.host.now());
        self.quick_backoff.succeed(self.host.now());
        let endpoint = self.client.endpoint();
        if self.contact.endpoint.as_deref() != Some(endpoint) {
            log::info!("etcd endpoint {endpoint} found");
            self.contact.endpoint = Some(endpoint.to_owned());
            self.tell_endpoint();
            self.contact.logged.clear();
        }
    }

    fn tell_endpoint(&self) {
        let endpoint = self.contact.endpoint.clone();
        self.host.directory(|directory| directory.account.endpoint = endpoint);
    }

    /// Lets those who ask know what a name waits for; `None`: for etcd, or for nothing.
    pub(super) fn tell_nameless(&self, why: Option<String>) {
        self.host.directory(|directory| directory.account.nameless = why);
    }

    /// Notes that etcd does not answer, or refuses.
    pub(super) fn lose_contact(&mut self, error: Error) {
        if error.kind == ErrorKind::WatchEnded && self.turn.is_none() && !self.table.is_taken() {
            // It was there until now.
            self.contact.follow(self.host.now());
            self.backoff.succeed(self.host.now());
        }
        let is_etcds = matches!(error.kind, ErrorKind::Rejected(_)) && !error.is_unavailable();
        let lost = if is_etcds { None } else { self.contact.endpoint.take() };
        let refuses = is_etcds || matches!(error.kind, ErrorKind::NotJson(_));
        self.tell_endpoint();
        self.tell_nameless(None);
        let is_news = !self.contact.logged.iter().any(|logged| logged.is_like(&error));
        let text = match error.kind {
            // Until now it was as --endpoints says, and another one may be there.
            ErrorKind::Unreachable | ErrorKind::CutOff | ErrorKind::TimedOut if lost.is_some() => {
                error.to_string()
            }
            _ => advised(&error),
        };
        match lost {
            Some(endpoint) => {
                self.host.note(Counter::ContactLost);
                log::warn!("etcd endpoint {endpoint} lost: {text}");
            }
            None if !is_news => log::debug!("still without etcd: {text}"),
            None if refuses => log::warn!("etcd refuses, trying on: {text}"),
            None => log::warn!("etcd is out of reach, waiting for it: {text}"),
        }
        if is_news && self.contact.logged.len() < MOST_LOGGED {
            self.contact.logged.push(error);
        }
    }

    /// Notes that changes are not followed: answers are as of now from here on.
    pub(super) fn stop_following(&mut self) {
        self.contact.lose();
        self.leave_watch();
    }

    /// Notes that no watch is open: what is known is as of now from here on, until one is.
    pub(super) fn leave_watch(&mut self) {
        self.proof.end();
        self.limit_calls();
        if self.has_table() {
            return;
        }
        self.call_stale();
    }

    /// Calls stale what was called fresh.
    pub(super) fn call_stale(&self) {
        self.host.directory(|directory| {
            if directory.freshness() == Freshness::Synced {
                directory.mark(Freshness::Stale);
            }
        });
    }

    /// Ends answers from what is older than the operator wants.
    pub(super) fn expire(&mut self) {
        let max_stale = self.settings.max_stale;
        if self.has_table()
            || self.contact.expires_at(max_stale).is_none_or(|at| at > self.host.now())
        {
            return;
        }
        let was = self.host.directory(|directory| {
            let was = directory.freshness();
            directory.mark(Freshness::Expired);
            was
        });
        if matches!(was, Freshness::Incomplete | Freshness::Stale) {
            let seconds = max_stale.as_secs();
            log::warn!(
                "etcd not followed for {seconds} s (--max-stale): names of the cluster are answered \
                 with SERVFAIL until it is"
            );
        }
    }

    /// Logs once that there is no address to publish yet.
    pub(super) fn log_address(&mut self, text: String) {
        self.tell_nameless(Some(text.clone()));
        if self.contact.logged_address.as_ref() != Some(&text) {
            log::warn!("{text}");
            self.contact.logged_address = Some(text);
        }
    }
}
