//! `idetcd status`: what the node here is and knows, in words.

use std::net::UdpSocket;

use support::tool::ends;
use support::{Ended, Etcd, Node, PATIENCE, Signal, command, free_port, idetcd, until};

fn asked(words: &[&str]) -> Ended {
    let mut command = command(idetcd());
    command.arg("status").args(words);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    ends(command.spawn().expect("idetcd"))
}

fn status(node: &Node) -> String {
    asked(&[&format!("@{}", node.address())]).good()
}

/// What is told of this.
fn told(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(key))?;
    Some(line[key.len()..].trim().to_owned())
}

#[test]
fn a_node_tells_what_it_is_and_knows() {
    let mut etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &["--lease-ttl", "60", "--max-lag", "2"]);
    node.slot();
    etcd.put("worker7.tf.local.", br#"{"ipv4":"10.9.9.7"}"#);
    let text = until(PATIENCE, "it follows", || {
        Some(status(&node)).filter(|text| text.contains("names      2 from etcd"))
    });
    let token = etcd.mod_revision_of("worker1.tf.local.").expect("a token");
    let name = told(&text, "name").expect("a name");
    assert!(name.starts_with("worker1.tf.local for "), "{text}");
    assert!(name.ends_with(&format!(", claimed at revision {token}")), "{text}");
    let lease = told(&text, "lease").expect("a lease");
    let seconds: u32 = lease.strip_suffix(" s left").and_then(|it| it.parse().ok()).expect("some");
    assert!((30..=60).contains(&seconds), "{text}");
    // They were given, and are nobody's here.
    let published = told(&text, "published").expect("addresses");
    assert!(published.starts_with("10.0.0.2 fd00::2 port 53"), "{text}");
    let is_told = published.contains(" (not of this host: 10.0.0.2");
    assert!(is_told || text.contains("no address is known"), "{text}");
    let endpoint = etcd.endpoint();
    let known = told(&text, "etcd").expect("etcd");
    assert!(known.starts_with(&format!("in sync, {endpoint}, revision ")), "{text}");
    assert!(text.contains(" s behind etcd at most\n"), "{text}");
    assert_eq!(told(&text, "group").as_deref(), Some("2 nodes; this one is ready"), "{text}");
    etcd.kill();
    let text = until(PATIENCE, "it is told", || {
        Some(status(&node)).filter(|text| text.contains("out of reach"))
    });
    assert!(!text.contains(&endpoint), "none is in use: {text}");
    assert!(told(&text, "name").is_some_and(|name| name.starts_with("worker1.")), "{text}");
    let known = told(&text, "etcd").expect("etcd");
    let heard = known.split(", ").nth(1).expect("when it was heard last");
    let seconds = heard.strip_prefix("last heard of ").and_then(|rest| rest.strip_suffix(" s ago"));
    assert!(seconds.and_then(|it| it.parse::<u32>().ok()).is_some_and(|it| it < 60), "{text}");
    let names = told(&text, "names").expect("names");
    assert!(names.starts_with("2 from memory, ") && names.ends_with(" s old"), "{text}");
}

/// Waits until a node tells that it has no name for this reason.
fn wait_for_why(node: &Node, why: &str) {
    until(PATIENCE, why, || (told(&status(node), "name")? == format!("none: {why}")).then_some(()));
}

#[test]
fn one_without_a_name_says_why() {
    let mut etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let first = Node::in_cluster(&etcd, 1, 1, &[]);
    first.slot();
    let second = Node::in_cluster(&etcd, 2, 1, &["--wait"]);
    wait_for_why(&second, "all names are taken; in the queue, 0 nodes ahead");
    let third = Node::in_cluster(&etcd, 3, 1, &["--wait"]);
    wait_for_why(&third, "all names are taken; in the queue, 1 node ahead");
    etcd.kill();
    wait_for_why(&third, "waits for etcd");
    etcd.restart();
    wait_for_why(&second, "all names are taken; in the queue, 0 nodes ahead");
    let never = Node::at("http://127.0.0.1:1", 4, 1, &[]);
    never.wait_for_log("etcd is out of reach");
    wait_for_why(&never, "waits for etcd");
    // Its address is another's, who may live.
    etcd.put_leased(
        "worker2.tf.local.",
        br#"{"ipv4":"10.0.0.6","ipv6":"fd00::6","port":"53"}"#,
        600,
    );
    let same = Node::at(&endpoint, 5, 3, &[]);
    wait_for_why(
        &same,
        "waits whether the lease of worker2.tf.local. ends, which has the same addresses",
    );
    drop((first, second));
}

#[test]
fn one_without_a_name_is_shown_and_where_nobody_answers_is_status_1() {
    let etcd = Etcd::start();
    let first = Node::in_cluster(&etcd, 1, 1, &[]);
    first.slot();
    let mut waiting = Node::in_cluster(&etcd, 2, 1, &["--wait"]);
    waiting.wait_for_log("waiting for one");
    let text = status(&waiting);
    assert!(told(&text, "name").is_some_and(|name| name.starts_with("none: ")), "{text}");
    assert_eq!(told(&text, "lease"), None, "{text}");
    let place = format!("@{}", waiting.address());
    waiting.signal(Signal::TERM);
    waiting.wait(PATIENCE);
    let line = asked(&[&place]).complaint(1);
    assert!(line.contains("does idetcd run, and listen there?"), "{line}");
    let silent = UdpSocket::bind(("127.0.0.1", free_port())).expect("a socket");
    let place = format!("@{}", silent.local_addr().expect("an address"));
    let line = asked(&[&place]).complaint(1);
    assert!(line.contains("no answer in time"), "{line}");
    for (words, wanted) in [
        (&["127.0.0.1"][..], "is not @ADDRESS[:PORT]"),
        (&["@127.0.0.1", "@127.0.0.2"], "is no option of status"),
        (&["--pattern", "w{{.ID}}.a."], "--pattern"),
    ] {
        let line = asked(words).complaint(2);
        assert!(line.contains(wanted), "{line}");
    }
}

#[test]
fn who_serves_the_table_is_told() {
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let nodes: Vec<Node> = (1..=2)
        .map(|number| {
            let node = Node::on_loopback(91, number, &endpoint, &["--watchers", "1"]);
            node.slot();
            node
        })
        .collect();
    let text = until(PATIENCE, "it takes the table", || {
        Some(status(&nodes[1])).filter(|text| text.contains("from worker1.tf.local. 127.91.0.2:"))
    });
    assert!(text.contains(" s behind etcd at most\n"), "{text}");
    assert!(status(&nodes[0]).contains("2 from etcd"));
}
