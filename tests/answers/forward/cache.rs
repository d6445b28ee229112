//! Answers of other servers are kept, for as long as they say, and longer where no server answers.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::{Query, connected};
use support::network::ip;
use support::upstream::{Asked, Habit, Upstream, answered};
use support::{Directory, Etcd, Node, PATIENCE, exchange, is_private, until};

use super::hops::stand_in;
use super::{GOOD, dig};

fn node(etcd: &Etcd, server: &Upstream, more: &[&str]) -> Node {
    node_for(etcd, server.address, more)
}

fn node_for(etcd: &Etcd, server: SocketAddr, more: &[&str]) -> Node {
    let forward = server.to_string();
    let node = Node::in_cluster(etcd, 1, 5, &[&["--forward", &forward], more].concat());
    node.slot();
    node
}

#[test]
fn what_was_asked_before_is_not_asked_again() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Good);
    let caching = node(&etcd, &server, &[]);
    for name in ["www.example.com", "WWW.example.com", "www.Example.com"] {
        let output = dig(caching.address(), &[name, "+nocookie"]);
        assert!(output.contains(&format!("{name}.")) && output.contains(GOOD), "{output}");
        assert!(output.contains("flags: qr rd ra;"), "{output}");
    }
    assert_eq!(dig(caching.address(), &["+tcp", "+short", "www.example.com"]).trim(), GOOD);
    assert_eq!(server.asked().len(), 1);
    let other = dig(caching.address(), &["+dnssec", "+short", "www.example.com"]);
    assert_eq!((other.trim(), server.asked().len()), (GOOD, 2), "with DO it is another question");
    let none = node(&etcd, &server, &["--cache", "0"]);
    for _ in 0..2 {
        assert_eq!(dig(none.address(), &["+short", "www.example.com"]).trim(), GOOD);
    }
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn what_came_over_tcp_is_cut_short_for_who_takes_less() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Overlong);
    let node = node(&etcd, &server, &[]);
    assert_eq!(dig(node.address(), &["+tcp", "+short", "www.example.com"]).trim(), GOOD);
    let output = dig(node.address(), &["+ignore", "+noedns", "www.example.com"]);
    assert!(output.contains(GOOD), "the one address fits: {output}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn where_the_server_is_gone_its_last_answer_is_given_and_called_stale() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Fleeting);
    let node = node(&etcd, &server, &[]);
    let ask = || dig(node.address(), &["www.example.com"]);
    assert!(ask().contains(GOOD));
    drop(server);
    let output = until(PATIENCE, "the answer is stale", || {
        let began = Instant::now();
        let output = ask();
        assert!(output.contains(GOOD) && began.elapsed() < Duration::from_secs(3), "{output}");
        output.contains("EDE: 3 (Stale Answer)").then_some(output)
    });
    assert!(output.contains("www.example.com.\t30\tIN\tA\t192.0.2.80"), "{output}");
    // What was never answered is remembered to have failed, for a second.
    until(PATIENCE, "two questions within a second", || {
        let output = dig(node.address(), &["x.example.com"]);
        assert!(output.contains("SERVFAIL"), "{output}");
        output.contains("EDE: 13").then_some(())
    });
}

#[test]
fn a_query_that_makes_room_for_others_is_not_taken_to_have_failed() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Silent);
    let node = node(&etcd, &server, &[]);
    let first = connected(node.address(), Duration::from_millis(10));
    let others = connected(node.address(), PATIENCE);
    let began = Instant::now();
    let query = Query::new("first.example.com.", TYPE::A).octets();
    let is_first = |asked: &Asked| asked.query[13..18].eq_ignore_ascii_case(b"first");
    let asked = || server.asked().iter().filter(|asked| is_first(asked)).count();
    first.send(&query).expect("sent");
    let reply = pushed_out(&first, &others);
    assert!(began.elapsed() < Duration::from_secs(4), "pushed out before its time was up");
    assert_eq!(reply[3] & 0x0f, 2);
    let before = asked();
    first.send(&query).expect("sent");
    until(PATIENCE, "the server is asked anew", || (asked() > before).then_some(()));
}

/// The reply to the query of `first`, once those of `others` took its place.
fn pushed_out(first: &UdpSocket, others: &UdpSocket) -> [u8; 512] {
    let mut reply = [0; 512];
    let mut numbers = 0..;
    while first.recv(&mut reply).is_err() {
        for number in numbers.by_ref().take(50) {
            let query = Query::new(&format!("x{number}.example.com."), TYPE::A);
            others.send(&query.octets()).expect("sent");
        }
    }
    reply
}

/// Answers once, for a second, and then not at all.
fn answers_once() -> SocketAddr {
    let asked = AtomicUsize::new(0);
    stand_in(move |query| {
        if query[12] != 3 || asked.fetch_add(1, Ordering::Relaxed) > 0 {
            return Vec::new();
        }
        let mut reply = answered(query, [192, 0, 2, 80]);
        let ttl_end = reply.len() - 6;
        reply[ttl_end - 1] = 1;
        reply
    })
}

