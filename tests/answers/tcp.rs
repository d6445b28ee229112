//! DNS over TCP: the same answers, many on a connection, and clients that misbehave.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::tcp::{ask, ask_on, connect, framed, receive};
use support::dns::{Message, Query};
use support::{Etcd, Node, PATIENCE, Prober, exchange, lookup, question, run, until};

/// Whether the server closes, rather than answer or wait.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut octet = [0];
    match stream.read(&mut octet) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// A node that knows so many others.
fn node_knowing(etcd: &Etcd, others: u32) -> Node {
    for number in 1..=others {
        let value = format!(r#"{{"ipv4":"10.1.{}.{}","port":"53"}}"#, number / 250, number % 250);
        etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
    }
    let node = Node::in_cluster(etcd, 1, others + 1, &[]);
    assert_eq!(node.slot(), others + 1);
    node
}

#[test]
fn a_group_too_large_for_udp_is_truncated_there_and_whole_over_tcp() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 300);
    let server = node.address();
    for rrtype in [TYPE::A, TYPE::SRV] {
        let query = question("worker.tf.local.", rrtype);
        let over_udp = exchange(server, &query, PATIENCE).expect("a reply");
        assert!(over_udp[2] & 0x02 != 0 && over_udp.len() <= 512, "truncated");
        let reply = ask(server, &query);
        let message = Message::read(&reply).expect("well formed");
        assert_eq!(message.answers.len(), 301, "{rrtype:?}");
        assert!(reply[2] & 0x02 == 0);
    }
    // dig turns to TCP by itself.
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    let address = format!("@{host}");
    let arguments = ["+short", "-p", &port, &address, "worker.tf.local", "A"];
    assert_eq!(run("dig", &arguments).lines().count(), 301);
}

#[test]
fn queries_may_come_in_any_pieces_and_many_at_once() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 3);
    let server = node.address();
    let query = Query::new("worker2.tf.local.", TYPE::A);
    let mut stream = connect(server);
    let mut many = Vec::new();
    for id in 0..500_u16 {
        many.extend(framed(&query.clone().with_id(id).octets()));
    }
    stream.write_all(&many).expect("sent");
    let mut ids: Vec<u16> = (0..500)
        .map(|_| receive(&mut stream))
        .map(|reply| {
            assert_eq!(reply[3] & 0x0f, 0);
            u16::from_be_bytes([reply[0], reply[1]])
        })
        .collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..500));
    let query = query.octets();
    for octet in framed(&query) {
        stream.write_all(&[octet]).expect("sent");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(receive(&mut stream)[7], 1);
    // Half closed after the query: the answer still comes, and then the end.
    stream.write_all(&framed(&query)).expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("shut");
    assert_eq!(receive(&mut stream)[7], 1);
    assert!(is_closed(&mut stream));
}

/// RFC 7766 §6.2.1.1 and §7: many queries may be under way, and each reply says which one it is to.
#[test]
fn replies_to_different_queries_on_one_connection_match_them() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 20);
    let mut stream = connect(node.address());
    let asked = |id: u16| {
        let name = format!("worker{}.tf.local.", 1 + id % 25);
        let rrtype = [TYPE::A, TYPE::AAAA, TYPE::SRV][usize::from(id % 3)];
        Query::new(&name, rrtype).with_id(id).octets()
    };
    let many: Vec<u8> = (0..300).flat_map(|id| framed(&asked(id))).collect();
    stream.write_all(&many).expect("sent");
    let mut seen = vec![false; 300];
    for _ in 0..300 {
        let reply = receive(&mut stream);
        let id = u16::from_be_bytes([reply[0], reply[1]]);
        let query = asked(id);
        assert_eq!(reply[12..query.len()], query[12..], "query {id}");
        let exists = id % 25 < 21;
        assert_eq!(reply[3] & 0x0f, if exists { 0 } else { 3 }, "query {id}");
        assert!(!std::mem::replace(&mut seen[usize::from(id)], true), "query {id} twice");
    }
    // The connection stays open, for one query after the other as well (§6.2.1).
    for id in 300..320 {
        let reply = ask_on(&mut stream, &asked(id));
        assert_eq!(reply[..2], id.to_be_bytes());
    }
}

