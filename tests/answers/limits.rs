//! Who is answered, and how often.

use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::{Etcd, Node, PATIENCE, ask, exchange, question, run};

#[test]
fn only_allowed_networks_are_answered() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--allow", "127.0.0.0/8"]);
    node.slot();
    let servers = node.addresses();
    assert_eq!(ask(servers[0], "worker1.tf.local.", TYPE::A).rcode, 0);
    assert_eq!(ask(servers[1], "worker1.tf.local.", TYPE::A).rcode, 5, "::1 is not among them");
    let port = servers[1].port().to_string();
    let output = run("dig", &["+tcp", "-p", &port, "@::1", "worker1.tf.local"]);
    assert!(output.contains("REFUSED") && output.contains("18 (Prohibited)"), "{output}");
}

#[test]
fn replies_over_the_rate_are_cut_short_or_left_out_and_tcp_is_not_limited() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--rrl", "20"]);
    node.slot();
    let server = node.address();
    let query = question("worker1.tf.local.", TYPE::A);
    let (mut whole, mut short, mut none) = (0, 0, 0);
    let began = Instant::now();
    for _ in 0..100 {
        match exchange(server, &query, Duration::from_millis(20)) {
            None => none += 1,
            Some(reply) if reply[2] & 0x02 != 0 => {
                assert_eq!(reply[12..], query[12..], "the question, and nothing else");
                short += 1;
            }
            Some(_) => whole += 1,
        }
    }
    println!("{whole} whole, {short} cut short, {none} left out");
    // A second's worth that was saved up, and what came since.
    let most = 20 + (20.0 * began.elapsed().as_secs_f64()).ceil() as u32;
    assert!((20..=most).contains(&whole) && short > 10 && none > 10, "{whole} {short} {none}");
    let port = server.port().to_string();
    let output = run("dig", &["+short", "+tries=5", "-p", &port, "@127.0.0.1", "worker1.tf.local"]);
    // One of its tries may be left out first.
    assert_eq!(output.lines().last(), Some("10.0.0.2"), "an honest client gets through: {output}");
}

#[test]
fn who_shows_a_good_cookie_has_as_many_replies_as_it_asks_for() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--rrl", "1"]);
    node.slot();
    let with_cookie = |cookie: &[u8]| {
        let mut query = question("worker1.tf.local.", TYPE::A);
        query[11] = 1;
        let length = cookie.len() as u8;
        query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, length + 4, 0, 10, 0, length]);
        query.extend_from_slice(cookie);
        query
    };
    let is_whole = |query: &[u8], patience: Duration| {
        let reply = exchange(node.address(), query, patience);
        reply.filter(|reply| reply[2] & 0x02 == 0)
    };
    let reply = is_whole(&with_cookie(&[7; 8]), PATIENCE).expect("the first one");
    let place = reply.windows(4).position(|octets| octets == [0, 10, 0, 24]);
    let cookie = &reply[place.expect("a cookie") + 4..][..24];
    for number in 0..100 {
        assert!(is_whole(&with_cookie(cookie), PATIENCE).is_some(), "query {number}");
    }
    let forged = [&cookie[..23], &[cookie[23] ^ 1]].concat();
    for other in [&forged[..], &[7; 8]] {
        let is_whole = || is_whole(&with_cookie(other), Duration::from_millis(50)).is_some();
        let whole = (0..20).filter(|_| is_whole()).count();
        assert!(whole < 10, "{whole}");
    }
}
