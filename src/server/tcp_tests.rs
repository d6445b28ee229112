//! Who has to wait for whom in a turn.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock;
use crate::cluster::{Directory, Freshness, Keyspace, Pattern};
use crate::dns::Responder;

const TIMEOUT: Duration = Duration::from_secs(10);
const NOWHERE: (&str, u16) = ("127.0.0.1", 0);

/// A query without EDNS.
fn query(id: u16, qtype: u16) -> Vec<u8> {
    let header = [id, 0, 1, 0, 0, 0].map(u16::to_be_bytes).concat();
    [&header[..], b"\x02tf\x05local\0", &qtype.to_be_bytes(), &1_u16.to_be_bytes()].concat()
}

/// What answers for a cluster without nodes, whose zone everybody may have.
fn service() -> Service {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
    let keyspace = Keyspace::new(pattern, 9);
    let all = vec!["127.0.0.0/8".parse().expect("a network")];
    let responder = Responder::new(&keyspace, 5).expect("zones").with_transferable(all);
    let mut directory = Directory::new(Arc::new(keyspace));
    directory.keep_journal();
    let (snapshot, revision) = (directory.emptied(), 1);
    directory.replace(snapshot, revision);
    directory.mark(Freshness::Synced);
    Service::new(responder, directory)
}

#[test]
fn a_query_that_comes_by_udp_does_not_wait_for_the_messages_of_a_zone() {
    const SOA: u16 = 6;
    const AXFR: u16 = 252;
    let mut service = service();
    let mut listener =
        UdpListener::bind(([127, 0, 0, 1], 0).into(), Presence::Here).expect("bound");
    listener.socket.set_nonblocking(true).expect("a mode");
    let acceptor = listen_on(([127, 0, 0, 1], 0).into(), Presence::Here).expect("bound");
    let mut secondary =
        TcpStream::connect(acceptor.local_addr().expect("its address")).expect("a connection");
    let transfer = query(1, AXFR);
    let length = u16::try_from(transfer.len()).expect("short").to_be_bytes();
    secondary.write_all(&[&length[..], &transfer].concat()).expect("sent");
    let client = UdpSocket::bind(NOWHERE).expect("bound");
    client.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    client.send_to(&query(2, SOA), listener.address).expect("sent");
    let mut connections = Connections::default();
    connections.accept(&acceptor, clock::now());
    assert_eq!(connections.len(), 1);
    let until = clock::now() + TIMEOUT;
    while service.counters.over_tcp == 0 {
        let now = clock::now();
        assert!(now < until, "the transfer did not begin");
        connections.serve(&[true], now, &mut service, std::slice::from_mut(&mut listener));
    }
    // Nobody but who writes the zone looked at the socket.
    let mut reply = [0; 512];
    let length = client.recv(&mut reply).expect("a reply");
    assert_eq!(reply[..2], [0, 2], "of {length} octets");
}
