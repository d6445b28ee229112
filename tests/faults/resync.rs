//! When what a node knows cannot simply be followed up: everything is read anew, and answered
//! from memory until then.

use std::time::Duration;

use support::{Action, Etcd, Node, PATIENCE, Phase, Prober, Proxy, lookup, until};

const OPTIONS: [&str; 4] = ["--lease-ttl", "6", "--etcd-timeout", "0.5"];

fn record(number: u8) -> Vec<u8> {
    format!(r#"{{"ipv4":"10.9.9.{number}"}}"#).into_bytes()
}

fn followed(node: &Node, slot: u32, number: u8) {
    let (server, name) = (node.address(), format!("worker{slot}.tf.local."));
    until(PATIENCE, &format!("{name} is known as 10.9.9.{number}"), || {
        (lookup(server, &name) == Some(format!("10.9.9.{number}"))).then_some(())
    });
}

#[test]
fn changes_that_were_compacted_away_while_disconnected_are_read_anew() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let node = Node::at(&proxy.endpoint(), 1, 9, &OPTIONS);
    node.slot();
    etcd.put("worker7.tf.local.", &record(1));
    etcd.put("worker8.tf.local.", &record(1));
    followed(&node, 8, 1);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    proxy.freeze(true);
    proxy.reset();
    node.wait_for_log("lost: ");
    etcd.put("worker7.tf.local.", &record(2));
    etcd.delete("worker8.tf.local.");
    etcd.put("worker9.tf.local.", &record(3));
    assert!(etcd.compact());
    proxy.freeze(false);
    followed(&node, 9, 3);
    followed(&node, 7, 2);
    assert_eq!(lookup(node.address(), "worker8.tf.local."), None);
    node.wait_for_log("reading everything anew");
    let probed = prober.stop();
    println!("compacted while disconnected: {probed:?}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
}

#[test]
fn an_older_backup_that_was_restored_is_noticed_even_if_it_has_grown_past_what_was_known() {
    let mut etcd = Etcd::start();
    etcd.put("worker5.tf.local.", &record(5));
    let node = Node::in_cluster(&etcd, 1, 9, &OPTIONS);
    node.slot();
    let backup = etcd.snapshot();
    etcd.delete("worker5.tf.local.");
    etcd.put("worker6.tf.local.", &record(6));
    followed(&node, 6, 6);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    etcd.restore(&backup);
    // The restored history passes the revision that the node knows before it looks.
    for number in 0..20 {
        etcd.put("worker4.tf.local.", &record(number));
    }
    followed(&node, 5, 5);
    followed(&node, 4, 19);
    assert_eq!(lookup(node.address(), "worker6.tf.local."), None);
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
    until(PATIENCE, "the name is in etcd", || etcd.has("worker1.tf.local.").then_some(()));
    let probed = prober.stop();
    println!("older backup restored: {probed:?}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
    node.wait_for_log("reading everything anew");
}

#[test]
fn a_backup_from_before_the_claim_gives_the_node_its_name_back() {
    let mut etcd = Etcd::start();
    let backup = etcd.snapshot();
    let node = Node::in_cluster(&etcd, 1, 9, &OPTIONS);
    node.slot();
    etcd.restore(&backup);
    node.wait_for_log("lost worker1.tf.local.");
    node.wait_for_log("re-claimed worker1.tf.local.");
    assert!(etcd.has("worker1.tf.local."));
}

#[test]
fn another_cluster_behind_the_same_address_is_noticed_with_and_without_a_broken_connection() {
    let (one, two) = (Etcd::start(), Etcd::start());
    two.put("worker6.tf.local.", &record(6));
    let proxy = Proxy::new(&one.address());
    let node = Node::at(&proxy.endpoint(), 1, 9, &OPTIONS);
    node.slot();
    one.put("worker5.tf.local.", &record(5));
    followed(&node, 5, 5);
    proxy.turn_to(&two.address());
    proxy.reset();
    followed(&node, 6, 6);
    assert_eq!(lookup(node.address(), "worker5.tf.local."), None);
    node.wait_for_log("re-claimed worker1.tf.local.");
    // The same address, empty: no connection is told anything but the end.
    let mut three = Etcd::start();
    let other = Node::in_cluster(&three, 2, 9, &OPTIONS);
    other.slot();
    three.restart_empty("another");
    other.wait_for_log("re-claimed worker1.tf.local.");
    until(PATIENCE, "it is there", || three.has("worker1.tf.local.").then_some(()));
}

#[test]
fn a_keep_alive_that_another_cluster_answers_ends_the_watch_of_the_first() {
    let (one, two) = (Etcd::start(), Etcd::start());
    two.put("worker6.tf.local.", &record(6));
    let proxy = Proxy::new(&one.address());
    let node = Node::at(&proxy.endpoint(), 1, 9, &OPTIONS);
    node.slot();
    // The connection of the watch stays where it is; short calls go to the other cluster.
    proxy.turn_to(&two.address());
    proxy.police(|passing| match (passing.phase, passing.path.as_str()) {
        (Phase::Request, "/v3/lease/keepalive") => Action::Close,
        _ => Action::Pass,
    });
    node.wait_for_log("lost: ");
    proxy.police(|_| Action::Pass);
    followed(&node, 6, 6);
    node.wait_for_log("re-claimed worker1.tf.local.");
}

#[test]
fn a_watch_that_ends_sends_garbage_or_goes_silent_is_opened_again() {
    let etcd = Etcd::start();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{head}{:x}\r\n{text}\r\n", text.len());
    let answers = [
        ("ends at once", format!("{head}0\r\n\r\n")),
        ("not JSON", chunk("nope\n")),
        ("not etcd's JSON", chunk("{\"result\":7}\n")),
        ("an error", chunk("{\"error\":{\"grpc_code\":14,\"message\":\"bye\"}}\n")),
        ("half a line", chunk("{\"result\":{\"created\":tr")),
        ("binary", chunk("\u{0}\u{1}\u{2}\n")),
        ("not HTTP", "nope\r\n\r\n".to_owned()),
    ];
    for (number, (what, answer)) in (1..).zip(answers) {
        let proxy = Proxy::new(&etcd.address());
        let mut hits = 0;
        proxy.police(move |passing| {
            let is_watch = passing.path == "/v3/watch" && passing.phase == Phase::Request;
            if is_watch && hits < 3 {
                hits += 1;
                return Action::Answer(answer.clone().into_bytes());
            }
            Action::Pass
        });
        let prefix = format!("{what}/");
        let options = [&OPTIONS[..], &["--prefix", &prefix]].concat();
        let node = Node::at(&proxy.endpoint(), 1, 9, &options);
        assert_eq!(node.slot(), 1, "{what}");
        etcd.put(&format!("{prefix}worker9.tf.local."), &record(number));
        followed(&node, 9, number);
    }
}

#[test]
fn a_peer_that_answers_only_garbage_is_not_asked_in_a_tight_loop() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let node = Node::at(&proxy.endpoint(), 1, 9, &OPTIONS);
    node.slot();
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    proxy.police(move |_| Action::Answer(body.as_bytes().to_vec()));
    proxy.reset();
    let before = proxy.count();
    std::thread::sleep(Duration::from_secs(5));
    let asked = proxy.count() - before;
    println!("asked {asked} times in 5 s");
    assert!((2..40).contains(&asked), "{asked}");
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.2"));
    proxy.police(|_| Action::Pass);
    etcd.put("worker9.tf.local.", &record(9));
    followed(&node, 9, 9);
}

#[test]
fn a_connection_that_only_seems_to_live_is_given_up_by_the_next_keep_alive() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let node = Node::at(&proxy.endpoint(), 1, 9, &OPTIONS);
    node.slot();
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    proxy.freeze(true);
    etcd.put("worker9.tf.local.", &record(9));
    node.wait_for_log("lost: ");
    proxy.freeze(false);
    followed(&node, 9, 9);
    let probed = prober.stop();
    println!("half-open connection: {probed:?}");
    assert!(probed.lost == 0 && probed.worst < support::AT_ONCE, "{probed:?}");
    assert!(!node.log().contains("re-claimed"), "{}", node.log());
}
