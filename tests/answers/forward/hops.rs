//! What crosses a forwarder, what belongs to each hop alone, and which replies are believed.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use simple_dns::TYPE;
use support::dns::Query;
use support::upstream::{Habit, answered, answered_with_nothing, cookie};
use support::{Etcd, Node, PATIENCE, exchange, lookup, question};

use super::{ELSEWHERE, GOOD, dig, node_forwarding, timed, upstreams};

/// Answers over UDP for as long as the tests run. Its TCP connections are made, and nobody ever reads them.
fn stand_in(reply: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("an address")) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().expect("an address");
    std::thread::spawn(move || {
        let _unread = tcp;
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(&reply(&buffer[..length]), from);
        }
    });
    address
}

#[test]
fn opt_and_cookies_are_those_of_each_hop() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Tells(4096)]);
    let node = node_forwarding(&etcd, &addresses);
    // With a payload, DO, a cookie, NSID and a client subnet of the client's.
    let output = dig(
        node.address(),
        &[
            "+dnssec",
            "+bufsize=4000",
            "+nsid",
            "+subnet=192.0.2.0/24",
            "+cookie=0102030405060708",
            "www.example.com",
        ],
    );
    assert!(output.contains("flags: do; udp: 1232") && output.contains(GOOD), "{output}");
    assert!(output.contains("EDE: 4 ") && output.contains("(good)"), "{output}");
    assert!(!output.contains("CLIENT-SUBNET"), "{output}");
    let asked = servers[0].asked();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let opt = &asked.query[asked.query.len() - 11 - 12..];
    assert_eq!(opt[..11], [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 12], "ours, with a cookie alone");
    let sent = cookie(&asked.query).expect("a cookie").to_vec();
    assert!(sent.len() == 8 && sent != [1, 2, 3, 4, 5, 6, 7, 8], "{sent:?}");
    // Who sends no OPT gets none, and the server is told ours all the same.
    let reply = exchange(node.address(), &question(ELSEWHERE, TYPE::A), PATIENCE).expect("a reply");
    assert_eq!(reply[10..12], [0, 0]);
    let asked = servers[0].asked();
    assert_eq!(asked[1].query[11], 1);
    assert_eq!(cookie(&asked[1].query), Some(&sent[..]), "the same for each server");
    // The client subnet goes on where that is asked for.
    let forward = addresses[0].to_string();
    let node = Node::in_cluster(&etcd, 2, 5, &["--forward", &forward, "--forward-ecs"]);
    node.slot();
    assert!(dig(node.address(), &["+subnet=192.0.2.0/24", "www.example.com"]).contains(GOOD));
    let query = servers[0].asked().pop().expect("asked").query;
    assert!(query.ends_with(&[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]), "{query:?}");
}

#[test]
fn a_forged_reply_in_the_clients_own_spelling_is_not_believed() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::ForgedSpellingFirst]);
    let node = node_forwarding(&etcd, &addresses);
    for number in 0..20 {
        let name = format!("Www{number}.eXample.com.");
        let query = Query::new(&name, TYPE::A).octets();
        let reply = exchange(node.address(), &query, PATIENCE).expect("a reply");
        assert_eq!(reply[reply.len() - 4..], [192, 0, 2, 80], "{name}: {reply:?}");
        assert_eq!(reply[12..query.len()], query[12..], "in the client's spelling");
    }
    let mut spellings: Vec<Vec<u8>> =
        servers[0].asked().iter().map(|asked| asked.query[19..31].to_vec()).collect();
    spellings.sort();
    spellings.dedup();
    assert!(spellings.len() > 15, "drawn anew each time: {spellings:?}");
}

#[test]
fn a_server_that_changes_the_spelling_is_told_once_and_answered_from() {
    let etcd = Etcd::start();
    for habit in [Habit::SmallLetters, Habit::SmallLettersDeaf] {
        let (_servers, addresses) = upstreams(&[habit]);
        let node = node_forwarding(&etcd, &addresses);
        for number in 0..5 {
            let name = format!("Www{number}.eXample.com.");
            assert_eq!(
                lookup(node.address(), &name).as_deref(),
                Some(GOOD),
                "{habit:?} {name}: {}",
                node.log()
            );
        }
        let text = "changes the spelling of names";
        assert_eq!(node.log().matches(text).count(), 1, "{habit:?}: {}", node.log());
    }
}

#[test]
fn a_server_that_changes_the_spelling_and_says_nothing_over_tcp_is_answered_from() {
    let etcd = Etcd::start();
    let server = stand_in(|query| {
        let mut reply = answered(query, [192, 0, 2, 80]);
        reply[12..30].make_ascii_lowercase();
        reply
    });
    let node = node_forwarding(&etcd, &[server]);
    // The first query is the one by which it is found out.
    for (name, longest) in [("Www1.eXample.com.", 3000), ("Www2.eXample.com.", 800)] {
        let (_, answer, took) = timed(node.address(), name);
        assert_eq!(answer.as_deref(), Some(GOOD), "{name}: {}", node.log());
        assert!(took < Duration::from_millis(longest), "{name}: {took:?}");
    }
}

#[test]
fn a_server_without_edns_is_asked_without_it() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::NoEdns]);
    let node = node_forwarding(&etcd, &addresses);
    for number in 0..3 {
        let name = format!("www{number}.example.com.");
        assert_eq!(lookup(node.address(), &name).as_deref(), Some(GOOD));
    }
    let with_opt = servers[0].asked().iter().filter(|asked| asked.query[11] > 0).count();
    assert_eq!((with_opt, servers[0].asked().len()), (1, 4));
}

#[test]
fn a_server_that_cannot_read_one_question_is_asked_with_edns_all_the_same() {
    let etcd = Etcd::start();
    // The address tells whether OPT came.
    let server = stand_in(|query| match query[12] {
        3 => {
            let mut reply = answered_with_nothing(query);
            reply[3] = 0x81;
            reply
        }
        _ => answered(query, [192, 0, 2, 79 + query[11]]),
    });
    let node = node_forwarding(&etcd, &[server]);
    assert_eq!(timed(node.address(), "bad.example.com.").0, 1);
    assert_eq!(lookup(node.address(), "good.example.com.").as_deref(), Some(GOOD));
}

#[test]
fn a_server_that_has_cookies_is_believed_with_its_cookie_alone() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::Cookies]);
    let node = node_forwarding(&etcd, &addresses);
    for number in 0..10 {
        let name = format!("www{number}.example.com.");
        assert_eq!(lookup(node.address(), &name).as_deref(), Some(GOOD), "{name}");
    }
    let asked = servers[0].asked();
    let known = asked.iter().filter(|asked| cookie(&asked.query).is_some_and(|it| it.len() == 16));
    assert!(known.count() >= 10, "its own part is kept: {asked:?}");
}
