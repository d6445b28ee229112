//! `--http`: pages for operators and what they look with.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use support::{AT_ONCE, Etcd, Node, PATIENCE, Prober, Signal, ended, free_port, lookup, until};

/// A reply, read to the end of its connection or of its body.
#[derive(Debug)]
struct Reply {
    status: u16,
    fields: BTreeMap<String, String>,
    body: String,
}

/// A connection to the pages of a node.
struct Client(TcpStream);

impl Client {
    fn to(server: SocketAddr) -> Client {
        let stream = TcpStream::connect(server).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Client(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("sent");
    }

    fn octet(&mut self) -> Option<u8> {
        let mut octet = [0];
        (self.0.read(&mut octet).ok()? == 1).then_some(octet[0])
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.octet()?);
        }
        line.truncate(line.len() - 2);
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn octets(&mut self, length: usize) -> String {
        let mut octets = vec![0; length];
        self.0.read_exact(&mut octets).expect("a whole body");
        String::from_utf8(octets).expect("text")
    }

    /// Reads a reply; `None`: the connection ended.
    fn reply(&mut self, has_body: bool) -> Option<Reply> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = self.line()?.split_once(": ") {
            fields.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = String::new();
        if !has_body {
            return Some(Reply { status, fields, body });
        }
        if let Some(length) = fields.get("content-length") {
            body = self.octets(length.parse().expect("a number"));
        } else if fields.get("transfer-encoding").is_some_and(|it| it == "chunked") {
            loop {
                let length = self.line().expect("a length of a chunk");
                let length = usize::from_str_radix(&length, 16).expect("in hexadecimal");
                body += &self.octets(length);
                assert_eq!(self.line().as_deref(), Some(""));
                if length == 0 {
                    break;
                }
            }
        } else {
            self.0.read_to_string(&mut body).expect("text");
        }
        Some(Reply { status, fields, body })
    }

    fn ask(&mut self, method: &str, path: &str) -> Reply {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: node\r\n\r\n"));
        self.reply(method != "HEAD").expect("a reply")
    }
}

fn get(server: SocketAddr, path: &str) -> Reply {
    Client::to(server).ask("GET", path)
}

/// A node that serves HTTP, and where.
fn start(etcd: &str, number: u32, more: &[&str]) -> (Node, SocketAddr) {
    start_of(etcd, number, 9, more)
}

/// The same in a cluster of so many names.
fn start_of(etcd: &str, number: u32, limit: u32, more: &[&str]) -> (Node, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = address.to_string();
    let node = Node::at(etcd, number, limit, &[&["--http", &text], more].concat());
    node.wait_for_log("serving HTTP on");
    (node, address)
}

/// What `/nodes` tells, by this field.
fn told(server: SocketAddr, field: &str) -> Value {
    let reply = get(server, "/nodes");
    let all: Value = serde_json::from_str(&reply.body).expect("JSON");
    all[field].clone()
}

