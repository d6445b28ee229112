//! Queries over the wire, good and bad.

use std::time::Duration;

use simple_dns::TYPE;
use support::dns::{Opt, Query, connected};
use support::random::Random;
use support::{Etcd, Node, PATIENCE, ask, exchange, lookup, question, read, until};

#[test]
fn each_kind_of_query_gets_its_answer_on_both_families() {
    let etcd = Etcd::start();
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.3.3.3"}"#);
    let node = Node::in_cluster(&etcd, 1, 5, &["--ttl", "7"]);
    node.slot();
    let soa = ["SOA worker.tf.local 7".to_owned()];
    for server in node.addresses() {
        until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
        let table: [(&str, TYPE, u8, &[&str], bool); 9] = [
            ("worker1.tf.local.", TYPE::A, 0, &["10.0.0.2"], false),
            ("WORKER1.TF.local.", TYPE::AAAA, 0, &["fd00::2"], false),
            ("worker3.tf.local.", TYPE::AAAA, 0, &[], true),
            ("worker3.tf.local.", TYPE::MX, 0, &[], true),
            ("worker4.tf.local.", TYPE::A, 3, &[], true),
            ("nobody.tf.local.", TYPE::A, 3, &[], true),
            ("tf.local.", TYPE::SOA, 0, &["SOA worker.tf.local 7"], false),
            ("tf.local.", TYPE::A, 0, &[], true),
            ("example.com.", TYPE::A, 5, &[], false),
        ];
        for (name, rrtype, rcode, answers, negative) in table {
            let reply = ask(server, name, rrtype);
            assert_eq!(
                (reply.rcode, reply.answers.as_slice()),
                (rcode, &answers.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()[..]),
                "{name} {rrtype:?}"
            );
            assert_eq!(reply.authority == soa, negative, "{name} {rrtype:?}: {reply:?}");
            let query = question(name, rrtype);
            assert_eq!(reply.octets[12..query.len()], query[12..], "the question is echoed");
        }
    }
}

#[test]
fn the_header_and_edns_follow_the_rules() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 5, &[]);
    node.slot();
    let server = node.address();
    let good = question("worker1.tf.local.", TYPE::A);
    let reply_to =
        |message: &[u8]| exchange(server, message, Duration::from_secs(5)).expect("a reply");
    let opt = Opt { payload: 4096, ..Opt::default() };
    let with_edns = Query::new("worker1.tf.local.", TYPE::A).with_opt(&opt);
    // Until it follows etcd it says more: that it might be stale.
    let reply = until(PATIENCE, "an answer with a payload of 1232 and no more", || {
        let reply = read(reply_to(&with_edns.octets()));
        let opt = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
        reply.octets.ends_with(&opt).then_some(reply)
    });
    assert_eq!(reply.answers, ["10.0.0.2"]);
    for (edit, octet, rcode) in [(5, 0, 1), (5, 2, 1), (2, 4 << 3, 4), (2, 2 << 3, 4)] {
        let mut message = good.clone();
        message[edit] = octet;
        let reply = reply_to(&message);
        assert_eq!(reply[3] & 0x0f, rcode);
        assert_eq!(reply[2] & 0x78, message[2] & 0x78, "the opcode is echoed");
    }
    assert_eq!(reply_to(&good[..good.len() - 3])[3] & 0x0f, 1);
}

#[test]
fn a_hundred_thousand_odd_packets_do_no_harm() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 5, &[]);
    node.slot();
    let server = node.address();
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    let socket = connected(server, Duration::from_secs(5));
    let seeds = [
        question("worker1.tf.local.", TYPE::A),
        question("nobody.tf.local.", TYPE::AAAA),
        question("example.com.", TYPE::TXT),
    ];
    let mut random = Random::new(1);
    let mut reply = [0; 4096];
    let (mut answered, mut silent) = (0_u32, 0_u32);
    for number in 0..100_000_u32 {
        let mut packet = seeds[random.below(seeds.len())].clone();
        if random.one_in(4) {
            let length = random.below(64);
            packet = random.octets(length);
        }
        for _ in 0..random.below(5) {
            if packet.is_empty() {
                break;
            }
            let at = random.below(packet.len());
            match random.below(3) {
                0 => packet[at] = random.octet(),
                1 => packet.truncate(at),
                _ => packet.insert(at, random.octet()),
            }
        }
        let wants_reply = packet.len() >= 12 && packet[2] & 0x80 == 0;
        if !wants_reply {
            // A marker behind it comes back next, so that silence is seen without waiting for it.
            silent += 1;
            socket.send(&packet).expect("sent");
            packet.clone_from(&seeds[0]);
        }
        let id = u16::try_from(number % 65_536).expect("an ID").to_be_bytes();
        packet[..2].copy_from_slice(&id);
        socket.send(&packet).expect("sent");
        let length = socket.recv(&mut reply).unwrap_or_else(|e| panic!("{e}: {packet:?}"));
        assert!((12..=512).contains(&length), "{length} octets to {packet:?}");
        assert_eq!(reply[..2], id, "a reply to what wants none came before {packet:?}");
        assert_ne!(reply[2] & 0x80, 0, "a query came back");
        answered += 1;
    }
    println!("{answered} answered, {silent} rightly not");
    assert!(silent > 10_000);
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
    assert_eq!(node.status("Threads"), "1");
}
