//! Zones of reverse names: what is there, what lies between, and what is denied.

use super::*;
use crate::cluster::ReverseNetwork;

const SIX: &str = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.";

fn reply_of(name: &str, directory: &Directory, forwarding: Option<Forwarding>) -> Verdict {
    written(name, rrtype::PTR, directory, forwarding).0
}

fn written(
    name: &str,
    qtype: u16,
    directory: &Directory,
    forwarding: Option<Forwarding>,
) -> (Verdict, Vec<u8>) {
    let networks: Vec<ReverseNetwork> =
        ["10.0.0.0/16", "10.0.7.0/24", "fd00::/16"].iter().flat_map(|text| text.parse()).collect();
    let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
    let responder = responder.with_reverse(&networks).expect("zones").with_forwarding(forwarding);
    let (mut reply, transport) = (Vec::new(), Transport::Udp);
    let asker = Asker::new(IpAddr::from([192, 0, 2, 1]), transport, 1_795_539_600);
    let query = ask(name, qtype);
    (responder.answer(&query, asker, directory, &Counters::default(), &mut reply), reply)
}

#[test]
fn a_zone_has_its_records_and_says_what_is_not_there() {
    let directory = cluster();
    let soa: &[&str] = &["SOA 42"];
    type Row<'a> = (&'a str, u16, u8, &'a [&'a str], &'a [&'a str], &'a str);
    let table: [Row<'_>; 22] = [
        ("0.10.in-addr.arpa.", rrtype::SOA, 0, soa, &[], "0.10.in-addr.arpa"),
        ("0.10.in-addr.arpa.", rrtype::NS, 0, &["NS worker.tf.local"], &[], "0.10.in-addr.arpa"),
        ("0.10.in-addr.arpa.", rrtype::ANY, 0, &["HINFO RFC8482"], &[], "0.10.in-addr.arpa"),
        ("0.10.in-addr.arpa.", rrtype::A, 0, &[], soa, "0.10.in-addr.arpa"),
        ("0.10.in-addr.arpa.", rrtype::PTR, 0, &[], soa, "0.10.in-addr.arpa"),
        // What lies between, where there are names and where there is none.
        ("0.0.10.in-addr.arpa.", rrtype::NS, 0, &[], soa, "0.10.in-addr.arpa"),
        ("9.0.10.in-addr.arpa.", rrtype::PTR, 0, &[], soa, "0.10.in-addr.arpa"),
        ("1.0.0.10.in-addr.arpa.", rrtype::PTR, 0, &["PTR worker1.tf.local"], &[], ""),
        ("1.0.0.10.in-addr.arpa.", rrtype::ANY, 0, &["HINFO RFC8482"], &[], ""),
        ("1.0.0.10.in-addr.arpa.", rrtype::A, 0, &[], soa, "0.10.in-addr.arpa"),
        ("1.0.0.10.in-addr.arpa.", rrtype::NS, 0, &[], soa, "0.10.in-addr.arpa"),
        ("1.0.0.10.in-addr.arpa.", rrtype::SOA, 0, &[], soa, "0.10.in-addr.arpa"),
        ("9.0.0.10.in-addr.arpa.", rrtype::PTR, 3, &[], soa, "0.10.in-addr.arpa"),
        ("x.0.10.in-addr.arpa.", rrtype::PTR, 3, &[], soa, "0.10.in-addr.arpa"),
        ("b.1.0.0.10.in-addr.arpa.", rrtype::PTR, 3, &[], soa, "0.10.in-addr.arpa"),
        // The closest zone.
        ("7.0.10.in-addr.arpa.", rrtype::NS, 0, &["NS worker.tf.local"], &[], ""),
        ("9.7.0.10.in-addr.arpa.", rrtype::PTR, 3, &[], soa, "7.0.10.in-addr.arpa"),
        ("0.0.d.f.ip6.arpa.", rrtype::SOA, 0, soa, &[], "0.0.d.f.ip6.arpa"),
        ("0.0.0.d.f.ip6.arpa.", rrtype::PTR, 0, &[], soa, "0.0.d.f.ip6.arpa"),
        (SIX, rrtype::PTR, 0, &["PTR worker1.tf.local"], &[], ""),
        // Above the zones, and beside them.
        ("10.in-addr.arpa.", rrtype::NS, 5, &[], &[], ""),
        ("1.1.10.in-addr.arpa.", rrtype::PTR, 5, &[], &[], ""),
    ];
    for (name, qtype, rcode, answers, authority, owner) in table {
        let (_, reply) = written(name, qtype, &directory, None);
        let packet = Packet::parse(&reply).expect("well formed");
        let texts = |section: &[simple_dns::ResourceRecord<'_>]| -> Vec<String> {
            section.iter().map(cookie).collect()
        };
        assert_eq!(reply[3] & 0x0f, rcode, "{name} {qtype}");
        assert_eq!(texts(&packet.answers), answers, "{name} {qtype}");
        assert_eq!(texts(&packet.name_servers), authority, "{name} {qtype}");
        assert_eq!(reply[2] & 0x04 != 0, rcode != 5, "{name} {qtype}: authoritative");
        let records = packet.answers.iter().chain(&packet.name_servers);
        for record in records.filter(|_| !owner.is_empty()) {
            assert_eq!(record.name.to_string(), owner, "{name} {qtype}");
        }
    }
}

