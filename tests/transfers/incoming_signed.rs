//! The table of all names where it has to be signed: taken by a server in this process from real nodes, by way of
//! somebody who meddles with what they say.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use idetcd::dns::tsig::{
    Algorithm, KeyName, SignedRequest, TsigKey, TsigKeys, key_file, sign_request,
};
use idetcd::node::Host;
use idetcd::server::socket::Presence;
use idetcd::server::udp::UdpListener;
use support::{Etcd, Node};

use crate::follower::{
    LIMIT, NOTIFY, follower_on, limits, servers, tell, wait_for_names_of, wait_for_table,
    wait_until,
};
use crate::tsig::Keys;
use crate::zone::{ALLOW, record};

/// So many that there are several messages.
const NAMES: u32 = 380;

/// The key of an option.
fn key(option: &str) -> TsigKey {
    let parts: Vec<&str> = option.splitn(3, ':').collect();
    let name: KeyName = parts[0].parse().expect("a name");
    let algorithm: Algorithm = parts[1].parse().expect("one of the two");
    let text = std::fs::read_to_string(parts[2]).expect("the file");
    key_file::find(&text, &name, algorithm).expect("the key")
}

fn keys(option: &str) -> TsigKeys {
    TsigKeys::new(vec![key(option)])
}

fn unix_time() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

/// A message without its signature.
fn bare(message: &[u8]) -> Vec<u8> {
    let read = SignedRequest::read(message, &TsigKeys::default(), unix_time());
    read.expect("well formed").map_or_else(|| message.to_vec(), |signed| signed.message)
}

fn next_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn send(stream: &mut TcpStream, message: &[u8]) -> Option<()> {
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    stream.write_all(&[&length[..], message].concat()).ok()
}

/// Where the table of all names is read whole, and when its last message is there.
fn is_last(message: &[u8]) -> bool {
    // The last record but OPT and TSIG is the SOA, and no other message has but the first one.
    let bare = bare(message);
    let soa = [0, 6, 0, 1];
    let answers = u16::from_be_bytes([bare[6], bare[7]]);
    let mut at = 12;
    while bare[at] != 0 {
        at += 1 + usize::from(bare[at]);
    }
    at += 5;
    for number in 1..=answers {
        while bare[at] != 0 && bare[at] < 0xc0 {
            at += 1 + usize::from(bare[at]);
        }
        at += if bare[at] == 0 { 1 } else { 2 };
        if number == answers && number > 1 && bare[at..at + 4] == soa {
            return true;
        }
        at += 10 + usize::from(u16::from_be_bytes([bare[at + 8], bare[at + 9]]));
    }
    false
}

/// What somebody does with the messages of the first reply, each with its number from 0 on and whether it is the last
/// one: what is sent on in its place.
type Meddling = fn(usize, bool, Vec<u8>) -> Vec<Vec<u8>>;

/// Somebody between a follower and a node, who does something with the request and with the messages of the reply.
fn between(node: SocketAddr, request: fn(Vec<u8>) -> Vec<u8>, reply: Meddling) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || carry(client, node, request, reply));
        }
    });
    address
}

fn carry(
    mut client: TcpStream,
    node: SocketAddr,
    request: fn(Vec<u8>) -> Vec<u8>,
    reply: Meddling,
) -> Option<()> {
    let mut server = TcpStream::connect(node).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        while let Some(message) = next_message(&mut from) {
            send(&mut to, &request(message))?;
        }
        to.shutdown(Shutdown::Both).ok()
    });
    let mut number = 0;
    while let Some(message) = next_message(&mut server) {
        let is_last = is_last(&message);
        for message in reply(number, is_last, message) {
            send(&mut client, &message)?;
        }
        number += 1;
    }
    client.shutdown(Shutdown::Both).ok()
}

fn flipped(mut message: Vec<u8>) -> Vec<u8> {
    // In the data of a record, or in its name.
    let at = message.len() / 2;
    message[at] ^= 1;
    message
}

