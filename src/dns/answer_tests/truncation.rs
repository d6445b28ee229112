//! Replies that are longer than the client takes.

use super::*;

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
            snapshot
                .apply(0, Entry { key: key.as_bytes(), value, mod_revision: 7, fingerprint: 0 });
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

/// RFC 6891 §6.2.3: less than 512 octets counts as 512.
#[test]
fn a_payload_below_512_counts_as_512() {
    let directory = cluster();
    for payload in [0, 1, 11, 511, 512] {
        for (name, count) in [("worker.tf.local.", 2), ("worker1.tf.local.", 1)] {
            let query = query(0, name, rrtype::A, CLASS_IN, &[&opt(payload, 0, 0, &[])]);
            let reply = reply_to(&query, &directory).expect("a reply");
            assert_eq!((reply[2] & 0x02, counts(&reply)), (0, [count, 0, 1]), "{payload} {name}");
        }
    }
}

/// RFC 2181 §9: addresses that are only of use are left out without a word, and one by one.
#[test]
fn additional_addresses_that_do_not_fit_are_left_out_without_truncation() {
    let pattern = Pattern::parse("w{{.ID}}.n.", 100).expect("a good pattern");
    let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 100)));
    let mut snapshot = directory.emptied();
    for number in 1..=18 {
        let value = format!(r#"{{"ipv4":"10.0.0.{number}","ipv6":"fd00::{number}","port":"53"}}"#);
        let key = format!("w{number}.n.");
        let value = Some(value.as_bytes());
        snapshot.apply(0, Entry { key: key.as_bytes(), value, mod_revision: 7, fingerprint: 0 });
    }
    directory.replace(snapshot, 42);
    let ask = ask("w.n.", rrtype::SRV);
    let whole = reply_over(Transport::Tcp, &ask, &directory).expect("a reply");
    assert_eq!((whole[2] & 0x02, counts(&whole)), (0, [18, 0, 36]));
    let part = reply_to(&ask, &directory).expect("a reply");
    let [answers, authority, additional] = counts(&part);
    assert_eq!((part[2] & 0x02, answers, authority), (0, 18, 0));
    assert!(additional < 36 && part.len() <= 512 && Packet::parse(&part).is_ok(), "{additional}");
}

/// The longest question and the longest options there are still make a reply of 512 octets: the name
/// of the node gives way.
#[test]
fn no_option_makes_a_reply_too_long() {
    let suffix = "abcdefghijklmnopqrstuvwxyz0123456789.".repeat(6);
    let pattern = Pattern::parse(&format!("n{{{{.ID}}}}.{suffix}"), 9).expect("a good pattern");
    let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 9)));
    directory.replace(directory.emptied(), 42);
    directory.set_own(crate::cluster::SlotId::new(2));
    let options: [(u16, &[u8]); 2] = [(option::NSID, &[]), (option::COOKIE, &[7; 8])];
    let opt = opt(512, 0, 0, &options);
    let short = query(0, "a.", rrtype::A, CLASS_IN, &[&opt]);
    let reply = reply_to(&short, &directory).expect("a reply");
    assert!(options_of(&reply).iter().any(|(code, _)| *code == option::NSID));
    let long = query(0, &format!("{}ab.", "a23456789.".repeat(25)), rrtype::A, CLASS_IN, &[&opt]);
    let reply = reply_to(&long, &directory).expect("a reply");
    assert!(reply.len() <= 512, "{}", reply.len());
    let codes: Vec<u16> = options_of(&reply).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [option::COOKIE, option::EDE]);
    // Where it was not in the way, it is once the reply is cut short: then all options go.
    let large = super::opt(1232, 0, 0, &options);
    let long = query(0, &format!("{}ab.", "a23456789.".repeat(25)), rrtype::A, CLASS_IN, &[&large]);
    let mut reply = reply_to(&long, &directory).expect("a reply");
    assert!(reply.len() > 512 && options_of(&reply).len() == 3, "{}", reply.len());
    crate::dns::reply::cut_short(&mut reply);
    assert!(reply.len() <= 512 && options_of(&reply).is_empty(), "{}", reply.len());
}

/// RFC 6891 §6.1.1 holds for a reply that is cut short as well.
#[test]
fn a_reply_that_is_cut_short_keeps_its_question_and_opt() {
    let directory = cluster();
    let mut two = query(0, "worker1.tf.local.", 1, 1, &[OPT]);
    two[5] = 2;
    for (query, question, additional) in [
        (ask("worker.tf.local.", rrtype::A), 1, 0),
        (query(0, "worker.tf.local.", rrtype::SRV, 1, &[OPT]), 1, 1),
        (with_option("worker3.tf.local.", option::COOKIE, &[7; 8]), 1, 1),
        (query(0x2000, "tf.local.", rrtype::SOA, 1, &[OPT]), 0, 1),
        (vec![0; 12], 0, 0),
    ] {
        let whole = reply_to(&query, &directory).expect("a reply");
        let mut cut = whole.clone();
        crate::dns::reply::cut_short(&mut cut);
        assert_eq!((cut[5], counts(&cut)), (question, [0, 0, additional]), "{query:?}");
        assert!(cut[2] & 0x02 != 0 && cut.len() <= whole.len(), "{query:?}");
        let packet = Packet::parse(&cut).expect("well formed");
        let before = Packet::parse(&whole).expect("well formed");
        assert_eq!(packet.opt().is_some(), additional == 1, "{query:?}");
        if additional == 1 {
            assert_eq!(options_of(&cut), options_of(&whole));
        }
        assert_eq!(packet.rcode(), before.rcode());
    }
}
