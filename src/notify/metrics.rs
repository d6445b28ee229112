//! The figures in the text format of Prometheus (version 0.0.4), for node_exporter's collector of
//! text files, and the file itself, written anew at times. It goes when the process ends: a file that
//! stays would be scraped for ever as if the process ran.
//!
//! Names follow CoreDNS's `coredns_dns_…` where they mean the same. All begin with `idetcd_`: beside
//! node_exporter's own `process_…` in one scrape, a second family of that name is an error.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::files::KeptFile;
use crate::cluster::{Directory, Freshness, NodePlace, Record};
use crate::connect::CertificateEnd;
use crate::dns::Counters;
use crate::node::{Counter, Owned, TableServer};
use crate::server::timers::{FollowedTable, View};

/// Counts of events since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    started: SystemTime,
    pub(super) claims: u64,
    pub(super) losses: u64,
    syncs: u64,
    watches: u64,
    contacts_lost: u64,
    /// How many were ahead of this node in the queue, when it waited there last.
    ahead: Option<usize>,
}

impl Tally {
    pub(super) fn start() -> Tally {
        let started = SystemTime::now();
        Tally { started, claims: 0, losses: 0, syncs: 0, watches: 0, contacts_lost: 0, ahead: None }
    }

    pub(super) fn note(&mut self, counter: Counter) {
        match counter {
            Counter::FullSync => self.syncs += 1,
            Counter::WatchOpened => self.watches += 1,
            Counter::ContactLost => self.contacts_lost += 1,
            Counter::Ahead(ahead) => self.ahead = Some(ahead),
        }
    }
}

/// The states of etcd, as a label tells them.
const STATES: [(Freshness, &str); 5] = [
    (Freshness::Empty, "never_reached"),
    (Freshness::Incomplete, "incomplete"),
    (Freshness::Synced, "in_sync"),
    (Freshness::Stale, "out_of_reach"),
    (Freshness::Expired, "expired"),
];

/// The state as a label tells it.
pub(super) fn state_label(freshness: Freshness) -> &'static str {
    let found = STATES.into_iter().find(|(state, _)| *state == freshness);
    found.map_or("unknown", |(_, label)| label)
}

/// The figures as text.
pub(super) fn format(
    now: Instant,
    tally: &Tally,
    view: View<'_>,
    ends: &[CertificateEnd],
    owned: Option<&Owned>,
) -> String {
    let mut text = Text(String::with_capacity(4096));
    text.info("build", "The version that runs.", &[("version", env!("CARGO_PKG_VERSION"))]);
    let since = tally.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = format!("{:.3}", since.as_secs_f64());
    text.gauge("process_start_time_seconds", "Start since the Unix epoch in seconds.", &started);
    dns(&mut text, view.counters);
    etcd(&mut text, tally, view.directory, now);
    if let Some(table) = view.table {
        followed(&mut text, table, view.directory, now);
    }
    certificates(&mut text, ends);
    text.counter("name_claims_total", "Times that this node came to own a name.", tally.claims);
    text.counter("name_losses_total", "Times that this node ceased to own one.", tally.losses);
    let is_owned = u8::from(owned.is_some());
    text.gauge("name_owned", "Whether this node owns a name.", is_owned);
    match owned {
        Some(owned) => name(&mut text, owned, view, now),
        None => {
            if let Some(ahead) = tally.ahead {
                text.gauge(
                    "queue_ahead",
                    "Nodes ahead of this one in the queue for a name.",
                    ahead,
                );
            }
        }
    }
    text.0
}

