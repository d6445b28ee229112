//! While queries wait, the server asks the kernel for nothing but to take one and to send its reply.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::process::Child;

use simple_dns::TYPE;
use support::dns::connected;
use support::{Directory, Etcd, Node, PATIENCE, Signal, command, lookup, question, send, until};

/// Queries that wait at a time: as many as every system's receive buffer holds.
const BURST: usize = 250;
const BURSTS: usize = 4;

#[test]
fn a_query_that_waits_costs_two_system_calls() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--lease-ttl", "600"]);
    node.slot();
    until(PATIENCE, "answered", || lookup(node.address(), "worker1.tf.local."));
    let client = connected(node.address(), PATIENCE);
    let tracer = Tracer::attach(&node);
    (0..BURSTS).for_each(|_| answer_burst(&node, &client));
    let calls = tracer.detach();
    println!("{} queries: {calls:?}", BURST * BURSTS);
    let count = |name: &str| calls.get(name).copied().unwrap_or(0);
    let answers = count("sendto") + count("sendmsg");
    let taken = count("recvfrom") + count("recvmsg");
    assert!(answers >= BURST * BURSTS, "a reply each: {calls:?}");
    assert!(taken <= answers + answers / 20, "one query each, and hardly ever none: {calls:?}");
    let others = calls.values().sum::<usize>() - answers - taken;
    assert!(others <= answers / 20, "the loop around it is for many at once: {calls:?}");
}

/// Lets queries pile up before the node looks, then takes all replies.
fn answer_burst(node: &Node, client: &UdpSocket) {
    let query = question("worker1.tf.local.", TYPE::A);
    node.signal(Signal::STOP);
    until(PATIENCE, "stopped", || node.status("State").starts_with(['T', 't']).then_some(()));
    (0..BURST).for_each(|_| assert_eq!(client.send(&query).expect("sent"), query.len()));
    node.signal(Signal::CONT);
    let mut reply = [0; 512];
    for number in 0..BURST {
        let length = client.recv(&mut reply);
        let length = length.unwrap_or_else(|error| panic!("reply {number} of {BURST}: {error}"));
        assert!(length > query.len(), "an answer");
    }
}

/// `strace`, which writes down the system calls of a node.
struct Tracer {
    strace: Child,
    directory: Directory,
}

impl Tracer {
    fn attach(node: &Node) -> Tracer {
        let directory = Directory::new();
        let strace = command("strace")
            .args(["-q", "-f", "-e", "signal=none", "-o", &directory.file("trace")])
            .args(["-p", &node.child.id().to_string()])
            .spawn()
            .expect("strace; scripts/test installs it");
        until(PATIENCE, "traced", || (node.status("TracerPid") != "0").then_some(()));
        Tracer { strace, directory }
    }

    /// How often each system call was made.
    fn detach(mut self) -> BTreeMap<String, usize> {
        send(&self.strace, Signal::INT);
        self.strace.wait().expect("reaped");
        let trace = fs::read_to_string(self.directory.file("trace")).expect("a trace");
        let mut calls = BTreeMap::new();
        // `PID NAME(…) = …`; a call that was interrupted goes on in a line that begins otherwise.
        for line in trace.lines() {
            let call = line.split_whitespace().nth(1).and_then(|word| word.split_once('('));
            if let Some((name, _)) = call {
                *calls.entry(name.to_owned()).or_default() += 1;
            }
        }
        calls
    }
}
