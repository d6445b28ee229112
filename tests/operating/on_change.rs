//! `--on-change`: run when a name came or went, or has other addresses, and then only.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Prober, Signal, lookup, until};

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn lines(path: &str) -> usize {
    text(path).lines().count()
}

/// Waits for so many lines, and shows that there are no more.
fn settles(path: &str, count: usize) {
    until(PATIENCE, &format!("{count} lines"), || (lines(path) >= count).then_some(()));
    thread::sleep(Duration::from_millis(700));
    assert_eq!(lines(path), count, "{}", text(path));
}

fn answers(node: &Node, name: &str, address: Option<&str>) {
    let is_so = || lookup(node.address(), name).as_deref() == address;
    until(PATIENCE, "answered", || is_so().then_some(()));
}

#[test]
fn it_runs_for_names_and_addresses_and_finds_them_in_the_files() {
    let (mut etcd, directory) = (Etcd::start(), Directory::new());
    let [hosts, targets, log] = ["hosts", "a.json", "log"].map(|name| directory.file(name));
    let command = format!(
        "echo \"$IDETCD_NAME $(grep -c worker {hosts}) $(grep -c targets {targets})\" >>{log}"
    );
    let more = ["--on-change", &command, "--hosts-file", &hosts, "--file-sd", &targets];
    let node = Node::in_cluster(&etcd, 1, 9, &[&more[..], &["--lease-ttl", "600"]].concat());
    // In the section are the two lines that mark it, and two addresses.
    settles(&log, 1);
    assert_eq!(text(&log), "worker1.tf.local 4 1\n");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.7"}"#);
    settles(&log, 2);
    assert!(text(&log).ends_with("\nworker1.tf.local 5 2\n"), "{}", text(&log));
    // The same addresses, put anew; and what comes and goes at once.
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.7","host":"other"}"#);
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.0.0.7"}"#);
    etcd.delete("worker3.tf.local.");
    settles(&log, 2);
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.8"}"#);
    settles(&log, 3);
    // Neither that etcd goes nor that it comes back is a change.
    etcd.kill();
    node.wait_for_log("lost: ");
    etcd.restart();
    node.wait_for_log("found");
    settles(&log, 3);
    etcd.delete("worker2.tf.local.");
    settles(&log, 4);
    assert!(text(&log).ends_with("\nworker1.tf.local 4 1\n"), "{}", text(&log));
}

#[test]
fn without_a_name_it_runs_all_the_same_and_is_told_none() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.7"}"#);
    let command = format!("echo \"${{IDETCD_NAME-none}} $IDETCD_LIMIT\" >>{log}");
    let node = Node::in_cluster(&etcd, 1, 1, &["--wait", "--on-change", &command]);
    settles(&log, 1);
    assert_eq!(text(&log), "none 1\n");
    drop(node);
}

#[test]
fn many_changes_are_few_runs_one_at_a_time_and_what_comes_meanwhile_is_one_more() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    // If two ran at once, their lines would be mixed.
    let command = format!("echo begins >>{log}; sleep 1; echo ends >>{log}");
    let more = ["--on-change", &command, "--change-wait", "0.3:1.5"];
    let node = Node::in_cluster(&etcd, 1, 9000, &more);
    settles(&log, 2);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    let began = Instant::now();
    for slot in 2..1002 {
        etcd.put(&format!("worker{slot}.tf.local."), br#"{"ipv4":"10.1.0.1"}"#);
        thread::sleep(Duration::from_millis(2));
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(2), "longer than MAX: {took:?}");
    answers(&node, "worker1001.tf.local.", Some("10.1.0.1"));
    // One at MAX, in the midst of them, and one for what came after.
    until(PATIENCE, "the second run", || (lines(&log) >= 6).then_some(()));
    // The last has ended, and none follows, which would begin within MAX of that.
    let (mut seen, mut since) = (lines(&log), Instant::now());
    until(PATIENCE, "no run any more", || {
        let now = lines(&log);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        (now.is_multiple_of(2) && since.elapsed() > Duration::from_secs(2)).then_some(())
    });
    let probed = prober.stop();
    let told = text(&log);
    println!("1000 changes in {took:?}: {} runs, {probed:?}", told.lines().count() / 2);
    // Each takes a second, and a busy machine longer to make the changes.
    let most = 3 + took.as_secs() as usize;
    assert!(told.lines().count() <= 2 * most, "{most}: {told}");
    assert!(
        told.lines().collect::<Vec<_>>().chunks(2).all(|run| run == ["begins", "ends"]),
        "{told}"
    );
    assert_eq!(probed.lost, 0, "{probed:?}");
}

#[test]
fn a_change_is_told_after_the_quiet_time() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    let command = format!("echo run >>{log}");
    let node = Node::in_cluster(&etcd, 1, 9, &["--on-change", &command, "--change-wait", "1:9"]);
    until(PATIENCE, "the first run", || (lines(&log) == 1).then_some(()));
    let began = Instant::now();
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.7"}"#);
    answers(&node, "worker2.tf.local.", Some("10.0.0.7"));
    until(PATIENCE, "the second run", || (lines(&log) == 2).then_some(()));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(800) && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_stop_gives_it_its_grace_and_starts_it_no_more() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let log = directory.file("log");
    let command = format!("trap '' TERM; echo $$ >>{log}; while :; do sleep 1000; done");
    let mut node = Node::in_cluster(&etcd, 1, 9, &["--on-change", &command, "--grace", "1"]);
    until(PATIENCE, "a run", || (lines(&log) == 1).then_some(()));
    // That would be the next run.
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.7"}"#);
    answers(&node, "worker2.tf.local.", Some("10.0.0.7"));
    let began = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(node.log().contains("--on-change: process"), "{}", node.log());
    assert_eq!(lines(&log), 1);
    let pid = text(&log).trim().to_owned();
    let status = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    until(PATIENCE, "it is gone", || {
        (status().is_empty() || status().contains(") Z ")).then_some(())
    });
}

#[test]
fn what_is_wrong_is_told_with_status_2() {
    for (words, wanted) in [
        (&["--on-change", ""][..], "--on-change: the command is empty"),
        (&["--change-wait", "1"], "--change-wait: means nothing without --on-change"),
        (&["--on-change=x", "--change-wait", "2:1"], "--change-wait: \"2:1\": the first is longer"),
        (&["--on-change=x", "--change-wait", "1s"], "--change-wait: \"1s\" is not MIN or MIN:MAX"),
        (&["--on-change=x", "--change-wait", "1:"], "--change-wait: \"1:\" is not MIN or MIN:MAX"),
        (&["--on-change=x", "--change-wait", "86401"], "--change-wait: \"86401\" is not MIN"),
    ] {
        let mut node = Node::start(&[&["--pattern", PATTERN][..], words].concat());
        assert_eq!(node.wait(PATIENCE).code(), Some(2), "{words:?}");
        assert!(node.log().starts_with(&format!("idetcd: {wanted}")), "{}", node.log());
        assert_eq!(node.log().lines().count(), 1, "{}", node.log());
    }
}
