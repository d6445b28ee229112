//! A DNS client.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};

/// What came back: the response code, and the data of answer and authority as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: u8,
    pub answers: Vec<String>,
    pub authority: Vec<String>,
    pub octets: Vec<u8>,
}

pub fn socket_towards(server: SocketAddr) -> UdpSocket {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(local).expect("a socket")
}

/// Sends octets over UDP; `None`: no reply within the patience.
pub fn exchange(server: SocketAddr, message: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let socket = socket_towards(server);
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

/// Asks a server over and over, and keeps the worst.
pub struct Prober {
    ended: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<Probed>>,
}

/// What a prober saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probed {
    pub asked: u32,
    pub lost: u32,
    pub worst: Duration,
}

impl Prober {
    /// Asks for a name every few milliseconds from now on.
    pub fn start(server: SocketAddr, name: &str) -> Prober {
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let query = question(name, TYPE::A);
        let thread = {
            let ended = ended.clone();
            std::thread::spawn(move || probe(server, query, &ended))
        };
        Prober { ended, thread: Some(thread) }
    }

    /// Ends it, and tells what it saw.
    pub fn stop(mut self) -> Probed {
        self.ended.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.take().expect("running").join().expect("no panic")
    }
}

fn probe(server: SocketAddr, mut query: Vec<u8>, ended: &std::sync::atomic::AtomicBool) -> Probed {
    let socket = socket_towards(server);
    socket.connect(server).expect("connected");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a time-out");
    let mut probed = Probed::default();
    let mut reply = [0; 1500];
    while !ended.load(std::sync::atomic::Ordering::Relaxed) {
        probed.asked += 1;
        query[..2].copy_from_slice(&(probed.asked as u16).to_be_bytes());
        let began = std::time::Instant::now();
        socket.send(&query).expect("sent");
        loop {
            match socket.recv(&mut reply) {
                Ok(_) if reply[..2] != query[..2] => continue,
                Ok(_) => break,
                Err(_) => {
                    probed.lost += 1;
                    break;
                }
            }
        }
        probed.worst = probed.worst.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(2));
    }
    probed
}
