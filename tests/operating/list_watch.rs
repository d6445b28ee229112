//! `idetcd list --watch`: each change is a line, whatever etcd does meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::tool::ends;
use support::{Cluster, Ended, Etcd, PATIENCE, Signal, send, tool, until};

/// A tool that runs, and what it writes.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

fn read(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.take_while(|line| sender.send(line.clone()).is_ok()).count()
    });
    lines
}

impl Watching {
    fn start(endpoints: &str, more: &[&str]) -> Watching {
        let words = [&["--watch"], more].concat();
        let mut child = tool("list", endpoints, &words).spawn().expect("idetcd");
        let lines = read(child.stdout.take().expect("a pipe"));
        Watching { child, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn is_quiet(&self) {
        let more = self.lines.recv_timeout(Duration::from_millis(500));
        assert!(more.is_err(), "{more:?}");
    }

    fn end(self, signal: Signal) -> Ended {
        send(&self.child, signal);
        ends(self.child)
    }
}

fn put(etcd: &Etcd, slot: u32, address: &str) {
    etcd.put(&format!("worker{slot}.tf.local."), format!(r#"{{"ipv4":"{address}"}}"#).as_bytes());
}

#[test]
fn a_line_for_each_name_and_then_for_each_change() {
    let etcd = Etcd::start();
    put(&etcd, 2, "10.0.0.2");
    etcd.put("db.tf.local.", br#"{"ipv6":"fd00::9","port":"53"}"#);
    let resolve = ["--resolve", "db.tf.local."];
    let text = Watching::start(&etcd.endpoint(), &resolve);
    let json = Watching::start(&etcd.endpoint(), &[&resolve[..], &["--json"]].concat());
    assert_eq!(text.next(), "added\t2\tworker2.tf.local.\t10.0.0.2\t-\t-\t-");
    assert_eq!(text.next(), "added\t-\tdb.tf.local.\t-\tfd00::9\t53\t-");
    let object = |line: String| serde_json::from_str::<Value>(&line).expect("JSON");
    assert_eq!(
        object(json.next()),
        json!({"change": "added", "name": "worker2.tf.local.", "slot": 2, "ipv4": "10.0.0.2",
            "pattern": "worker{{.ID}}.tf.local.", "ipv6": null, "port": null, "ready": true,
            "drained": false, "reason": null, "services": {}, "meta": {}})
    );
    assert_eq!(object(json.next())["slot"], Value::Null);
    put(&etcd, 2, "10.0.0.2");
    put(&etcd, 2, "10.0.0.3");
    // What happens before the next look is told as one change.
    assert_eq!(text.next(), "changed\t2\tworker2.tf.local.\t10.0.0.3\t-\t-\t-");
    assert_eq!(object(json.next())["change"], "changed");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.3","meta":{"rack":"a7"}}"#);
    assert_eq!(text.next(), "changed\t2\tworker2.tf.local.\t10.0.0.3\t-\t-\t-");
    assert_eq!(object(json.next())["meta"], json!({"rack": "a7"}));
    etcd.delete("worker2.tf.local.");
    assert_eq!(text.next(), "removed\t2\tworker2.tf.local.\t10.0.0.3\t-\t-\t-");
    assert_eq!(object(json.next())["change"], "removed");
    text.is_quiet();
    for (watching, signal) in [(text, Signal::TERM), (json, Signal::INT)] {
        assert_eq!(watching.end(signal).good(), "");
    }
}

#[test]
fn it_ends_when_nobody_reads_even_if_nothing_changes() {
    let etcd = Etcd::start();
    put(&etcd, 1, "10.0.0.1");
    let mut child = tool("list", &etcd.endpoint(), &["--watch"]).spawn().expect("idetcd");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert!(line.starts_with("added\t1\t"), "{line}");
    drop(stdout);
    assert_eq!(ends(child).good(), "");
}

#[test]
fn it_goes_on_after_an_outage_a_compaction_and_a_restored_backup() {
    let mut etcd = Etcd::start();
    put(&etcd, 1, "10.0.0.1");
    let watching = Watching::start(&etcd.endpoint(), &[]);
    assert!(watching.next().starts_with("added\t1\t"));
    let backup = etcd.snapshot();
    put(&etcd, 2, "10.0.0.2");
    assert!(watching.next().starts_with("added\t2\t"));
    // It cannot follow what happens while it stands still, for that is compacted.
    send(&watching.child, Signal::STOP);
    put(&etcd, 3, "10.0.0.3");
    etcd.delete("worker3.tf.local.");
    put(&etcd, 4, "10.0.0.4");
    etcd.kill();
    etcd.restart();
    until(PATIENCE, "compacted", || etcd.compact().then_some(()));
    send(&watching.child, Signal::CONT);
    let told = [watching.next()];
    // Where the stream had told of it before, the one that came and went is told as well.
    let told = if told[0].contains("worker3") {
        assert!(watching.next().starts_with("removed\t3\t"));
        watching.next()
    } else {
        told[0].clone()
    };
    assert!(told.starts_with("added\t4\t"), "{told}");
    etcd.kill();
    etcd.restore(&backup);
    assert!(watching.next().starts_with("removed\t2\t"));
    assert!(watching.next().starts_with("removed\t4\t"));
    put(&etcd, 5, "10.0.0.5");
    assert!(watching.next().starts_with("added\t5\t"));
    watching.is_quiet();
    let end = watching.end(Signal::TERM);
    assert_eq!(end.status, Some(0), "{end:?}");
    assert!(end.err.lines().all(|line| line.contains("waiting for etcd: ")), "{end:?}");
}

#[test]
fn an_endpoint_that_goes_is_left_for_another() {
    let mut cluster = Cluster::start(3);
    let endpoints: Vec<String> = cluster.members.iter().map(Etcd::endpoint).collect();
    let watching = Watching::start(&endpoints.join(","), &["--etcd-timeout", "0.5"]);
    put(&cluster.members[0], 1, "10.0.0.1");
    assert!(watching.next().starts_with("added\t1\t"));
    let taken = (0..3).find(|index| cluster.members[*index].handled("Range") > 0);
    let taken = taken.expect("one was read from");
    cluster.members[taken].kill();
    let other = &cluster.members[(taken + 1) % 3];
    let record = br#"{"ipv4":"10.0.0.2"}"#;
    until(PATIENCE, "put", || other.try_put_leased("worker2.tf.local.", record, 600));
    assert!(watching.next().starts_with("added\t2\t"));
    assert_eq!(watching.end(Signal::TERM).status, Some(0));
}

#[test]
fn targets_for_prometheus_are_those_that_a_node_writes() {
    let etcd = Etcd::start();
    put(&etcd, 2, "10.0.0.2");
    etcd.put("worker3.tf.local.", b"no record");
    etcd.put("db.tf.local.", br#"{"ipv6":"fd00::9"}"#);
    let more = ["--file-sd", "--file-sd-port", "8080", "--resolve", "db.tf.local."];
    let told = support::ended("list", &etcd.endpoint(), &more).good();
    let wanted = json!([
        {"targets": ["10.0.0.2:8080"], "labels": {"__meta_idetcd_group": "worker.tf.local",
            "__meta_idetcd_id": "2", "__meta_idetcd_ipv4": "10.0.0.2",
            "__meta_idetcd_name": "worker2.tf.local", "__meta_idetcd_ready": "true",
            "__meta_idetcd_drained": "false"}},
        {"targets": ["[fd00::9]:8080"], "labels": {"__meta_idetcd_group": "db.tf.local",
            "__meta_idetcd_ipv6": "fd00::9", "__meta_idetcd_name": "db.tf.local",
            "__meta_idetcd_ready": "true", "__meta_idetcd_drained": "false"}},
    ]);
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON"), wanted);
}