#[test]
fn what_is_no_query_is_ignored_or_ends_the_connection() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 1);
    let server = node.address();
    let query = question("worker1.tf.local.", TYPE::A);
    let mut response = query.clone();
    response[2] |= 0x80;
    let mut stream = connect(server);
    let noise = [&[0, 0][..], &[0, 3, 1, 2, 3], &framed(&response), &framed(&query)].concat();
    stream.write_all(&noise).expect("sent");
    assert_eq!(receive(&mut stream)[7], 1, "the first three are not answered");
    let mut stream = connect(server);
    stream.write_all(&[0xff, 0xff, 0, 0]).expect("sent");
    assert!(is_closed(&mut stream), "longer than any query");
}

#[test]
fn idle_slow_and_deaf_clients_keep_nobody_waiting_and_are_dropped() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 300);
    let server = node.address();
    let before = node.status("VmRSS");
    let prober = Prober::start(server, "worker1.tf.local.");
    // Deaf ones ask for much and never read; a slow one sends an octet now and then.
    let query = framed(&question("worker.tf.local.", TYPE::SRV));
    let mut deaf: Vec<TcpStream> = (0..20).map(|_| connect(server)).collect();
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        let _ = stream.write_all(&query.repeat(2000));
    }
    let mut slow = connect(server);
    let began = Instant::now();
    let idle: Vec<TcpStream> = (0..2000).map(|_| connect(server)).collect();
    println!("2,000 connections after {:?}", began.elapsed());
    // A new one is served all the same: the one that is idle for longest gave way.
    assert_eq!(ask(server, &question("worker1.tf.local.", TYPE::A))[7], 1);
    let peak = node.status("VmHWM");
    until(Duration::from_secs(15), "the slow one is dropped", || {
        std::thread::sleep(Duration::from_millis(200));
        slow.write_all(&[0]).is_err().then_some(())
    });
    drop(idle);
    let probed = prober.stop();
    println!("2,000 idle, 20 deaf, one slow: {probed:?}; resident {before}, at most {peak}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
    let kilobytes: u32 = peak.trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 32_000, "{peak}");
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.1.0.1"));
}

#[test]
fn a_connection_without_queries_is_closed_after_ten_seconds() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 1);
    let mut stream = connect(node.address());
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let began = Instant::now();
    assert!(is_closed(&mut stream));
    let lived = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(12)).contains(&lived), "{lived:?}");
    assert_eq!(node.status("Threads"), "1");
}

#[test]
fn more_answers_than_wait_at_once_are_all_sent_also_to_who_half_closes() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 12);
    let query = framed(&question("worker.tf.local.", TYPE::SRV));
    for half_closes in [false, true] {
        let mut stream = connect(node.address());
        stream.write_all(&query.repeat(60)).expect("sent");
        if half_closes {
            stream.shutdown(std::net::Shutdown::Write).expect("shut");
        }
        for number in 0..60 {
            assert_eq!(receive(&mut stream)[3] & 0x0f, 0, "reply {number}");
        }
    }
}

#[test]
fn a_client_has_a_quarter_of_the_connections_and_others_keep_theirs() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 1);
    let server = node.address();
    let from = |ip: [u8; 4]| {
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        );
        let socket = socket.expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::from((ip, 0))).expect("bound");
        rustix::net::connect(&socket, &server).expect("connected");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        stream
    };
    let mut other = from([127, 0, 0, 9]);
    let many: Vec<TcpStream> = (0..100).map(|_| from([127, 0, 0, 1])).collect();
    let query = question("worker1.tf.local.", TYPE::A);
    // All of them are taken by then.
    assert_eq!(ask(server, &query)[7], 1);
    let is_open = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).expect("set");
        matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    };
    let open = many.iter().filter(|stream| is_open(stream)).count();
    assert!((31..=32).contains(&open), "{open}");
    other.write_all(&framed(&query)).expect("sent");
    assert_eq!(receive(&mut other)[7], 1, "it is still there");
}

#[test]
fn who_asks_over_tcp_is_told_how_long_an_idle_connection_stays() {
    let etcd = Etcd::start();
    let node = node_knowing(&etcd, 1);
    let port = node.address().port().to_string();
    let dig = |more: &[&str]| {
        run("dig", &[&["-p", &port, "@127.0.0.1", "worker1.tf.local"], more].concat())
    };
    let told = dig(&["+tcp", "+keepalive"]);
    assert!(told.contains("TCP KEEPALIVE: 10.0 secs"), "{told}");
    assert!(!dig(&["+tcp"]).contains("KEEPALIVE"), "nobody asked");
    assert!(!dig(&["+notcp", "+keepalive"]).contains("KEEPALIVE"), "not over UDP");
}
