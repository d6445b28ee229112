//! The OPT record and its options.

use super::*;

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
fn options_are_answered_where_they_are_asked_for() {
    let mut directory = cluster();
    let name = "worker1.tf.local.";
    let reply = reply_to(&with_option(name, option::NSID, &[]), &directory).expect("a reply");
    assert_eq!(options_of(&reply), [(option::NSID, b"worker2.tf.local.".to_vec())]);
    let reply = reply_to(&with_option(name, option::COOKIE, &[7; 8]), &directory);
    let found = options_of(&reply.expect("a reply"));
    assert!(found.len() == 1 && found[0].0 == option::COOKIE && found[0].1.len() == 24);
    assert_eq!(found[0].1[..8], [7; 8]);
    for length in [0, 7, 9, 15, 41] {
        let query = with_option(name, option::COOKIE, &vec![7; length]);
        assert_eq!(reply_to(&query, &directory).expect("a reply")[3] & 0x0f, 1, "{length}");
    }
    let plain = |name: &str, directory: &Directory| {
        options_of(&reply_to(&query(0, name, 1, 1, &[OPT]), directory).expect("a reply"))
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

/// RFC 6891 §6.1.1, §6.1.3, §6.1.4 and §7: OPT in the reply if, and only if, it is in the query, for
/// every response code; version 0; all flags but DO clear.
#[test]
fn opt_is_in_the_reply_exactly_where_it_is_in_the_query() {
    let directory = cluster();
    let empty = directory.emptied();
    let table: [(u8, &str, u16, u16, u8, &Directory); 9] = [
        (0, "worker1.tf.local.", rrtype::A, 1, 0, &directory),
        (0, "worker1.tf.local.", 1000, 1, 0, &directory),
        (0, "worker3.tf.local.", rrtype::A, 1, 3, &directory),
        (0, "worker3.tf.local.", rrtype::A, 1, 2, &empty),
        (0, "example.com.", rrtype::A, 1, 5, &directory),
        (0, "tf.local.", rrtype::AXFR, 1, 5, &directory),
        (0, "version.bind.", rrtype::TXT, 3, 0, &directory),
        (4, "tf.local.", rrtype::SOA, 1, 4, &directory),
        (15, "tf.local.", rrtype::SOA, 1, 4, &directory),
    ];
    for (opcode, name, qtype, class, rcode, directory) in table {
        let flags = u16::from(opcode) << 11;
        let plain = query(flags, name, qtype, class, &[]);
        let reply = reply_to(&plain, directory).expect("a reply");
        assert_eq!((full_rcode(&reply), counts(&reply)[2]), (rcode, 0), "{opcode} {name}");
        let unknown = (65_001, &b"unknown"[..]);
        for (sent, back) in [(0, 0), (0x8000, 0x8000), (0xffff, 0x8000), (0x7fff, 0)] {
            let query = query(flags, name, qtype, class, &[&opt(1232, 0, sent, &[unknown])]);
            let reply = reply_to(&query, directory).expect("a reply");
            // Not by the reader: it refuses unknown types, and takes a flag for the version.
            let at = reply.windows(5).rposition(|five| five == [0, 0, 41, 4, 0xd0]).expect("OPT");
            assert!(!reply.windows(7).any(|octets| octets == b"unknown"), "{opcode} {name}");
            let [rcode_high, version, high, low] = reply[at + 5..at + 9] else { unreachable!() };
            assert_eq!(u16::from_be_bytes([high, low]), back, "{opcode} {name}: the flags");
            assert_eq!((rcode_high << 4 | reply[3] & 0x0f, version), (rcode, 0), "{opcode} {name}");
        }
    }
}

/// RFC 6891 §6.1.3: of a version that is not known nothing is read but that it is not.
#[test]
fn a_later_version_is_told_ours_before_its_options_are_read() {
    let options: [(u16, &[u8]); 3] =
        [(option::NSID, &[]), (option::COOKIE, &[7; 8]), (option::COOKIE, &[7; 3])];
    for version in [1, 2, 255] {
        for (number, transport) in [(1, Transport::Udp), (3, Transport::Tcp)] {
            let opt = opt(512, version, 0, &options[..number]);
            let query = query(0, "worker1.tf.local.", 1, 1, &[&opt]);
            let reply = reply_over(transport, &query, &cluster()).expect("a reply");
            assert_eq!((full_rcode(&reply), counts(&reply)), (16, [0, 0, 1]), "{version}");
            assert_eq!(reply[2] & 0x04, 0, "not authoritative");
            assert!(options_of(&reply).is_empty());
            assert_eq!(reply[reply.len() - 5], 0, "the version of the reply");
        }
    }
    let mut without_question = vec![0; 12];
    without_question[11] = 1;
    without_question.extend(OPT_VERSION_1);
    assert_eq!(full_rcode(&reply_to(&without_question, &cluster()).expect("a reply")), 16);
}

/// RFC 5001 §2: the name of the node that answers, to those who ask for it, whatever they send.
#[test]
fn the_identifier_is_told_to_those_who_ask() {
    let mut directory = cluster();
    let own = [(option::NSID, b"worker2.tf.local.".to_vec())];
    for name in ["worker1.tf.local.", "worker3.tf.local."] {
        for data in [&b""[..], b"ignored"] {
            let reply = reply_to(&with_option(name, option::NSID, data), &directory);
            assert_eq!(options_of(&reply.expect("a reply")), own, "{name}");
        }
        let reply = reply_to(&query(0, name, 1, 1, &[OPT]), &directory).expect("a reply");
        assert_eq!(options_of(&reply), [], "{name}");
    }
    directory.set_own(None);
    let reply = reply_to(&with_option("worker1.tf.local.", option::NSID, &[]), &directory);
    assert_eq!(options_of(&reply.expect("a reply")), [], "nothing to tell yet");
}
