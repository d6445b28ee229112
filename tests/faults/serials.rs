//! The serial of the zones, where a backup that is restored takes etcd's revision back.

use simple_dns::TYPE;
use support::dns::message::{Data, Message};
use support::{Etcd, Node, PATIENCE, Signal, ask, lookup, until};

/// A lease so long that no keep-alive tells anything meanwhile.
const OPTIONS: [&str; 4] = ["--lease-ttl", "300", "--etcd-timeout", "0.5"];
const BASE: &str = "worker:serial.tf.local.";

fn serial(node: &Node) -> u32 {
    let reply = ask(node.address(), "tf.local.", TYPE::SOA);
    let message = Message::read(&reply.octets).expect("a well-formed reply");
    match message.answers.first().map(|record| &record.data) {
        Some(Data::Soa(_, _, [serial, ..])) => *serial,
        other => panic!("{other:?} is no SOA"),
    }
}

/// Later on the circle of RFC 1982.
fn is_later(one: u32, other: u32) -> bool {
    (1..1 << 31).contains(&one.wrapping_sub(other))
}

fn change(etcd: &Etcd, nodes: &[&Node], number: u8) {
    etcd.put("worker9.tf.local.", format!(r#"{{"ipv4":"10.9.9.{number}"}}"#).as_bytes());
    for node in nodes {
        until(PATIENCE, "the change is known", || {
            let found = lookup(node.address(), "worker9.tf.local.");
            (found == Some(format!("10.9.9.{number}"))).then_some(())
        });
    }
}

fn base(etcd: &Etcd, wanted: u32) {
    let value = (wanted << 20).to_string();
    until(PATIENCE, "the base is written", || {
        etcd.try_keys()?.into_iter().find(|(key, found)| key == BASE && *found == value)
    });
}

#[test]
fn it_grows_with_every_restore_and_is_the_same_for_nodes_that_start_later() {
    let mut etcd = Etcd::start();
    let first = Node::in_cluster(&etcd, 1, 9, &OPTIONS);
    let second = Node::in_cluster(&etcd, 2, 9, &OPTIONS);
    change(&etcd, &[&first, &second], 1);
    let without_base = etcd.snapshot();
    (2..20).for_each(|number| change(&etcd, &[&first, &second], number));
    assert_eq!(serial(&first).to_string(), etcd.revision());
    let mut backup = without_base.clone();
    for round in 1..=4 {
        let before = [&first, &second].map(serial);
        // It finds all of it done.
        second.signal(Signal::STOP);
        etcd.restore(&backup);
        base(&etcd, round);
        assert!(is_later(serial(&first), before[0]), "round {round}");
        second.signal(Signal::CONT);
        let newcomer = Node::in_cluster(&etcd, 3, 9, &OPTIONS);
        newcomer.slot();
        let nodes = [&first, &second, &newcomer];
        change(&etcd, &nodes, 100);
        let after = nodes.map(serial);
        assert!(before.iter().all(|before| is_later(after[0], *before)), "round {round}");
        assert!(after.iter().all(|serial| *serial == after[0]), "round {round}: {after:?}");
        let table = newcomer.address();
        assert_eq!(ask(table, BASE, TYPE::A).rcode, 3, "it is no name");
        // The second time without a base, and then with an older one, twice.
        if round == 2 {
            backup = etcd.snapshot();
        }
        (101..110).for_each(|number| change(&etcd, &nodes, number));
    }
    assert!(!first.log().contains("not a record"), "{}", first.log());
}
