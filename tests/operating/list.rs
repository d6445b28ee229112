//! `idetcd list`: what stands in etcd, for people, for programs, for others.

use idetcd::server::network::NetworkWatch;
use serde_json::{Value, json};
use support::{Directory, Etcd, Node, PATTERN, Terminal, ended, tool};

/// A node that publishes the addresses of this host, which it finds out.
fn node_here(etcd: &Etcd, port: &str) -> Node {
    let listen = ["--listen", "127.0.0.1:0", "--port", port];
    let node = Node::start(
        &[&["--pattern", PATTERN, "--endpoints", &etcd.endpoint()][..], &listen].concat(),
    );
    node.slot();
    node
}

/// Whether this host has an address that a node can publish.
fn is_somewhere(test: &str) -> bool {
    let own = NetworkWatch::open().current().own_addresses();
    let is_somewhere = own.is_ok_and(|own| !own.is_empty());
    if !is_somewhere {
        println!("skipped: {test}: this host has no address but loopback");
    }
    is_somewhere
}

fn lines(etcd: &Etcd, more: &[&str]) -> Vec<Vec<String>> {
    let out = ended("list", &etcd.endpoint(), more).good();
    out.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn notes(etcd: &Etcd, more: &[&str]) -> Vec<String> {
    lines(etcd, more).into_iter().map(|mut line| line.pop().expect("a note")).collect()
}

#[test]
fn a_pipe_gets_a_line_for_each_key_whatever_it_holds() {
    let etcd = Etcd::start();
    assert_eq!(ended("list", &etcd.endpoint(), &[]).good(), "", "nobody is no line");
    let node = Node::in_cluster(&etcd, 1, 9, &["--lease-ttl", "600"]);
    assert_eq!(node.slot(), 1);
    etcd.put("worker12.tf.local.", br#"{"ipv6":"fd00::c"}"#);
    etcd.put("worker3.tf.local.", b"\x1b[2Jx\n");
    etcd.put("worker3x.tf.local.", b"x");
    etcd.put("ps1.tf.local.", br#"{"ipv4":"10.0.0.77","port":"53"}"#);
    let mut lines = lines(&etcd, &["--resolve", "ps{{.ID}}.tf.local."]);
    let left: u64 = lines[0][5].parse().expect("seconds left");
    assert!((500..=600).contains(&left), "{left}");
    lines[0][5] = "590".to_owned();
    let wanted = [
        ["1", "worker1.tf.local.", "10.0.0.2", "fd00::2", "53", "590", "-"],
        ["3", "worker3.tf.local.", "-", "-", "-", "-", "no record: the value is not JSON"],
        ["12", "worker12.tf.local.", "-", "fd00::c", "-", "-", "-"],
        ["1", "ps1.tf.local.", "10.0.0.77", "-", "53", "-", "-"],
        ["-", "worker3x.tf.local.", "-", "-", "-", "-", "none of these names"],
    ];
    assert_eq!(lines, wanted);
    assert_eq!(ended("list", &etcd.endpoint(), &["--prefix", "a/"]).good(), "");
}

#[test]
fn json_and_hosts_say_the_same_in_other_words() {
    let etcd = Etcd::start();
    etcd.put_leased("worker2.tf.local.", br#"{"ipv4":"10.0.0.2","port":"53"}"#, 60);
    etcd.put("worker4.tf.local.", br#"{"ipv4":"10.0.0.4","ipv6":"fd00::4"}"#);
    etcd.put("worker5.tf.local.", b"[]");
    let json: Value =
        serde_json::from_str(&ended("list", &etcd.endpoint(), &["--json"]).good()).expect("JSON");
    assert_eq!(json["revision"].to_string(), etcd.revision());
    let node = &json["nodes"][0];
    assert_eq!((&node["slot"], &node["port"], &node["me"]), (&json!(2), &json!(53), &json!(false)));
    assert!(node["lease_seconds"].as_u64().is_some_and(|left| (30..=60).contains(&left)), "{node}");
    assert_eq!(json["nodes"][1]["lease_seconds"], Value::Null);
    assert_eq!(json["unusable"][0]["reason"], "the value is not a JSON object");
    let hosts = ended("list", &etcd.endpoint(), &["--hosts"]).good();
    let wanted = "10.0.0.2\tworker2.tf.local\n10.0.0.4\tworker4.tf.local\n\
        fd00::4\tworker4.tf.local\n# worker5.tf.local.: no record: the value is not a JSON object\n";
    assert_eq!(hosts, wanted);
}

#[test]
fn this_host_is_told_only_if_it_is_certain_and_so_is_the_task_of_tensorflow() {
    if !is_somewhere("the node of this host") {
        return;
    }
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.250.0.1"}"#);
    etcd.put("ps1.tf.local.", br#"{"ipv4":"10.250.0.2"}"#);
    let all = ["--tf-config", "--resolve", "ps{{.ID}}.tf.local.", "--tf-port", "3333"];
    let elsewhere = ended("list", &endpoint, &all);
    assert_eq!(elsewhere.status, Some(0), "{elsewhere:?}");
    assert!(elsewhere.err.contains("none of the nodes is on this host"), "{elsewhere:?}");
    let _first = node_here(&etcd, "1053");
    assert_eq!(notes(&etcd, &[]), ["-", "me"]);
    let config: Value = serde_json::from_str(&ended("list", &endpoint, &all).good()).expect("JSON");
    assert_eq!(config["task"], json!({"type": "worker", "index": 1}));
    assert_eq!(config["cluster"]["ps"], json!(["10.250.0.2:3333"]));
    assert_eq!(config["cluster"]["worker"][0], "10.250.0.1:3333");
    let _second = node_here(&etcd, "1054");
    assert_eq!(notes(&etcd, &[]), ["-", "here", "here"]);
    assert_eq!(notes(&etcd, &["--port", "1054"]), ["-", "-", "me"]);
    let unsure = ended("list", &endpoint, &["--tf-config"]);
    assert!(unsure.status == Some(0) && unsure.err.contains("several nodes are on this host"));
    let config: Value = serde_json::from_str(&unsure.out).expect("JSON");
    assert!(config["task"].is_null() && config["cluster"]["worker"][2].is_string(), "{config}");
    let sure = ended("list", &endpoint, &["--tf-config", "--port", "1054"]).good();
    assert!(sure.contains(r#""task":{"index":2,"type":"worker"}"#), "{sure}");
}

#[test]
fn nobody_is_no_cluster_for_tensorflow() {
    let etcd = Etcd::start();
    let line = ended("list", &etcd.endpoint(), &["--tf-config"]).complaint(1);
    assert!(line.contains("no node of worker{{.ID}}.tf.local. is named yet"), "{line}");
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.250.0.1"}"#);
    let with_ps = ["--tf-config", "--resolve", "ps{{.ID}}.tf.local."];
    let line = ended("list", &etcd.endpoint(), &with_ps).complaint(1);
    let wanted = "--tf-config: no node of ps{{.ID}}.tf.local. is named yet; wait for them, or leave out that \
                  --resolve";
    assert!(line.contains(wanted), "{line}");
}

#[test]
fn a_terminal_gets_columns_and_colours_if_it_wants_them() {
    let etcd = Etcd::start();
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.2"}"#);
    etcd.put("worker10.tf.local.", b"x");
    let plain = "SLOT  NAME                IPV4      IPV6  PORT  SECONDS  NOTE\n\
        2     worker2.tf.local.   10.0.0.2  -     -     -        -\n\
        10    worker10.tf.local.  -         -     -     -        no record: the value is not JSON\n";
    let shown = |env: &[(&str, &str)]| {
        let (status, shown) = Terminal::start("list", &etcd.endpoint(), &[], env).end();
        assert_eq!(status, Some(0), "{shown}");
        shown
    };
    assert_eq!(shown(&[("NO_COLOR", "1")]), plain);
    assert_eq!(shown(&[("TERM", "dumb")]), plain);
    // What does not fit is left out rather than wrapped; how long a note is does not count.
    for (columns, heading) in [
        ("73", "SLOT  NAME                IPV4      IPV6  PORT  SECONDS  NOTE\n"),
        ("72", "SLOT  NAME                IPV4      IPV6  SECONDS  NOTE\n"),
        ("20", "NAME                IPV4      NOTE\n"),
    ] {
        let narrow = shown(&[("NO_COLOR", "1"), ("COLUMNS", columns)]);
        assert!(narrow.starts_with(heading), "{columns}: {narrow}");
    }
    let coloured = shown(&[]);
    assert!(coloured.starts_with("\x1b[1mSLOT"), "{coloured:?}");
    assert!(coloured.contains("\x1b[31mno record: the value is not JSON\x1b[0m"), "{coloured:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.2"}"#);
    let mut child = tool("list", &etcd.endpoint(), &[]).spawn().expect("idetcd");
    drop(child.stdout.take());
    assert_eq!(support::tool::ends(child).good(), "");
}

#[test]
fn an_etcd_that_is_away_or_refuses_is_told_in_one_line_with_status_1() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    let directory = Directory::new();
    let missing = directory.file("missing");
    let user = ["--user", "node:secret"];
    let endpoint = etcd.endpoint();
    let away = format!("http://127.0.0.1:{}", support::free_port());
    let both = format!("{away},{endpoint}");
    assert_eq!(ended("list", &both, &user).good(), "", "one endpoint is enough");
    let table: [(&str, &[&str], &str); 5] = [
        (&away, &[], "is out of reach: "),
        (&endpoint, &[], "user name is empty (code 3); give --user and --password-file"),
        (&endpoint, &["--user", "node:wrong"], "see --user and --password-file"),
        (&endpoint, &["--user", "node:secret", "--prefix", "x/"], "and the role's permission"),
        (&endpoint, &["--user", "node", "--password-file", &missing], "--password-file: "),
    ];
    for (endpoints, more, wanted) in table {
        let line = ended("list", endpoints, more).complaint(1);
        assert!(line.contains(wanted), "{more:?}: {line}");
    }
}
