//! The figures in the text format of Prometheus (version 0.0.4), for node_exporter's collector of
//! text files. Pure.
//!
//! Names follow CoreDNS's `coredns_dns_…` where they mean the same. All begin with `idetcd_`: beside
//! node_exporter's own `process_…` in one scrape, a second family of that name is an error.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cluster::Freshness;
use crate::dns::Rcode;
use crate::node::Happening;

/// What is counted since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    started: SystemTime,
    pub(super) claims: u64,
    pub(super) losses: u64,
    syncs: u64,
    watches: u64,
    contacts_lost: u64,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn start() -> Tally {
        let started = SystemTime::now();
        Tally { started, claims: 0, losses: 0, syncs: 0, watches: 0, contacts_lost: 0 }
    }

    pub(super) fn note(&mut self, happening: Happening) {
        match happening {
            Happening::FullSync => self.syncs += 1,
            Happening::WatchOpened => self.watches += 1,
            Happening::ContactLost => self.contacts_lost += 1,
        }
    }
}

/// An owned name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// In lower case, with the final dot, as a query's.
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) create_revision: i64,
    /// What is left of the lease.
    pub(super) lease: Duration,
}

/// What is told.
#[derive(Clone, Debug)]
pub(super) struct Figures<'a> {
    pub(super) tally: &'a Tally,
    pub(super) name: Option<Name>,
    pub(super) freshness: Freshness,
    pub(super) revision: i64,
    /// How many slots are occupied, and how many this node may claim from.
    pub(super) slots: usize,
    pub(super) limit: u32,
    pub(super) queries: u64,
    pub(super) dropped: u64,
    /// Queries that other servers answered, and that they should have answered.
    pub(super) forwarded: u64,
    pub(super) unanswered: u64,
    pub(super) answers: Vec<(Rcode, u64)>,
}

/// The states of etcd, as a label tells them.
const STATES: [(Freshness, &str); 4] = [
    (Freshness::Empty, "never_reached"),
    (Freshness::Synced, "in_sync"),
    (Freshness::Stale, "out_of_reach"),
    (Freshness::Expired, "expired"),
];

/// The file's text.
pub(super) fn format(figures: &Figures<'_>) -> String {
    let mut text = Text(String::with_capacity(4096));
    text.info("build", "The version that runs.", &[("version", env!("CARGO_PKG_VERSION"))]);
    let since = figures.tally.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = format!("{:.3}", since.as_secs_f64());
    text.gauge("process_start_time_seconds", "Start since the Unix epoch in seconds.", &started);
    dns(&mut text, figures);
    etcd(&mut text, figures);
    name(&mut text, figures);
    text.0
}

fn dns(text: &mut Text, figures: &Figures<'_>) {
    text.counter("dns_requests_total", "DNS requests received.", figures.queries);
    text.family("dns_responses_total", "counter", "DNS responses by response code.");
    for (rcode, count) in &figures.answers {
        text.sample("dns_responses_total", &[("rcode", &rcode.to_string())], count);
    }
    text.counter("dns_dropped_total", "DNS requests that were not answered.", figures.dropped);
    let (forwarded, unanswered) = (figures.forwarded, figures.unanswered);
    text.counter("dns_forwarded_total", "DNS requests that other servers answered.", forwarded);
    text.counter("dns_unanswered_total", "DNS requests that no other server answered.", unanswered);
}

fn etcd(text: &mut Text, figures: &Figures<'_>) {
    let tally = figures.tally;
    text.family("etcd_state", "gauge", "How far etcd can be followed: 1 for the state that is.");
    for (freshness, state) in STATES {
        let value = u8::from(freshness == figures.freshness);
        text.sample("etcd_state", &[("state", state)], value);
    }
    text.gauge("etcd_revision", "Latest revision of etcd that is known.", figures.revision);
    text.counter("etcd_full_syncs_total", "Times that all names were read.", tally.syncs);
    text.counter("etcd_watches_total", "Watches opened.", tally.watches);
    let lost = tally.contacts_lost;
    text.counter("etcd_contacts_lost_total", "Times that an endpoint was lost.", lost);
    text.gauge("slots", "Slots of the pattern that are taken.", figures.slots);
    text.gauge("slots_limit", "Highest slot that this node claims.", figures.limit);
}

