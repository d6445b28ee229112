//! Replies read back with simple-dns, as an independent reader.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::*;
use std::sync::Arc;

use super::super::wire::option;
use crate::cluster::{Entry, Names, Pattern};

const TTL: u32 = 5;

fn directory() -> Directory {
    filled("worker{{.ID}}.tf.local.", &["worker3.tf.local."])
}

fn filled(pattern: &str, keys: &[&str]) -> Directory {
    let pattern = Pattern::parse(pattern, 5).expect("a good pattern");
    let resolve = vec![Names::parse("db.example.com.", 5).expect("a name")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    for range in 0..2 {
        for key in keys {
            let value = br#"{"ipv4":"10.0.0.3","ipv6":"fd00::3"}"#;
            let entry = Entry { key: key.as_bytes(), value: Some(value), mod_revision: 7 };
            snapshot.apply(range, entry);
        }
        let four = br#"{"ipv4":"10.0.0.4"}"#;
        let entry = Entry { key: b"worker4.tf.local.", value: Some(four), mod_revision: 7 };
        snapshot.apply(range, entry);
    }
    directory.replace(snapshot, (1 << 32) + 42);
    directory
}

fn reply_to(query: &[u8], directory: &Directory) -> Option<Vec<u8>> {
    reply_over(Transport::Udp, query, directory)
}

fn reply_over(transport: Transport, query: &[u8], directory: &Directory) -> Option<Vec<u8>> {
    let responder = Responder::new(directory.keyspace(), TTL).expect("a zone");
    let mut reply = Vec::new();
    let asker = Asker { address: IpAddr::from([192, 0, 2, 1]), transport, now: 1_795_539_600 };
    match responder.answer(query, asker, directory, &Counters::default(), &mut reply) {
        Verdict::Silent | Verdict::Forward => None,
        Verdict::Reply(_) => Some(reply),
    }
}

/// A query as octets: header with these flags, one question, and what follows.
fn query(flags: u16, name: &str, qtype: u16, qclass: u16, additional: &[&[u8]]) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd];
    query.extend(flags.to_be_bytes());
    query.extend([0, 1, 0, 0, 0, 0, 0, additional.len() as u8]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(qtype.to_be_bytes());
    query.extend(qclass.to_be_bytes());
    query.extend(additional.concat());
    query
}

fn ask(name: &str, qtype: u16) -> Vec<u8> {
    query(flag::RD, name, qtype, CLASS_IN, &[])
}

const OPT: &[u8] = &[0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0];
const OPT_VERSION_1: &[u8] = &[0, 0, 41, 0x10, 0, 0, 1, 0, 0, 0, 0];

fn rcode_of(query: &[u8]) -> u8 {
    reply_to(query, &directory()).expect("a reply")[3] & 0x0f
}

