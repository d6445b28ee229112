//! A real Prometheus finds its targets in the file of `--file-sd`, scrapes `--http`, and raises the alerts of
//! `scripts/alerts.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;
use support::process::{Running, repository};
use support::{Directory, Etcd, Node, PATIENCE, Signal, command, free_port, install, run, until};

const TOOLS: [&str; 2] = ["prometheus:prometheus", "promtool:prometheus"];

/// Starts a Prometheus with this configuration.
fn prometheus(directory: &Directory, port: u16, text: &str) -> Running {
    let [config, log, data] = ["prometheus.yml", "log", "data"].map(|name| directory.file(name));
    fs::write(&config, text).expect("written");
    run("promtool", &["check", "config", &config]);
    let stderr = fs::File::create(&log).expect("a file");
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let (file, data) = (format!("--config.file={config}"), format!("--storage.tsdb.path={data}"));
    let arguments = [listen, file, data];
    Running::start(command("prometheus").args(arguments).stderr(Stdio::from(stderr)))
}

fn has_not_complained(directory: &Directory) {
    let told = fs::read_to_string(directory.file("log")).expect("a log");
    assert!(!told.contains("level=error") && !told.contains("level=warn"), "{told}");
}

/// What Prometheus answers to this path; `None`: nothing yet.
fn get(port: u16, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// The targets, by the label that they have from the name: address and health.
fn targets(port: u16) -> Option<BTreeMap<String, (String, String)>> {
    let answer = get(port, "/api/v1/targets?state=active")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target = |target: &Value| {
        let address = text(&target["discoveredLabels"]["__address__"]);
        (text(&target["labels"]["instance"]), (address, text(&target["health"])))
    };
    Some(answer["data"]["activeTargets"].as_array()?.iter().map(target).collect())
}

#[test]
fn it_finds_its_targets_there_and_follows_them() {
    install(&TOOLS);
    let (etcd, directory, port) = (Etcd::start(), Directory::new(), free_port());
    let path = directory.file("nodes.json");
    let pattern = directory.file("*.json");
    let text = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n  \
           - job_name: node\n    \
             file_sd_configs: [{{files: ['{pattern}']}}]\n    \
             relabel_configs:\n      \
               - {{source_labels: [__meta_idetcd_name], target_label: instance}}\n"
    );
    // Prometheus is its own target.
    etcd.put("worker2.tf.local.", br#"{"ipv4":"127.0.0.1"}"#);
    let own_port = port.to_string();
    let more = ["--file-sd", &path, "--file-sd-port", &own_port];
    let node = Node::in_cluster(&etcd, 1, 9, &more);
    node.slot();
    until(PATIENCE, "the file", || fs::read_to_string(&path).ok().filter(|it| it.contains("r2.")));
    let _prometheus = prometheus(&directory, port, &text);
    let address = |ip: &str| format!("{ip}:{port}");
    until(PATIENCE, "both targets, one of them up", || {
        let found = targets(port)?;
        let (other, own) = (found.get("worker1.tf.local")?, found.get("worker2.tf.local")?);
        let is_well =
            other.0 == address("10.0.0.2") && *own == (address("127.0.0.1"), "up".to_owned());
        (is_well && found.len() == 2).then_some(())
    });
    etcd.put("worker3.tf.local.", br#"{"ipv6":"fd00::3"}"#);
    etcd.delete("worker2.tf.local.");
    until(PATIENCE, "it follows", || {
        let found = targets(port)?;
        let new = found.get("worker3.tf.local")?;
        (found.len() == 2 && new.0 == address("[fd00::3]")).then_some(())
    });
    has_not_complained(&directory);
}

/// The value of the one series of a name; `None`: there is none, or more.
fn value(port: u16, series: &str) -> Option<String> {
    let escaped = [("{", "%7B"), ("}", "%7D"), ("\"", "%22"), ("=", "%3D")]
        .iter()
        .fold(series.to_owned(), |text, (from, to)| text.replace(from, to));
    let answer = get(port, &format!("/api/v1/query?query={escaped}"))?;
    let [result] = &answer["data"]["result"].as_array()?[..] else { return None };
    Some(result["value"][1].as_str()?.to_owned())
}

/// The alerts that fire.
fn alerts(port: u16) -> BTreeSet<String> {
    let answer = get(port, "/api/v1/alerts").unwrap_or_default();
    let all = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
    let firing = all.iter().filter(|alert| alert["state"] == "firing");
    firing.filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect()
}

#[test]
fn it_scrapes_the_pages_of_a_node_and_raises_alerts() {
    install(&TOOLS);
    let (etcd, directory, port, http) = (Etcd::start(), Directory::new(), free_port(), free_port());
    // The rules as they are, but that they wait for nothing.
    let rules = fs::read_to_string(repository("scripts/alerts.yaml")).expect("rules");
    let hasty = rules.lines().filter(|line| !line.trim_start().starts_with("for: "));
    let hasty = hasty.collect::<Vec<_>>().join("\n");
    fs::write(directory.file("rules.yml"), hasty).expect("written");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: idetcd, static_configs: [{{targets: ['127.0.0.1:{http}']}}]}}]\n"
    );
    let _prometheus = prometheus(&directory, port, &text);
    let address = format!("127.0.0.1:{http}");
    // The only name there is, with an address of another host.
    let more = ["--http", &address, "--max-lag", "2"];
    let mut node = Node::in_cluster(&etcd, 1, 1, &more);
    node.slot();
    until(PATIENCE, "the target is up", || {
        let up = value(port, "up").as_deref() == Some("1");
        (up && value(port, "idetcd_name_owned").as_deref() == Some("1")).then_some(())
    });
    // It may not be when it is scraped first.
    let in_sync = "idetcd_etcd_state{state=\"in_sync\"}";
    until(PATIENCE, in_sync, || (value(port, in_sync)? == "1").then_some(()));
    for (series, wanted) in [
        ("idetcd_published_address_local{address=\"10.0.0.2\"}", "0"),
        ("idetcd_slots", "1"),
        ("idetcd_dns_requests_total{proto=\"tcp\"}", "0"),
    ] {
        assert_eq!(value(port, series).as_deref(), Some(wanted), "{series}");
    }
    let lag = value(port, "idetcd_etcd_lag_seconds").expect("a lag").parse::<f64>();
    assert!((0.0..5.0).contains(&lag.expect("a number")));
    let names = |words: &[&str]| words.iter().map(|word| format!("Idetcd{word}")).collect();
    let fires = |wanted: &[&str]| {
        let wanted: BTreeSet<String> = names(wanted);
        until(PATIENCE, &format!("{wanted:?}"), || (alerts(port) == wanted).then_some(()));
    };
    fires(&["ForeignAddress", "NamesRunOut"]);
    etcd.signal(Signal::STOP);
    fires(&["ForeignAddress", "NamesRunOut", "Stale"]);
    etcd.signal(Signal::CONT);
    fires(&["ForeignAddress", "NamesRunOut"]);
    node.kill();
    // What is scraped no more says nothing.
    fires(&["Down"]);
    has_not_complained(&directory);
}

#[test]
fn alerts_are_raised_by_what_they_are_for() {
    install(&TOOLS);
    let rules = repository("scripts/alerts.yaml");
    let rules = rules.to_str().expect("text");
    run("promtool", &["check", "rules", rules]);
    let (tests, directory) = (include_str!("alerts_test.yaml"), Directory::new());
    let path = directory.file("tests.yaml");
    fs::write(&path, tests.replace("RULES", rules)).expect("written");
    run("promtool", &["test", "rules", &path]);
}
