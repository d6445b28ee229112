//! The processes that write files and the log for a node, killed.

use std::fs;
use std::time::Duration;

use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, run, until};

/// The processes that a node started for a task, and the states of the system's table.
fn helpers(node: &Node, task: &str) -> Vec<(String, String)> {
    let pid = node.child.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("a running process");
    let of = |pid: &str, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let status = |pid: &str| {
        let status = of(pid, "status")?;
        let state = status.lines().find_map(|line| line.strip_prefix("State:\t"))?;
        Some((pid.to_owned(), state[..1].to_owned()))
    };
    let is_meant = |pid: &&str| {
        of(pid, "cmdline").is_some_and(|words| words.is_empty() || words.contains(task))
    };
    children.split_whitespace().filter(is_meant).filter_map(status).collect()
}

/// The one that lives.
fn helper(node: &Node, task: &str) -> Option<String> {
    helpers(node, task).into_iter().find(|(_, state)| state != "Z").map(|(pid, _)| pid)
}

#[test]
fn no_file_outlives_its_node_whose_helpers_were_killed_just_before() {
    let etcd = Etcd::start();
    for attempt in 1..=6 {
        let directory = Directory::new();
        let (name, metrics) = (directory.file("name"), directory.file("metrics"));
        let more = ["--name-file", &name, "--metrics-file", &metrics];
        let mut node = Node::in_cluster(&etcd, 1, 3, &more);
        node.slot();
        for file in [&name, &metrics] {
            until(PATIENCE, "a file", || fs::exists(file).expect("looked at").then_some(()));
        }
        // It learns of both at once, in any order.
        node.signal(Signal::STOP);
        for file in [&name, &metrics] {
            let helper = helper(&node, file).expect("a process for the file");
            run("kill", &["-KILL", &helper]);
        }
        node.signal(Signal::TERM);
        node.signal(Signal::CONT);
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
        for file in [&name, &metrics] {
            let left = fs::exists(file).expect("looked at");
            assert!(!left, "attempt {attempt}: {file} is there: {}", node.log());
        }
    }
}

#[test]
fn a_node_does_not_end_before_its_files_are_gone_where_that_takes_a_moment() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (name, metrics) = (directory.file("name"), directory.file("metrics"));
    for hook in [None, Some("true")] {
        let mut more = vec!["--name-file", &name, "--metrics-file", &metrics];
        more.extend(hook.iter().flat_map(|hook| ["--on-lost", hook]));
        let mut node = Node::in_cluster(&etcd, 1, 3, &more);
        until(PATIENCE, "figures", || fs::exists(&metrics).expect("looked at").then_some(()));
        node.slot();
        let helper = helper(&node, &metrics).expect("a process for the file");
        run("kill", &["-STOP", &helper]);
        node.signal(Signal::TERM);
        node.wait_for_log("released worker1");
        // For a second at most.
        std::thread::sleep(Duration::from_millis(300));
        let is_waiting = node.is_running();
        run("kill", &["-CONT", &helper]);
        assert!(is_waiting, "with {hook:?}: {}", node.log());
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
        assert!(!fs::exists(&metrics).expect("looked at"), "with {hook:?}: {}", node.log());
    }
}

#[test]
fn the_log_goes_on_when_its_writer_is_killed_and_no_zombie_stays() {
    let etcd = Etcd::start();
    // Not in memory, where no process is needed.
    let log = format!("{}/log-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let wrapper = ["sh", "-c", &format!("exec \"$@\" 2>>{log}"), "sh"].map(str::to_owned);
    let arguments = ["--pattern", PATTERN, "--limit", "9", "--endpoints", &etcd.endpoint()];
    let more = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.2"];
    let node = Node::start_by(&wrapper, &[&arguments[..], &more].concat());
    let says = |words: &str| {
        let text = || fs::read_to_string(&log).ok().filter(|text| text.contains(words));
        until(PATIENCE, words, text)
    };
    says("claimed worker1");
    if helper(&node, "log").is_none() {
        println!("skipped: {log} is in memory");
        return;
    }
    for slot in 1..=4 {
        let killed = until(PATIENCE, "a writer", || helper(&node, "log"));
        // One that dies at once is not started again and again.
        std::thread::sleep(Duration::from_millis(1100));
        run("kill", &["-KILL", &killed]);
        // Else it may take the line along.
        until(PATIENCE, "it is gone", || {
            (helper(&node, "log").as_ref() != Some(&killed)).then_some(())
        });
        etcd.put(&format!("worker{slot}.tf.local."), br#"{"ipv4":"10.9.9.9"}"#);
        says(&format!("lost worker{slot}.tf.local."));
        says(&format!("re-claimed worker{}.tf.local.", slot + 1));
        let writer = helper(&node, "log").expect("another one");
        assert_ne!(writer, killed);
    }
    let all = helpers(&node, "log");
    assert!(all.len() <= 2, "those that ended are forgotten: {all:?}");
    fs::remove_file(&log).expect("removed");
}