fn dns(text: &mut Text, counters: &Counters) {
    text.family("dns_requests_total", "counter", "DNS requests received, by transport.");
    let over_udp = counters.queries - counters.over_tcp;
    for (proto, count) in [("udp", over_udp), ("tcp", counters.over_tcp)] {
        text.sample("dns_requests_total", &[("proto", proto)], count);
    }
    text.family("dns_responses_total", "counter", "DNS responses by response code.");
    for (rcode, count) in counters.answers() {
        text.sample("dns_responses_total", &[("rcode", &rcode.to_string())], count);
    }
    text.counter("dns_dropped_total", "DNS requests that were not answered.", counters.dropped);
    let name = "transfers_total";
    text.family(name, "counter", "Transfers of zones that were begun, by what they bring.");
    for (kind, count) in ["zone", "changes", "soa"].into_iter().zip(counters.transfers) {
        text.sample(name, &[("content", kind)], count);
    }
    let help = "Requests for a transfer that were refused, or came too early.";
    text.counter("transfers_refused_total", help, counters.transfers_refused);
    let help = "Messages that told other servers of a change.";
    text.counter("notifies_sent_total", help, counters.notifies);
    let (forwarded, unanswered) = (counters.forwarded, counters.unanswered);
    text.counter("dns_forwarded_total", "DNS requests that other servers answered.", forwarded);
    for (name, help, count) in [
        ("hits", "DNS requests answered from the cache.", counters.kept_hits),
        ("misses", "DNS requests that the cache had no answer to.", counters.kept_misses),
    ] {
        text.counter(&format!("cache_{name}_total"), help, count);
    }
    text.gauge("cache_entries", "Answers in the cache.", counters.kept_entries);
    text.gauge("cache_bytes", "Size of the cache in bytes.", counters.kept_octets);
    text.counter("dns_unanswered_total", "DNS requests that no other server answered.", unanswered);
}

fn etcd(text: &mut Text, tally: &Tally, directory: &Directory, now: Instant) {
    text.family("etcd_state", "gauge", "How far etcd can be followed: 1 for the state that is.");
    for (freshness, state) in STATES {
        let value = u8::from(freshness == directory.freshness());
        text.sample("etcd_state", &[("state", state)], value);
    }
    text.gauge("etcd_revision", "Latest revision of etcd that is known.", directory.revision());
    if let Some(proven_at) = directory.last_proven_at() {
        let lag = now.saturating_duration_since(proven_at).as_secs_f64();
        let help = "Time by which answers may be behind etcd in seconds.";
        text.gauge("etcd_lag_seconds", help, format!("{lag:.3}"));
    }
    text.counter("etcd_full_syncs_total", "Times that all names were read.", tally.syncs);
    text.counter("etcd_watches_total", "Watches opened.", tally.watches);
    let lost = tally.contacts_lost;
    text.counter("etcd_contacts_lost_total", "Times that an endpoint was lost.", lost);
    text.gauge("slots", "Slots of the pattern that are taken.", directory.occupied());
    text.gauge(
        "group_nodes",
        "Nodes of the pattern that are ready and not drained.",
        directory.grouped(),
    );
    text.gauge("slots_limit", "Highest slot that this node claims.", directory.keyspace().limit);
}

fn followed(text: &mut Text, table: FollowedTable, directory: &Directory, now: Instant) {
    if let Some(TableServer { slot, address }) = table.server {
        let (name, address) = (directory.pattern().name(slot), address.to_string());
        let help = "The node whose table of all names is taken.";
        text.info("table_server", help, &[("name", &name), ("address", &address)]);
    }
    let age = now.saturating_duration_since(table.proven_at).as_secs_f64();
    let help = "Time since that table was last known to be etcd's in seconds.";
    text.gauge("table_age_seconds", help, format!("{age:.3}"));
}

fn certificates(text: &mut Text, ends: &[CertificateEnd]) {
    if ends.is_empty() {
        return;
    }
    let name = "certificate_not_after_timestamp_seconds";
    text.family(name, "gauge", "End of a certificate since the Unix epoch in seconds.");
    for end in ends {
        text.sample(name, &[("option", end.option)], end.not_after.as_secs());
    }
}