#[test]
fn a_query_that_makes_room_for_others_has_what_was_kept() {
    let etcd = Etcd::start();
    let node = node_for(&etcd, answers_once(), &[]);
    let query = Query::new("www.example.com.", TYPE::A).octets();
    let reply = exchange(node.address(), &query, PATIENCE).expect("a reply");
    assert_eq!((reply[3] & 0x0f, reply[7]), (0, 1), "{reply:?}");
    std::thread::sleep(Duration::from_millis(1100));
    let first = connected(node.address(), Duration::from_millis(10));
    let others = connected(node.address(), PATIENCE);
    let began = Instant::now();
    first.send(&query).expect("sent");
    let reply = pushed_out(&first, &others);
    assert!(began.elapsed() < Duration::from_millis(1500), "before it would be told anyway");
    assert_eq!((reply[3] & 0x0f, reply[7]), (0, 1), "{:?}", &reply[..40]);
}

#[test]
fn equal_queries_at_a_time_are_one_for_the_server() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Slow(Duration::from_millis(700)));
    let node = node(&etcd, &server, &["--cache", "0"]);
    let clients: Vec<_> = (0..300).map(|_| connected(node.address(), PATIENCE)).collect();
    let name = |number: usize| {
        if number.is_multiple_of(2) { "www.example.com." } else { "WWW.example.COM." }
    };
    for (number, client) in clients.iter().enumerate() {
        let query = Query::new(name(number), TYPE::A).with_id(number as u16);
        client.send(&query.octets()).expect("sent");
    }
    let mut reply = [0; 512];
    let mut failed = 0;
    for (number, client) in clients.iter().enumerate() {
        let length = client.recv(&mut reply).expect("a reply");
        let asked = Query::new(name(number), TYPE::A).with_id(number as u16).octets();
        let end = asked.len().min(length);
        assert_eq!((&reply[..2], &reply[12..end]), (&asked[..2], &asked[12..]), "its own words");
        failed += usize::from(reply[3] & 0x0f != 0);
    }
    // No more than 256 wait for one reply: the first ones make room.
    assert_eq!(failed, 44);
    assert_eq!(server.asked().len(), 1);
    // Another type is another question.
    let pair = [TYPE::A, TYPE::AAAA].map(|kind| {
        let client = connected(node.address(), PATIENCE);
        client.send(&Query::new("www.example.com.", kind).octets()).expect("sent");
        client
    });
    pair.iter().for_each(|client| assert!(client.recv(&mut reply).is_ok()));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn once_other_servers_are_named_what_was_kept_is_asked_anew() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    let (etcd, directory) = (Etcd::start(), Directory::new());
    for number in [2, 3] {
        let socket = UdpSocket::bind(format!("127.0.0.{number}:53")).expect("a socket");
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&answered(&buffer[..length], [192, 0, 2, number]), from);
            }
        });
    }
    let file = directory.file("resolv.conf");
    let name = |number: u32| {
        let (next, text) = (directory.file("next"), format!("nameserver 127.0.0.{number}\n"));
        fs::write(&next, text).and_then(|()| fs::rename(&next, &file)).expect("written");
    };
    name(2);
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &file]);
    node.slot();
    let ask = || dig(node.address(), &["www.example.com"]);
    assert!(ask().contains("192.0.2.2"));
    name(3);
    until(PATIENCE, "the new server's answer", || ask().contains("192.0.2.3").then_some(()));
    // One that does not answer leaves what was kept, which is stale.
    name(4);
    until(PATIENCE, "the stale answer", || {
        let output = ask();
        assert!(output.contains("192.0.2.3"), "{output}");
        output.contains("EDE: 3 (Stale Answer)").then_some(())
    });
}

#[test]
fn what_was_kept_in_another_network_is_asked_anew() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    ip("link add d0 type bridge");
    ip("addr add 192.0.2.7/24 dev d0");
    ip("link set d0 up");
    let (etcd, server) = (Etcd::start(), Upstream::start(Habit::Good));
    let node = node(&etcd, &server, &[]);
    for _ in 0..2 {
        assert!(dig(node.address(), &["www.example.com"]).contains(GOOD));
    }
    assert_eq!(server.asked().len(), 1);
    ip("addr add 198.51.100.7/24 dev d0");
    node.wait_for_log("198.51.100.0/24");
    assert!(dig(node.address(), &["www.example.com"]).contains(GOOD));
    assert_eq!(server.asked().len(), 1, "a further address is no other network");
    ip("addr del 192.0.2.7/24 dev d0");
    until(PATIENCE, "it is asked anew", || {
        assert!(dig(node.address(), &["www.example.com"]).contains(GOOD));
        (server.asked().len() == 2).then_some(())
    });
}

#[test]
fn what_comes_after_the_client_had_the_stale_answer_is_kept() {
    let etcd = Etcd::start();
    let asked = AtomicUsize::new(0);
    let server = stand_in(move |query| {
        // The look for loops has a longer label.
        if query[12] == 3 && asked.fetch_add(1, Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(2500));
            return answered(query, [192, 0, 2, 81]);
        }
        let mut reply = answered(query, [192, 0, 2, 80]);
        let ttl_end = reply.len() - 6;
        reply[ttl_end - 1] = 1;
        reply
    });
    let node = node_for(&etcd, server, &[]);
    let ask = || dig(node.address(), &["www.example.com"]);
    until(PATIENCE, "the answer is stale", || {
        let output = ask();
        assert!(output.contains(GOOD), "{output}");
        output.contains("EDE: 3 (Stale Answer)").then_some(())
    });
    until(PATIENCE, "the late answer is given", || ask().contains("192.0.2.81").then_some(()));
}
