//! What other servers are like.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::Query;
use support::dns::tcp::{connect, framed, receive};
use support::free_port;
use support::upstream::Habit;
use support::{Etcd, Prober, ask, lookup, read};

use super::{BUSY_MACHINE, ELSEWHERE, GOOD, dig, node_forwarding, timed, upstreams};

#[test]
fn a_server_that_is_dead_silent_or_unwilling_makes_room_for_the_next() {
    let etcd = Etcd::start();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (servers, addresses) =
        upstreams(&[Habit::Silent, Habit::Says(5), Habit::Says(2), Habit::Good]);
    let good = addresses[3];
    let table = [
        ("dead", nobody, 0),
        ("silent", addresses[0], 700),
        ("refuses", addresses[1], 0),
        ("fails", addresses[2], 0),
    ];
    for (what, bad, least) in table {
        let node = node_forwarding(&etcd, &[bad, good]);
        for (arguments, kind) in [(&["+short"][..], "UDP"), (&["+short", "+tcp"], "TCP")] {
            let began = Instant::now();
            let output = dig(node.address(), &[arguments, &["www.example.com"]].concat());
            assert_eq!(output.trim(), GOOD, "{what}");
            let took = began.elapsed();
            println!("{what} first, {kind}: answered after {took:?}");
            assert!(took < Duration::from_secs(4), "{what} {kind}: {took:?}");
            if kind == "UDP" {
                assert!(took >= Duration::from_millis(least), "{what}: {took:?}");
            }
        }
    }
    // From then on the good one comes first.
    let node = node_forwarding(&etcd, &[addresses[0], good]);
    for number in 0..10 {
        let answer = lookup(node.address(), &format!("x{number}.example.com."));
        assert_eq!(answer.as_deref(), Some(GOOD));
    }
    // Two tries of each kind before, and three that failed in a row now.
    assert!(servers[0].asked().len() <= 6, "{:?}", servers[0].asked());
    // Where all are unwilling, the client hears so; where none is there, that it failed.
    for (server, rcode) in [(addresses[1], 5), (addresses[2], 2), (nobody, 2)] {
        let node = node_forwarding(&etcd, &[server]);
        let (said, _, took) = timed(node.address(), ELSEWHERE);
        assert_eq!(said, rcode);
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
}

#[test]
fn forged_replies_are_not_believed() {
    let etcd = Etcd::start();
    let (servers, addresses) = upstreams(&[Habit::LiesFirst]);
    let honest = node_forwarding(&etcd, &addresses);
    assert_eq!(lookup(honest.address(), ELSEWHERE).as_deref(), Some(GOOD));
    for habit in [Habit::WrongId, Habit::WrongQuestion, Habit::WrongSource, Habit::Silent] {
        let (servers, addresses) = upstreams(&[habit]);
        let node = node_forwarding(&etcd, &addresses);
        let prober = Prober::start(node.address(), "worker1.tf.local.");
        let output = dig(node.address(), &["www.example.com"]);
        assert!(output.contains("SERVFAIL") && output.contains("23 (Network Error)"), "{output}");
        assert_eq!(servers[0].asked().len(), 2, "two tries");
        let probed = prober.stop();
        println!("{habit:?}: SERVFAIL; own zone meanwhile: {probed:?}");
        assert!(probed.lost == 0 && probed.worst < BUSY_MACHINE, "{probed:?}");
    }
    drop(servers);
}

#[test]
fn a_slow_answer_is_waited_for_and_own_names_overtake_it() {
    let etcd = Etcd::start();
    let (_servers, addresses) = upstreams(&[Habit::Slow(Duration::from_millis(2500))]);
    let node = node_forwarding(&etcd, &addresses);
    let (_, answer, took) = timed(node.address(), ELSEWHERE);
    assert_eq!(answer.as_deref(), Some(GOOD));
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    // On one connection the second question is answered first, and both although it half closes.
    let mut stream = connect(node.address());
    for (id, name) in [(1, ELSEWHERE), (2, "worker1.tf.local.")] {
        let query = Query::new(name, TYPE::A).with_id(id);
        stream.write_all(&framed(&query.octets())).expect("sent");
    }
    stream.shutdown(std::net::Shutdown::Write).expect("shut");
    for (id, address) in [(2, "10.0.0.2"), (1, GOOD)] {
        let reply = receive(&mut stream);
        assert_eq!((reply[1], read(reply).answers), (id, vec![address.to_owned()]));
    }
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
}

#[test]
fn an_error_without_the_question_is_one_all_the_same() {
    let etcd = Etcd::start();
    let (_servers, addresses) =
        upstreams(&[Habit::SaysBarely(5), Habit::SaysBarely(1), Habit::Good]);
    let node = node_forwarding(&etcd, &[addresses[0], addresses[2]]);
    assert_eq!(timed(node.address(), ELSEWHERE).1.as_deref(), Some(GOOD), "the next is asked");
    for (server, rcode) in [(addresses[0], 5), (addresses[1], 1)] {
        let node = node_forwarding(&etcd, &[server]);
        let reply = ask(node.address(), ELSEWHERE, TYPE::A);
        // Who sends no OPT gets none.
        assert_eq!((reply.rcode, reply.octets.len()), (rcode, 12), "{reply:?}");
    }
}

#[test]
fn a_server_that_stops_answering_is_told_once_and_so_is_that_it_is_back() {
    let etcd = Etcd::start();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (_servers, addresses) = upstreams(&[Habit::Good]);
    let node = node_forwarding(&etcd, &[nobody, addresses[0]]);
    for number in 0..12 {
        let answer = lookup(node.address(), &format!("x{number}.example.com."));
        assert_eq!(answer.as_deref(), Some(GOOD));
    }
    let told = format!("{nobody}, to which queries are forwarded, does not answer");
    node.wait_for_log(&told);
    assert_eq!(node.log().matches(&told).count(), 1, "{}", node.log());
    // One that is alone is asked on, and heard when it is there.
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let node = node_forwarding(&etcd, &[address]);
    for number in 0..5 {
        assert_eq!(lookup(node.address(), &format!("x{number}.example.com.")), None);
    }
    let told = format!("{address}, to which queries are forwarded, does not answer");
    node.wait_for_log(&told);
    assert_eq!(node.log().matches(&told).count(), 1, "{}", node.log());
    let socket = UdpSocket::bind(address).expect("the same port");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // No such name, in the spelling that was asked for.
            buffer[2] |= 0x80;
            buffer[3] = 3;
            let _ = socket.send_to(&buffer[..length], from);
        }
    });
    for number in 0..3 {
        lookup(node.address(), &format!("y{number}.example.com."));
    }
    let back = format!("{address}, to which queries are forwarded, answers again");
    node.wait_for_log(&back);
    assert_eq!(node.log().matches(&back).count(), 1, "{}", node.log());
}
