//! What a program leaves behind when it ends.

use std::fs;

use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, until};

use super::{start, text};

/// A program that leaves something behind which does not heed SIGTERM, and how that is seen.
struct Leftover {
    process: String,
    node: Node,
}

impl Leftover {
    /// The leader starts it, and when it is deaf does `end`.
    fn start(etcd: &Etcd, end: &str) -> Leftover {
        let directory = Directory::new();
        let (deaf, told) = (directory.file("deaf"), directory.file("told"));
        let script = format!(
            "(trap '' TERM; : >{deaf}; exec sleep 1000) & pid=$!; \
             until test -e {deaf}; do sleep 0.05; done; echo $pid >{told}; {end}"
        );
        let node = start(etcd, 1, &["--grace", "1"], &["sh", "-c", &script]);
        let pid = until(PATIENCE, "it runs", || text(&told));
        Leftover { process: format!("/proc/{}", pid.trim()), node }
    }

    fn is_there(&self) -> bool {
        fs::read(format!("{}/cmdline", self.process)).is_ok_and(|words| !words.is_empty())
    }

    /// The exit status, by when nothing is left.
    fn end(mut self) -> Option<i32> {
        let status = self.node.wait(PATIENCE);
        assert!(!self.is_there(), "{}", self.node.log());
        status.code()
    }
}

#[test]
fn what_the_program_leaves_behind_is_ended_under_the_name_whichever_way_it_ends() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    for (end, signal, status) in [("exit 42", None, 42), ("wait", Some(Signal::TERM), 128 + 15)] {
        let leftover = Leftover::start(&etcd, end);
        if let Some(signal) = signal {
            leftover.node.signal(signal);
        }
        leftover.node.wait_for_log(" ended: ");
        assert!(leftover.is_there() && etcd.keys().len() == 1, "{}", leftover.node.log());
        leftover.node.wait_for_log("did not end in time (--grace): killing it");
        assert_eq!(leftover.end(), Some(status));
        assert!(etcd.keys().is_empty(), "{:?}", etcd.keys());
    }
    // What heeds the signal has time for it, and no longer than it takes.
    let script = format!(
        "(trap 'sleep 0.3; echo saved >{told}; exit' TERM; echo >{told}; \
        while :; do sleep 0.05; done) & while ! test -s {told}; do sleep 0.05; done"
    );
    let mut node = start(&etcd, 1, &["--grace", "1"], &["sh", "-c", &script]);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert_eq!(text(&told).as_deref(), Some("saved\n"), "{}", node.log());
}

#[test]
fn when_the_name_is_lost_nothing_is_left_even_where_the_program_itself_ends_at_once() {
    let etcd = Etcd::start();
    let leftover = Leftover::start(&etcd, "wait");
    etcd.delete("worker1.tf.local.");
    leftover.node.wait_for_log("ended: signal 15");
    assert!(leftover.is_there(), "it has the grace time: {}", leftover.node.log());
    assert_eq!(leftover.end(), Some(1));

    // Another node has the name, and there is no other one.
    let leftover = Leftover::start(&etcd, "wait");
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    assert_eq!(leftover.end(), Some(1));
}

#[test]
fn orphans_are_taken_care_of_by_a_server_that_is_process_1() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can make a PID namespace");
        return;
    }
    let etcd = Etcd::start();
    // The shell's child is the server's, which did not start it.
    let script = "sleep 1000 & exec \"$@\"";
    let unshare = ["unshare", "--fork", "--kill-child", "--pid", "sh", "-c", script, "sh"];
    let wrapper = unshare.map(str::to_owned);
    let common = ["--pattern", PATTERN, "--ipv4", "10.0.0.9", "--listen", "127.0.0.1:0"];
    let endpoints = ["--endpoints", &etcd.endpoint()];
    let node = Node::start_by(&wrapper, &[&common[..], &endpoints].concat());
    node.wait_for_log("claimed worker1");
    let children = |pid: &str| {
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("its children")
    };
    let server = children(&node.child.id().to_string()).trim().to_owned();
    let orphan = children(&server).trim().to_owned();
    support::run("kill", &["-KILL", &orphan]);
    until(PATIENCE, "it is reaped", || children(&server).is_empty().then_some(()));
}
