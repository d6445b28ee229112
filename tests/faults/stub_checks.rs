//! What is believed of the name servers that know the hosts in `--endpoints`, and of others that
//! send replies in their name.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use support::network::{HUB, Network};
use support::{Cluster, Directory, ended, is_private};

use crate::host_names::{Replaced, replace};

/// Where nobody is.
const WRONG: [u8; 4] = [10, 98, 0, 66];
const RIGHT: [u8; 4] = [10, 98, 0, 1];

const TYPE_A: u8 = 1;

/// The name servers of the test, in place of the system's own.
#[must_use]
fn name_servers(directory: &Directory, text: &str) -> Replaced {
    replace(directory, "/etc/resolv.conf", text)
}

fn question_end(query: &[u8]) -> usize {
    12 + query[12..].iter().position(|octet| *octet == 0).expect("a name") + 5
}

fn question_type(query: &[u8]) -> u8 {
    query[question_end(query) - 3]
}

/// The reply that says that the name has this address; none of IPv6.
fn reply_with(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut reply = query[..question_end(query)].to_vec();
    (reply[2], reply[3]) = (0x81, 0x80);
    if question_type(query) == TYPE_A {
        reply[7] = 1;
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address);
    }
    reply
}

fn truncated(query: &[u8], records: bool) -> Vec<u8> {
    let mut reply = reply_with(query, WRONG);
    if !records {
        reply.truncate(question_end(query));
        reply[7] = 0;
    }
    reply[2] |= 0x02;
    reply
}

/// Answers each query over UDP with these messages; the last octet of the address tells the server.
fn serve(host: u8, replies: impl Fn(&UdpSocket, SocketAddr, &[u8]) + Send + 'static) {
    let socket =
        UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 53)).expect("port 53 of its own network");
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            replies(&socket, client, &buffer[..length]);
        }
    });
}

/// Answers each query over TCP, in pieces.
fn serve_streams(host: u8) {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 53))
        .expect("port 53 of its own network");
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true).expect("set");
            let mut length = [0; 2];
            stream.read_exact(&mut length).expect("a length");
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).expect("a query");
            let reply = reply_with(&query, RIGHT);
            let length = u16::try_from(reply.len()).expect("short").to_be_bytes();
            for piece in [&length, reply.as_slice()].concat().chunks(20) {
                stream.write_all(piece).expect("sent");
            }
        }
    });
}

/// Whether etcd is found by this host name.
fn is_found(cluster: &Cluster, host: &str) -> bool {
    let endpoints = cluster.endpoints().replace(HUB, host);
    ended("list", &endpoints, &["--etcd-timeout", "2"]).status == Some(0)
}

#[test]
fn only_a_reply_that_fits_the_query_is_believed() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced = name_servers(&directory, "nameserver 127.0.0.9\n");
    type Lie = fn(&mut Vec<u8>, usize);
    let lies: [(&str, Lie); 8] = [
        ("another ID", |reply, _| reply[0] ^= 0xff),
        ("a query", |reply, _| reply[2] &= 0x7f),
        ("another opcode", |reply, _| reply[2] |= 0x20),
        ("no question counted", |reply, _| reply[5] = 0),
        ("another name", |reply, _| reply[13] ^= 0x01),
        ("another type", |reply, end| reply[end - 3] = 15),
        ("another class", |reply, end| reply[end - 1] = 3),
        ("a class that differs by its first bit", |reply, end| reply[end - 2] = 0x80),
    ];
    let lie: Arc<Mutex<Option<Lie>>> = Arc::default();
    let other = UdpSocket::bind("127.0.0.9:0").expect("a socket");
    let told = lie.clone();
    serve(9, move |socket, client, query| {
        if question_type(query) == TYPE_A {
            let mut reply = reply_with(query, WRONG);
            match *told.lock().expect("no panic") {
                Some(lie) => {
                    lie(&mut reply, question_end(query));
                    socket.send_to(&reply, client)
                }
                None => other.send_to(&reply, client),
            }
            .expect("sent");
        }
        socket.send_to(&reply_with(query, RIGHT), client).expect("sent");
    });
    let cluster = Cluster::start_at(HUB, 1);
    let mut believed = Vec::new();
    if !is_found(&cluster, "etcd.example") {
        believed.push("from another port");
    }
    for (what, how) in lies {
        *lie.lock().expect("no panic") = Some(how);
        if !is_found(&cluster, "etcd.example") {
            believed.push(what);
        }
    }
    assert!(believed.is_empty(), "{believed:?}");
}

