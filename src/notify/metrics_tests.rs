use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::cluster::{Entry, Keyspace, Pattern, Record, SlotId};
use crate::dns::Rcode;
use crate::node::network::HostNetwork;

/// A directory with six names, of which etcd was heard last at revision 99.
fn directory() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 10).expect("a pattern");
    let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 10)));
    let mut snapshot = directory.emptied();
    for slot in 1..=6 {
        let key = format!("worker{slot}.tf.local.");
        let value = Some(&br#"{"ipv4":"10.0.0.1"}"#[..]);
        snapshot.apply(0, Entry { key: key.as_bytes(), value, mod_revision: slot, fingerprint: 0 });
    }
    // All on one lease.
    for (slot, mod_revision) in [(4, 7), (5, 8)] {
        let key = format!("worker:{slot}.tf.local.");
        let (key, value) = (key.as_bytes(), Some(&b"{}"[..]));
        snapshot.apply(0, Entry { key, value, mod_revision, fingerprint: 0 });
    }
    directory.replace(snapshot, 99);
    directory.mark(Freshness::Stale);
    directory
}

/// Nine queries, two of them over TCP and one not answered, and eleven that other servers were to answer.
fn counters() -> Counters {
    let mut counters = Counters::default();
    (counters.forwarded, counters.unanswered) = (5, 6);
    counters.transfers = [7, 8, 9];
    (counters.transfers_refused, counters.notifies) = (10, 11);
    let answers = [(Some(Rcode::NOERROR), 5), (Some(Rcode::NXDOMAIN), 3), (None, 1)];
    for (rcode, times) in answers {
        (0..times).for_each(|_| counters.count(rcode));
    }
    counters.over_tcp = 2;
    counters
}

fn formatted(owned: Option<Duration>) -> String {
    let (directory, counters, now) = (directory(), counters(), Instant::now());
    let owned = owned.map(|lease| Owned {
        slot: SlotId::new(4).expect("not zero"),
        claim_revision: 77,
        record: Record { ipv4: Some([10, 0, 0, 4].into()), ..Record::default() },
        valid_until: now + lease,
    });
    let network = HostNetwork { interfaces: Ok(Vec::new()), default_sources: Vec::new() };
    let server = TableServer {
        slot: SlotId::new(2).expect("not zero"),
        address: SocketAddr::from(([10, 0, 0, 2], 5353)),
    };
    let proven_at = now.checked_sub(Duration::from_millis(1250)).expect("a running machine");
    let table = owned.as_ref().map(|_| FollowedTable { server: Some(server), proven_at });
    let view = View { directory: &directory, counters: &counters, network: &network, table };
    let end = |option, seconds| CertificateEnd {
        option,
        path: "/x".into(),
        not_after: Duration::from_secs(seconds),
    };
    let ends = [end("cacert", 2_524_607_999), end("cert", 1_795_497_034)];
    let ends = if owned.is_some() { &ends[..] } else { &[] };
    format(now, &tally(), view, ends, owned.as_ref())
}

fn tally() -> Tally {
    let started = UNIX_EPOCH + Duration::from_millis(1_795_497_034_123);
    Tally { started, claims: 2, losses: 1, syncs: 3, watches: 4, contacts_lost: 5, ahead: Some(6) }
}

#[test]
fn each_figure_has_its_sample() {
    let told = formatted(Some(Duration::from_millis(13_333)));
    for wanted in [
        concat!("idetcd_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "idetcd_process_start_time_seconds 1795497034.123",
        "idetcd_dns_requests_total{proto=\"udp\"} 7",
        "idetcd_dns_requests_total{proto=\"tcp\"} 2",
        "idetcd_dns_responses_total{rcode=\"NOERROR\"} 5",
        "idetcd_dns_responses_total{rcode=\"NXDOMAIN\"} 3",
        "idetcd_dns_dropped_total 1",
        "idetcd_dns_forwarded_total 5",
        "idetcd_dns_unanswered_total 6",
        "idetcd_transfers_total{content=\"zone\"} 7",
        "idetcd_transfers_total{content=\"changes\"} 8",
        "idetcd_transfers_total{content=\"soa\"} 9",
        "idetcd_transfers_refused_total 10",
        "idetcd_notifies_sent_total 11",
        "idetcd_table_server_info{name=\"worker2.tf.local.\",address=\"10.0.0.2:5353\"} 1",
        "idetcd_table_age_seconds 1.250",
        "idetcd_etcd_state{state=\"never_reached\"} 0",
        "idetcd_etcd_state{state=\"incomplete\"} 0",
        "idetcd_etcd_state{state=\"in_sync\"} 0",
        "idetcd_etcd_state{state=\"out_of_reach\"} 1",
        "idetcd_etcd_state{state=\"expired\"} 0",
        "idetcd_etcd_revision 99",
        "idetcd_etcd_full_syncs_total 3",
        "idetcd_etcd_watches_total 4",
        "idetcd_etcd_contacts_lost_total 5",
        "idetcd_certificate_not_after_timestamp_seconds{option=\"cacert\"} 2524607999",
        "idetcd_certificate_not_after_timestamp_seconds{option=\"cert\"} 1795497034",
        "idetcd_slots 6",
        "idetcd_group_nodes 4",
        "idetcd_published_address_local{address=\"10.0.0.4\"} 0",
        "idetcd_name_ready 1",
        "idetcd_name_drained 1",
        "idetcd_slots_limit 10",
        "idetcd_name_claims_total 2",
        "idetcd_name_losses_total 1",
        "idetcd_name_owned 1",
        "idetcd_name_info{name=\"worker4.tf.local.\",id=\"4\"} 1",
        "idetcd_name_claim_revision 77",
        "idetcd_name_create_revision 77",
        "idetcd_lease_remaining_seconds 13.333",
    ] {
        assert!(told.lines().any(|line| line == wanted), "{wanted} in\n{told}");
    }
}

#[test]
fn without_a_name_nothing_is_told_of_one() {
    let told = formatted(None);
    assert!(told.contains("\nidetcd_name_owned 0\n"), "{told}");
    assert!(told.contains("\nidetcd_queue_ahead 6\n"), "{told}");
    for absent in [
        "certificate",
        "table_server",
        "table_age",
        "name_info",
        "published_address_local",
        "name_ready",
        "name_drained",
        "name_claim_revision",
        "name_create_revision",
        "lease_remaining",
    ] {
        assert!(!told.contains(absent), "{absent} in\n{told}");
    }
}

#[test]
fn each_family_is_told_once_with_help_and_type_before_its_samples() {
    let told = formatted(None);
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
