//! The program is gone before its name can be another node's.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{
    Action, Directory, Etcd, Node, PATIENCE, PATTERN, Phase, Proxy, Signal, command, run, until,
};

use super::{start, start_on, text};

/// A node on this lease, whose program heeds no SIGTERM, but tells of it, and writes down the uptime of
/// the machine again and again.
pub(super) struct Worker {
    directory: Directory,
    pub(super) node: Node,
}

impl Worker {
    pub(super) fn start(endpoint: &str, number: u32, lease: u32, more: &[&str]) -> Worker {
        let directory = Directory::new();
        let (beats, asked) = (directory.file("beats"), directory.file("asked"));
        let script = format!(
            "trap 'read now _ </proc/uptime; echo $now >{asked}' TERM; \
             while :; do read now _ </proc/uptime; echo $now >>{beats}; sleep 0.02; done"
        );
        let (lease, ipv4) = (lease.to_string(), format!("10.0.0.{number}"));
        let common =
            ["exec", "--pattern", PATTERN, "--endpoints", endpoint, "--listen", "127.0.0.1:0"];
        let record =
            ["--lease-ttl", &lease, "--ipv4", &ipv4, "--ipv6", "none", "--limit", "1", "--wait"];
        let program = ["--", "sh", "-c", &script];
        let node = Node::start(&[&common[..], &record, more, &program].concat());
        Worker { directory, node }
    }

    /// When it wrote, in seconds of uptime.
    pub(super) fn beats(&self) -> Vec<f64> {
        let text = text(&self.directory.file("beats")).unwrap_or_default();
        text.lines().map(|line| line.parse().expect("a number")).collect()
    }

    pub(super) fn wait_until_it_runs(&self) {
        until(PATIENCE, "the program runs", || (!self.beats().is_empty()).then_some(()));
        // What is logged may come later.
        self.node.wait_for_log(" as process ");
    }

    /// When it was asked to end, in seconds of uptime.
    pub(super) fn asked_at(&self) -> Option<f64> {
        text(&self.directory.file("asked")).map(|text| text.trim().parse().expect("a number"))
    }

    /// Its process group, as kill(1) wants it; `None`: it was not started.
    pub(super) fn group(&self) -> Option<String> {
        let log = self.node.log();
        let line = log.lines().find(|line| line.contains(" as process "))?;
        let pid = line.split("process ").nth(1)?.split(' ').next()?;
        Some(format!("-{pid}"))
    }

    /// When it was there last, after its node has ended.
    pub(super) fn ended_at(&mut self) -> f64 {
        let status = self.node.wait(PATIENCE);
        assert_eq!(status.code(), Some(1), "{}", self.node.log());
        *self.beats().last().expect("beats")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It heeds nothing else, whatever became of its node.
        let _ = self.node.child.kill();
        let _ = self.node.child.wait();
        if let Some(group) = self.group() {
            let _ = command("kill").args(["-KILL", "--", &group]).output();
        }
    }
}

/// In seconds.
pub(super) fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").expect("an uptime");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
}

#[test]
fn the_program_of_a_node_that_is_cut_off_is_gone_before_the_next_one_starts() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let mut first = Worker::start(&proxy.endpoint(), 1, 4, &["--grace", "1"]);
    first.wait_until_it_runs();
    let second = Worker::start(&etcd.endpoint(), 2, 4, &[]);
    second.node.wait_for_log("waiting for one");
    proxy.freeze(true);
    let cut_off = uptime();
    second.wait_until_it_runs();
    let (ended, began) = (first.ended_at(), second.beats()[0]);
    let asked = first.asked_at().expect("it was asked to end");
    println!(
        "cut off; asked to end after {:.2} s, gone after {:.2} s, the next one runs after {:.2} s",
        asked - cut_off,
        ended - cut_off,
        began - cut_off
    );
    assert!(ended < began, "from {began} to {ended} there were two: {}", first.node.log());
    assert!(ended - cut_off <= 4.05, "the lease is over: {}", first.node.log());
    assert!((0.5..1.5).contains(&(ended - asked)), "--grace: {}", first.node.log());
    first
        .node
        .wait_for_log("the lease of worker1.tf.local was not renewed in time: ending process");
    // By it, or by the process that ends it where it cannot.
    first.node.wait_for_log(" ended: signal 9");
    first.node.wait_for_log("exec: the lease of worker1.tf.local was not renewed in time");
}

#[test]
fn a_program_is_gone_by_the_end_of_the_lease_where_etcd_stands_still() {
    let etcd = Etcd::start();
    let mut worker = Worker::start(&etcd.endpoint(), 1, 3, &[]);
    worker.wait_until_it_runs();
    etcd.signal(Signal::STOP);
    let stopped = uptime();
    let ended = worker.ended_at();
    etcd.signal(Signal::CONT);
    assert!(ended - stopped <= 3.05, "{}: {}", ended - stopped, worker.node.log());
    assert!(worker.asked_at().is_some(), "{}", worker.node.log());

    // One that heeds it is gone, and the name released, before that is in doubt.
    let mut node = start_on(&etcd, 2, 3, &["--wait"], &["sleep", "1000"]);
    node.wait_for_log(" as process ");
    etcd.signal(Signal::STOP);
    let status = node.wait(PATIENCE);
    etcd.signal(Signal::CONT);
    assert_eq!(status.code(), Some(1), "{}", node.log());
    assert!(!node.log().contains("in doubt"), "{}", node.log());
}

