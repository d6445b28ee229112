//! Names that exist, and what is not ours.

use simple_dns::PacketFlag;

use super::*;

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

/// Name, type; response code, answers, authority, additional.
type Row<'a> = (&'a str, u16, u8, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn each_row_of_the_table_of_answers() {
    let directory = cluster();
    let six = format!("4.{}d.f.ip6.arpa.", "0.".repeat(29));
    let six = six.as_str();
    let table: [Row<'_>; 29] = [
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
        ("1.0.0.10.in-addr.arpa.", rrtype::A, 0, &[], &["SOA 42"], &[]),
        ("1.0.0.10.in-addr.arpa.", rrtype::SOA, 0, &["SOA 42"], &[], &[]),
        ("1.0.0.10.in-addr.arpa.", rrtype::NS, 0, &["NS worker.tf.local"], &[], &[]),
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
                section.iter().map(cookie).collect()
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
    let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
    let mut counters = Counters::default();
    let asker = Asker::new([192, 0, 2, 1].into(), Transport::Udp, 0);
    let mut firsts = Vec::new();
    for _ in 0..8 {
        let mut reply = Vec::new();
        let query = ask("worker.tf.local.", rrtype::AAAA);
        responder.answer(&query, asker, &directory, &counters, &mut reply);
        counters.count(Some(Rcode::NOERROR));
        let packet = Packet::parse(&reply).expect("well formed");
        assert_eq!(packet.answers.len(), 2);
        firsts.push(cookie(&packet.answers[0]));
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts, ["fd00::1", "fd00::4"]);
}

/// RFC 4343: letters of ASCII are alike, other octets are only themselves, and what was asked is
/// what comes back.
#[test]
fn letters_are_alike_and_nothing_else_is() {
    let directory = filled("a_b-{{.ID}}.tf.local.", &["a_b-3.tf.local."]);
    let lower = ask("a_b-3.tf.local.", rrtype::A);
    let name = 12..12 + "a_b-3.tf.local.".len() + 1;
    for at in name.clone() {
        let mut flipped = lower.clone();
        flipped[at] ^= 0x20;
        let is_letter = lower[at].is_ascii_alphabetic();
        let is_length = [5, 2, 0].contains(&lower[at]);
        let reply = reply_to(&flipped, &directory).expect("a reply");
        assert_eq!(reply[3] & 0x0f == 0, is_letter, "octet {at}");
        if !is_length {
            assert_eq!(reply[12..flipped.len()], flipped[12..], "octet {at}");
        }
    }
    // Umlauts in Latin-1 differ by the same bit, but are no letters here.
    for octet in 128..=255 {
        let mut odd = lower.clone();
        odd[13] = octet;
        let reply = reply_to(&odd, &directory).expect("a reply");
        assert_eq!((reply[3] & 0x0f, &reply[12..odd.len()]), (3, &odd[12..]), "{octet}");
    }
    let upper: Vec<u8> = lower.to_ascii_uppercase();
    let reply = reply_to(&upper, &directory).expect("a reply");
    assert_eq!((counts(&reply)[0], &reply[name.clone()]), (1, &upper[name]));
}

/// RFC 8482 §4.2: one HINFO for what exists; what does not is still told apart.
#[test]
fn any_is_answered_by_one_hinfo_where_there_is_anything() {
    let directory = cluster();
    for (name, rcode, counted) in [
        ("worker1.tf.local.", 0, [1, 0, 0]),
        ("worker.tf.local.", 0, [1, 0, 0]),
        ("tf.local.", 0, [1, 0, 0]),
        ("7.n.", 0, [1, 0, 0]),
        ("worker3.tf.local.", 3, [0, 1, 0]),
        ("x.worker1.tf.local.", 3, [0, 1, 0]),
        ("example.com.", 5, [0, 0, 0]),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = reply_over(transport, &ask(name, rrtype::ANY), &directory);
            let reply = reply.expect("a reply");
            assert_eq!((reply[3] & 0x0f, counts(&reply)), (rcode, counted), "{name}");
            let packet = Packet::parse(&reply).expect("well formed");
            for record in &packet.answers {
                let RData::HINFO(hinfo) = &record.rdata else { panic!("{record:?}") };
                assert_eq!(
                    (hinfo.cpu.to_string(), hinfo.os.to_string()),
                    ("RFC8482".into(), String::new())
                );
            }
        }
    }
}

