//! `--ready-file`: a node is in its group while that file is there.

use std::fs;
use std::time::Duration;

use simple_dns::TYPE;
use support::dns::ask;
use support::{Directory, Etcd, Node, PATIENCE, command, idetcd, lookup, until};

/// Less than the time between two times that figures are written.
const SOON: Duration = Duration::from_secs(10);

const GROUP: &str = "worker.tf.local";

fn group(node: &Node) -> Vec<String> {
    let mut addresses = ask(node.address(), GROUP, TYPE::A).answers;
    addresses.sort();
    addresses
}

fn wait_for_group(nodes: &[&Node], wanted: &[&str]) {
    for node in nodes {
        until(PATIENCE, "the group", || (group(node) == wanted).then_some(()));
    }
}

fn value(etcd: &Etcd, slot: u32) -> String {
    let key = format!("worker{slot}.tf.local.");
    let found = etcd.keys().into_iter().find(|(found, _)| *found == key);
    found.map(|(_, value)| value).expect("its key")
}

#[test]
fn the_group_holds_a_node_while_its_file_is_there_and_the_name_always_answers() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("ready");
    let other = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(other.slot(), 1);
    let plain = value(&etcd, 1);
    let metrics = directory.file("metrics");
    let more = ["--ready-file", path.as_str(), "--metrics-file", metrics.as_str()];
    let node = Node::in_cluster(&etcd, 2, 9, &more);
    assert_eq!(node.slot(), 2);
    let all = [&other, &node];
    until(PATIENCE, "known", || lookup(other.address(), "worker2.tf.local"));
    wait_for_group(&all, &["10.0.0.2"]);
    assert!(value(&etcd, 2).ends_with(r#""port":"53","ready":false}"#), "{}", value(&etcd, 2));
    let token = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("idetcd_name_claim_revision "));
        line.map(str::to_owned)
    };
    let figures = || fs::read_to_string(&metrics).ok().filter(|it| token(it).is_some());
    let before = until(PATIENCE, "the figures", figures);
    assert!(before.contains("\nidetcd_name_ready 0\n"), "{before}");
    // Not only at the next time, which is after 15 s.
    let is_told = |wanted: &str| {
        until(SOON, wanted, || figures().filter(|text| text.contains(wanted)).map(drop));
    };
    is_told("idetcd_etcd_state{state=\"in_sync\"} 1");
    for _ in 0..3 {
        fs::write(&path, "").expect("written");
        wait_for_group(&all, &["10.0.0.2", "10.0.0.3"]);
        is_told("\nidetcd_name_ready 1\n");
        let ready = value(&etcd, 2).replace("10.0.0.3", "10.0.0.2").replace("fd00::3", "fd00::2");
        assert_eq!(ready.replace("n2", "n1"), plain, "as without the option");
        fs::remove_file(&path).expect("removed");
        wait_for_group(&all, &["10.0.0.2"]);
        assert_eq!(lookup(other.address(), "worker2.tf.local").as_deref(), Some("10.0.0.3"));
    }
    // Moved there, and its directory away, and another one of that name.
    let draft = directory.file("draft");
    fs::write(&draft, "").expect("written");
    fs::rename(&draft, &path).expect("moved");
    wait_for_group(&all, &["10.0.0.2", "10.0.0.3"]);
    let log = node.whole_log();
    assert!(log.contains("worker2.tf.local. is ready"), "{log}");
    assert_eq!(log.matches("claimed worker2").count(), 1, "the same owner all the time: {log}");
}

#[test]
fn a_directory_that_goes_takes_it_along_and_one_that_comes_again_is_followed() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).expect("a directory");
    let path = inner.join("ready");
    fs::write(&path, "").expect("written");
    let node = Node::in_cluster(&etcd, 1, 9, &["--ready-file", path.to_str().expect("text")]);
    assert_eq!(node.slot(), 1);
    wait_for_group(&[&node], &["10.0.0.2"]);
    fs::rename(&inner, directory.path().join("away")).expect("moved");
    wait_for_group(&[&node], &[]);
    for _ in 0..2 {
        fs::create_dir(&inner).expect("a directory");
        fs::write(&path, "").expect("written");
        wait_for_group(&[&node], &["10.0.0.2"]);
        fs::remove_dir_all(&inner).expect("removed");
        wait_for_group(&[&node], &[]);
    }
}

#[test]
fn a_node_that_comes_back_says_what_is_so_then() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("ready");
    let other = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(other.slot(), 1);
    let mut node = Node::in_cluster(&etcd, 2, 9, &["--lease-ttl", "60", "--ready-file", &path]);
    assert_eq!(node.slot(), 2);
    until(PATIENCE, "known", || lookup(other.address(), "worker2.tf.local"));
    wait_for_group(&[&other, &node], &["10.0.0.2"]);
    node.kill();
    fs::write(&path, "").expect("written");
    node.restart();
    node.wait_for_log("claimed worker2.tf.local.");
    wait_for_group(&[&other, &node], &["10.0.0.2", "10.0.0.3"]);
    node.kill();
    fs::remove_file(&path).expect("removed");
    node.restart();
    node.wait_for_log("claimed worker2.tf.local.");
    wait_for_group(&[&other, &node], &["10.0.0.2"]);
}

#[test]
fn bad_input_is_one_line_and_status_2() {
    for path in ["/nowhere/ready", "/run/", ""] {
        let more = ["--listen", "127.0.0.1:0", "--ready-file", path];
        let arguments = [&["--pattern", "worker{{.ID}}.tf.local."][..], &more].concat();
        let output = command(idetcd()).args(arguments).output().expect("idetcd");
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{path}: {text}");
        assert!(last.starts_with("idetcd: --ready-file: "), "{path}: {text}");
        assert_eq!(text.lines().count(), 1, "{path}: {text}");
    }
}
