//! Clients that ask for zones and do not take them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::dns::Query;
use support::dns::tcp::{connect, framed};
use support::{AT_ONCE, Etcd, Node, PATIENCE, Prober, until};

use crate::zone::{in_etcd, node_beside, transferred};

const AXFR: u16 = 252;

/// Longer than the server waits for a client that takes nothing.
const LONG: Duration = Duration::from_secs(40);

/// The descriptors that a node has open.
fn sockets(node: &Node) -> usize {
    let directory = format!("/proc/{}/fd", node.status("Pid"));
    std::fs::read_dir(directory).expect("its descriptors").count()
}

/// Whether the server has closed a connection, which is read to its end.
fn ends(stream: &mut TcpStream) -> bool {
    let mut octets = [0; 65_536];
    loop {
        match stream.read(&mut octets) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn who_does_not_read_costs_the_others_nothing_and_is_let_go() {
    let etcd = Etcd::start();
    // More than the buffers of both sides take.
    let node = node_beside(&etcd, 20_000, &[]);
    let server = node.address();
    let all = in_etcd(&etcd).len();
    until(PATIENCE, "all names", || (transferred(server, "tf.local").0.len() == all).then_some(()));
    let (before, memory) = (sockets(&node), kilobytes(&node.status("VmRSS")));
    let prober = Prober::start(server, "worker2.tf.local.");
    let mut slow: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = connect(server);
            stream.write_all(&framed(&Query::new("tf.local.", AXFR).octets())).expect("sent");
            stream
        })
        .collect();
    // Others get theirs meanwhile.
    let began = Instant::now();
    assert_eq!(transferred(server, "tf.local").0.len(), all);
    println!("a transfer beside 60 that are not read: {:?}", began.elapsed());
    let grown = kilobytes(&node.status("VmRSS")).saturating_sub(memory);
    println!("{grown} kB for 60 transfers that wait");
    assert!(grown < 60 * 64, "{grown} kB");
    until(LONG, "connections that end", || (sockets(&node) < before + 2).then_some(()));
    assert!(slow.iter_mut().all(ends));
    let probed = prober.stop();
    println!("{probed:?}");
    assert_eq!(probed.lost, 0, "{probed:?}");
    assert!(probed.worst < AT_ONCE, "{probed:?}");
}

/// The number in `1234 kB`.
fn kilobytes(text: &str) -> u32 {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.expect("a number")
}