#[test]
fn a_node_that_stood_still_for_longer_than_its_lease_kills_the_program_at_once() {
    let etcd = Etcd::start();
    let mut worker = Worker::start(&etcd.endpoint(), 1, 3, &["--grace", "1"]);
    worker.wait_until_it_runs();
    let group = worker.group().expect("a process");
    // As a machine that is frozen from outside does.
    worker.node.signal(Signal::STOP);
    run("kill", &["-STOP", "--", &group]);
    until(PATIENCE, "released", || etcd.keys().is_empty().then_some(()));
    let woken = uptime();
    run("kill", &["-CONT", "--", &group]);
    worker.node.signal(Signal::CONT);
    let ended = worker.ended_at();
    // Within less than its grace time.
    assert!(ended - woken < 0.8, "{}: {}", ended - woken, worker.node.log());
    assert_eq!(worker.asked_at(), None, "there is no time for that");
}

#[test]
fn a_name_that_is_anothers_ends_a_program_soon() {
    let etcd = Etcd::start();
    let mut worker = Worker::start(&etcd.endpoint(), 1, 60, &[]);
    worker.wait_until_it_runs();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let put = uptime();
    let ended = worker.ended_at();
    // Time to end in, but not the fifteen seconds that it would have if the lease were about to end.
    assert!((0.5..4.0).contains(&(ended - put)), "{}: {}", ended - put, worker.node.log());
    assert!(worker.asked_at().is_some(), "{}", worker.node.log());
}

#[test]
fn one_renewal_may_fail() {
    let etcd = Etcd::start();
    for (lease, grace) in [(20, "6"), (6, "2")] {
        let proxy = Proxy::new(&etcd.address());
        let mut renewals = 0;
        proxy.police(move |passing| {
            let is_renewal = passing.path == "/v3/lease/keepalive";
            renewals += usize::from(is_renewal && passing.phase == Phase::Request);
            let is_lost = is_renewal && renewals == 1;
            if is_lost { Action::Silence } else { Action::Pass }
        });
        let mut worker = Worker::start(&proxy.endpoint(), 1, lease, &["--grace", grace]);
        worker.wait_until_it_runs();
        let end = Instant::now() + Duration::from_secs(lease.into());
        until(PATIENCE + PATIENCE, "a lease later", || (Instant::now() > end).then_some(()));
        assert_eq!(worker.asked_at(), None, "--lease-ttl {lease}: {}", worker.node.log());
        assert!(worker.node.is_running(), "{}", worker.node.log());
        worker.node.kill();
        until(PATIENCE, "released", || etcd.keys().is_empty().then_some(()));
    }
}

#[test]
fn after_a_slow_claim_the_program_begins_when_the_lease_is_renewed() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let mut transactions = 0;
    proxy.police(move |passing| {
        let is_reply = passing.phase == Phase::Reply && passing.path == "/v3/kv/txn";
        transactions += usize::from(is_reply);
        match transactions {
            // So etcd is slow, and the next request is given more time.
            1 if is_reply => sleep(Duration::from_millis(300)),
            // Less than the grace time is left of the lease.
            2 if is_reply => sleep(Duration::from_millis(4500)),
            _ => {}
        }
        Action::Pass
    });
    let worker = Worker::start(&proxy.endpoint(), 1, 6, &["--grace", "2"]);
    worker.wait_until_it_runs();
    let log = worker.node.log();
    let (claimed, started) = (log.find("claimed worker1"), log.find(" as process "));
    assert!(claimed.is_some() && claimed < started, "{log}");
    let end = Instant::now() + Duration::from_secs(2);
    until(PATIENCE, "it would have been asked to end", || (Instant::now() > end).then_some(()));
    assert_eq!(worker.asked_at(), None, "{}", worker.node.log());
}

#[test]
fn a_kill_ends_all_of_the_program_before_the_next_life_starts_it_under_the_same_name() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let beats = directory.file("beats");
    // Neither it nor what it started heeds SIGTERM.
    let script = format!(
        "trap '' TERM; beat() {{ while :; do echo $1 $IDETCD_REVISION >>{beats}; sleep 0.01; done; }}; \
         beat child & beat parent"
    );
    let mut node = start(&etcd, 1, &[], &["sh", "-c", &script]);
    let beats = || text(&beats).unwrap_or_default();
    let has_both = || beats().contains("child ") && beats().contains("parent ");
    until(PATIENCE, "it runs", || has_both().then_some(()));
    let first = beats().split_whitespace().nth(1).expect("a token").to_owned();
    node.kill();
    node.restart();
    let is_next = |line: &str| !line.ends_with(&format!(" {first}"));
    let next = || beats().lines().filter(|line| is_next(line)).count() > 50;
    until(PATIENCE, "it runs again", || next().then_some(()));
    let beats = beats();
    let overlap = beats.lines().skip_while(|line| !is_next(line)).filter(|line| !is_next(line));
    assert_eq!(overlap.count(), 0, "{beats}");
    assert!(node.log().contains("claimed worker1.tf.local."), "{}", node.log());
}

#[test]
fn the_program_ends_with_the_lease_though_the_node_is_frozen() {
    let etcd = Etcd::start();
    let mut worker = Worker::start(&etcd.endpoint(), 1, 3, &["--grace", "1"]);
    worker.wait_until_it_runs();
    worker.node.signal(Signal::STOP);
    let frozen = uptime();
    // What ended is there until its parent hears of it: so by what it wrote.
    until(PATIENCE, "the lease is over", || (uptime() > frozen + 4.0).then_some(()));
    let last = worker.beats().last().copied().expect("a beat");
    assert!(last - frozen < 3.1, "{}", last - frozen);
    worker.node.signal(Signal::CONT);
    assert_eq!(worker.ended_at(), last);
}
