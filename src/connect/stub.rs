//! A stub resolver (RFC 9499 §6) for the host names of etcd's endpoints, which waits where everything
//! waits: the system's own would block, and may well ask this very server.
//!
//! It reads `/etc/hosts` and `/etc/resolv.conf` anew each time, asks over UDP for A and AAAA at once,
//! and takes the answer of the first server that has one. Other sources that `nsswitch.conf` may
//! name are not asked.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use crate::host::resolv_conf::{DNS_PORT, RESOLV_CONF, ResolvConf, hosts};
use crate::server::{Interest, Shared, Wake};

/// How often the servers are asked in turn, and how long each is given at most.
const ROUNDS: u32 = 2;
const LONGEST_TRY: Duration = Duration::from_secs(1);

/// The longest look-up where nobody says how long it may take.
const LONGEST_LOOKUP: Duration = Duration::from_secs(4);

/// The longest reply over UDP to a query without EDNS (RFC 1035 §4.2.1), and some more.
const LONGEST_REPLY: usize = 1500;

/// The header of a message, and the shortest question and record, in octets.
const HEADER: usize = 12;
const SHORTEST_QUESTION: usize = 5;
const SHORTEST_RECORD: usize = 11;

/// The addresses of a host, IPv4 first. Queries are answered meanwhile.
///
/// # Errors
/// When no server knows it, or none replies in time.
pub(super) fn look_up(
    server: &Shared,
    host: &str,
    deadline: Option<Instant>,
) -> io::Result<Vec<IpAddr>> {
    let known = hosts(host);
    if !known.is_empty() {
        return Ok(known);
    }
    let mut configuration = ResolvConf::of_the_system();
    if configuration.servers.is_empty() {
        configuration.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT));
    }
    let tries = u32::try_from(configuration.servers.len()).unwrap_or(1) * ROUNDS;
    let share = deadline
        .map_or(LONGEST_TRY, |at| at.saturating_duration_since(Instant::now()) / tries.max(1));
    let share = share.min(LONGEST_TRY);
    let end = deadline.unwrap_or_else(|| Instant::now() + LONGEST_LOOKUP);
    let mut failure = io::Error::other(format!("{host}: no server in {RESOLV_CONF} knows it"));
    for name in configuration.candidates(host) {
        match ask_servers(server, &configuration.servers, &name, share, end) {
            Ok(addresses) if addresses.is_empty() => {}
            Ok(addresses) => return Ok(addresses),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Asks one server after the other until one has an answer; empty: there are no such addresses.
fn ask_servers(
    server: &Shared,
    servers: &[SocketAddr],
    name: &str,
    share: Duration,
    end: Instant,
) -> io::Result<Vec<IpAddr>> {
    let mut failure = io::Error::from(ErrorKind::TimedOut);
    for address in servers.iter().cycle().take(servers.len() * ROUNDS as usize) {
        let now = Instant::now();
        if now >= end {
            break;
        }
        match ask(server, *address, name, (now + share).min(end)) {
            Ok(addresses) => return Ok(addresses),
            Err(error) if server.lock().is_stopping() => return Err(error),
            Err(error) => {
                failure = io::Error::other(format!("looking up {name} at {address}: {error}"));
            }
        }
    }
    Err(failure)
}

fn ask(
    server: &Shared,
    address: SocketAddr,
    name: &str,
    deadline: Instant,
) -> io::Result<Vec<IpAddr>> {
    let local: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((local, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    let seed = RandomState::new().hash_one(name);
    let [high, low, ..] = seed.to_be_bytes();
    let first = u16::from_be_bytes([high, low]);
    // Each address family is asked for by a query with an ID of its own.
    let mut open: HashSet<u16> = HashSet::new();
    for (id, rrtype) in [(first, TYPE::A), (first.wrapping_add(1), TYPE::AAAA)] {
        socket.send(&query(id, name, rrtype)?)?;
        open.insert(id);
    }
    let mut addresses = Vec::new();
    let mut failure = None;
    let mut buffer = [0; LONGEST_REPLY];
    while !open.is_empty() {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let reply = buffer.get(..length).unwrap_or_default();
                if let Some((id, found)) = read_reply(reply, name)
                    && open.remove(&id)
                {
                    match found {
                        Ok(found) => addresses.extend(found),
                        Err(error) => failure = Some(error),
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let wanted = Some((socket.as_fd(), Interest::Readable));
                match server.lock().wait(wanted, Some(deadline))? {
                    Wake::Ready => {}
                    // One family is better than none.
                    Wake::TimedOut if !addresses.is_empty() => break,
                    Wake::TimedOut => return Err(ErrorKind::TimedOut.into()),
                    Wake::Stopping => return Err(io::Error::other("asked to stop")),
                }
            }
            Err(error) => return Err(error),
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    match failure {
        // One family is better than none here as well.
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

fn query(id: u16, name: &str, rrtype: TYPE) -> io::Result<Vec<u8>> {
    let built = Name::new(name).and_then(|name| {
        let mut query = Packet::new_query(id);
        query.set_flags(PacketFlag::RECURSION_DESIRED);
        let (qtype, qclass) = (QTYPE::TYPE(rrtype), QCLASS::CLASS(CLASS::IN));
        query.questions.push(Question::new(name, qtype, qclass, false));
        query.build_bytes_vec()
    });
    built.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
}

/// The ID of a reply to a question for this name, and its addresses. `None`: it is no such reply.
fn read_reply(reply: &[u8], name: &str) -> Option<(u16, io::Result<Vec<IpAddr>>)> {
    // The decoder makes room for as many records as the header claims.
    let count =
        |at: usize| Some(usize::from(u16::from_be_bytes([*reply.get(at)?, *reply.get(at + 1)?])));
    let (questions, records) = (count(4)?, count(6)? + count(8)? + count(10)?);
    if HEADER + questions * SHORTEST_QUESTION + records * SHORTEST_RECORD > reply.len() {
        return None;
    }
    let packet = Packet::parse(reply).ok()?;
    let [question] = packet.questions.as_slice() else { return None };
    let is_ours = packet.has_flags(PacketFlag::RESPONSE)
        && question.qname.to_string().eq_ignore_ascii_case(name);
    if !is_ours {
        return None;
    }
    let found = match packet.rcode() {
        RCODE::NoError | RCODE::NameError => Ok(packet
            .answers
            .iter()
            .filter_map(|record| match &record.rdata {
                RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
                RData::AAAA(a) => Some(Ipv6Addr::from(a.address).into()),
                _ => None,
            })
            .collect()),
        rcode => Err(io::Error::other(format!("the server says {rcode:?}"))),
    };
    Some((packet.id(), found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reply_to_the_question_is_read() {
        let query = query(7, "etcd.example", TYPE::A).expect("a query");
        assert!(read_reply(&query, "etcd.example").is_none(), "a query is no reply");
        let mut reply = query;
        reply[2] |= 0x80;
        let found =
            |reply: &[u8], name| read_reply(reply, name).map(|(id, found)| (id, found.ok()));
        assert_eq!(found(&reply, "ETCD.example"), Some((7, Some(Vec::new()))));
        assert_eq!(found(&reply, "other.example"), None);
        reply[3] |= 2;
        assert_eq!(found(&reply, "etcd.example"), Some((7, None)), "SERVFAIL is no answer");
        reply[3] &= 0xf0;
        let mut answered = reply.clone();
        answered[7] = 1;
        answered.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 5]);
        let address = IpAddr::from([10, 0, 0, 5]);
        assert_eq!(found(&answered, "etcd.example"), Some((7, Some(vec![address]))));
        reply[6..12].fill(0xff);
        assert_eq!(found(&reply, "etcd.example"), None, "more records than octets");
        for length in 0..answered.len() {
            let _ = read_reply(&answered[..length], "etcd.example");
        }
    }
}
