//! `--on-claim` and `--on-lost`: run in order, one at a time, and never in the way of DNS.

use std::fs;
use std::time::{Duration, Instant};

use support::process::is_helper;
use support::{Directory, Etcd, Node, PATIENCE, Prober, Signal, until};

/// Writes the variables into a file, in one piece.
fn environment_into(path: &str) -> String {
    format!("env | grep ^IDETCD_ | sort >{path}.part && mv {path}.part {path}")
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Waits until the file holds such a line, and returns all of it.
fn file_with(path: &str, line: &str) -> String {
    until(PATIENCE, &format!("{line} in {path}"), || {
        text(path).filter(|text| text.lines().any(|found| found == line))
    })
}

/// The processes in whose line of `/proc/PID/stat` this field, counted from the state, is `wanted`:
/// their number and state.
fn processes(field: usize, wanted: &str) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        (fields[field] == wanted).then(|| (pid, fields[0].to_owned()))
    })
    .collect()
}

fn children(node: &Node) -> Vec<(u32, String)> {
    let mut children = processes(1, &node.child.id().to_string());
    children.retain(|(pid, _)| !is_helper(&pid.to_string()));
    children
}

fn start(etcd: &Etcd, more: &[&str]) -> Node {
    Node::in_cluster(etcd, 1, 5, &[&["--lease-ttl", "3"], more].concat())
}

#[test]
fn they_run_with_the_name_in_their_environment_as_it_comes_and_goes() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (claim, lost) = (directory.file("claim"), directory.file("lost"));
    let (on_claim, on_lost) = (environment_into(&claim), environment_into(&lost));
    let node = start(&etcd, &["--on-claim", &on_claim, "--on-lost", &on_lost]);
    let told = file_with(&claim, "IDETCD_NAME=worker1.tf.local");
    let revision = revision_in(&told);
    let wanted = format!(
        "IDETCD_ID=1\nIDETCD_INDEX=0\nIDETCD_IPV4=10.0.0.2\nIDETCD_IPV6=fd00::2\nIDETCD_LIMIT=5\n\
         IDETCD_NAME=worker1.tf.local\nIDETCD_PORT=53\nIDETCD_REVISION={revision}\n"
    );
    assert_eq!(told, wanted);
    assert!(text(&lost).is_none());
    // Overwritten by somebody else: that name is lost, and another one claimed.
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    assert_eq!(file_with(&lost, "IDETCD_NAME=worker1.tf.local"), wanted);
    let told = file_with(&claim, "IDETCD_NAME=worker2.tf.local");
    assert!(told.contains("IDETCD_ID=2\nIDETCD_INDEX=1\n"), "{told}");
    assert!(revision_in(&told) > revision, "a fencing token grows: {told}");
    until(PATIENCE, "all reaped", || children(&node).is_empty().then_some(()));
}

fn revision_in(environment: &str) -> u64 {
    let line = environment.lines().find_map(|line| line.strip_prefix("IDETCD_REVISION="));
    line.and_then(|revision| revision.parse().ok()).expect("a revision")
}

#[test]
fn what_is_not_published_is_not_in_the_environment_even_where_it_was() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let claim = directory.file("claim");
    let endpoint = etcd.endpoint();
    let wrapper = ["env", "IDETCD_IPV6=fd00::bad", "IDETCD_ID=77"].map(str::to_owned);
    let _node = Node::start_by(
        &wrapper,
        &[
            "--pattern",
            support::PATTERN,
            "--endpoints",
            &endpoint,
            "--listen",
            "127.0.0.1:0",
            "--ipv4",
            "10.0.0.9",
            "--ipv6",
            "none",
            "--on-claim",
            &environment_into(&claim),
        ],
    );
    let told = file_with(&claim, "IDETCD_ID=1");
    assert!(told.contains("IDETCD_IPV4=10.0.0.9\n") && !told.contains("IDETCD_IPV6"), "{told}");
}

#[test]
fn a_node_frozen_beyond_its_lease_tells_that_the_name_is_lost_and_then_of_the_next() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    let claim = format!("echo claim $IDETCD_REVISION >>{log}");
    let lost = format!("echo lost $IDETCD_REVISION >>{log}");
    let node = start(&etcd, &["--on-claim", &claim, "--on-lost", &lost]);
    let first = until(PATIENCE, "a claim", || text(&log).filter(|text| text.ends_with('\n')));
    node.signal(Signal::STOP);
    until(PATIENCE, "its lease ends", || etcd.keys().is_empty().then_some(()));
    node.signal(Signal::CONT);
    let told = until(PATIENCE, "three lines", || text(&log).filter(|t| t.lines().count() == 3));
    let revision = first.trim().strip_prefix("claim ").expect("a claim");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[..2], [first.trim(), &format!("lost {revision}")]);
    assert!(lines[2].starts_with("claim ") && lines[2] != first.trim(), "{told}");
}

