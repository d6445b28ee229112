//! A machine that is suspended, and what its node believes when it resumes.

use std::net::UdpSocket;
use std::time::{Duration, Instant};
use std::{fs, thread};

use simple_dns::TYPE;
use support::dns::{Message, Opt, Query};
use support::suspend::{can_suspend, suspend};
use support::{Directory, Etcd, Node, PATIENCE, Signal, exchange, until};

/// The node itself is made to open and enter another machine's time.
const MAY_OPEN_ALL: &str = "--no-sandbox";

/// Nobody looks before that by chance.
const AT_ONCE: Duration = Duration::from_millis(500);

#[test]
fn a_name_is_not_believed_after_a_suspend_that_was_longer_than_its_lease() {
    if !can_suspend() {
        return;
    }
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let file = directory.file("name");
    let options = ["--lease-ttl", "30", "--name-file", &file, MAY_OPEN_ALL];
    let node = Node::in_cluster(&etcd, 1, 3, &options);
    until(PATIENCE, "the file", || fs::read_to_string(&file).ok().filter(|it| !it.is_empty()));
    // Had it been away for so long, the lease would be over.
    etcd.signal(Signal::STOP);
    suspend(&node, Duration::from_secs(60));
    let resumed = Instant::now();
    until(PATIENCE, "no file", || (!fs::exists(&file).expect("a look")).then_some(()));
    let noticed = resumed.elapsed();
    assert!(noticed < AT_ONCE, "{noticed:?}: {}", node.log());
    node.wait_for_log("worker1.tf.local. is in doubt: its lease ran out");
    etcd.signal(Signal::CONT);
    node.wait_for_log("kept worker1.tf.local.: its lease lives");
}

#[test]
fn what_waited_while_the_process_stood_still_is_answered_as_stale() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--max-lag", "2"]);
    node.slot();
    let is_stale = |reply: &[u8]| {
        let opt = Message::read(reply).expect("a well-formed reply").opt.expect("EDNS");
        opt.options.iter().any(|(code, data)| *code == 15 && data[..2] == [0, 3])
    };
    let query = Query::new("worker1.tf.local.", TYPE::A).with_opt(&Opt::default()).octets();
    let is_fresh = || {
        let reply = exchange(node.address(), &query, PATIENCE).expect("a reply");
        (!is_stale(&reply)).then_some(())
    };
    until(PATIENCE, "fresh", is_fresh);
    node.signal(Signal::STOP);
    let clients = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("bound"));
    for client in &clients {
        client.set_read_timeout(Some(PATIENCE)).expect("set");
        client.send_to(&query, node.address()).expect("sent");
    }
    thread::sleep(Duration::from_secs(4));
    node.signal(Signal::CONT);
    for client in &clients {
        let mut reply = [0; 512];
        let length = client.recv(&mut reply).expect("a reply");
        assert!(is_stale(&reply[..length]), "it is as of four seconds ago: {}", node.log());
    }
    until(PATIENCE, "fresh again", is_fresh);
}

#[test]
fn a_suspend_that_is_shorter_than_the_lease_has_it_renewed_at_once() {
    if !can_suspend() {
        return;
    }
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 3, &["--lease-ttl", "60", MAY_OPEN_ALL]);
    node.slot();
    let before = etcd.handled("LeaseKeepAlive");
    suspend(&node, Duration::from_secs(30));
    let resumed = Instant::now();
    until(PATIENCE, "renewed", || (etcd.handled("LeaseKeepAlive") > before).then_some(()));
    let renewed = resumed.elapsed();
    assert!(renewed < AT_ONCE, "{renewed:?}: {}", node.log());
    assert!(!node.log().contains("in doubt"), "{}", node.log());
}
