//! The table of all names, taken by a server in this process from real nodes, and from some that are none.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use idetcd::cluster::{Directory, Freshness, NodePlace, SlotId};
use idetcd::dns::tsig::TsigKeys;
use idetcd::node::{Host, TableState};
use idetcd::server::socket::Presence;
use idetcd::server::udp::UdpListener;
use simple_dns::TYPE;
use support::{Etcd, Node, PATIENCE, Signal, exchange, question, until};

use crate::follower::{
    LIMIT, NOTIFY, follower, follower_on, known, limits, servers, tell, wait_for_names_of,
    wait_for_table, wait_until,
};
use crate::zone::{ALLOW, record};

#[test]
fn a_table_is_taken_from_a_node_and_followed_and_from_the_next_when_that_is_gone() {
    let etcd = Etcd::start();
    etcd.put_all((10..310).map(|number| record(number, number)));
    let mut nodes: Vec<Node> =
        (1..=3).map(|number| Node::in_cluster(&etcd, number, LIMIT, &ALLOW)).collect();
    nodes.iter().for_each(|node| _ = node.slot());
    let follower = follower(limits(15));
    assert!(follower.table().is_lost());
    let addresses: Vec<SocketAddr> = nodes.iter().map(Node::address).collect();
    follower.take_table(&servers(&addresses));
    assert_eq!(follower.table(), TableState::Awaited);
    wait_for_table(&follower);
    wait_for_names_of(&follower, &etcd);
    for round in 0..3 {
        etcd.put_all([record(20 + round, 0xaa00 + round), record(390 + round, 5)]);
        etcd.delete(&format!("worker{}.tf.local.", 30 + round));
        wait_for_names_of(&follower, &etcd);
        let freshness = follower.directory(|directory| directory.freshness());
        assert_eq!(freshness, Freshness::Synced);
    }
    // Killed, and frozen, which takes a second to notice.
    for (number, longest) in [(0, 2), (1, 4)] {
        match number {
            0 => nodes[0].kill(),
            _ => nodes[1].signal(Signal::STOP),
        }
        let before = Instant::now();
        etcd.put_all([record(50 + number, 0xbb00 + number)]);
        let wanted = format!("worker{}.tf.local. 10.0.187.{number} port 53", 50 + number);
        wait_until(&follower, "the change", || known(&follower).contains(&wanted));
        let passed = before.elapsed();
        assert!(passed < Duration::from_secs(longest), "{passed:?}");
        let freshness = follower.directory(|directory| directory.freshness());
        assert_eq!(freshness, Freshness::Synced, "without a gap");
    }
    // The last one is gone: that is said, and the names stay.
    let names = known(&follower);
    nodes[2].kill();
    wait_until(&follower, "its end", || follower.table().is_lost());
    assert_eq!(known(&follower), names);
    nodes[1].signal(Signal::CONT);
}

#[test]
fn a_table_whose_server_is_cut_off_from_etcd_is_stale_in_time_and_fresh_again() {
    let mut etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, LIMIT, &[&ALLOW[..], &["--max-lag", "2"]].concat());
    node.slot();
    let follower = follower(limits(2));
    follower.take_table(&servers(&[node.address()]));
    wait_for_table(&follower);
    let end = |table| match table {
        TableState::Followed { until } => until,
        other => panic!("{other:?}"),
    };
    // It is proven again and again.
    let first = end(follower.table());
    wait_until(&follower, "another proof", || end(follower.table()) > first);
    etcd.signal(Signal::STOP);
    let frozen_at = follower.now();
    let freshness = || follower.directory(|directory| directory.freshness());
    wait_until(&follower, "staleness", || freshness() == Freshness::Stale);
    let passed = follower.now() - frozen_at;
    // And how late a busy machine lets it be seen.
    assert!(passed < Duration::from_secs(3), "{passed:?} after the last proof at most");
    assert_eq!(follower.directory(|directory| directory.proven_at()), None);
    wait_until(&follower, "the end", || follower.table().is_lost());
    etcd.signal(Signal::CONT);
    etcd.put_all([record(7, 7)]);
    // Who asked for it asks again; the server may not be in step yet.
    wait_until(&follower, "the names", || {
        if follower.table().is_lost() {
            follower.take_table(&servers(&[node.address()]));
        }
        freshness() == Freshness::Synced
    });
    wait_for_names_of(&follower, &etcd);
    etcd.kill();
}

/// A server that does something with each connection.
fn fake(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// Reads a request, and returns its ID.
fn request(stream: &mut TcpStream) -> [u8; 2] {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a length");
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).expect("a message");
    [message[0], message[1]]
}

const QUESTION: &[u8] = b"\x02tf\x05local\x00\x00\xfc\x00\x01";

/// The first message of a whole zone, without OPT.
fn message(id: [u8; 2], records: &[&[u8]]) -> Vec<u8> {
    let counts = [0, 1, 0, u8::try_from(records.len()).expect("few"), 0, 0, 0, 0];
    [&id[..], &[0x84, 0], &counts, QUESTION, &records.concat()].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    [&length[..], message].concat()
}

const SOA: &[u8] = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x05\x00\x16\x00\x00\
                     \x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";

const WORKER: &[u8] =
    b"\x07worker7\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x00\x00\x07";

