//! NSD, Knot and BIND as secondary servers of a node without keys, which nobody tells of changes: they look for them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::port::free_port;
use support::process::Running;
use support::{Directory, Etcd, command, install};

use crate::zone::{ZoneLines, in_etcd, node_beside, record, transferred};

/// For a secondary to look for changes, which it does every second, and take them.
const TAKEN: Duration = Duration::from_secs(30);

/// A secondary server on a port of its own.
struct Secondary {
    address: SocketAddr,
    directory: Directory,
    /// What its log says of a transfer of changes.
    incremental: &'static str,
    _process: Running,
}

impl Secondary {
    fn start(
        log_to: &str,
        words: &[&str],
        incremental: &'static str,
        configuration: impl FnOnce(&str, u16) -> String,
    ) -> Secondary {
        let (directory, port) = (Directory::new(), free_port());
        let path = directory.path().display().to_string();
        let file = directory.file("conf");
        std::fs::write(&file, configuration(&path, port)).expect("written");
        let log = std::fs::File::create(directory.file("log")).expect("a log");
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = command(program);
        command.args(arguments).arg(&file);
        if log_to == "stderr" {
            command.stdout(log.try_clone().expect("a log")).stderr(log);
        }
        let process = Running::start(&mut command);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Secondary { address, directory, incremental, _process: process }
    }

    fn nsd(primary: SocketAddr) -> Secondary {
        Secondary::start("file", &["nsd", "-d", "-c"], "received update to serial", |path, port| {
            format!(
                "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n \
                 zonesdir: \"{path}\"\n database: \"\"\n pidfile: \"{path}/pid\"\n \
                 xfrdfile: \"{path}/xfrd\"\n xfrdir: \"{path}\"\n zonelistfile: \"{path}/zones\"\n \
                 logfile: \"{path}/log\"\n verbosity: 3\n cookie-secret-file: \"\"\n\
                 remote-control:\n control-enable: no\n\
                 zone:\n name: \"tf.local\"\n zonefile: \"zone\"\n \
                 request-xfr: {}@{} NOKEY\n max-refresh-time: 1\n provide-xfr: 127.0.0.1 NOKEY\n",
                primary.ip(),
                primary.port()
            )
        })
    }

    fn knot(primary: SocketAddr) -> Secondary {
        Secondary::start("stderr", &["knotd", "-c"], "IXFR, incoming", |path, port| {
            format!(
                "server:\n  listen: 127.0.0.1@{port}\n  rundir: {path}\n\
                 database:\n  storage: {path}\nlog:\n  - target: stderr\n    any: info\n\
                 remote:\n  - id: primary\n    address: {}@{}\n\
                 acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n\
                 zone:\n  - domain: tf.local\n    storage: {path}\n    master: primary\n    \
                 refresh-max-interval: 2s\n    acl: all\n",
                primary.ip(),
                primary.port()
            )
        })
    }

    fn bind(primary: SocketAddr) -> Secondary {
        Secondary::start(
            "stderr",
            &["named", "-g", "-d", "3", "-c"],
            "got incremental response",
            |path, port| {
                format!(
                    "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; \
                 listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; \
                 notify no; max-records-per-type 0; min-refresh-time 1; max-refresh-time 1; \
                 allow-transfer {{ any; }}; }};\ncontrols {{ }};\n\
                 zone \"tf.local\" {{ type secondary; file \"zone\"; \
                 primaries port {} {{ {}; }}; }};\n",
                    primary.port(),
                    primary.ip()
                )
            },
        )
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.file("log")).unwrap_or_default()
    }

    fn zone(&self) -> Option<ZoneLines> {
        let octets = support::exchange(
            self.address,
            &support::question("tf.local.", simple_dns::TYPE::SOA),
            Duration::from_millis(200),
        )?;
        // Without the zone it says so.
        (octets[3] & 0x0f == 0).then(|| transferred(self.address, "tf.local").0)
    }

    fn await_zone(&self, wanted: &ZoneLines) {
        let deadline = Instant::now() + TAKEN;
        while self.zone().as_ref() != Some(wanted) {
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn secondaries_take_the_zone_and_then_what_changes() {
    install(&["nsd:nsd", "knotd:knot", "named:bind9", "dig:bind9-dnsutils"]);
    let etcd = Etcd::start();
    let node = node_beside(&etcd, 300, &["--verbose"]);
    let primary = node.address();
    let secondaries = [Secondary::nsd(primary), Secondary::knot(primary), Secondary::bind(primary)];
    let wanted = in_etcd(&etcd);
    for secondary in &secondaries {
        secondary.await_zone(&wanted);
    }
    let whole = "transfer to 127.0.0.1: the whole zone";
    let times = |text: &str| node.whole_log().matches(text).count();
    let first = times(whole);
    // More at once would be longer than the zone.
    for round in 0..5 {
        for change in round * 200..(round + 1) * 200 {
            // Addresses are shared by several now and then.
            let (number, address) = (2 + change * 7 % 300, 0x0001_0000 + change * 11 % 400);
            match change % 5 {
                0 => etcd.delete(&format!("worker{number}.tf.local.")),
                _ => etcd.put_all([record(number, address)]),
            }
        }
        let wanted = in_etcd(&etcd);
        secondaries.iter().for_each(|secondary| secondary.await_zone(&wanted));
    }
    for secondary in &secondaries {
        let log = secondary.log();
        let count = log.matches(secondary.incremental).count();
        println!("{}: {count} times", secondary.incremental);
        assert!(count > 0, "{log}");
    }
    // NSD does not say which it was.
    let changed = times("records from serial");
    println!(
        "{changed} times what changed, the whole zone {first} times before, {} after",
        times(whole)
    );
    assert_eq!(times(whole), first, "{}", node.whole_log());
    assert!(changed >= 3);
}
