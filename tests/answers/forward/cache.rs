//! Answers of other servers are kept, for as long as they say, and longer where no server answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::{Query, connected};
use support::upstream::{Asked, Habit, Upstream, answered};
use support::{Etcd, Node, PATIENCE, until};

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
    let mut reply = [0; 512];
    let mut numbers = 0..;
    while first.recv(&mut reply).is_err() {
        for number in numbers.by_ref().take(50) {
            let query = Query::new(&format!("x{number}.example.com."), TYPE::A);
            others.send(&query.octets()).expect("sent");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(4), "pushed out before its time was up");
    assert_eq!(reply[3] & 0x0f, 2);
    let before = asked();
    first.send(&query).expect("sent");
    until(PATIENCE, "the server is asked anew", || (asked() > before).then_some(()));
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
