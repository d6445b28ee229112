//! NSD, Knot DNS and BIND as secondaries of a node, told of changes; signed and not.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use support::process::Running;
use support::{Directory, Etcd, PATIENCE, command, free_port, install};

use crate::tsig::{Keys, SECRET};
use crate::zone::{drain, in_etcd, node_beside, record, try_transferred, unready};

const KEY: &str = "key-hmac-sha256.tf.local";

/// A secondary server for the zone.
struct Secondary {
    name: &'static str,
    address: SocketAddr,
    directory: Directory,
    /// What its log says of a transfer of changes, where it tells that.
    incremental: &'static str,
    _process: Running,
}

impl Secondary {
    fn start(name: &'static str, port: u16, primary: u16, is_signed: bool) -> Secondary {
        let directory = Directory::new();
        let path = directory.path().display().to_string();
        let (config, words, incremental): (String, &[&str], &str) = match name {
            "nsd" => (nsd(&path, port, primary, is_signed), &["-d", "-c"], ""),
            "knotd" => (knot(&path, port, primary, is_signed), &["-c"], "IXFR, incoming"),
            // At less it does not tell.
            _ => (
                bind(&path, port, primary, is_signed),
                &["-g", "-d", "3", "-c"],
                "got incremental response",
            ),
        };
        let file = directory.file("config");
        fs::write(&file, config).expect("written");
        let log = fs::File::create(directory.file("log")).expect("a log");
        let mut command = command(name);
        command.args(words).arg(&file).stderr(log.try_clone().expect("a log")).stdin(Stdio::null());
        let process = Running::start_logging(&mut command, log);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Secondary { name, address, directory, incremental, _process: process }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.file("log")).unwrap_or_default()
    }
}

fn nsd(path: &str, port: u16, primary: u16, is_signed: bool) -> String {
    let by = if is_signed { KEY } else { "NOKEY" };
    format!(
        r#"
server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  zonesdir: "{path}"
  zonelistfile: "{path}/zone.list"
  pidfile: "{path}/nsd.pid"
  xfrdfile: "{path}/xfrd.state"
  xfrdir: "{path}"
  database: ""
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
  request-xfr: 127.0.0.1@{primary} {by}
  allow-notify: 127.0.0.1 {by}
  provide-xfr: 127.0.0.1 NOKEY
"#
    )
}

fn knot(path: &str, port: u16, primary: u16, is_signed: bool) -> String {
    let by = if is_signed { format!("    key: {KEY}\n") } else { String::new() };
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
{by}acl:
  - id: told
    address: 127.0.0.1
{by}    action: notify
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

fn bind(path: &str, port: u16, primary: u16, is_signed: bool) -> String {
    let by = if is_signed { format!(r#"key "{KEY}""#) } else { String::new() };
    let told_by = if is_signed { &by } else { "127.0.0.1" };
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
  primaries {{ 127.0.0.1 port {primary} {by}; }};
  allow-notify {{ {told_by}; }};
}};
"#
    )
}

#[test]
fn nsd_knot_and_bind_follow_a_thousand_changes() {
    follow_a_thousand_changes(false);
}

#[test]
fn nsd_knot_and_bind_follow_a_thousand_changes_that_are_signed() {
    follow_a_thousand_changes(true);
}

fn follow_a_thousand_changes(is_signed: bool) {
    install(&["nsd:nsd", "knotd:knot", "named:bind9"]);
    let etcd = Etcd::start();
    let (keys, primary) = (Keys::write(), free_port());
    let ports = [free_port(), free_port(), free_port()];
    let also = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let (listen, key) = (format!("127.0.0.1:{primary}"), keys.option("hmac-sha256"));
    let mut more = vec!["--verbose", "--listen", &listen, "--also-notify", &also];
    if is_signed {
        more.extend(["--tsig-key", &key]);
    }
    let node = node_beside(&etcd, 300, &more);
    // Not before the node: half a second after its primary has refused it, BIND forgets what it was told meanwhile.
    let secondaries: Vec<_> = ["nsd", "knotd", "named"]
        .into_iter()
        .zip(ports)
        .map(|(name, port)| Secondary::start(name, port, primary, is_signed))
        .collect();
    let follow = |what: &str| {
        let wanted = in_etcd(&etcd);
        for secondary in &secondaries {
            let deadline = Instant::now() + PATIENCE;
            while try_transferred(secondary.address).is_none_or(|zone| zone != wanted) {
                let name = secondary.name;
                assert!(Instant::now() < deadline, "{name}: {what}: {}", secondary.log());
                thread::sleep(Duration::from_millis(20));
            }
        }
    };
    follow("the zone at the start");
    for change in 0..1000_u32 {
        let number = 2 + change * 7 % 300;
        match change % 10 {
            9 => etcd.delete(&format!("worker{number}.tf.local.")),
            8 => etcd.put_all([drain(number)]),
            // Every other drain ends: this one came nine changes ago.
            7 if change % 20 == 17 => {
                _ = etcd.try_delete(&drain(2 + (change - 9) * 7 % 300).0);
            }
            3 => etcd.put_all([unready(number, 0x0002_0000 + change)]),
            _ => etcd.put_all([record(number, 0x0002_0000 + change)]),
        }
        // However fast they are: where most of a zone has changed, the whole is transferred.
        if change % 100 == 99 {
            follow(&format!("the zone after {} changes", change + 1));
        }
    }
    for secondary in &secondaries {
        let log = secondary.log();
        assert!(log.contains(secondary.incremental), "{}: {log}", secondary.name);
        assert!(!log.contains("BADSIG") && !log.contains("tsig verify failure"), "{log}");
    }
    let log = node.whole_log();
    let changed = log.matches("records from serial").count();
    let whole = log.matches("the whole zone").count();
    println!("{changed} transfers of changes, {whole} of the zone");
    assert!(changed >= 3 * 10, "{log}");
    assert!(!log.contains("does not want") && !log.contains("does not answer"), "{log}");
}
