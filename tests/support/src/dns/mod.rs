//! A DNS client.

pub mod message;
pub mod octets;
mod prober;
mod query;
pub mod tcp;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use simple_dns::TYPE;

pub use message::{Message, Opt, Record};
pub use prober::{Probed, Prober};
pub use query::{Query, wire};

/// What came back: the response code, and the data of answer and authority as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: u8,
    pub answers: Vec<String>,
    pub authority: Vec<String>,
    pub octets: Vec<u8>,
}

/// A socket that only talks to this server, and waits for it so long.
pub fn connected(server: SocketAddr, patience: Duration) -> UdpSocket {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).expect("a socket");
    socket.connect(server).expect("connected");
    socket.set_read_timeout(Some(patience)).expect("a time-out");
    socket
}

/// Sends octets over UDP; `None`: no reply within the patience.
pub fn exchange(server: SocketAddr, message: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let socket = connected(server, patience);
    socket.send(message).expect("sent");
    let mut reply = vec![0; 65_536];
    let length = socket.recv(&mut reply).ok()?;
    reply.truncate(length);
    Some(reply)
}

/// A query of the class IN.
pub fn question(name: &str, rrtype: TYPE) -> Vec<u8> {
    Query::new(name, rrtype).octets()
}

pub fn ask(server: SocketAddr, name: &str, rrtype: TYPE) -> Reply {
    let octets = exchange(server, &question(name, rrtype), Duration::from_secs(5));
    read(octets.unwrap_or_else(|| panic!("{server} does not answer to {name} {rrtype:?}")))
}

pub fn read(octets: Vec<u8>) -> Reply {
    let message = Message::read(&octets).expect("a well-formed reply");
    let texts = |section: &[Record]| section.iter().map(|r| r.data.to_string()).collect();
    Reply {
        rcode: octets[3] & 0x0f,
        answers: texts(&message.answers),
        authority: texts(&message.authority),
        octets,
    }
}

/// The IPv4 address of a name, `None` where it has none or does not exist.
pub fn lookup(server: SocketAddr, name: &str) -> Option<String> {
    ask(server, name, TYPE::A).answers.first().cloned()
}