#[test]
fn no_message_of_a_table_can_be_changed_left_out_or_unsigned_and_nothing_of_it_is_used_then() {
    let (etcd, files) = (Etcd::start(), Keys::write());
    etcd.put_all((2..NAMES + 2).map(|number| record(number, number)));
    let option = files.option("hmac-sha256");
    let node = Node::in_cluster(&etcd, 1, LIMIT, &[&ALLOW[..], &["--tsig-key", &option]].concat());
    node.slot();
    let table: [(&str, Meddling); 9] = [
        ("a later one is not signed", |number, _, message| {
            vec![if number == 1 { bare(&message) } else { message }]
        }),
        ("the first is not signed", |number, _, message| {
            vec![if number == 0 { bare(&message) } else { message }]
        }),
        ("none is signed", |_, _, message| vec![bare(&message)]),
        ("the first is changed", |number, _, message| {
            vec![if number == 0 { flipped(message) } else { message }]
        }),
        ("a later one is changed", |number, _, message| {
            vec![if number == 1 { flipped(message) } else { message }]
        }),
        ("the last is changed", |_, is_last, message| {
            vec![if is_last { flipped(message) } else { message }]
        }),
        ("the last is not signed", |_, is_last, message| {
            vec![if is_last { bare(&message) } else { message }]
        }),
        (
            "a later one is left out",
            |number, _, message| {
                if number == 1 { vec![] } else { vec![message] }
            },
        ),
        ("a later one comes twice", |number, _, message| {
            if number == 1 { vec![message.clone(), message] } else { vec![message] }
        }),
    ];
    let begin = |request: fn(Vec<u8>) -> Vec<u8>, reply: Meddling| {
        let follower = follower_on(Vec::new(), limits(15), keys(&option));
        follower.take_table(&servers(&[between(node.address(), request, reply)]));
        follower
    };
    type Row = (&'static str, fn(Vec<u8>) -> Vec<u8>, Meddling);
    let mut all: Vec<Row> =
        table.into_iter().map(|(what, meddling)| (what, (|it| it) as _, meddling)).collect();
    all.push(("what is asked is not signed", |it| bare(&it), |_, _, it| vec![it]));
    all.push(("what is asked is changed", flipped, |_, _, it| vec![it]));
    for (what, request, reply) in all {
        // Each by itself: one that is not waited in does nothing, but loses its patience.
        let follower = begin(request, reply);
        wait_until(&follower, what, || follower.table().is_lost());
        assert_eq!(follower.directory(|directory| directory.len()), 0, "{what}");
    }
    // Where nobody does anything all is well.
    let follower = begin(|it| it, |_, _, it| vec![it]);
    wait_for_table(&follower);
    wait_for_names_of(&follower, &etcd);
    etcd.delete("worker9.tf.local.");
    wait_for_names_of(&follower, &etcd);
}

#[test]
fn a_change_is_believed_that_is_signed_by_one_who_is_asked_and_of_the_zone() {
    let (etcd, files) = (Etcd::start(), Keys::write());
    let option = files.option("hmac-sha512");
    let node = Node::in_cluster(&etcd, 1, LIMIT, &[&ALLOW[..], &["--tsig-key", &option]].concat());
    node.slot();
    let listener =
        UdpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Presence::Here).expect("bound");
    let address = listener.address;
    let follower = follower_on(vec![listener], limits(15), keys(&option));
    follower.take_table(&servers(&[node.address()]));
    wait_for_table(&follower);
    let good = Arc::new(key(&option));
    let (name, algorithm) = (good.name.clone(), good.algorithm);
    let forged = Arc::new(TsigKey::new(name.clone(), algorithm, b"another secret"));
    let unknown = Arc::new(TsigKey::new("other".parse().expect("a name"), algorithm, b"secret"));
    let (server, stranger): (IpAddr, IpAddr) = (node.address().ip(), [127, 9, 9, 9].into());
    let (now, other_zone) = (unix_time(), {
        let mut message = NOTIFY.to_vec();
        message[13] = b'u';
        message
    });
    let (refused, not_authorised) = (5, 9);
    let table = [
        ("good", server, NOTIFY, Some((&good, now)), 0),
        ("not signed", server, NOTIFY, None, refused),
        ("signed by a stranger", stranger, NOTIFY, Some((&good, now)), refused),
        ("of another zone", server, &other_zone, Some((&good, now)), refused),
        ("under another secret", server, NOTIFY, Some((&forged, now)), not_authorised),
        ("under another key", server, NOTIFY, Some((&unknown, now)), not_authorised),
        ("of another time", server, NOTIFY, Some((&good, now - 400)), not_authorised),
    ];
    for (what, from, message, signature, rcode) in table {
        let mut message = message.to_vec();
        let verifier = signature.map(|(key, at)| sign_request(key, &mut message, at));
        let reply = tell(&follower, from, address, &message);
        assert_eq!(reply[3] & 0x0f, rcode, "{what}");
        if let Some(mut verifier) = verifier.filter(|_| rcode != not_authorised) {
            assert!(verifier.verify(&reply, unix_time()).is_ok(), "{what}: the reply is signed");
        }
    }
}