fn name(text: &mut Text, owned: &Owned, view: View<'_>, now: Instant) {
    let directory = view.directory;
    let (name, id) = (directory.pattern().name(owned.slot), owned.slot.get().to_string());
    text.info("name", "The name that this node owns.", &[("name", &name), ("id", &id)]);
    let family = "published_address_local";
    text.family(family, "gauge", "Whether an address that this node publishes is this host's.");
    let Record { ipv4, ipv6, .. } = owned.record;
    for ip in ipv4.map(IpAddr::V4).into_iter().chain(ipv6.map(IpAddr::V6)) {
        if let Some(is_local) = view.network.has(ip) {
            text.sample(family, &[("address", &ip.to_string())], u8::from(is_local));
        }
    }
    let standing = directory.standing(NodePlace { slot: owned.slot, ..NodePlace::FIRST });
    let help = "Whether this node is ready: else it is not in its group.";
    text.gauge("name_ready", help, u8::from(standing.is_ready));
    let help = "Whether this node is drained: then it is not in its group.";
    text.gauge("name_drained", help, u8::from(standing.drain.is_some()));
    let revision = owned.claim_revision;
    text.gauge("name_claim_revision", "Revision of etcd at which the name was claimed.", revision);
    let help = "The same by its old name, which goes with the next version.";
    text.gauge("name_create_revision", help, revision);
    let left = owned.valid_until.saturating_duration_since(now).as_secs_f64();
    text.gauge(
        "lease_remaining_seconds",
        "Time left of the lease in seconds.",
        format!("{left:.3}"),
    );
}

/// Families of samples, one after the other.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "# HELP idetcd_{name} {help}\n# TYPE idetcd_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let label = |(label, text): &(&str, &str)| format!("{label}=\"{}\"", escaped(text));
        let labels = labels.iter().map(label).collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "idetcd_{name}{labels} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        let name = format!("{name}_info");
        self.family(&name, "gauge", help);
        self.sample(&name, labels, 1);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The interval at which Prometheus scrapes, where nobody set another.
pub(super) const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct MetricsFile {
    pub(super) file: KeptFile,
    write_at: Instant,
    /// The number of changes of the directory, and when those that came are to be looked at.
    changes: u64,
    look_at: Option<Instant>,
    /// What is told at once when it changes, as it was written last.
    written: Option<UrgentFacts>,
}

/// What does not wait for the next time: the state of etcd, and whether this node is ready and drained.
type UrgentFacts = (Freshness, bool, bool);

impl MetricsFile {
    /// One that is written first at `now`.
    pub(super) fn new(file: KeptFile, now: Instant) -> MetricsFile {
        MetricsFile { file, write_at: now, changes: 0, look_at: None, written: None }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let write_at = self.file.is_idle().then_some(self.write_at);
        self.file.next().into_iter().chain(write_at).chain(self.look_at).min()
    }

    /// Takes note of the number of changes of the directory.
    pub(super) fn note_changes(&mut self, changes: u64, now: impl FnOnce() -> Instant) {
        if std::mem::replace(&mut self.changes, changes) != changes {
            self.look_at.get_or_insert_with(now);
        }
    }

    /// Lets it be written at once, because something changed.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.write_at = now;
    }

    pub(super) fn run(
        &mut self,
        now: Instant,
        tally: &Tally,
        view: View<'_>,
        ends: &[CertificateEnd],
        owned: Option<&Owned>,
    ) {
        self.file.run(now);
        let facts = urgent_facts(view.directory);
        if self.look_at.take().is_some() && self.written != Some(facts) {
            self.write_at = now;
        }
        // While a text is being written, another one waits: by then it would be old.
        if self.write_at <= now && self.file.is_idle() {
            self.write_at = now + SCRAPE_INTERVAL;
            self.written = Some(facts);
            self.file.set(Some(format(now, tally, view, ends, owned)), now);
        }
    }
}

fn urgent_facts(directory: &Directory) -> UrgentFacts {
    let standing = directory.own_standing();
    let is_ready = standing.is_none_or(|standing| standing.is_ready);
    let is_drained = standing.is_some_and(|standing| standing.drain.is_some());
    (directory.freshness(), is_ready, is_drained)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