#[test]
fn who_lies_is_silent_or_tells_nothing_of_its_table_is_left_and_nothing_of_it_is_used() {
    let silent = fake(|stream| {
        thread::spawn(move || (&stream).read_to_end(&mut Vec::new()));
    });
    let closing = fake(drop);
    let answering = |reply: fn([u8; 2]) -> Vec<u8>| {
        fake(move |mut stream| {
            let id = request(&mut stream);
            let _ = stream.write_all(&reply(id));
        })
    };
    // A secondary of another make has the zone, but does not say how fresh it is.
    let plain = answering(|id| framed(&message(id, &[SOA, WORKER, SOA])));
    let refusing = answering(|id| framed(&[&id[..], &[0x84, 5, 0, 0, 0, 0, 0, 0, 0, 0]].concat()));
    let cut_off = answering(|id| framed(&message(id, &[SOA, WORKER])));
    let forged = answering(|[high, low]| framed(&message([high, !low], &[SOA, WORKER, SOA])));
    let garbage = answering(|_| vec![0xff; 70_000]);
    let all = [silent, closing, plain, refusing, cut_off, forged, garbage];
    for address in all {
        // Each by itself: one that is not waited in does nothing, but loses its patience.
        let (begun, follower) = (Instant::now(), follower(limits(2)));
        follower.take_table(&servers(&[address]));
        wait_until(&follower, "its end", || follower.table().is_lost());
        // Of those who are there one may have it soon.
        let (state, is_there) = (follower.table(), address == refusing);
        assert_eq!(state, if is_there { TableState::Lost } else { TableState::Hopeless });
        let took = begun.elapsed();
        assert!(is_there || took < Duration::from_secs(2), "{address}: {took:?}");
        // That is asked again, until the next question would come too late.
        assert!(!is_there || took >= Duration::from_millis(250), "{address}: {took:?}");
        let directory = |it: &mut Directory| (it.len(), it.freshness());
        assert_eq!(follower.directory(directory), (0, Freshness::Empty));
    }
    // All of them stand before a good one.
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, LIMIT, &ALLOW);
    node.slot();
    let follower = follower(limits(15));
    follower.take_table(&servers(&[&all[1..], &[node.address()]].concat()));
    wait_for_table(&follower);
    wait_for_names_of(&follower, &etcd);
}

#[test]
fn what_is_told_of_the_own_name_is_left_out_until_it_is_lost() {
    let etcd = Etcd::start();
    etcd.put_all((2..9).map(|number| record(number, number)));
    let node = Node::in_cluster(&etcd, 1, LIMIT, &ALLOW);
    node.slot();
    let follower = follower(limits(15));
    let own = SlotId::new(8);
    follower.directory(|directory| directory.set_own(own));
    follower.take_table(&servers(&[node.address()]));
    wait_for_table(&follower);
    let place = |slot| NodePlace { slot, ..NodePlace::FIRST };
    let has_own = || {
        follower.directory(|directory| {
            let first = directory.nodes_from(place(own.expect("not 0"))).next();
            first.is_some_and(|(found, ..)| Some(found.slot) == own)
        })
    };
    wait_until(&follower, "the others", || known(&follower).len() == 7);
    assert!(!has_own(), "the node itself knows better");
    follower.directory(|directory| directory.set_own(None));
    wait_until(&follower, "the name", has_own);
    wait_for_names_of(&follower, &etcd);
}

#[test]
fn nobody_is_asked_any_more_once_no_server_is_named() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, LIMIT, &[&ALLOW[..], &["--max-lag", "2"]].concat());
    node.slot();
    let follower = follower(limits(2));
    follower.take_table(&servers(&[node.address()]));
    wait_for_table(&follower);
    follower.take_table(&[]);
    assert!(follower.table().is_lost());
    etcd.put_all([record(7, 7)]);
    follower.sleep_until(follower.now() + Duration::from_secs(3));
    let freshness = follower.directory(|directory| directory.freshness());
    assert_eq!(
        freshness,
        Freshness::Synced,
        "whoever follows etcd from now on says how fresh it is"
    );
    assert!(!known(&follower).iter().any(|line| line.starts_with("worker7.")));
}

#[test]
fn what_a_server_says_that_changed_is_asked_after_at_once() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, LIMIT, &ALLOW);
    node.slot();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = UdpListener::bind(any, Presence::Here).expect("bound");
    let address = listener.address;
    let follower = follower_on(vec![listener], limits(15), TsigKeys::default());
    let refused = 4 | 1;
    // Another one that could be asked, and is not.
    let other = SocketAddr::from(([127, 9, 9, 8], 53));
    follower.take_table(&servers(&[node.address(), other]));
    wait_for_table(&follower);
    let notify = |from: IpAddr| {
        let reply = tell(&follower, from, address, NOTIFY);
        assert_eq!(reply[12..], NOTIFY[12..]);
        reply[3]
    };
    assert_eq!(notify([127, 9, 9, 9].into()), refused);
    assert_eq!(notify(other.ip()), refused);
    let mut passed = Duration::ZERO;
    for number in 2..12 {
        etcd.put_all([record(number, number)]);
        let question = question(&format!("worker{number}.tf.local."), TYPE::A);
        until(PATIENCE, "the node knows it", || {
            exchange(node.address(), &question, PATIENCE).filter(|reply| reply[7] == 1)
        });
        let begun = Instant::now();
        assert_eq!(notify(node.address().ip()), 0);
        wait_until(&follower, "the name", || known(&follower).len() == number as usize);
        passed += begun.elapsed();
    }
    // By the timer alone it would be half a second each.
    assert!(passed < Duration::from_millis(2500), "{passed:?}");
}
