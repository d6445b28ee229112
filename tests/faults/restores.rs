//! A backup that is restored in the place of what was known, with the same cluster ID.

use simple_dns::TYPE;
use support::{Action, Etcd, Node, PATIENCE, Phase, Proxy, Signal, ask, lookup, until};

/// A lease so long that no keep-alive tells anything meanwhile.
const OPTIONS: [&str; 4] = ["--lease-ttl", "300", "--etcd-timeout", "0.5"];

fn record(number: u8) -> Vec<u8> {
    format!(r#"{{"ipv4":"10.9.9.{number}"}}"#).into_bytes()
}

fn name(slot: u32) -> String {
    format!("worker{slot}.tf.local.")
}

fn followed(node: &Node, slot: u32, number: u8) {
    let wanted = Some(format!("10.9.9.{number}"));
    until(PATIENCE, &format!("{} is known", name(slot)), || {
        (lookup(node.address(), &name(slot)) == wanted).then_some(())
    });
}

#[test]
fn a_name_that_another_node_took_in_as_many_changes_is_given_up_at_once() {
    let mut etcd = Etcd::start();
    // A call that is made again is a change more.
    let patient = ["--lease-ttl", "300", "--etcd-timeout", "10"];
    let first = Node::in_cluster(&etcd, 1, 9, &OPTIONS);
    assert_eq!(first.slot(), 1);
    let backup = etcd.snapshot();
    let second = Node::in_cluster(&etcd, 2, 9, &patient);
    assert_eq!(second.slot(), 2);
    let revision = etcd.revision();
    until(PATIENCE, "all know all", || lookup(first.address(), &name(2)));
    for node in [&first, &second] {
        node.signal(Signal::STOP);
    }
    etcd.restore(&backup);
    // A ticket and a claim, as before.
    let third = Node::in_cluster(&etcd, 3, 9, &patient);
    assert_eq!((third.slot(), etcd.revision()), (2, revision));
    for node in [&first, &second] {
        node.signal(Signal::CONT);
    }
    let line = second.wait_for_log("lost worker2.tf.local.");
    println!("{line}");
    second.wait_for_log("re-claimed worker3.tf.local.");
    for node in [&first, &second, &third] {
        until(PATIENCE, "the third node is known under its name", || {
            (lookup(node.address(), &name(2)).as_deref() == Some("10.0.0.4")).then_some(())
        });
    }
    assert!(!first.log().contains("lost worker"), "{}", first.log());
    assert!(!third.log().contains("lost worker"), "{}", third.log());
}

#[test]
fn a_restore_is_noticed_where_only_what_was_deleted_differs() {
    let mut etcd = Etcd::start();
    // More names than are compared, and these two changed before all others.
    for slot in 5..40 {
        etcd.put(&name(slot), &record(slot as u8));
    }
    let node = Node::in_cluster(&etcd, 1, 50, &OPTIONS);
    assert_eq!(node.slot(), 1);
    let backup = etcd.snapshot();
    followed(&node, 5, 5);
    etcd.delete(&name(5));
    until(PATIENCE, "it is gone", || {
        (ask(node.address(), &name(5), TYPE::A).rcode == 3).then_some(())
    });
    node.signal(Signal::STOP);
    etcd.restore(&backup);
    etcd.delete(&name(6));
    node.signal(Signal::CONT);
    followed(&node, 5, 5);
    assert_eq!(ask(node.address(), &name(6), TYPE::A).rcode, 3);
    node.wait_for_log("etcd's log is shorter than it was");
    assert!(!node.log().contains("lost worker"), "{}", node.log());
}

#[test]
fn the_same_history_is_not_read_again_whatever_is_written_meanwhile() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    let options = [&OPTIONS[..], &["--user", "node:secret"]].concat();
    let node = Node::in_cluster(&etcd, 1, 9, &options);
    assert_eq!(node.slot(), 1);
    for round in 1..=3 {
        etcd.put(&name(9), &record(round));
        followed(&node, 9, round);
        etcd.kill();
        node.wait_for_logs("lost: ", round.into());
        etcd.restart();
        etcd.log_in();
        for number in 0..round {
            etcd.put(&name(8), &record(number));
        }
        etcd.delete(&name(9));
        followed(&node, 8, round - 1);
    }
    assert_eq!(node.log().matches("full sync").count(), 1, "{}", node.log());
}

#[test]
fn where_etcd_does_not_tell_how_far_it_has_got_everything_is_read() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let answers = [
        r#"HTTP/1.1 403 Forbidden|{"error":"etcdserver: permission denied","code":7}"#,
        "HTTP/1.1 404 Not Found|404 page not found",
    ];
    for (number, answer) in (1..).zip(answers) {
        let (head, body) = answer.split_once('|').expect("a body");
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        proxy.police(move |passing| match (passing.phase, passing.path.as_str()) {
            (Phase::Request, "/v3/maintenance/status") => {
                Action::Answer(answer.clone().into_bytes())
            }
            _ => Action::Pass,
        });
        let node = Node::at(&proxy.endpoint(), number, 9, &OPTIONS);
        node.slot();
        until(PATIENCE, "it is asked", || (etcd.watchers() == 1).then_some(()));
        proxy.reset();
        node.wait_for_log("etcd does not tell how far it has got: reading everything anew");
        etcd.put(&name(9), &record(7));
        followed(&node, 9, 7);
        assert!(!node.log().contains("lost worker"), "{}", node.log());
        etcd.delete(&name(9));
    }
}