#[test]
fn what_is_in_no_such_zone_is_forwarded_and_what_is_in_one_is_not() {
    let directory = cluster();
    let all = Forwarding::of_all_names();
    let verdict = |name| reply_of(name, &directory, Some(all.clone()));
    assert_eq!(verdict("9.0.0.10.in-addr.arpa."), Verdict::Reply(Rcode::NXDOMAIN));
    assert_eq!(verdict("9.0.1.10.in-addr.arpa."), Verdict::Forward);
    // Of some zones alone: those below are theirs, those above and beside are nobody's.
    let some = Forwarding::of(vec!["1.10.in-addr.arpa.".to_owned(), "example.".to_owned()]);
    let verdict = |name| reply_of(name, &directory, Some(some.clone()));
    for name in ["9.9.1.10.in-addr.arpa.", "1.10.in-addr.arpa.", "example.", "EXAMPLE."] {
        assert_eq!(verdict(name), Verdict::Forward, "{name}");
    }
    for name in ["10.in-addr.arpa.", "9.9.2.10.in-addr.arpa.", "anexample.", "."] {
        assert_eq!(verdict(name), Verdict::Reply(Rcode::REFUSED), "{name}");
    }
}

#[test]
fn who_is_not_among_those_who_may_has_nothing_forwarded() {
    let directory = cluster();
    let mut forwarding = Forwarding::of_all_names();
    let (ours, others) = ("192.0.2.0/24".parse().expect("one"), "10.0.0.0/8".parse().expect("one"));
    for (clients, wanted) in [
        (None, Verdict::Forward),
        (Some(vec![others, ours]), Verdict::Forward),
        (Some(vec![others]), Verdict::Reply(Rcode::REFUSED)),
        (Some(Vec::new()), Verdict::Reply(Rcode::REFUSED)),
    ] {
        forwarding.set_clients(clients);
        let verdict = reply_of("example.com.", &directory, Some(forwarding.clone()));
        assert_eq!(verdict, wanted);
        let own = reply_of("worker1.tf.local.", &directory, Some(forwarding.clone()));
        assert_eq!(own, Verdict::Reply(Rcode::NOERROR));
    }
}

#[test]
fn an_address_is_not_denied_before_all_names_are_known() {
    let empty = Directory::new(cluster().keyspace().clone());
    let mut incomplete = cluster();
    incomplete.mark(Freshness::Incomplete);
    let table = [
        (&empty, "1.0.0.10.in-addr.arpa.", Rcode::SERVFAIL),
        (&empty, "0.10.in-addr.arpa.", Rcode::SERVFAIL),
        (&incomplete, "9.0.0.10.in-addr.arpa.", Rcode::SERVFAIL),
        (&incomplete, "1.0.0.10.in-addr.arpa.", Rcode::NOERROR),
        (&incomplete, "0.0.10.in-addr.arpa.", Rcode::NOERROR),
    ];
    for (directory, name, wanted) in table {
        let verdict = reply_of(name, directory, None);
        assert_eq!(verdict, Verdict::Reply(wanted), "{name}");
    }
}
