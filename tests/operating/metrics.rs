//! `--metrics-file`: figures that Prometheus takes, whole at any time, and gone with the process.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use simple_dns::TYPE;
use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, ask, command, install, until};

/// Longer than the interval at which it is written.
const INTERVAL: Duration = Duration::from_secs(40);

/// The samples of a text in Prometheus' format, which is read strictly: each family has its HELP,
/// its TYPE and its samples, in this order and once.
fn samples(text: &str) -> HashMap<String, f64> {
    assert!(text.ends_with('\n'), "cut off: {text:?}");
    let (mut samples, mut families) = (HashMap::new(), Vec::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (family, help) =
            line.strip_prefix("# HELP ").and_then(|r| r.split_once(' ')).expect(line);
        assert!(!help.is_empty() && !families.contains(&family), "{line}");
        families.push(family);
        let kind =
            lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {family} ")[..]));
        assert!(["counter", "gauge"].contains(&kind.expect("a type")), "{line}");
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (name, value) = sample.rsplit_once(' ').expect(sample);
            let (bare, labels) = name.split_once('{').unwrap_or((name, "}"));
            assert_eq!(bare, family, "{sample}");
            assert!(labels.ends_with('}') && labels.matches('"').count() % 2 == 0, "{sample}");
            let value: f64 = value.parse().expect(sample);
            assert!(samples.insert(name.to_owned(), value).is_none(), "{name} twice");
        }
    }
    samples
}

/// Lets the tool of Prometheus judge.
fn judge(text: &str) {
    install(&["promtool:prometheus"]);
    let mut promtool = command("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("its output");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{complaints}\n{text}");
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Waits for figures that hold.
fn figures(path: &str, what: &str, holds: impl Fn(&HashMap<String, f64>) -> bool) -> String {
    until(INTERVAL, what, || text(path).filter(|text| holds(&samples(text))))
}

#[test]
fn the_figures_are_right_and_follow_the_name() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("idetcd.prom");
    let mut node = Node::in_cluster(&etcd, 1, 3, &["--lease-ttl", "30", "--metrics-file", &path]);
    node.slot();
    let name = "idetcd_name_info{name=\"worker1.tf.local.\",id=\"1\"}";
    let in_sync = "idetcd_etcd_state{state=\"in_sync\"}";
    let told = figures(&path, "the name", |found| {
        [name, in_sync].iter().all(|wanted| found.get(*wanted) == Some(&1.0))
    });
    judge(&told);
    let found = samples(&told);
    let is = |name: &str, wanted: f64| assert_eq!(found.get(name), Some(&wanted), "{name}: {told}");
    is("idetcd_name_owned", 1.0);
    is("idetcd_name_claims_total", 1.0);
    is("idetcd_name_losses_total", 0.0);
    is("idetcd_etcd_state{state=\"in_sync\"}", 1.0);
    is("idetcd_etcd_full_syncs_total", 1.0);
    is("idetcd_slots_limit", 3.0);
    let left = found["idetcd_lease_remaining_seconds"];
    assert!(left > 5.0 && left <= 30.0, "{left}");
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    let age = now - found["idetcd_process_start_time_seconds"];
    assert!((0.0..60.0).contains(&age), "{age}");
    assert!(found["idetcd_name_claim_revision"] > 1.0);

    // What was asked meanwhile is counted in the next, by the response code.
    for name in ["worker1.tf.local.", "worker1.tf.local.", "nobody.tf.local.", "example.com."] {
        ask(node.address(), name, TYPE::A);
    }
    let told = figures(&path, "the queries", |found| {
        found["idetcd_dns_requests_total{proto=\"udp\"}"] == 4.0
    });
    judge(&told);
    let found = samples(&told);
    for (rcode, count) in [("NOERROR", 2.0), ("NXDOMAIN", 1.0), ("REFUSED", 1.0)] {
        let sample = format!("idetcd_dns_responses_total{{rcode=\"{rcode}\"}}");
        assert_eq!(found.get(&sample), Some(&count), "{told}");
    }
    assert_eq!(found["idetcd_slots"], 1.0);
    assert_eq!(found["idetcd_etcd_watches_total"], 1.0);

    // The name is lost and another claimed: told at once, and not when it is time.
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let name = "idetcd_name_info{name=\"worker2.tf.local.\",id=\"2\"}";
    let told = until(INTERVAL / 5, "the second name", || {
        text(&path).filter(|text| samples(text).get(name) == Some(&1.0))
    });
    let found = samples(&told);
    assert_eq!((found["idetcd_name_claims_total"], found["idetcd_name_losses_total"]), (2.0, 1.0));
    judge(&told);

    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0));
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
}

#[test]
fn without_etcd_it_is_written_from_the_start_and_goes_even_if_the_process_is_killed() {
    let directory = Directory::new();
    let path = directory.file("idetcd.prom");
    fs::write(&path, "idetcd_name_ow").expect("written");
    let mut node = Node::at("http://127.0.0.1:1", 1, 3, &["--metrics-file", &path]);
    node.wait_for_log("out of reach");
    let told = until(PATIENCE, "figures", || text(&path));
    judge(&told);
    let found = samples(&told);
    assert_eq!(found["idetcd_etcd_state{state=\"never_reached\"}"], 1.0, "{told}");
    assert_eq!(found["idetcd_name_owned"], 0.0, "{told}");
    node.kill();
    let is_empty = || fs::read_dir(directory.path()).expect("a directory").next().is_none();
    until(PATIENCE, "gone", || is_empty().then_some(()));
}

#[test]
fn a_directory_that_goes_later_is_told_once_and_tried_again() {
    let directory = Directory::new();
    let path = directory.file("idetcd.prom");
    let mut missing = Node::at("http://127.0.0.1:1", 1, 3, &["--metrics-file", "/no/such/file"]);
    assert_eq!(missing.wait(PATIENCE).code(), Some(2));
    assert!(missing.log().contains("--metrics-file: /no/such/file: "), "{}", missing.log());

    // What is made anew is another directory to the kernel's rules.
    let more = ["--metrics-file", &path, "--no-sandbox"];
    let node = Node::at("http://127.0.0.1:1", 1, 3, &more);
    until(PATIENCE, "figures", || text(&path));
    fs::remove_dir_all(directory.path()).expect("removed");
    until(INTERVAL, "told", || node.log().contains("cannot be written: ").then_some(()));
    fs::create_dir(directory.path()).expect("a directory");
    until(INTERVAL, "figures again", || text(&path));
    node.wait_for_log("is written again");
    assert!(Path::new(&path).exists());
}

#[test]
fn a_name_and_figures_do_not_go_into_one_file() {
    let arguments = ["--pattern", PATTERN, "--name-file", "/run/x", "--metrics-file", "/run/x"];
    let mut node = Node::start(&arguments);
    assert_eq!(node.wait(PATIENCE).code(), Some(2));
    assert!(node.log().contains("--metrics-file: is the --name-file as well"), "{}", node.log());
}