#[test]
fn they_run_one_at_a_time_and_in_order_and_a_stop_waits_for_the_last() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    // If two ran at once, their lines would be mixed.
    let hook = |what: &str| {
        format!(
            "echo {what} $IDETCD_ID begins >>{log}; sleep 0.3; echo {what} $IDETCD_ID ends >>{log}"
        )
    };
    let mut node = start(&etcd, &["--on-claim", &hook("claim"), "--on-lost", &hook("lost")]);
    until(PATIENCE, "a claim", || text(&log));
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    node.wait_for_log("re-claimed worker2");
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0));
    let told = text(&log).expect("a log");
    let lines: Vec<&str> = told.lines().collect();
    // The second claim was over before its hook could begin, or was told whole.
    let first = ["claim 1 begins", "claim 1 ends", "lost 1 begins", "lost 1 ends"];
    let second = ["claim 2 begins", "claim 2 ends", "lost 2 begins", "lost 2 ends"];
    assert!(lines == first || lines == [first, second].concat(), "{told}");
}

#[test]
fn a_hook_that_hangs_leaves_dns_alone_and_is_killed_when_the_name_is_lost() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (began, lost) = (directory.file("began"), directory.file("lost"));
    let hang = format!("trap '' TERM; echo $$ >{began}; while :; do sleep 1000; done");
    let mut node =
        start(&etcd, &["--on-claim", &hang, "--on-lost", &environment_into(&lost), "--grace", "1"]);
    let group = until(PATIENCE, "a hook", || text(&began)).trim().to_owned();
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    // Over several leases, and over a second name.
    node.wait_for_log("--on-claim: process");
    assert!(text(&lost).is_none());
    etcd.delete("worker1.tf.local.");
    node.wait_for_log("(--grace): killing it");
    file_with(&lost, "IDETCD_ID=1");
    let probed = prober.stop();
    assert_eq!(probed.lost, 0, "{probed:?}");
    println!("DNS beside a hook that hangs: {probed:?}");
    node.wait_for_log("--on-claim: signal 9");
    assert!(children(&node).iter().all(|(_, state)| state != "Z"), "{:?}", children(&node));
    // Its own children were killed with it: they were in its process group.
    let is_left = || processes(2, &group).iter().any(|(_, state)| state != "Z");
    // The claim that followed hangs in a group of its own.
    let is_another = || text(&began).is_some_and(|pid| pid.trim() != group);
    until(PATIENCE, "nothing left", || (is_another() && !is_left()).then_some(()));
    // A stop ends that one as well.
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    let last = text(&began).unwrap_or_default().trim().to_owned();
    assert!(processes(2, &last).iter().all(|(_, state)| state == "Z"), "{last}");
}

#[test]
fn a_stop_gives_a_hook_that_hangs_its_grace_and_a_second_stop_none() {
    let etcd = Etcd::start();
    let hang = "while :; do sleep 1000; done";
    let mut node = start(&etcd, &["--on-lost", hang, "--grace", "1"]);
    node.slot();
    let began = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(etcd.keys().is_empty(), "the name is free at once: {:?}", etcd.keys());

    let mut node = start(&etcd, &["--on-lost", hang, "--grace", "600"]);
    node.slot();
    node.signal(Signal::TERM);
    node.wait_for_log("waiting for hooks");
    // DNS is answered until the end.
    assert!(
        support::exchange(
            node.address(),
            &support::question("tf.local", simple_dns::TYPE::SOA),
            PATIENCE
        )
        .is_some()
    );
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
}

#[test]
fn a_failure_is_told_with_its_status_and_harms_nothing() {
    let etcd = Etcd::start();
    let node = start(
        &etcd,
        &["--on-claim", "echo said by the hook; exit 7", "--on-lost", "kill -USR2 $$"],
    );
    node.wait_for_log("--on-claim: exit status 7 after ");
    node.wait_for_log("said by the hook");
    etcd.delete("worker1.tf.local.");
    node.wait_for_log("--on-lost: signal 12 after ");
    node.wait_for_log("re-claimed worker1");
}

#[test]
fn a_child_inherits_no_socket_no_blocked_signal_and_no_input() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    let look = format!(
        "{{ ls -l /proc/self/fd; cat /proc/self/status; readlink /proc/self/fd/0; }} \
         >{told}.part && mv {told}.part {told}"
    );
    let node = start(&etcd, &["--on-lost", &look]);
    // Over TCP as well, so that there is a connection to inherit.
    let connection = std::net::TcpStream::connect(node.address()).expect("connected");
    node.slot();
    etcd.delete("worker1.tf.local.");
    let told = until(PATIENCE, "told", || text(&told));
    drop(connection);
    assert!(!told.contains("socket:"), "{told}");
    assert!(told.ends_with("\n/dev/null\n"), "{told}");
    let mask = |field: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(field));
        u64::from_str_radix(line.expect("a mask").trim(), 16).expect("a mask")
    };
    assert_eq!((mask("SigBlk:"), mask("SigCgt:")), (0, 0), "{told}");
    // SIGPIPE, which is ignored here.
    assert_eq!(mask("SigIgn:") & (1 << 12), 0, "{told}");
}