/// RFC 2181 §5 and §5.2: the records of a set differ, and have one TTL.
#[test]
fn the_records_of_a_set_differ_and_have_one_ttl() {
    let directory = cluster();
    for (name, qtype, count) in [
        ("worker.tf.local.", rrtype::A, 2),
        ("worker.tf.local.", rrtype::AAAA, 2),
        ("worker.tf.local.", rrtype::SRV, 2),
        ("2.0.0.10.in-addr.arpa.", rrtype::PTR, 2),
    ] {
        let reply = reply_to(&ask(name, qtype), &directory).expect("a reply");
        let packet = Packet::parse(&reply).expect("well formed");
        let mut records: Vec<String> = packet.answers.iter().map(cookie).collect();
        records.sort_unstable();
        records.dedup();
        assert_eq!((packet.answers.len(), records.len()), (count, count), "{name} {qtype}");
        assert!(packet.answers.iter().all(|record| record.ttl == TTL), "{packet:?}");
    }
}

/// The records of a reply in short, and its response code.
fn told(name: &str, qtype: u16, directory: &Directory) -> (u8, Vec<String>) {
    let bytes = reply_to(&ask(name, qtype), directory).expect("a reply");
    let reply = Packet::parse(&bytes).expect("well formed");
    let mut records: Vec<String> =
        reply.answers.iter().chain(&reply.name_servers).map(cookie).collect();
    records.sort();
    (bytes[3] & 0x0f, records)
}

#[test]
fn who_is_drained_or_not_ready_is_told_by_its_name_and_not_by_that_of_the_group() {
    let mut directory = cluster();
    let mut put = |key: &str, value: &str, mod_revision| {
        let (key, value) = (key.as_bytes(), Some(value.as_bytes()));
        directory.apply(0, Entry { key, value, mod_revision, fingerprint: 0 });
        directory.clone()
    };
    let all = |records: &[&str]| (0, records.iter().map(|text| (*text).to_owned()).collect());
    let drained = put("worker:1.tf.local.", "", 50);
    assert_eq!(told("worker1.tf.local.", rrtype::A, &drained), all(&["10.0.0.1"]));
    assert_eq!(told("worker.tf.local.", rrtype::A, &drained), all(&["10.0.0.2"]));
    assert_eq!(told("worker.tf.local.", rrtype::AAAA, &drained), all(&["fd00::4"]));
    assert_eq!(told("worker.tf.local.", rrtype::SRV, &drained), all(&["0 worker2.tf.local:1053"]));
    let reverse = told("1.0.0.10.in-addr.arpa.", rrtype::PTR, &drained);
    assert_eq!(reverse, all(&["PTR worker1.tf.local"]));
    let unready = r#"{"ipv4":"10.0.0.2","ipv6":"fd00::4","ready":false}"#;
    let fewer = put("worker4.tf.local.", unready, 51);
    assert_eq!(told("worker.tf.local.", rrtype::A, &fewer), all(&["10.0.0.2"]), "worker2 has it");
    assert_eq!(told("worker.tf.local.", rrtype::AAAA, &fewer), all(&["SOA 42"]));
    assert_eq!(told("worker4.tf.local.", rrtype::AAAA, &fewer), all(&["fd00::4"]));
    let none = put("worker:2.tf.local.", "", 52);
    for qtype in [rrtype::A, rrtype::AAAA, rrtype::SRV] {
        assert_eq!(told("worker.tf.local.", qtype, &none), all(&["SOA 42"]), "no data: {qtype}");
    }
    assert_eq!(told("worker:1.tf.local.", rrtype::A, &none).0, 3, "the key of a drain is no name");
}
