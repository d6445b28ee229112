//! What is not there, and what is not known yet.

use simple_dns::RCODE;

use super::*;

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
fn while_names_are_missing_what_is_known_is_answered_and_nothing_else_denied() {
    let mut directory = directory();
    let table = [
        ("worker4.tf.local.", rrtype::A, 0, 0),
        ("worker4.tf.local.", rrtype::AAAA, 0, 0),
        ("4.0.0.10.in-addr.arpa.", rrtype::PTR, 0, 0),
        ("tf.local.", rrtype::SOA, 0, 0),
        ("tf.local.", rrtype::NS, 0, 0),
        ("tf.local.", rrtype::A, 0, 0),
        ("db.example.com.", rrtype::SOA, 0, 0),
        ("worker2.tf.local.", rrtype::A, 2, 3),
        ("x.worker4.tf.local.", rrtype::A, 2, 3),
        ("nobody.tf.local.", rrtype::A, 2, 3),
        ("worker.tf.local.", rrtype::A, 2, 0),
        ("worker.tf.local.", rrtype::AAAA, 2, 0),
        ("db.example.com.", rrtype::A, 2, 0),
        ("2.0.0.10.in-addr.arpa.", rrtype::PTR, 5, 5),
    ];
    for (name, qtype, incomplete, synced) in table {
        for (freshness, rcode) in [(Freshness::Incomplete, incomplete), (Freshness::Synced, synced)]
        {
            directory.mark(freshness);
            let asked = query(0, name, qtype, 1, &[OPT]);
            let reply = reply_to(&asked, &directory).expect("a reply");
            assert_eq!(reply[3] & 0x0f, rcode, "{freshness:?} {name} {qtype}");
            let error = match (freshness, rcode) {
                (_, 5) => Some(ExtendedError::NotAuthoritative),
                (Freshness::Incomplete, 2) => Some(ExtendedError::NotReady),
                (Freshness::Incomplete, _) => Some(ExtendedError::StaleAnswer),
                _ => None,
            };
            let wanted = error.map(|error| (option::EDE, (error as u16).to_be_bytes().to_vec()));
            assert_eq!(options_of(&reply), Vec::from_iter(wanted), "{freshness:?} {name}");
        }
    }
}

#[test]
fn an_answer_may_be_stale_but_not_expired() {
    let mut directory = cluster();
    for (freshness, rcode) in
        [(Freshness::Stale, 0), (Freshness::Expired, 2), (Freshness::Synced, 0)]
    {
        directory.mark(freshness);
        for (name, qtype) in
            [("worker1.tf.local.", rrtype::A), ("1.0.0.10.in-addr.arpa.", rrtype::PTR)]
        {
            let reply = reply_to(&ask(name, qtype), &directory).expect("a reply");
            assert_eq!(reply[3] & 0x0f, rcode, "{freshness:?} {name}");
        }
    }
}

/// RFC 2308 §2, §3 and §5: a denial has one SOA in the authority section, under the name of its zone,
/// with the lesser of its own TTL and MINIMUM; NXDOMAIN and NODATA differ by the response code alone.
#[test]
fn a_denial_has_the_soa_with_the_ttl_of_denials() {
    let directory = cluster();
    for (name, qtype, rcode, zone) in [
        ("worker3.tf.local.", rrtype::A, 3, "tf.local"),
        ("x.worker1.tf.local.", rrtype::A, 3, "tf.local"),
        ("worker1.tf.local.", rrtype::TXT, 0, "tf.local"),
        ("worker2.tf.local.", rrtype::AAAA, 0, "tf.local"),
        ("worker.tf.local.", rrtype::TXT, 0, "tf.local"),
        ("tf.local.", rrtype::A, 0, "tf.local"),
        ("8.n.", rrtype::A, 3, "n"),
        ("1.0.0.10.in-addr.arpa.", rrtype::A, 0, "1.0.0.10.in-addr.arpa"),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = reply_over(transport, &ask(name, qtype), &directory).expect("a reply");
            assert_eq!((reply[3] & 0x0f, counts(&reply)), (rcode, [0, 1, 0]), "{name} {qtype}");
            assert_eq!(reply[2] & 0x06, 0x04, "{name} {qtype}: authoritative, not truncated");
            let packet = Packet::parse(&reply).expect("well formed");
            let [soa] = packet.name_servers.as_slice() else { panic!("{packet:?}") };
            let RData::SOA(data) = &soa.rdata else { panic!("{soa:?}") };
            assert_eq!((soa.name.to_string().as_str(), soa.ttl), (zone, data.minimum));
            assert_eq!(data.minimum, TTL);
        }
    }
}

/// RFC 3597: a type that is not known is one that no name has; of a class that is not known there is
/// no zone.
#[test]
fn unknown_types_and_classes_are_no_error_of_the_client() {
    let directory = cluster();
    let table = [
        ("worker1.tf.local.", 0, [0, 1, 0]),
        ("worker.tf.local.", 0, [0, 1, 0]),
        ("worker3.tf.local.", 3, [0, 1, 0]),
        ("example.com.", 5, [0, 0, 0]),
    ];
    for (name, rcode, counted) in table {
        for qtype in [0, 3, 41, 46, 99, 128, 249, 250, 253, 254, 256, 1000, 32_768, 65_280, 65_535]
        {
            let reply = reply_to(&ask(name, qtype), &directory).expect("a reply");
            assert_eq!((reply[3] & 0x0f, counts(&reply)), (rcode, counted), "{name} {qtype}");
        }
    }
    for class in [0, 2, 4, 254, 255, 256, 32_769, 65_280, 65_535] {
        let query = query(0, "worker1.tf.local.", rrtype::A, class, &[]);
        let reply = reply_to(&query, &directory).expect("a reply");
        assert_eq!((reply[3] & 0x0f, counts(&reply)), (5, [0, 0, 0]), "class {class}");
        assert_eq!(reply[12..], query[12..], "class {class}");
    }
}

/// RFC 8020 §2: where a name does not exist, nothing below it does, and so what is above a name that
/// exists does.
#[test]
fn nothing_exists_below_a_name_that_does_not() {
    let directory = filled("x.w{{.ID}}.tf.local.", &["x.w3.tf.local."]);
    let rcode = |name: &str| reply_to(&ask(name, 16), &directory).expect("a reply")[3] & 0x0f;
    let existing = ["x.w3.tf.local.", "w3.tf.local.", "x.w.tf.local.", "w.tf.local.", "tf.local."];
    for name in existing {
        assert_eq!(rcode(name), 0, "{name}");
    }
    for name in
        ["w4.tf.local.", "w03.tf.local.", "y.tf.local.", "y.w3.tf.local.", "a.x.w3.tf.local."]
    {
        for below in ["", "x.", "w3.", "x.w3.", "tf.local.", "x.w3.tf.local.", "a.b.c.d.e."] {
            assert_eq!(rcode(&format!("{below}{name}")), 3, "{below}{name}");
        }
    }
}
