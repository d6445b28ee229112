//! `idetcd ready`: whether the node here is named and in sync, as init scripts and containers ask it.

use std::net::UdpSocket;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::tool::ends;
use support::{Ended, Etcd, Node, PATIENCE, command, free_port, idetcd, until};

fn asking(words: &[&str]) -> Child {
    let mut command = command(idetcd());
    command.arg("ready").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("idetcd")
}

fn asked(words: &[&str]) -> Ended {
    ends(asking(words))
}

fn place(node: &Node) -> String {
    format!("@{}", node.address())
}

#[test]
fn a_node_is_ready_when_it_is_named_and_no_more_when_etcd_is_away() {
    let mut etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &["--max-lag", "2"]);
    node.slot();
    let place = place(&node);
    // It may have read less than etcd holds by now for a moment.
    assert_eq!(asked(&[&place, "--timeout", "20"]).good(), "worker1.tf.local\n");
    assert_eq!(asked(&[&place]).good(), "worker1.tf.local\n");
    let other_family = format!("@{}", node.addresses()[1]);
    assert_eq!(asked(&[&other_family]).good(), "worker1.tf.local\n");
    etcd.kill();
    let told =
        until(PATIENCE, "it is told", || Some(asked(&[&place])).filter(|it| it.out.is_empty()));
    let line = told.complaint(1);
    assert!(line.ends_with(": worker1.tf.local, but etcd out of reach\n"), "{line}");
    etcd.restart();
    assert_eq!(asked(&[&place, "--timeout", "20"]).good(), "worker1.tf.local\n");
}

#[test]
fn what_is_missing_is_told_in_one_line_and_in_time() {
    let nameless = Node::at("http://127.0.0.1:1", 1, 3, &[]);
    let closed = Node::at("http://127.0.0.1:1", 1, 3, &["--allow", "10.0.0.0/8"]);
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let silent = format!("@{}", silent.local_addr().expect("an address"));
    let nobody = format!("@127.0.0.1:{}", free_port());
    for (place, wanted) in [
        (place(&nameless), "no name, etcd never reached"),
        (place(&closed), "it refuses to answer; see its --allow"),
        (silent, "no answer in time"),
        (nobody, "Connection refused (os error 111); does idetcd run, and listen there?"),
    ] {
        let began = Instant::now();
        let line = asked(&[&place]).complaint(1);
        assert!(line.ends_with(&format!(": {wanted}\n")), "{line}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}: {line}", began.elapsed());
        let line = asked(&[&place, "--timeout", "1"]).complaint(1);
        assert!(line.ends_with(&format!("{wanted} (for 1 s, --timeout)\n")), "{line}");
    }
}

#[test]
fn a_server_of_another_kind_is_no_node() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let place = format!("@{}", server.local_addr().expect("an address"));
    let child = asking(&[&place]);
    for _ in 0..2 {
        // As it came, without an answer.
        let mut query = [0; 512];
        let (length, client) = server.recv_from(&mut query).expect("a query");
        query[2] |= 0x80;
        server.send_to(&query[..length], client).expect("sent");
    }
    let line = ends(child).complaint(1);
    assert!(line.ends_with(": what answers there is no idetcd\n"), "{line}");
}

#[test]
fn it_can_wait_for_a_node_that_is_not_there_yet() {
    let (etcd, port) = (Etcd::start(), free_port());
    let listen = format!("127.0.0.1:{port}");
    let mut child = asking(&[&format!("@{listen}"), "--timeout", "60"]);
    assert!(child.try_wait().expect("its state").is_none());
    let words = ["--pattern", support::PATTERN, "--endpoints", &etcd.endpoint()];
    let _node = Node::start(&[&words[..], &["--listen", &listen, "--ipv4", "10.0.0.2"]].concat());
    assert_eq!(ends(child).good(), "worker1.tf.local\n");
}

#[test]
fn a_limit_of_replies_does_not_hide_a_node() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &["--rrl", "1"]);
    node.slot();
    asked(&[&place(&node), "--timeout", "20"]).good();
    for _ in 0..5 {
        assert_eq!(asked(&[&place(&node)]).good(), "worker1.tf.local\n");
    }
}

#[test]
fn a_wrong_command_line_is_told_with_status_2() {
    for (words, wanted) in [
        (&["127.0.0.1"][..], "\"127.0.0.1\" is not @ADDRESS[:PORT]; write @127.0.0.1"),
        (&["@localhost"], "\"@localhost\" is not @ADDRESS[:PORT]; "),
        (&["@127.0.0.1:0"], "\"@127.0.0.1:0\" is not @ADDRESS[:PORT]; "),
        (&["@127.0.0.1", "now"], "\"now\" is no option of ready; see idetcd ready --help"),
        (&["--timeout", "0"], "--timeout: \"0\" is not a whole number from 1"),
        (&["--pattern", "w{{.ID}}.a."], "--pattern: not for ready; see idetcd ready --help"),
    ] {
        let line = asked(words).complaint(2);
        assert!(line.starts_with(&format!("idetcd: {wanted}")), "{line}");
    }
}