#[test]
fn a_reply_in_other_letters_is_one() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let _replaced = name_servers(&directory, "nameserver 127.0.0.9\n");
    serve(9, |socket, client, query| {
        let mut reply = reply_with(query, RIGHT);
        reply[12..question_end(query) - 4].make_ascii_uppercase();
        socket.send_to(&reply, client).expect("sent");
    });
    let cluster = Cluster::start_at(HUB, 1);
    assert!(is_found(&cluster, "etcd.example"));
}

#[test]
fn each_query_has_an_id_and_a_port_of_its_own() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let domains: Vec<String> = (0..30).map(|number| format!("d{number}.test")).collect();
    let servers = format!("search {}\nnameserver 127.0.0.9\n", domains.join(" "));
    let _replaced = name_servers(&directory, &servers);
    let asked: Arc<Mutex<Vec<(u16, u16)>>> = Arc::default();
    let noted = asked.clone();
    serve(9, move |socket, client, query| {
        let id = u16::from_be_bytes([query[0], query[1]]);
        noted.lock().expect("no panic").push((id, client.port()));
        let mut reply = query[..question_end(query)].to_vec();
        (reply[2], reply[3]) = (0x81, 0x83);
        socket.send_to(&reply, client).expect("sent");
    });
    let cluster = Cluster::start_at(HUB, 1);
    assert!(!is_found(&cluster, "etcd"), "no such name");
    let asked = asked.lock().expect("no panic").clone();
    // The name in each domain and alone, for both address families, over and over.
    assert!(asked.len() >= 62 && asked.len().is_multiple_of(2), "{asked:?}");
    let (mut ids, mut ports): (Vec<u16>, Vec<u16>) = asked.into_iter().unzip();
    let steps =
        |numbers: &[u16]| numbers.windows(2).filter(|w| w[1] == w[0].wrapping_add(1)).count();
    assert!(steps(&ids) < 3 && steps(&ports) < 20, "one after the other: {ids:?} {ports:?}");
    for numbers in [&mut ids, &mut ports] {
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() * 10 >= all * 9, "{} of {all}: {numbers:?}", numbers.len());
    }
}

#[test]
fn what_is_truncated_comes_over_tcp() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    for (host, with_records) in [(8, true), (7, false)] {
        let _replaced = name_servers(&directory, &format!("nameserver 127.0.0.{host}\n"));
        serve(host, move |socket, client, query| {
            socket.send_to(&truncated(query, with_records), client).expect("sent");
        });
        serve_streams(host);
        let cluster = Cluster::start_at(HUB, 1);
        assert!(is_found(&cluster, "etcd.example"), "with records: {with_records}");
    }
}

#[test]
fn a_server_that_truncates_and_takes_no_connection_makes_room_for_the_next() {
    if !is_private!() {
        return;
    }
    let _network = Network::set_up();
    let directory = Directory::new();
    let servers = "nameserver 127.0.0.8\nnameserver 127.0.0.9\n";
    let _replaced = name_servers(&directory, servers);
    serve(8, |socket, client, query| {
        socket.send_to(&truncated(query, false), client).expect("sent");
    });
    serve(9, |socket, client, query| {
        socket.send_to(&reply_with(query, RIGHT), client).expect("sent");
    });
    let cluster = Cluster::start_at(HUB, 1);
    assert!(is_found(&cluster, "etcd.example"));
}
