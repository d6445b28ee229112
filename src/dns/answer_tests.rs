//! Replies read back with simple-dns, as an independent reader.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::*;
use std::sync::Arc;

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
        Verdict::Silent => None,
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
