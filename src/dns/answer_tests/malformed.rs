//! Queries that are malformed, or of another kind.

use simple_dns::{Name, QCLASS, QTYPE, Question, TYPE};

use super::*;

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

/// RFC 9619 §4: more than one question is malformed. None is as well, unless it has a cookie.
#[test]
fn not_exactly_one_question_is_malformed() {
    let one = &ask("worker3.tf.local.", rrtype::A)[12..];
    for count in [0, 2, 3] {
        for (additional, has_opt) in [(&[][..], false), (OPT, true)] {
            let mut query = vec![0xab, 0xcd, 1, 0, 0, count, 0, 0, 0, 0, 0, u8::from(has_opt)];
            query.extend(one.repeat(usize::from(count)));
            query.extend(additional);
            let reply = reply_to(&query, &directory()).expect("a reply");
            assert_eq!((full_rcode(&reply), reply[5]), (1, 0), "{count} questions");
            assert_eq!(counts(&reply), [0, 0, u16::from(has_opt)], "{count} questions");
        }
    }
}

/// What can be read of a malformed query comes back: the question, and OPT (RFC 6891 §6.1.1).
#[test]
fn what_could_be_read_of_a_malformed_query_comes_back() {
    let good = query(0, "Worker3.tf.local.", 1, 1, &[]);
    let with = |counts: [u8; 3], records: &[&[u8]]| {
        let mut query = good.clone();
        (query[7], query[9], query[11]) = (counts[0], counts[1], counts[2]);
        [query, records.concat()].concat()
    };
    let short_option = [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0];
    let cookie = opt(512, 0, 0, &[(option::COOKIE, &[1; 9])]);
    let named = [&[1, b'x', 0][..], &OPT[1..]].concat();
    let table: [(&str, Vec<u8>, bool); 8] = [
        ("a record that is cut off", with([0, 0, 1], &[&OPT[..10]]), false),
        ("octets that are left over", with([0, 0, 1], &[OPT, &[0]]), true),
        ("OPT twice", with([0, 0, 2], &[OPT, OPT]), true),
        ("OPT as an answer", with([1, 0, 0], &[OPT]), true),
        ("OPT as authority", with([0, 1, 0], &[OPT]), true),
        ("OPT of another owner", with([0, 0, 1], &[&named]), true),
        ("options that do not fill OPT", with([0, 0, 1], &[&short_option]), true),
        ("a cookie of nine octets", with([0, 0, 1], &[&cookie]), true),
    ];
    for (what, query, has_opt) in table {
        let reply = reply_to(&query, &directory()).expect("a reply");
        assert_eq!(full_rcode(&reply), 1, "{what}");
        assert_eq!(reply[12..good.len()], good[12..], "{what}");
        assert_eq!(counts(&reply), [0, 0, u16::from(has_opt)], "{what}");
        let packet = Packet::parse(&reply).expect("well formed");
        assert_eq!(packet.opt().is_some(), has_opt, "{what}");
    }
}

/// RFC 1035 §4.1.1: whether there is recursion does not depend on what was asked.
#[test]
fn recursion_is_available_in_every_reply_where_other_names_are_forwarded() {
    let directory = cluster();
    let cookie = opt(512, 0, 0, &[(option::COOKIE, &[7; 8])]);
    let queries = [
        ask("worker1.tf.local.", rrtype::A),
        ask("worker3.tf.local.", rrtype::A),
        query(0x2000, "tf.local.", rrtype::SOA, 1, &[]),
        vec![0; 12],
        [&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &cookie].concat(),
    ];
    for (forwarding, wanted) in [(None, 0), (Some(Forwarding::of_all_names()), 0x80)] {
        let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
        let responder = responder.with_forwarding(forwarding);
        for query in &queries {
            let mut reply = Vec::new();
            let address = [192, 0, 2, 1].into();
            let asker = Asker::new(address, Transport::Udp, 0);
            responder.answer(query, asker, &directory, &Counters::default(), &mut reply);
            assert_eq!(reply[3] & 0x80, wanted, "{query:?}");
        }
    }
}

#[test]
fn rd_and_cd_are_echoed_for_queries_alone() {
    for (opcode, wanted) in [(0, 0x0110), (1, 0), (2, 0), (4, 0), (5, 0), (15, 0)] {
        let query = query(opcode << 11 | 0x0110, "tf.local.", rrtype::SOA, CLASS_IN, &[]);
        let reply = reply_to(&query, &directory()).expect("a reply");
        let flags = u16::from_be_bytes([reply[2], reply[3]]);
        assert_eq!(flags & (flag::OPCODE | 0x0110), opcode << 11 | wanted, "opcode {opcode}");
    }
}