fn name(text: &mut Text, figures: &Figures<'_>) {
    let tally = figures.tally;
    text.counter("name_claims_total", "Times that this node came to own a name.", tally.claims);
    text.counter("name_losses_total", "Times that this node ceased to own one.", tally.losses);
    let owned = u8::from(figures.name.is_some());
    text.gauge("name_owned", "Whether this node owns a name.", owned);
    let Some(name) = &figures.name else { return };
    let labels = [("name", name.name.as_str()), ("id", &name.id.to_string())];
    text.info("name", "The name that this node owns.", &labels);
    let revision = name.create_revision;
    text.gauge("name_create_revision", "Revision of etcd that created the name.", revision);
    let left = format!("{:.3}", name.lease.as_secs_f64());
    text.gauge("lease_remaining_seconds", "Time left of the lease in seconds.", &left);
}

/// Families of samples, one after the other.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "# HELP idetcd_{name} {help}\n# TYPE idetcd_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(tally: &Tally) -> Figures<'_> {
        Figures {
            tally,
            name: None,
            freshness: Freshness::Empty,
            revision: 0,
            slots: 0,
            limit: 10,
            queries: 0,
            dropped: 0,
            forwarded: 0,
            unanswered: 0,
            answers: Vec::new(),
        }
    }

    fn tally() -> Tally {
        let started = UNIX_EPOCH + Duration::from_millis(1_795_497_034_123);
        Tally { started, claims: 2, losses: 1, syncs: 3, watches: 4, contacts_lost: 5 }
    }

    #[test]
    fn each_figure_has_its_sample() {
        let tally = tally();
        let lease = Duration::from_millis(13_333);
        let name = Name { name: "worker4.tf.local.".to_owned(), id: 4, create_revision: 77, lease };
        let told = format(&Figures {
            name: Some(name),
            freshness: Freshness::Stale,
            revision: 99,
            slots: 6,
            queries: 9,
            dropped: 1,
            forwarded: 5,
            unanswered: 6,
            answers: vec![(Rcode::NOERROR, 5), (Rcode::NXDOMAIN, 3)],
            ..figures(&tally)
        });
        for wanted in [
            concat!("idetcd_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "idetcd_process_start_time_seconds 1795497034.123",
            "idetcd_dns_requests_total 9",
            "idetcd_dns_responses_total{rcode=\"NOERROR\"} 5",
            "idetcd_dns_responses_total{rcode=\"NXDOMAIN\"} 3",
            "idetcd_dns_dropped_total 1",
            "idetcd_dns_forwarded_total 5",
            "idetcd_dns_unanswered_total 6",
            "idetcd_etcd_state{state=\"never_reached\"} 0",
            "idetcd_etcd_state{state=\"in_sync\"} 0",
            "idetcd_etcd_state{state=\"out_of_reach\"} 1",
            "idetcd_etcd_state{state=\"expired\"} 0",
            "idetcd_etcd_revision 99",
            "idetcd_etcd_full_syncs_total 3",
            "idetcd_etcd_watches_total 4",
            "idetcd_etcd_contacts_lost_total 5",
            "idetcd_slots 6",
            "idetcd_slots_limit 10",
            "idetcd_name_claims_total 2",
            "idetcd_name_losses_total 1",
            "idetcd_name_owned 1",
            "idetcd_name_info{name=\"worker4.tf.local.\",id=\"4\"} 1",
            "idetcd_name_create_revision 77",
            "idetcd_lease_remaining_seconds 13.333",
        ] {
            assert!(told.lines().any(|line| line == wanted), "{wanted} in\n{told}");
        }
    }

    #[test]
    fn without_a_name_nothing_is_told_of_one() {
        let tally = tally();
        let told = format(&figures(&tally));
        assert!(told.contains("\nidetcd_name_owned 0\n"), "{told}");
        for absent in ["name_info", "name_create_revision", "lease_remaining"] {
            assert!(!told.contains(absent), "{absent} in\n{told}");
        }
    }

    #[test]
    fn each_family_is_told_once_with_help_and_type_before_its_samples() {
        let tally = tally();
        let told = format(&figures(&tally));
        let mut families: Vec<&str> = Vec::new();
        let mut lines = told.lines().peekable();
        while let Some(help) = lines.next() {
            let name = help.strip_prefix("# HELP ").and_then(|rest| rest.split(' ').next());
            let name = name.unwrap_or_else(|| panic!("no HELP: {help}"));
            assert!(!families.contains(&name), "{name} twice");
            families.push(name);
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let kind = kind.and_then(|rest| rest.split_once(' ')).expect("a type");
            assert_eq!(kind.0, name);
            assert_eq!(kind.1 == "counter", name.ends_with("_total"), "{name}");
            while lines.next_if(|line| line.starts_with(name)).is_some() {}
        }
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