#[test]
fn each_page_tells_what_it_is_for() {
    let etcd = Etcd::start();
    etcd.put("worker7.tf.local.", br#"{"ipv4":"10.0.0.7","ready":false}"#);
    let (node, server) = start(&etcd.endpoint(), 1, &[]);
    assert_eq!(node.slot(), 1);
    until(PATIENCE, "ready", || (get(server, "/ready").status == 200).then_some(()));
    let table = [
        ("/health", 200, "text/plain; charset=utf-8", "OK\n"),
        ("/ready", 200, "text/plain; charset=utf-8", "worker1.tf.local\n"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "\nidetcd_name_owned 1\n"),
        ("/", 200, "text/html; charset=utf-8", "<title>idetcd</title>"),
        ("/?x=y", 200, "text/html; charset=utf-8", "<title>idetcd</title>"),
        ("/nodes", 200, "application/json", "worker7.tf.local."),
        ("/nothing", 404, "text/plain; charset=utf-8", "Not Found\n"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "Not Found\n"),
    ];
    let mut client = Client::to(server);
    for (path, status, content_type, wanted) in table {
        let reply = client.ask("GET", path);
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert_eq!(reply.fields["content-type"], content_type, "{path}");
        assert!(reply.body.contains(wanted), "{path}: {reply:?}");
        let head = client.ask("HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (status, ""), "{path}");
        for name in ["content-type", "content-length", "transfer-encoding"] {
            // A figure that changes may be longer the next time.
            if path != "/metrics" || name != "content-length" {
                assert_eq!(head.fields.get(name), reply.fields.get(name), "{path}");
            }
        }
    }
    let reply = client.ask("POST", "/");
    assert_eq!((reply.status, reply.fields["allow"].as_str()), (405, "GET, HEAD"));
    assert!(client.reply(true).is_none(), "what follows is not read");
}

#[test]
fn the_nodes_are_those_of_the_list() {
    let etcd = Etcd::start();
    let details = ["--service", "http/tcp=8080", "--meta", "rack=a7"];
    let words = [&["--resolve", "ps.tf.local."], &details[..]].concat();
    let (_node, server) = start(&etcd.endpoint(), 1, &words);
    let hand = |number: u32| (format!("worker{number}.tf.local."), r#"{"ipv4":"10.0.0.7"}"#.into());
    etcd.put_all((2..=9).map(hand));
    etcd.put("ps.tf.local.", br#"{"ipv6":"fd00::7","port":"53"}"#);
    until(PATIENCE, "known", || (told(server, "nodes").as_array()?.len() == 10).then_some(()));
    let more = ["--json", "--limit", "9", "--resolve", "ps.tf.local."];
    let list = ended("list", &etcd.endpoint(), &more).good();
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let listed = list["nodes"].as_array().expect("nodes");
    let nodes = told(server, "nodes");
    let nodes = nodes.as_array().expect("nodes");
    assert_eq!(nodes.len(), listed.len());
    for (node, listed) in nodes.iter().zip(listed) {
        for (name, value) in node.as_object().expect("an object") {
            assert!(name == "me" || listed[name] == *value, "{name}: {node} {listed}");
        }
    }
    assert_eq!(nodes[0]["me"], true);
    assert_eq!(nodes[0]["services"], json!({"http/tcp": 8080}));
    assert_eq!(nodes[0]["meta"], json!({"rack": "a7"}));
    assert_eq!(told(server, "name"), "worker1.tf.local");
    assert_eq!(told(server, "taken"), 9);
    // One that knows no chunks reads to the end.
    let mut client = Client::to(server);
    client.send("GET /nodes HTTP/1.0\r\n\r\n");
    let reply = client.reply(true).expect("a reply");
    assert!(!reply.fields.contains_key("transfer-encoding"), "{reply:?}");
    assert!(serde_json::from_str::<Value>(&reply.body).is_ok(), "{reply:?}");
}

#[test]
fn a_node_is_ready_with_a_name_and_fresh_answers() {
    let etcd = Etcd::start();
    etcd.signal(Signal::STOP);
    let (node, server) = start(&etcd.endpoint(), 1, &["--max-lag", "2"]);
    let reply = get(server, "/ready");
    assert_eq!((reply.status, reply.body.as_str()), (503, "not ready: it owns no name\n"));
    assert_eq!(get(server, "/health").status, 200);
    etcd.signal(Signal::CONT);
    until(PATIENCE, "ready", || (get(server, "/ready").status == 200).then_some(()));
    assert_eq!(node.slot(), 1);
    etcd.signal(Signal::STOP);
    let reply = until(PATIENCE, "not ready", || {
        Some(get(server, "/ready")).filter(|reply| reply.status == 503)
    });
    assert_eq!(reply.body, "not ready: what it knows is not what etcd has now\n");
    etcd.signal(Signal::CONT);
}

#[test]
fn those_whom_allow_leaves_out_are_cut_off() {
    let etcd = Etcd::start();
    let (_node, server) = start(&etcd.endpoint(), 1, &["--allow", "10.0.0.0/8"]);
    let mut client = Client::to(server);
    // It may be closed before that is sent.
    let _ = client.0.write_all(b"GET /health HTTP/1.1\r\nHost: node\r\n\r\n");
    assert!(client.reply(true).is_none());
}

#[test]
fn what_is_no_request_ends_the_connection() {
    let etcd = Etcd::start();
    let (_node, server) = start(&etcd.endpoint(), 1, &[]);
    let long = format!("GET / HTTP/1.1\r\nHost: {}", "a".repeat(9000));
    for (text, status) in [("x\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), (&long, 431)] {
        let mut client = Client::to(server);
        client.send(text);
        assert_eq!(client.reply(true).expect("a reply").status, status, "{text:?}");
        assert!(client.reply(true).is_none(), "{text:?}");
    }
}

#[test]
fn slow_clients_hold_up_neither_dns_nor_others() {
    let etcd = Etcd::start();
    let big = |number: u32| (format!("worker{number}.tf.local."), r#"{"ipv4":"10.0.0.7"}"#.into());
    etcd.put_all((2..=5000).map(big));
    let (node, server) = start_of(&etcd.endpoint(), 1, 5000, &[]);
    assert_eq!(node.slot(), 1);
    until(PATIENCE, "all", || (told(server, "nodes").as_array()?.len() == 5000).then_some(()));
    // Half of them never finish their request, half never read the reply, which is too long for their sockets.
    let slow: Vec<Client> = (0..200)
        .map(|number| {
            let mut client = Client::to(server);
            let request = "GET /nodes HTTP/1.1\r\nHost: node\r\n\r\n";
            client.send(if number % 2 == 0 { request } else { &request[..20] });
            client
        })
        .collect();
    let dns = node.address();
    let prober = Prober::start(dns, "worker1.tf.local.");
    for number in 1..=5000 {
        assert!(lookup(dns, &format!("worker{number}.tf.local.")).is_some(), "{number}");
        if number % 1000 == 0 {
            assert_eq!(get(server, "/health").status, 200);
        }
    }
    let probed = prober.stop();
    println!("with 200 slow clients: {probed:?}");
    assert!(probed.lost == 0 && probed.worst < AT_ONCE, "{probed:?}");
    let memory = node.status("VmRSS");
    println!("resident: {memory}");
    drop(slow);
}

/// A figure; `None`: there is none.
fn figure(server: SocketAddr, name: &str) -> Option<f64> {
    let text = get(server, "/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

#[test]
fn figures_tell_the_place_in_the_queue() {
    let etcd = Etcd::start();
    let (first, server) = start_of(&etcd.endpoint(), 1, 1, &[]);
    assert_eq!(first.slot(), 1);
    assert_eq!(figure(server, "idetcd_queue_ahead"), None);
    let waiting = [2, 3].map(|number| {
        let (node, server) = start_of(&etcd.endpoint(), number, 1, &["--wait"]);
        node.wait_for_log("waiting for one");
        (node, server)
    });
    assert_eq!(
        waiting.each_ref().map(|it| figure(it.1, "idetcd_queue_ahead")),
        [Some(0.0), Some(1.0)]
    );
    first.signal(Signal::TERM);
    assert_eq!(waiting[0].0.slot(), 1);
    assert_eq!(figure(waiting[0].1, "idetcd_queue_ahead"), None);
    until(PATIENCE, "the next", || {
        (figure(waiting[1].1, "idetcd_queue_ahead") == Some(0.0)).then_some(())
    });
}

#[test]
fn figures_tell_transports_lag_and_whether_addresses_are_of_this_host() {
    let etcd = Etcd::start();
    let (node, server) = start(&etcd.endpoint(), 1, &["--max-lag", "2"]);
    assert_eq!(node.slot(), 1);
    let name = "idetcd_published_address_local{address=\"10.0.0.2\"}";
    assert_eq!(figure(server, name), Some(0.0));
    let http = format!("127.0.0.1:{}", free_port());
    let endpoints = etcd.endpoint();
    let own = ["--listen", "127.0.0.1:0", "--ipv4", "127.0.0.1", "--ipv6", "none", "--http", &http];
    let names = ["--pattern", support::PATTERN, "--endpoints", &endpoints];
    let local = Node::start(&[&names[..], &own].concat());
    assert_eq!(local.slot(), 2);
    let name = "idetcd_published_address_local{address=\"127.0.0.1\"}";
    assert_eq!(figure(http.parse().expect("an address"), name), Some(1.0));
    let query = support::question("worker1.tf.local.", simple_dns::TYPE::A);
    let mut stream = support::dns::tcp::connect(node.address());
    for _ in 0..3 {
        support::dns::tcp::ask_on(&mut stream, &query);
    }
    assert!(lookup(node.address(), "worker1.tf.local.").is_some());
    assert_eq!(figure(server, "idetcd_dns_requests_total{proto=\"tcp\"}"), Some(3.0));
    assert_eq!(figure(server, "idetcd_dns_requests_total{proto=\"udp\"}"), Some(1.0));
    let lag = || figure(server, "idetcd_etcd_lag_seconds").expect("a lag");
    assert!((0.0..3.0).contains(&lag()), "{}", lag());
    etcd.signal(Signal::STOP);
    until(PATIENCE, "it lags", || (lag() > 3.0).then_some(()));
    etcd.signal(Signal::CONT);
    until(PATIENCE, "it has caught up", || (lag() < 2.0).then_some(()));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let etcd = Etcd::start();
    let (first, server) = start(&etcd.endpoint(), 1, &[]);
    let mut second = Node::in_cluster(&etcd, 2, 9, &["--http", &server.to_string()]);
    assert_eq!(second.wait(PATIENCE).code(), Some(1));
    let who = format!(
        "--http: {server}: Address already in use (os error 98); idetcd (pid {})",
        first.child.id()
    );
    assert!(second.log().contains(&who), "{}", second.log());
}
