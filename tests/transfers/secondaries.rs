//! NSD, Knot DNS and BIND as secondaries of a node, signed and told of changes.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use support::process::Running;
use support::{Directory, Etcd, PATIENCE, command, free_port, install};

use crate::tsig::{Keys, SECRET};
use crate::zone::{in_etcd, node_beside, record, transferred};

const KEY: &str = "key-hmac-sha256.tf.local";

/// A secondary server for the zone.
struct Secondary {
    name: &'static str,
    address: SocketAddr,
    directory: Directory,
    _process: Running,
}

impl Secondary {
    fn start(name: &'static str, port: u16, primary: u16) -> Secondary {
        let directory = Directory::new();
        let path = directory.path().display().to_string();
        let (config, words): (String, &[&str]) = match name {
            "nsd" => (nsd(&path, port, primary), &["-d", "-c"]),
            "knotd" => (knot(&path, port, primary), &["-c"]),
            _ => (bind(&path, port, primary), &["-g", "-d", "3", "-c"]),
        };
        let file = directory.file("config");
        fs::write(&file, config).expect("written");
        let log = fs::File::create(directory.file("log")).expect("a log");
        let mut command = command(name);
        command.args(words).arg(&file).stderr(log.try_clone().expect("a log")).stdin(Stdio::null());
        let process = Running::start_logging(&mut command, log);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Secondary { name, address, directory, _process: process }
    }

    /// The serial that it has; `None`: it has no zone yet.
    fn serial(&self) -> Option<u32> {
        let port = self.address.port().to_string();
        let words = ["+short", "+tries=1", "+time=1", "-p", &port, "@127.0.0.1", "tf.local", "SOA"];
        let output = command("dig").args(words).output().expect("dig");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.strip_prefix("worker.")?.split(' ').nth(2)?.parse().ok()
    }

    /// How often it got the whole zone, and how often what had changed, by its log.
    fn transfers(&self) -> (usize, usize) {
        let log = self.log();
        let count = |text: &str| log.matches(text).count();
        match self.name {
            // By their lengths.
            "nsd" => {
                let updates = log.lines().filter_map(|line| {
                    let (_, rest) = line.split_once("TSIG verified with key")?;
                    rest.split_once(" of ")?.1.split(' ').next()?.parse::<u32>().ok()
                });
                let (whole, changes): (Vec<u32>, Vec<u32>) = updates.partition(|it| *it > 30_000);
                (whole.len(), changes.len())
            }
            "knotd" => {
                let finished = |kind: &str| {
                    let head = format!("[tf.local.] {kind}, incoming");
                    let is_its = |line: &&str| line.contains(&head) && line.contains("finished");
                    log.lines().filter(is_its).count()
                };
                (finished("AXFR"), finished("IXFR"))
            }
            _ => (count("got nonincremental response"), count("got incremental response")),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.file("log")).unwrap_or_default()
    }
}

fn nsd(path: &str, port: u16, primary: u16) -> String {
    format!(
        r#"
server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{path}"
  zonelistfile: "{path}/zone.list"
  pidfile: "{path}/nsd.pid"
  xfrdfile: "{path}/xfrd.state"
  xfrdir: "{path}"
  xfrd-reload-timeout: 0
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: "{KEY}"
  algorithm: hmac-sha256
  secret: "{SECRET}"
zone:
  name: "tf.local"
  zonefile: "tf.local.zone"
  request-xfr: 127.0.0.1@{primary} {KEY}
  allow-notify: 127.0.0.1 {KEY}
  provide-xfr: 127.0.0.1 NOKEY
"#
    )
}

fn knot(path: &str, port: u16, primary: u16) -> String {
    format!(
        r#"
server:
  rundir: {path}
  listen: 127.0.0.1@{port}
log:
  - target: stderr
    any: info
database:
  storage: {path}
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: primary
    address: 127.0.0.1@{primary}
    key: {KEY}
acl:
  - id: told
    address: 127.0.0.1
    key: {KEY}
    action: notify
  - id: asked
    address: 127.0.0.1
    action: transfer
zone:
  - domain: tf.local
    storage: {path}
    master: primary
    acl: [told, asked]
"#
    )
}

fn bind(path: &str, port: u16, primary: u16) -> String {
    format!(
        r#"
options {{
  directory "{path}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file "{path}/named.pid";
  session-keyfile "{path}/session.key";
  recursion no;
  dnssec-validation no;
  notify no;
  allow-transfer {{ any; }};
  max-records-per-type 0;
}};
controls {{ }};
key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
zone "tf.local" {{
  type secondary;
  file "tf.local";
  primaries {{ 127.0.0.1 port {primary} key "{KEY}"; }};
  allow-notify {{ key "{KEY}"; }};
}};
"#
    )
}

#[test]
fn nsd_knot_and_bind_follow_a_thousand_changes() {
    install(&["nsd:nsd", "knotd:knot", "named:bind9"]);
    let etcd = Etcd::start();
    let (keys, primary) = (Keys::write(), free_port());
    let ports = [(); 3].map(|()| free_port());
    let also = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let (listen, key) = (format!("127.0.0.1:{primary}"), keys.option("hmac-sha256"));
    let more = ["--listen", &listen, "--also-notify", &also, "--tsig-key", &key];
    let node = node_beside(&etcd, 300, &more);
    // Not before it is there: BIND would wait for the end of its first look, which nobody answers.
    let programs = ["nsd", "knotd", "named"].into_iter().zip(ports);
    let secondaries: Vec<Secondary> =
        programs.map(|(name, port)| Secondary::start(name, port, primary)).collect();
    let follow = |wanted: &dyn Fn(&Secondary) -> bool, what: &str| {
        for secondary in &secondaries {
            let deadline = Instant::now() + PATIENCE;
            while !wanted(secondary) {
                let name = secondary.name;
                assert!(Instant::now() < deadline, "{name}: {what}: {}", secondary.log());
                thread::sleep(Duration::from_millis(20));
            }
        }
    };
    follow(&|it| it.serial().is_some(), "the zone at the start");
    for change in 0..1000_u32 {
        let number = 2 + change * 7 % 300;
        match change % 10 {
            9 => etcd.delete(&format!("worker{number}.tf.local.")),
            _ => {
                let (key, value) = record(number, 0x0002_0000 + change);
                etcd.put(&key, value.as_bytes());
            }
        }
        // More at once would be as long as the zone.
        if change % 50 == 49 {
            let serial = u32::try_from(etcd.revision().parse::<u64>().expect("a number"));
            follow(&|it| it.serial() == serial.ok(), "a serial");
        }
    }
    let wanted = in_etcd(&etcd);
    follow(&|it| transferred(it.address, "tf.local").0 == wanted, "the zone at the end");
    for secondary in &secondaries {
        let (log, name) = (secondary.log(), secondary.name);
        let (whole, changes) = secondary.transfers();
        assert!(whole == 1 && changes > 10, "{name}: {whole} whole, {changes} changes: {log}");
    }
    let log = node.log();
    assert!(!log.contains("does not want") && !log.contains("its answer"), "{log}");
}
