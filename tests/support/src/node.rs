//! A running idetcd, and what its log says.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::network::Host;
use super::{Directory, Etcd, PATIENCE, PATTERN, Signal, command, idetcd, send, until};

/// For as many nodes as have to share two processors here.
pub const HERD_PATIENCE: Duration = Duration::from_secs(120);

/// A running idetcd.
pub struct Node {
    directory: Directory,
    pub child: Child,
    arguments: Vec<String>,
    /// What the program is started with.
    wrapper: Vec<String>,
}

impl Node {
    /// Starts the program with just these arguments.
    pub fn start<S: AsRef<str>>(arguments: &[S]) -> Node {
        Node::start_by(&[], arguments)
    }

    /// The same by way of another program.
    pub fn start_by<S: AsRef<str>>(wrapper: &[String], arguments: &[S]) -> Node {
        let arguments: Vec<String> = arguments.iter().map(|a| a.as_ref().to_owned()).collect();
        let directory = Directory::new();
        let child = spawn_node(wrapper, &arguments, directory.path());
        Node { directory, child, arguments, wrapper: wrapper.to_vec() }
    }

    /// On a host of its own, whose address it finds out.
    pub fn on(host: Host, endpoints: &str, limit: u32, more: &[&str]) -> Node {
        let listen = format!("{}:53", host.address());
        let limit = limit.to_string();
        let arguments = [
            "--pattern",
            PATTERN,
            "--limit",
            &limit,
            "--endpoints",
            endpoints,
            "--listen",
            &listen,
        ];
        Node::start_by(&host.wrapper(), &[&arguments[..], more].concat())
    }

    /// Node `number` of a cluster, on a loopback address and a port that the system chooses.
    pub fn in_cluster(etcd: &Etcd, number: u32, limit: u32, more: &[&str]) -> Node {
        Node::at(&etcd.endpoint(), number, limit, more)
    }

    /// Node `number` of a cluster of up to 1,000, on a loopback network of its own, of this number, where the nodes can be
    /// asked where they say.
    pub fn on_loopback(net: u8, number: u32, endpoints: &str, more: &[&str]) -> Node {
        let address = format!("127.{net}.{}.{}", number / 250, number % 250 + 1);
        let (listen, id) = (format!("{address}:5399"), format!("n{number}"));
        let own = ["--listen", &listen, "--ipv4", &address, "--ipv6", "none", "--node-id", &id];
        let names = ["--pattern", PATTERN, "--limit", "1000", "--endpoints", endpoints];
        Node::start(&[&names[..], &own, more].concat())
    }

    /// So many nodes at once, under leases that do not end meanwhile.
    pub fn herd(etcd: &Etcd, count: u32, limit: u32) -> Vec<Node> {
        let lease = ["--lease-ttl", "60"];
        (1..=count).map(|number| Node::in_cluster(etcd, number, limit, &lease)).collect()
    }

    /// Waits until each node has claimed a slot, and returns the slots in order.
    pub fn slots(nodes: &[Node]) -> Vec<u32> {
        let slot = |node: &Node| {
            let log = node.log();
            log.lines().find(|line| line.contains("claimed worker")).map(slot_in)
        };
        let mut slots: Vec<u32> =
            nodes.iter().map(|node| until(HERD_PATIENCE, "named", || slot(node))).collect();
        slots.sort_unstable();
        slots
    }

    /// The same with these endpoints.
    pub fn at(endpoints: &str, number: u32, limit: u32, more: &[&str]) -> Node {
        let (high, low) = (number / 250, number % 250 + 1);
        let mut arguments: Vec<String> = [
            "--pattern",
            PATTERN,
            "--limit",
            &limit.to_string(),
            "--endpoints",
            endpoints,
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "[::1]:0",
            "--ipv4",
            &format!("10.0.{high}.{low}"),
            "--ipv6",
            &format!("fd00::{high:x}:{low:x}"),
            "--port",
            "53",
        ]
        .map(str::to_owned)
        .to_vec();
        if !more.contains(&"--node-id") {
            // The port that the system chooses, from which it would be made, is new in each life.
            arguments.extend(["--node-id".to_owned(), format!("n{number}")]);
        }
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        Node::start(&arguments)
    }

    /// Starts it again after it ended, with the same arguments.
    pub fn restart(&mut self) {
        self.child = spawn_node(&self.wrapper, &self.arguments, self.directory.path());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The same with all that it logged until now, which another process writes: up to the state that it is asked for.
    pub fn log_so_far(&self) -> String {
        let begins =
            |line: &&str| line.contains(" state: ") && line.contains(" names at revision ");
        let states = || self.log().lines().filter(begins).count();
        let before = states();
        self.signal(Signal::USR1);
        until(PATIENCE, "its state", || (states() > before).then_some(()));
        self.log()
    }

    /// The logs of all its lives.
    pub fn whole_log(&self) -> String {
        let previous = fs::read_to_string(self.directory.path().join("log.previous"));
        previous.unwrap_or_default() + &self.log()
    }

    /// Waits for a line that contains `text`, and returns it.
    pub fn wait_for_log(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no {text:?} in the log:\n{log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until `text` stands in the log so many times.
    pub fn wait_for_logs(&self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < deadline, "{text:?} not {times} times:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The slot that the log says is claimed.
    pub fn slot(&self) -> u32 {
        slot_in(&self.wait_for_log("claimed worker"))
    }

    /// The addresses that it listens on: IPv4, then IPv6.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.wait_for_log("etcd");
        let log = self.log();
        let lines = log.lines().filter_map(|line| line.split_once("listening on "));
        lines.map(|(_, address)| address.parse().expect("an address")).collect()
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// The time that it has spent on the processor.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id()));
        let stat = stat.expect("a running process");
        let nanoseconds = stat.split(' ').next().and_then(|word| word.parse().ok());
        Duration::from_nanos(nanoseconds.expect("a number"))
    }

    /// A line of `/proc/PID/status`.
    pub fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.expect("the field").trim().to_owned()
    }
}

pub fn slot_in(line: &str) -> u32 {
    let digits = line.split("(slot ").nth(1).and_then(|rest| rest.split(' ').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no slot in {line:?}"))
}

fn spawn_node(wrapper: &[String], arguments: &[String], directory: &Path) -> Child {
    let log = directory.join("log");
    let previous = directory.join("log.previous");
    // What an earlier life logged is kept aside.
    if let Ok(old) = fs::read(&log) {
        let file = File::options().create(true).append(true).open(&previous);
        file.expect("a log").write_all(&old).expect("written");
    }
    let log = File::create(log).expect("a log");
    let program = [idetcd().to_str().expect("text").to_owned()];
    let words: Vec<&String> = wrapper.iter().chain(&program).chain(arguments).collect();
    command(words[0]).args(&words[1..]).stdout(Stdio::null()).stderr(log).spawn().expect("idetcd")
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
