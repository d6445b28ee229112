//! `--id-file`: a node that comes back after its lease has its name again, if that is free.

use std::fs;
use std::path::Path;

use support::{Directory, Etcd, Node, PATIENCE, Signal, lookup, until};

fn start(etcd: &Etcd, number: u32, path: &str) -> Node {
    Node::in_cluster(etcd, number, 3, &["--lease-ttl", "3", "--id-file", path])
}

/// The warnings of a node about its file.
fn warnings(node: &Node) -> Vec<String> {
    let log = node.log();
    log.lines().filter(|line| line.contains("--id-file")).map(str::to_owned).collect()
}

/// Waits until the file tells this ID.
fn wait_for(path: &str, id: u32) {
    let wanted = format!("{id}\n");
    until(PATIENCE, "the ID is in the file", || {
        fs::read_to_string(path).ok().filter(|text| *text == wanted)
    });
}

#[test]
fn a_node_that_was_stopped_comes_back_to_its_name_though_lower_ones_are_free() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let paths: Vec<String> = (1..=3).map(|number| directory.file(&format!("id{number}"))).collect();
    let mut nodes: Vec<Node> = Vec::new();
    for (number, path) in (1..).zip(&paths) {
        let node = start(&etcd, number, path);
        assert_eq!(node.slot(), number, "{}", node.log());
        wait_for(path, number);
        assert_eq!(warnings(&node), Vec::<String>::new(), "there was no file");
        nodes.push(node);
    }
    // With its address another life would be known by that: so it is gone, and its lease.
    for node in &mut nodes[..2] {
        node.signal(Signal::TERM);
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    }
    nodes[1].restart();
    assert_eq!(nodes[1].slot(), 2, "{}", nodes[1].log());
    // It is killed, and its lease ends.
    nodes[1].kill();
    until(PATIENCE, "the lease is over", || (!etcd.has("worker2.tf.local.")).then_some(()));
    assert!(Path::new(&paths[1]).exists());
    nodes[1].restart();
    assert_eq!(nodes[1].slot(), 2, "{}", nodes[1].log());
    nodes[0].restart();
    assert_eq!(nodes[0].slot(), 1, "{}", nodes[0].log());
    assert_eq!(fs::read_to_string(&paths[1]).ok().as_deref(), Some("2\n"));
}

#[test]
fn a_name_that_another_node_has_by_now_is_left_alone() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("id");
    fs::write(&path, "2\n").expect("written");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let before = etcd.mod_revision_of("worker2.tf.local.");
    let node = start(&etcd, 1, &path);
    assert_eq!(node.slot(), 1, "{}", node.log());
    node.wait_for_log("worker2.tf.local., which this node had before, is another's by now");
    assert_eq!(etcd.mod_revision_of("worker2.tf.local."), before);
    assert_eq!(lookup(node.address(), "worker2.tf.local.").as_deref(), Some("10.9.9.9"));
    wait_for(&path, 1);
    assert_eq!(warnings(&node), Vec::<String>::new());
}

#[test]
fn what_is_no_id_is_told_in_one_warning_and_replaced() {
    let etcd = Etcd::start();
    for (text, wanted) in [
        ("worker2.tf.local\n", r#""worker2.tf.local\n" is no ID"#),
        ("0\n", r#""0\n" is no ID"#),
        ("", r#""" is no ID"#),
        ("4\n", "4 is more than 3 (--limit)"),
    ] {
        let directory = Directory::new();
        let path = directory.file("id");
        fs::write(&path, text).expect("written");
        let mut node = start(&etcd, 1, &path);
        assert_eq!(node.slot(), 1, "{}", node.log());
        let [warning] = &warnings(&node)[..] else { panic!("{}", node.log()) };
        assert!(warning.contains(wanted) && warning.contains(" warn "), "{warning}");
        wait_for(&path, 1);
        node.signal(Signal::TERM);
        node.wait(PATIENCE);
    }
}

#[test]
fn a_file_that_can_never_be_written_is_told_in_one_line_with_status_2() {
    let directory = Directory::new();
    let absent = directory.file("absent/id");
    for (more, wanted) in [
        (&["--id-file", &absent][..], "idetcd: --id-file: "),
        (&["--id-file", "/run/"], "idetcd: --id-file: \"/run/\" does not name"),
        (
            &["--id-file", "/run/a", "--name-file", "/run/a"],
            "idetcd: --id-file: is the --name-file",
        ),
    ] {
        let words = ["--pattern", support::PATTERN, "-q", "--listen", "127.0.0.1:0"];
        let mut node = Node::start(&[&words[..], more].concat());
        assert_eq!(node.wait(PATIENCE).code(), Some(2), "{}", node.log());
        let log = node.log();
        assert!(log.starts_with(wanted) && log.lines().count() == 1, "{log}");
    }
}

#[test]
fn a_program_has_its_name_again() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (path, told) = (directory.file("id"), directory.file("told"));
    fs::write(&path, "3\n").expect("written");
    let endpoint = etcd.endpoint();
    let script = format!("echo $IDETCD_ID >{told}");
    let words = ["exec", "--pattern", support::PATTERN, "--limit", "3", "--endpoints", &endpoint];
    let more = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--ipv6", "none"];
    let program = ["--id-file", &path, "--", "sh", "-c", &script];
    let mut node = Node::start(&[&words[..], &more, &program].concat());
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert_eq!(fs::read_to_string(&told).ok().as_deref(), Some("3\n"));
    assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("3\n"));
}
