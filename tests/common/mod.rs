//! A real etcd, real nodes, and a DNS client, for tests that look from outside.
//!
//! Everything listens on loopback, on ports that were free a moment before; everything is ended and
//! removed when dropped. Nothing sleeps for a fixed time: [`until`] waits for a condition.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::{Value, json};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};

pub const PATTERN: &str = "worker{{.ID}}.tf.local.";

/// Long enough for a busy machine; a condition that holds is seen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something, and panics with `what` after `patience`.
pub fn until<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A directory of its own, removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("idetcd-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process ID")).expect("not 0");
    kill_process(pid, signal).expect("a signal sent");
}

/// A real etcd with one member.
pub struct Etcd {
    directory: Directory,
    client_port: u16,
    peer_port: u16,
    child: Child,
    agent: ureq::Agent,
}

impl Etcd {
    pub fn start() -> Etcd {
        // Between our look and etcd's bind another process may take a port: then look again.
        for _ in 0..5 {
            let directory = Directory::new();
            let free = || TcpListener::bind("127.0.0.1:0").expect("a free port");
            let (client, peer) = (free(), free());
            let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
            let (client_port, peer_port) = (port(&client), port(&peer));
            drop((client, peer));
            let child = spawn_etcd(directory.path(), client_port, peer_port);
            let config = ureq::Agent::config_builder()
                .proxy(None)
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(5)));
            let agent = config.build().new_agent();
            let mut etcd = Etcd { directory, client_port, peer_port, child, agent };
            if etcd.is_ready() {
                return etcd;
            }
        }
        panic!("etcd does not start");
    }

    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().expect("its state").is_some() {
                return false;
            }
            if let Some(health) = self.get("/health")
                && health.contains("true")
            {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("etcd does not become healthy");
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Starts it again on the same data and ports.
    pub fn restart(&mut self) {
        self.child = spawn_etcd(self.directory.path(), self.client_port, self.peer_port);
        assert!(self.is_ready(), "etcd starts again");
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut reply = self.agent.get(format!("{}{path}", self.endpoint())).call().ok()?;
        reply.body_mut().read_to_string().ok()
    }

    /// A call to the gateway.
    pub fn call(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.endpoint());
        let mut reply = self.agent.post(url).send(body.to_string()).expect("etcd answers");
        let text = reply.body_mut().read_to_string().expect("a body");
        assert_eq!(reply.status(), 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    pub fn put(&self, key: &str, value: &[u8]) {
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)});
        self.call("/v3/kv/put", &body);
    }

    pub fn delete(&self, key: &str) {
        self.call("/v3/kv/deleterange", &json!({"key": STANDARD.encode(key)}));
    }

    /// All keys with their values, by key.
    pub fn keys(&self) -> Vec<(String, String)> {
        let all = STANDARD.encode([0]);
        let reply = self.call("/v3/kv/range", &json!({"key": all, "range_end": all}));
        let text = |value: &Value| {
            let octets = STANDARD.decode(value.as_str().unwrap_or_default()).expect("base64");
            String::from_utf8_lossy(&octets).into_owned()
        };
        let kvs = reply["kvs"].as_array().cloned().unwrap_or_default();
        kvs.iter().map(|kv| (text(&kv["key"]), text(&kv["value"]))).collect()
    }

    pub fn has(&self, key: &str) -> bool {
        self.keys().iter().any(|(found, _)| found == key)
    }

    /// How many calls of a gRPC method etcd has handled.
    pub fn handled(&self, method: &str) -> u64 {
        let metrics = self.get("/metrics").expect("metrics");
        let wanted = format!("grpc_method=\"{method}\"");
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("grpc_server_handled_total") && line.contains(&wanted));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }
}

fn spawn_etcd(directory: &Path, client_port: u16, peer_port: u16) -> Child {
    let client = format!("http://127.0.0.1:{client_port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    let log = File::create(directory.join("etcd.log")).expect("a log");
    Command::new("etcd")
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("etcd; scripts/test installs it")
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running idetcd.
pub struct Node {
    directory: Directory,
    pub child: Child,
    arguments: Vec<String>,
}

impl Node {
    /// Starts the program with just these arguments.
    pub fn start<S: AsRef<str>>(arguments: &[S]) -> Node {
        let arguments: Vec<String> = arguments.iter().map(|a| a.as_ref().to_owned()).collect();
        let directory = Directory::new();
        let child = spawn_node(&arguments, directory.path());
        Node { directory, child, arguments }
    }

    /// Node `number` of a cluster, on a loopback address and a port that the system chooses.
    pub fn in_cluster(etcd: &Etcd, number: u32, limit: u32, more: &[&str]) -> Node {
        let (high, low) = (number / 250, number % 250 + 1);
        let mut arguments: Vec<String> = [
            "--pattern",
            PATTERN,
            "--limit",
            &limit.to_string(),
            "--endpoints",
            &etcd.endpoint(),
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
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        Node::start(&arguments)
    }

    /// Starts it again after it ended, with the same arguments.
    pub fn restart(&mut self) {
        self.child = spawn_node(&self.arguments, self.directory.path());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
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

fn spawn_node(arguments: &[String], directory: &Path) -> Child {
    let log = File::create(directory.join("log")).expect("a log");
    Command::new(env!("CARGO_BIN_EXE_idetcd"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("idetcd")
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back: the response code, and the data of answer and authority as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: u8,
    pub answers: Vec<String>,
    pub authority: Vec<String>,
    pub octets: Vec<u8>,
}

/// Sends octets over UDP; `None`: no reply within the patience.
pub fn exchange(server: SocketAddr, message: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).expect("a socket");
    socket.connect(server).expect("connected");
    socket.set_read_timeout(Some(patience)).expect("a time-out");
    socket.send(message).expect("sent");
    let mut reply = vec![0; 65_536];
    let length = socket.recv(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

pub fn question(name: &str, rrtype: TYPE) -> Vec<u8> {
    let mut query = Packet::new_query(0x1234);
    let name = Name::new(name.trim_end_matches('.')).expect("a name").into_owned();
    query.questions.push(Question::new(name, QTYPE::TYPE(rrtype), QCLASS::CLASS(CLASS::IN), false));
    query.build_bytes_vec().expect("a query")
}

pub fn ask(server: SocketAddr, name: &str, rrtype: TYPE) -> Reply {
    let octets = exchange(server, &question(name, rrtype), Duration::from_secs(5));
    read(octets.unwrap_or_else(|| panic!("{server} does not answer to {name} {rrtype:?}")))
}

pub fn read(octets: Vec<u8>) -> Reply {
    let packet = Packet::parse(&octets).expect("a well-formed reply");
    let text = |rdata: &RData<'_>| match rdata {
        RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(a) => std::net::Ipv6Addr::from(a.address).to_string(),
        RData::SOA(soa) => format!("SOA {} {}", soa.mname, soa.minimum),
        other => format!("{other:?}"),
    };
    let texts = |section: &[simple_dns::ResourceRecord<'_>]| {
        section.iter().map(|record| text(&record.rdata)).collect()
    };
    Reply {
        rcode: octets[3] & 0x0f,
        answers: texts(&packet.answers),
        authority: texts(&packet.name_servers),
        octets: octets.clone(),
    }
}

/// The IPv4 address of a name, `None` where it has none or does not exist.
pub fn lookup(server: SocketAddr, name: &str) -> Option<String> {
    ask(server, name, TYPE::A).answers.first().cloned()
}
