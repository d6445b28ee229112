//! Stands between nodes and etcd, and does to requests and replies what networks do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What passes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A request on its way to etcd.
    Request,
    /// The first octets of its reply on their way back: etcd has carried it out.
    Reply,
}

/// What to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let it pass.
    Pass,
    /// Close the connection instead.
    Close,
    /// Say nothing any more on this connection.
    Silence,
    /// Answer this instead.
    Answer(Vec<u8>),
}

/// A request that passes by.
#[derive(Clone, Debug)]
pub struct Passing {
    pub phase: Phase,
    /// Counted from 1 over all connections.
    pub number: usize,
    pub path: String,
    /// The body of a request; of a reply, nothing.
    pub body: Vec<u8>,
}

impl Passing {
    /// The keys and values that a transaction puts where its conditions hold.
    pub fn puts(&self) -> Vec<(String, String)> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |value: &Value| {
            let octets = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
            String::from_utf8_lossy(&octets).into_owned()
        };
        let operations = body["success"].as_array().cloned().unwrap_or_default();
        let puts = operations.iter().map(|operation| &operation["request_put"]);
        puts.filter(|put| put.is_object())
            .map(|put| (text(&put["key"]), text(&put["value"])))
            .collect()
    }
}

type Policy = Box<dyn FnMut(&Passing) -> Action + Send>;

/// A proxy on loopback.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<String>,
    policy: Mutex<Policy>,
    count: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
    frozen: AtomicBool,
    /// The watches that were opened by requests up to this number tell nothing any more.
    silent_up_to: AtomicUsize,
    /// Whether it makes nothing of the octets that pass.
    is_blind: bool,
}

impl Proxy {
    /// Stands before `HOST:PORT`, and lets everything pass.
    pub fn new(target: &str) -> Proxy {
        Proxy::start(target, false)
    }

    /// The same for what cannot be read, such as TLS: no request is counted or policed.
    pub fn blind(target: &str) -> Proxy {
        Proxy::start(target, true)
    }

    fn start(target: &str, is_blind: bool) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target.to_owned()),
            policy: Mutex::new(Box::new(|_| Action::Pass)),
            count: AtomicUsize::new(0),
            connections: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            silent_up_to: AtomicUsize::new(0),
            is_blind,
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Proxy { address, shared }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does this from now on.
    pub fn police(&self, policy: impl FnMut(&Passing) -> Action + Send + 'static) {
        *self.shared.policy.lock().expect("no panic") = Box::new(policy);
    }

    /// Stands before another etcd for new connections.
    pub fn turn_to(&self, target: &str) {
        *self.shared.target.lock().expect("no panic") = target.to_owned();
    }

    /// How many requests went by.
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// Holds back everything, in both directions, and takes no new connections; or lets go.
    pub fn freeze(&self, frozen: bool) {
        self.shared.frozen.store(frozen, Ordering::SeqCst);
    }

    /// Lets the watches that are open tell nothing any more, as where their member is frozen behind a
    /// balancer that has new connections go elsewhere.
    pub fn silence_watches(&self) {
        self.shared.silent_up_to.store(self.count(), Ordering::SeqCst);
    }

    /// Closes all connections.
    pub fn reset(&self) {
        for stream in self.shared.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.reset();
    }
}

impl Shared {
    fn decide(&self, phase: Phase, number: usize, path: &str, body: &[u8]) -> Action {
        let (path, body) = (path.to_owned(), body.to_vec());
        let passing = Passing { phase, number, path, body };
        (self.policy.lock().expect("no panic"))(&passing)
    }

    fn thaw(&self) {
        while self.frozen.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let target = shared.target.lock().expect("no panic").clone();
        let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else { continue };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
            let clone = stream.try_clone().expect("a descriptor");
            shared.connections.lock().expect("no panic").push(clone);
        }
        let shared = shared.clone();
        thread::spawn(move || serve(client, server, &shared));
    }
}

/// The latest request of a connection.
type Latest = Arc<Mutex<Option<(usize, String)>>>;

fn serve(mut client: TcpStream, mut server: TcpStream, shared: &Arc<Shared>) {
    let latest: Latest = Arc::default();
    let replies = {
        let client = client.try_clone().expect("a descriptor");
        let server = server.try_clone().expect("a descriptor");
        let (shared, latest) = (shared.clone(), latest.clone());
        thread::spawn(move || copy_replies(client, server, &shared, &latest))
    };
    if shared.is_blind {
        let _ = std::io::copy(&mut client, &mut server);
    }
    while let Some((path, request)) = read_request(&mut client) {
        shared.thaw();
        let number = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        match shared.decide(Phase::Request, number, &path, body_of(&request)) {
            Action::Pass => {
                *latest.lock().expect("no panic") = Some((number, path));
                if server.write_all(&request).is_err() {
                    break;
                }
            }
            Action::Close => break,
            Action::Silence => {}
            Action::Answer(octets) => {
                let _ = client.write_all(&octets);
            }
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = replies.join();
}

fn copy_replies(mut client: TcpStream, mut server: TcpStream, shared: &Shared, latest: &Latest) {
    let mut silent = false;
    let mut watch = None;
    let mut buffer = vec![0; 65_536];
    loop {
        let length = match server.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        shared.thaw();
        let begun = latest.lock().expect("no panic").take();
        if let Some((number, path)) = begun {
            watch = (path == "/v3/watch").then_some(number);
            match shared.decide(Phase::Reply, number, &path, &[]) {
                Action::Pass => {}
                Action::Close => break,
                Action::Silence => silent = true,
                Action::Answer(octets) => {
                    let _ = client.write_all(&octets);
                    silent = true;
                }
            }
        }
        let silent_up_to = shared.silent_up_to.load(Ordering::SeqCst);
        if watch.is_some_and(|number| number <= silent_up_to) {
            continue;
        }
        if !silent && client.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// What follows the head of a request.
fn body_of(request: &[u8]) -> &[u8] {
    let end = b"\r\n\r\n";
    let at = request.windows(end.len()).position(|octets| octets == end);
    at.map_or(&[], |at| &request[at + end.len()..])
}

/// One HTTP request with its body; `None`: the client is gone.
fn read_request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut request = Vec::new();
    let mut octet = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut octet) {
            Ok(1) => request.push(octet[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    request.extend(body);
    Some((path, request))
}