#[test]
fn addresses_are_answered_with_the_question_as_it_came() {
    let directory = directory();
    let query = ask("WoRkEr3.tF.LOCAL.", rrtype::A);
    let bytes = reply_to(&query, &directory).expect("a reply");
    assert_eq!(bytes[12..query.len()], query[12..]);
    let reply = Packet::parse(&bytes).expect("well formed");
    assert_eq!(reply.id(), 0xabcd);
    assert!(reply.has_flags(
        PacketFlag::RESPONSE | PacketFlag::AUTHORITATIVE_ANSWER | PacketFlag::RECURSION_DESIRED
    ));
    assert!(!reply.has_flags(PacketFlag::RECURSION_AVAILABLE));
    let [answer] = reply.answers.as_slice() else { panic!("{reply:?}") };
    assert_eq!((answer.ttl, answer.name.to_string().as_str()), (TTL, "WoRkEr3.tF.LOCAL"));
    let RData::A(address) = &answer.rdata else { panic!("{answer:?}") };
    assert_eq!(address.address, 0x0a00_0003);
    let bytes = reply_to(&ask("worker3.tf.local.", rrtype::AAAA), &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    let RData::AAAA(address) = &reply.answers[0].rdata else { panic!("{reply:?}") };
    assert_eq!(address.address, 0xfd00_u128 << 112 | 3);
}

#[test]
fn what_is_not_there_is_nodata_or_nxdomain_with_the_soa() {
    let directory = directory();
    let table = [
        ("worker4.tf.local.", rrtype::AAAA, RCODE::NoError),
        ("worker3.tf.local.", 65_280, RCODE::NoError),
        ("worker3.tf.local.", 0, RCODE::NoError),
        ("worker5.tf.local.", rrtype::A, RCODE::NameError),
        ("x.worker3.tf.local.", rrtype::A, RCODE::NameError),
        ("worker03.tf.local.", rrtype::A, RCODE::NameError),
        ("TF.local.", rrtype::A, RCODE::NoError),
    ];
    for (name, qtype, rcode) in table {
        let bytes = reply_to(&ask(name, qtype), &directory).expect("a reply");
        // The reader refuses unknown types in a question, so they are asked for as TXT there.
        let mut readable = bytes.clone();
        let at = 12 + name.len() + 1;
        readable[at..at + 2].copy_from_slice(&16u16.to_be_bytes());
        let reply = Packet::parse(&readable).expect("well formed");
        assert_eq!(reply.rcode(), rcode, "{name}");
        assert!(reply.answers.is_empty() && reply.name_servers.len() == 1, "{name}");
        let owner = reply.name_servers[0].name.to_string();
        assert!(owner.eq_ignore_ascii_case("tf.local"), "{name}: {owner}");
        let RData::SOA(soa) = &reply.name_servers[0].rdata else { panic!("{reply:?}") };
        assert_eq!((soa.serial, soa.minimum), (42, TTL));
        assert_eq!(soa.mname.to_string(), "worker.tf.local");
        assert_eq!(soa.rname.to_string(), "hostmaster.tf.local");
    }
}

#[test]
fn the_apex_has_a_soa_and_any_is_hinfo() {
    let directory = directory();
    let bytes = reply_to(&ask("tf.local.", rrtype::SOA), &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    assert!(matches!(reply.answers[0].rdata, RData::SOA(_)) && reply.name_servers.is_empty());
    let bytes = reply_to(&ask("worker3.tf.local.", rrtype::ANY), &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    let RData::HINFO(hinfo) = &reply.answers[0].rdata else { panic!("{reply:?}") };
    assert_eq!(hinfo.cpu.to_string(), "RFC8482");
}

#[test]
fn empty_non_terminals_exist() {
    let directory = filled("x.w{{.ID}}.tf.local.", &["x.w3.tf.local."]);
    for (name, rcode) in [("w3.tf.local.", 0), ("w4.tf.local.", 3), ("x.w3.tf.local.", 0)] {
        let reply = reply_to(&ask(name, 16), &directory).expect("a reply");
        assert_eq!(reply[3] & 0x0f, rcode, "{name}");
    }
}

#[test]
fn before_the_first_sync_nothing_is_denied() {
    let directory = directory().emptied();
    for (name, rcode) in
        [("worker3.tf.local.", 2), ("nobody.tf.local.", 2), ("tf.local.", 2), ("example.com.", 5)]
    {
        let reply = reply_to(&ask(name, rrtype::A), &directory).expect("a reply");
        assert_eq!(reply[3] & 0x0f, rcode, "{name}");
        assert_eq!(reply[2] & 0x04, 0, "{name}: not authoritative");
    }
}

#[test]
fn an_answer_may_be_stale_but_not_expired() {
    let mut directory = directory();
    for (freshness, rcode) in
        [(Freshness::Stale, 0), (Freshness::Expired, 2), (Freshness::Synced, 0)]
    {
        directory.mark(freshness);
        let reply = reply_to(&ask("worker3.tf.local.", rrtype::A), &directory).expect("a reply");
        assert_eq!(reply[3] & 0x0f, rcode, "{freshness:?}");
    }
}

#[test]
fn a_plain_name_is_a_zone_of_its_own() {
    let directory = filled("worker{{.ID}}.tf.local.", &["db.example.com."]);
    let bytes = reply_to(&ask("DB.example.com.", rrtype::A), &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    assert!(matches!(reply.answers[0].rdata, RData::A(_)));
    for (name, qtype, rcode, section) in [
        ("db.example.com.", rrtype::SOA, 0, 7),
        ("db.example.com.", 16, 0, 9),
        ("x.db.example.com.", rrtype::A, 3, 9),
        ("web.example.com.", rrtype::A, 5, 5),
    ] {
        let bytes = reply_to(&ask(name, qtype), &directory).expect("a reply");
        assert_eq!((bytes[3] & 0x0f, bytes[section]), (rcode, 1), "{name} {qtype}");
        let reply = Packet::parse(&bytes).expect("well formed");
        let records = [reply.answers.as_slice(), reply.name_servers.as_slice()].concat();
        assert!(records.iter().all(|soa| soa.name.to_string() == "db.example.com"), "{reply:?}");
    }
}

#[test]
fn what_is_not_ours_is_refused() {
    let cases = [
        ask("example.com.", rrtype::A),
        ask(".", rrtype::A),
        ask("local.", rrtype::A),
        ask("xtf.local.", rrtype::A),
        ask("tf.local.", rrtype::AXFR),
        ask("tf.local.", rrtype::IXFR),
        query(0, "worker3.tf.local.", rrtype::A, 0x8001, &[]),
        query(0, "worker3.tf.local.", rrtype::A, 3, &[]),
        query(0, "worker3.tf.local.", rrtype::A, 65_280, &[]),
    ];
    for case in cases {
        assert_eq!(rcode_of(&case), 5, "{case:?}");
    }
    // One label that holds a dot is not two labels.
    let mut aliased = ask("worker3.tf.local.", rrtype::A);
    aliased[12] = 10;
    aliased[20] = b'.';
    assert_eq!(rcode_of(&aliased), 5);
}

#[test]
fn malformed_queries_are_formerr_and_others_notimp() {
    let good = ask("worker3.tf.local.", rrtype::A);
    let edited = |at: usize, octet: u8| {
        let mut query = good.clone();
        query[at] = octet;
        query
    };
    let twice: Vec<u8> = [OPT, OPT].concat();
    let long = format!("{}tf.local.", "aaaaaaa.".repeat(32));
    let mut misplaced = query(0, "worker3.tf.local.", 1, 1, &[OPT]);
    (misplaced[7], misplaced[11]) = (1, 0);
    let cases = [
        edited(5, 0),
        edited(5, 2),
        edited(12, 0xc0),
        edited(12, 64),
        edited(11, 255),
        good[..12].to_vec(),
        good[..good.len() - 1].to_vec(),
        [good.as_slice(), &[0]].concat(),
        ask(&long, 1),
        query(0, "worker3.tf.local.", 1, 1, &[&OPT[..10]]),
        query(0, "worker3.tf.local.", 1, 1, &[&twice[..11], &twice[11..]]),
        query(0, "worker3.tf.local.", 1, 1, &[&[1, b'x', 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0]]),
        query(0, "worker3.tf.local.", 1, 1, &[&[0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 3, 0, 1, 9]]),
        misplaced,
    ];
    for (number, case) in cases.iter().enumerate() {
        assert_eq!(rcode_of(case), 1, "case {number}: {case:?}");
    }
    for opcode in 1..16_u8 {
        let reply = reply_to(&edited(2, opcode << 3), &directory()).expect("a reply");
        assert_eq!((reply[2] >> 3 & 0x0f, reply[3] & 0x0f, reply.len()), (opcode, 4, 12));
    }
}

#[test]
fn edns_is_echoed_with_our_payload() {
    let directory = directory();
    let asked = query(0, "worker3.tf.local.", 1, 1, &[OPT]);
    let bytes = reply_to(&asked, &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    assert_eq!(reply.opt().expect("an OPT").udp_packet_size, UDP_WITH_EDNS);
    assert_eq!(bytes[bytes.len() - 4], 0x80, "DO is copied");
    let asked = query(0, "worker3.tf.local.", 1, 1, &[OPT_VERSION_1]);
    let bytes = reply_to(&asked, &directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    assert!(reply.answers.is_empty());
    // The upper bits of BADVERS (16) stand in the OPT, the lower ones in the header.
    assert_eq!((bytes[bytes.len() - 6], bytes[3] & 0x0f), (1, 0));
    // Padding and an unknown option are ignored.
    let options = [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 10, 0, 12, 0, 1, 0, 0xff, 0xff, 0, 1, 7];
    assert_eq!(rcode_of(&query(0, "worker3.tf.local.", 1, 1, &[&options])), 0);
    // The reserved bit Z and AD are ignored, CD is copied.
    let bytes = reply_to(&query(0x0070, "worker3.tf.local.", 1, 1, &[]), &directory);
    assert_eq!(bytes.expect("a reply")[3], 0x10);
}

#[test]
fn simple_dns_queries_are_understood() {
    let mut query = Packet::new_query(9);
    let name = Name::new("worker3.tf.local").expect("a name");
    query.questions.push(Question::new(
        name,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    let bytes = query.build_bytes_vec().expect("a query");
    assert_eq!(rcode_of(&bytes), 0);
}

#[test]
fn no_packet_is_answered_wrongly() {
    let directory = directory();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let seeds = [
        ask("worker3.tf.local.", 1),
        ask("nobody.tf.local.", 28),
        query(0x0120, "tf.local.", 6, 1, &[OPT]),
        query(0, "example.com.", 255, 3, &[OPT, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]]),
    ];
    let (mut answered, mut silent) = (0, 0);
    for _ in 0..200_000 {
        let mut packet = seeds[random() as usize % seeds.len()].clone();
        for _ in 0..random() % 6 {
            let at = random() as usize % packet.len();
            match random() % 3 {
                0 => packet[at] = random() as u8,
                1 => packet.truncate(at.max(1)),
                _ => packet.insert(at, random() as u8),
            }
        }
        match reply_to(&packet, &directory) {
            None => {
                silent += 1;
                assert!(packet.len() < 12 || packet[2] & 0x80 != 0, "{packet:?}");
            }
            Some(reply) => {
                answered += 1;
                assert!(packet.len() >= 12 && packet[2] & 0x80 == 0, "{packet:?}");
                assert!(reply[..2] == packet[..2] && reply[2] & 0x80 != 0, "{packet:?}");
                assert!(reply.len() <= 512, "{packet:?}");
            }
        }
    }
    assert!(answered > 10_000 && silent > 10_000, "{answered} {silent}");
}

/// Three nodes, the third without a port, and one more pattern.
fn cluster() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let resolve = vec![Names::parse("{{.ID}}.n.", 5).expect("a pattern")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let nodes = [
        (0, "worker1.tf.local.", r#"{"ipv4":"10.0.0.1","ipv6":"fd00::1","port":"53"}"#),
        (0, "worker2.tf.local.", r#"{"ipv4":"10.0.0.2","port":"1053"}"#),
        (0, "worker4.tf.local.", r#"{"ipv4":"10.0.0.2","ipv6":"fd00::4"}"#),
        (1, "7.n.", r#"{"ipv6":"fd00::7","port":"53"}"#),
    ];
    for (range, key, value) in nodes {
        let value = Some(value.as_bytes());
        snapshot.apply(range, Entry { key: key.as_bytes(), value, mod_revision: 7 });
    }
    directory.replace(snapshot, 42);
    directory.set_own(crate::cluster::SlotId::new(2));
    directory
}

/// A record in short.
fn shown(record: &simple_dns::ResourceRecord<'_>) -> String {
    match &record.rdata {
        RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(a) => std::net::Ipv6Addr::from(a.address).to_string(),
        RData::SRV(srv) => format!("{} {}:{}", srv.priority + srv.weight, srv.target, srv.port),
        RData::PTR(ptr) => format!("PTR {}", ptr.0),
        RData::NS(ns) => format!("NS {}", ns.0),
        RData::SOA(soa) => format!("SOA {}", soa.serial),
        RData::HINFO(hinfo) => format!("HINFO {}", hinfo.cpu),
        other => format!("{other:?}"),
    }
}

/// Name, type; response code, answers, authority, additional.
type Row<'a> = (&'a str, u16, u8, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn each_row_of_the_table_of_answers() {
    let directory = cluster();
    let six = format!("4.{}d.f.ip6.arpa.", "0.".repeat(29));
    let six = six.as_str();
    let table: [Row<'_>; 27] = [
        ("worker1.tf.local.", rrtype::A, 0, &["10.0.0.1"], &[], &[]),
        ("worker1.tf.local.", rrtype::AAAA, 0, &["fd00::1"], &[], &[]),
        ("worker2.tf.local.", rrtype::AAAA, 0, &[], &["SOA 42"], &[]),
        (
            "worker1.tf.local.",
            rrtype::SRV,
            0,
            &["0 worker1.tf.local:53"],
            &[],
            &["10.0.0.1", "fd00::1"],
        ),
        ("worker4.tf.local.", rrtype::SRV, 0, &[], &["SOA 42"], &[]),
        ("worker3.tf.local.", rrtype::SRV, 3, &[], &["SOA 42"], &[]),
        ("worker.tf.local.", rrtype::A, 0, &["10.0.0.1", "10.0.0.2"], &[], &[]),
        ("Worker.TF.local.", rrtype::AAAA, 0, &["fd00::1", "fd00::4"], &[], &[]),
        (
            "worker.tf.local.",
            rrtype::SRV,
            0,
            &["0 worker1.tf.local:53", "0 worker2.tf.local:1053"],
            &[],
            &["10.0.0.1", "fd00::1", "10.0.0.2"],
        ),
        ("worker.tf.local.", 16, 0, &[], &["SOA 42"], &[]),
        ("tf.local.", rrtype::SOA, 0, &["SOA 42"], &[], &[]),
        ("tf.local.", rrtype::NS, 0, &["NS worker.tf.local"], &[], &[]),
        ("tf.local.", rrtype::A, 0, &[], &["SOA 42"], &[]),
        ("worker1.tf.local.", rrtype::NS, 0, &[], &["SOA 42"], &[]),
        // A pattern that is all number: its group is the zone itself.
        ("n.", rrtype::AAAA, 0, &["fd00::7"], &[], &[]),
        ("n.", rrtype::A, 0, &[], &["SOA 42"], &[]),
        ("n.", rrtype::NS, 0, &["NS n"], &[], &[]),
        ("7.n.", rrtype::SRV, 0, &["0 7.n:53"], &[], &["fd00::7"]),
        ("1.0.0.10.in-addr.arpa.", rrtype::PTR, 0, &["PTR worker1.tf.local"], &[], &[]),
        (
            "2.0.0.10.IN-ADDR.arpa.",
            rrtype::PTR,
            0,
            &["PTR worker2.tf.local", "PTR worker4.tf.local"],
            &[],
            &[],
        ),
        (six, rrtype::PTR, 0, &["PTR worker4.tf.local"], &[], &[]),
        ("1.0.0.10.in-addr.arpa.", rrtype::A, 0, &[], &[], &[]),
        ("9.0.0.10.in-addr.arpa.", rrtype::PTR, 5, &[], &[], &[]),
        ("0.0.10.in-addr.arpa.", rrtype::PTR, 5, &[], &[], &[]),
        ("worker1.tf.local.", rrtype::ANY, 0, &["HINFO RFC8482"], &[], &[]),
        ("worker.tf.local.", rrtype::ANY, 0, &["HINFO RFC8482"], &[], &[]),
        ("1.0.0.10.in-addr.arpa.", rrtype::ANY, 0, &["HINFO RFC8482"], &[], &[]),
    ];
    for (name, qtype, rcode, answers, authority, additional) in table {
        for transport in [Transport::Udp, Transport::Tcp] {
            let bytes = reply_over(transport, &ask(name, qtype), &directory).expect("a reply");
            assert_eq!(bytes[3] & 0x0f, rcode, "{name} {qtype}");
            let reply = Packet::parse(&bytes).expect("well formed");
            let texts = |section: &[simple_dns::ResourceRecord<'_>]| -> Vec<String> {
                section.iter().map(shown).collect()
            };
            assert_eq!(texts(&reply.answers), answers, "{name} {qtype}");
            assert_eq!(texts(&reply.name_servers), authority, "{name} {qtype}");
            assert_eq!(texts(&reply.additional_records), additional, "{name} {qtype}");
            let is_ours = rcode != 5;
            assert_eq!(bytes[2] & 0x04 != 0, is_ours, "{name} {qtype}: authoritative");
        }
    }
}

#[test]
fn a_group_begins_with_another_node_each_time() {
    let directory = cluster();
    let responder = Responder::new(directory.keyspace(), TTL).expect("a zone");
    let mut counters = Counters::default();
    let asker = Asker { address: [192, 0, 2, 1].into(), transport: Transport::Udp, now: 0 };
    let mut firsts = Vec::new();
    for _ in 0..8 {
        let mut reply = Vec::new();
        let query = ask("worker.tf.local.", rrtype::AAAA);
        responder.answer(&query, asker, &directory, &counters, &mut reply);
        counters.count(Some(Rcode::NOERROR));
        let packet = Packet::parse(&reply).expect("well formed");
        assert_eq!(packet.answers.len(), 2);
        firsts.push(shown(&packet.answers[0]));
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts, ["fd00::1", "fd00::4"]);
}

#[test]
fn what_is_larger_than_the_client_takes_is_truncated_exactly_then() {
    let pattern = Pattern::parse("w{{.ID}}.n.", 5000).expect("a good pattern");
    let empty = Directory::new(Arc::new(Keyspace::new(pattern, 5000)));
    let filled = |count: usize| {
        let mut snapshot = empty.emptied();
        for number in 1..=count {
            let value = format!(r#"{{"ipv4":"10.0.{}.{}"}}"#, number / 250, number % 250);
            let key = format!("w{number}.n.");
            let value = Some(value.as_bytes());
            snapshot.apply(0, Entry { key: key.as_bytes(), value, mod_revision: 7 });
        }
        let mut directory = empty.clone();
        directory.replace(snapshot, 42);
        directory
    };
    // Header and question of 20 octets, each answer 16.
    let header = ask("w.n.", rrtype::A).len();
    let edns = |payload: u16| {
        let [high, low] = payload.to_be_bytes();
        query(0, "w.n.", rrtype::A, CLASS_IN, &[&[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]])
    };
    let table = [
        (Transport::Udp, ask("w.n.", rrtype::A), (512 - header) / 16),
        (Transport::Udp, edns(100), (512 - 11 - header) / 16),
        (Transport::Udp, edns(1000), (1000 - 11 - header) / 16),
        (Transport::Udp, edns(4096), (1232 - 11 - header) / 16),
        (Transport::Tcp, ask("w.n.", rrtype::A), (65_535 - header) / 16),
    ];
    for (transport, query, most) in table {
        for (number, truncated) in [(most, false), (most + 1, true)] {
            let bytes = reply_over(transport, &query, &filled(number)).expect("a reply");
            assert_eq!(bytes[2] & 0x02 != 0, truncated, "{transport:?}, {number} nodes");
            let answers = u16::from_be_bytes([bytes[6], bytes[7]]);
            assert_eq!(usize::from(answers), if truncated { 0 } else { number });
            assert!(Packet::parse(&bytes).is_ok());
        }
    }
}

#[test]
fn the_server_tells_of_itself_in_the_class_chaos() {
    let directory = cluster();
    let texts = |name: &str, directory: &Directory| -> (u8, Vec<String>) {
        let bytes = reply_to(&query(0, name, 16, CLASS_CH, &[]), directory).expect("a reply");
        let reply = Packet::parse(&bytes).expect("well formed");
        let texts = reply.answers.iter().map(|record| {
            assert_eq!((record.class, record.ttl), (CLASS::CH, 0));
            let RData::TXT(text) = &record.rdata else { panic!("{record:?}") };
            text.clone().try_into().expect("text")
        });
        (bytes[3] & 0x0f, texts.collect())
    };
    let version = concat!("idetcd ", env!("CARGO_PKG_VERSION"));
    let table: [(&str, &[&str]); 7] = [
        ("version.bind.", &[version]),
        ("VERSION.server.", &[version]),
        ("hostname.bind.", &["worker2.tf.local."]),
        ("id.server.", &["worker2.tf.local."]),
        ("revision.bind.", &["revision 42"]),
        ("etcd.bind.", &["etcd in sync"]),
        ("slots.bind.", &["slots 3"]),
    ];
    for (name, wanted) in table {
        assert_eq!(texts(name, &directory), (0, wanted.iter().map(|t| t.to_string()).collect()));
    }
    assert_eq!(texts("stats.bind.", &directory).1.len(), 5);
    assert_eq!(texts("id.server.", &directory.emptied()), (0, Vec::new()));
    assert_eq!(texts("authors.bind.", &directory).0, 5);
    let other = query(0, "version.bind.", rrtype::A, CLASS_CH, &[]);
    assert_eq!(reply_to(&other, &directory).expect("a reply")[7], 0);
}

/// The options of the reply's OPT, by code.
fn options(reply: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let packet = Packet::parse(reply).expect("well formed");
    let opt = packet.opt().expect("an OPT");
    opt.opt_codes.iter().map(|option| (option.code, option.data.to_vec())).collect()
}

fn with_option(name: &str, code: u16, data: &[u8]) -> Vec<u8> {
    let mut opt =
        vec![0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, u8::try_from(data.len() + 4).expect("short")];
    opt.extend(code.to_be_bytes());
    opt.extend([0, u8::try_from(data.len()).expect("short")]);
    opt.extend(data);
    query(0, name, rrtype::A, CLASS_IN, &[&opt])
}

#[test]
fn options_are_answered_where_they_are_asked_for() {
    let mut directory = cluster();
    let name = "worker1.tf.local.";
    let reply = reply_to(&with_option(name, option::NSID, &[]), &directory).expect("a reply");
    assert_eq!(options(&reply), [(option::NSID, b"worker2.tf.local.".to_vec())]);
    let reply = reply_to(&with_option(name, option::COOKIE, &[7; 8]), &directory);
    let found = options(&reply.expect("a reply"));
    assert!(found.len() == 1 && found[0].0 == option::COOKIE && found[0].1.len() == 24);
    assert_eq!(found[0].1[..8], [7; 8]);
    for length in [0, 7, 9, 15, 41] {
        let query = with_option(name, option::COOKIE, &vec![7; length]);
        assert_eq!(reply_to(&query, &directory).expect("a reply")[3] & 0x0f, 1, "{length}");
    }
    let plain = |name: &str, directory: &Directory| {
        options(&reply_to(&query(0, name, 1, 1, &[OPT]), directory).expect("a reply"))
    };
    let error = |error: ExtendedError| vec![(option::EDE, (error as u16).to_be_bytes().to_vec())];
    assert_eq!(plain(name, &directory), []);
    assert_eq!(plain("example.com.", &directory), error(ExtendedError::NotAuthoritative));
    assert_eq!(plain(name, &directory.emptied()), error(ExtendedError::NotReady));
    directory.mark(Freshness::Stale);
    assert_eq!(plain(name, &directory), error(ExtendedError::StaleAnswer));
    assert_eq!(plain("worker3.tf.local.", &directory), error(ExtendedError::StaleNxdomainAnswer));
    directory.mark(Freshness::Expired);
    assert_eq!(plain(name, &directory), error(ExtendedError::NoReachableAuthority));
}

#[test]
fn the_name_of_the_server_is_left_out_where_it_does_not_fit() {
    let zone = format!("{0}.{0}.{0}.z.", "l".repeat(63));
    let mut directory = filled(&format!("{}{{{{.ID}}}}.{zone}", "w".repeat(57)), &[]);
    directory.set_own(crate::cluster::SlotId::new(2));
    let name = directory.own_name().expect("a name");
    for (asked, is_told) in [(name.as_str(), false), (zone.as_str(), true), ("z.", true)] {
        let mut query = with_option(asked, option::NSID, &[]);
        let payload = query.len() - 12;
        query[payload..payload + 2].copy_from_slice(&[0x02, 0x00]);
        let reply = reply_to(&query, &directory).expect("a reply");
        assert!(reply.len() <= UDP_WITHOUT_EDNS, "{} octets", reply.len());
        assert_eq!(options(&reply).iter().any(|(code, _)| *code == option::NSID), is_told);
    }
}

#[test]
fn several_nodes_at_one_address_make_one_record_of_their_group() {
    let keys = ["worker1.tf.local.", "worker5.tf.local."];
    let directory = filled("worker{{.ID}}.tf.local.", &keys);
    for (qtype, count) in [(rrtype::A, 2), (rrtype::AAAA, 1)] {
        let reply = reply_to(&ask("worker.tf.local.", qtype), &directory).expect("a reply");
        assert_eq!(reply[6..8], [0, count], "type {qtype}");
    }
}
