//! A real Prometheus finds its targets in the file of `--file-sd`, and follows it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;
use support::process::{Running, try_install};
use support::{Directory, Etcd, Node, PATIENCE, command, free_port, until};

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
    if let Err(why) = try_install(&["prometheus:prometheus", "promtool:prometheus"]) {
        println!("skipped: there is no Prometheus to be had here: {why}");
        return;
    }
    let (etcd, directory, port) = (Etcd::start(), Directory::new(), free_port());
    let [config, path, log, data] =
        ["prometheus.yml", "nodes.json", "log", "data"].map(|name| directory.file(name));
    let pattern = directory.file("*.json");
    let text = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n  \
           - job_name: node\n    \
             file_sd_configs: [{{files: ['{pattern}']}}]\n    \
             relabel_configs:\n      \
               - {{source_labels: [__meta_idetcd_name], target_label: instance}}\n"
    );
    fs::write(&config, text).expect("written");
    // Prometheus is its own target.
    etcd.put("worker2.tf.local.", br#"{"ipv4":"127.0.0.1"}"#);
    let own_port = port.to_string();
    let more = ["--file-sd", &path, "--file-sd-port", &own_port];
    let node = Node::in_cluster(&etcd, 1, 9, &more);
    node.slot();
    until(PATIENCE, "the file", || fs::read_to_string(&path).ok().filter(|it| it.contains("r2.")));
    let checked =
        command("promtool").args(["check", "config", &config]).output().expect("promtool");
    assert!(checked.status.success(), "{checked:?}");
    let stderr = fs::File::create(&log).expect("a file");
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let (file, data) = (format!("--config.file={config}"), format!("--storage.tsdb.path={data}"));
    let _prometheus = Running::start(
        command("prometheus").args([listen, file, data]).stderr(Stdio::from(stderr)),
    );
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
    let told = fs::read_to_string(&log).expect("a log");
    assert!(!told.contains("level=error") && !told.contains("level=warn"), "{told}");
}
