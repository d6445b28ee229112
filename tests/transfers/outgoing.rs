//! Whole zones by AXFR, read by `dig` and by a client of the test's own.

use std::io::Write;

use simple_dns::TYPE;
use support::dns::message::Data;
use support::dns::tcp::{connect, framed, receive};
use support::dns::{Message, Query};
use support::{Etcd, Node, PATIENCE, exchange, question, run, until};

use crate::zone::{in_etcd, node_beside, record, transferred};

const AXFR: u16 = 252;

#[test]
fn a_zone_is_as_etcd_has_it_and_follows_it() {
    let etcd = Etcd::start();
    let node = node_beside(&etcd, 300, &["--reverse", "10.0.0.0/8"]);
    for round in 0..3 {
        etcd.put_all([record(5 + round, 0x00aa_0000 + round)]);
        etcd.delete(&format!("worker{}.tf.local.", 30 + round));
        let wanted = in_etcd(&etcd);
        let is_alike =
            || Some(transferred(node.address(), "tf.local").0).filter(|it| *it == wanted);
        until(PATIENCE, "the zone as etcd has it", is_alike);
        let pointers: Vec<String> = wanted
            .iter()
            .filter_map(|line| line.split_once(" A "))
            .filter(|(owner, _)| *owner != "worker.tf.local.")
            .map(|(owner, address)| {
                let labels: Vec<&str> = address.split('.').rev().collect();
                format!("{}.in-addr.arpa. PTR {owner}", labels.join("."))
            })
            .collect();
        let (reverse, serial) = transferred(node.address(), "10.in-addr.arpa");
        assert_eq!(reverse, pointers.into_iter().collect());
        assert_eq!(u32::try_from(etcd.revision().parse::<u64>().expect("a number")), Ok(serial));
    }
}

#[test]
fn nobody_has_a_zone_who_is_not_named() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--allow-transfer", "127.0.0.0/8"]);
    node.slot();
    for (address, wanted) in node.addresses().iter().zip(["XFR size: 9 records", "Transfer failed"])
    {
        let (host, port) = (format!("@{}", address.ip()), address.port().to_string());
        let output = run("dig", &["-p", &port, &host, "tf.local", "AXFR"]);
        assert!(output.contains(wanted), "{output}");
    }
    let without = Node::in_cluster(&etcd, 2, 3, &[]);
    without.slot();
    let mut stream = connect(without.address());
    stream.write_all(&framed(&Query::new("tf.local.", AXFR).octets())).expect("sent");
    assert_eq!(receive(&mut stream)[3] & 0x0f, 5);
}

#[test]
fn queries_behind_a_transfer_are_answered_after_it() {
    let etcd = Etcd::start();
    let node = node_beside(&etcd, 1500, &[]);
    let all = in_etcd(&etcd).len();
    until(PATIENCE, "all names", || {
        (transferred(node.address(), "tf.local").0.len() == all).then_some(())
    });
    let mut stream = connect(node.address());
    let behind = Query::new("worker7.tf.local.", TYPE::A).with_id(7).octets();
    let transfer = Query::new("tf.local.", AXFR).with_id(5).octets();
    let sent = [framed(&transfer), framed(&behind), framed(&transfer)].concat();
    stream.write_all(&sent).expect("sent");
    let mut messages = Vec::new();
    let mut ends = 0;
    while ends < 4 {
        let message = Message::read(&receive(&mut stream)).expect("well formed");
        ends += message.answers.iter().filter(|it| matches!(it.data, Data::Soa(..))).count();
        messages.push(message);
    }
    let ids: Vec<u16> = messages.iter().map(|message| message.id).collect();
    let count = ids.iter().position(|id| *id == 7).expect("answered");
    assert!(count > 3, "many messages: {count}");
    assert!(ids[..count].iter().chain(&ids[count + 1..]).all(|id| *id == 5), "{ids:?}");
    let records: usize = messages[..count].iter().map(|message| message.answers.len()).sum();
    assert_eq!(records, all + 3);
    // Many records in each: as far as compression reaches.
    assert!(messages[..count - 1].iter().all(|message| message.answers.len() > 300));
    let reply = exchange(node.address(), &question("worker7.tf.local.", TYPE::A), PATIENCE);
    assert!(reply.is_some());
}
