//! A stub resolver (RFC 9499 §6) for the host names of etcd's endpoints, which waits where everything
//! waits: the system's own would block, and may well ask this very server.
//!
//! It reads `/etc/hosts` and `/etc/resolv.conf` anew each time, asks for A and AAAA at once, over TCP
//! what does not fit into UDP, and takes the answer of the first server that has one. Other sources
//! that `nsswitch.conf` may name are not asked.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, RCODE, TYPE};

use crate::clock;
use crate::dns::Transport;
use crate::dns::framing::LONGEST_MESSAGE;
use crate::dns::relay::{decode, is_truncated, standard_query};
use crate::host::resolv_conf::{DNS_PORT, RESOLV_CONF, ResolvConf, hosts};
use crate::server::attempt::{Attempt, Progress};
use crate::server::id_source::IdSource;
use crate::server::socket_set::SocketSet;
use crate::server::{Interest, Shared, Wake};

/// Rounds over the servers, and the longest time that each of them has.
const LOOKUP_ROUNDS: u32 = 2;
const LONGEST_TRY: Duration = Duration::from_secs(1);

/// The longest look-up where nobody says how long it may take.
const LONGEST_LOOKUP: Duration = Duration::from_secs(4);

/// Looks up the addresses of a host, IPv4 first. Queries are answered meanwhile.
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
    let tries = u32::try_from(configuration.servers.len()).unwrap_or(1) * LOOKUP_ROUNDS;
    let share = deadline
        .map_or(LONGEST_TRY, |at| at.saturating_duration_since(clock::now()) / tries.max(1));
    let share = share.min(LONGEST_TRY);
    let end = deadline.unwrap_or_else(|| clock::now() + LONGEST_LOOKUP);
    let mut ids = IdSource::default();
    let mut failure = io::Error::other(format!("{host}: no server in {RESOLV_CONF} knows it"));
    for name in configuration.candidates(host) {
        match ask_servers(server, &mut ids, &configuration.servers, &name, share, end) {
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
    ids: &mut IdSource,
    servers: &[SocketAddr],
    name: &str,
    share: Duration,
    end: Instant,
) -> io::Result<Vec<IpAddr>> {
    let mut failure = io::Error::from(ErrorKind::TimedOut);
    for address in servers.iter().cycle().take(servers.len() * LOOKUP_ROUNDS as usize) {
        let now = clock::now();
        if now >= end {
            break;
        }
        match ask(server, ids, *address, name, (now + share).min(end)) {
            Ok(addresses) => return Ok(addresses),
            Err(error) if server.lock().is_stopping() => return Err(error),
            Err(error) => {
                failure = io::Error::other(format!("looking up {name} at {address}: {error}"));
            }
        }
    }
    Err(failure)
}

/// Asks one server for both address families; empty: the name has no addresses.
fn ask(
    server: &Shared,
    ids: &mut IdSource,
    address: SocketAddr,
    name: &str,
    deadline: Instant,
) -> io::Result<Vec<IpAddr>> {
    let sockets = SocketSet::new()?;
    let mut start = |query: &[u8], transport| sockets.start(0, address, query, transport, ids);
    let mut open = Vec::new();
    for rrtype in [TYPE::A, TYPE::AAAA] {
        let query = standard_query(name, rrtype);
        let query = query.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        open.push(start(&query, Transport::Udp)?);
    }
    let (mut addresses, mut failure) = (Vec::new(), None);
    let mut buffer = vec![0; LONGEST_MESSAGE];
    loop {
        open.retain_mut(|attempt| {
            match progress(attempt, &mut buffer, &mut start) {
                Ok(None) => return true,
                Ok(Some(found)) => addresses.extend(found),
                Err(error) => failure = Some(error),
            }
            false
        });
        if open.is_empty() {
            break;
        }
        match server.lock().wait(Some((sockets.as_fd(), Interest::Readable)), Some(deadline))? {
            Wake::Ready => drop(sockets.take_ready()),
            Wake::TimedOut => {
                failure = Some(ErrorKind::TimedOut.into());
                break;
            }
            Wake::Stopping => return Err(io::Error::other("asked to stop")),
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    match failure {
        // One family is better than none.
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// Goes on with an attempt; `None`: it is still under way. The whole of what is truncated is asked
/// for over TCP, by `start`.
fn progress(
    attempt: &mut Attempt,
    buffer: &mut [u8],
    start: &mut impl FnMut(&[u8], Transport) -> io::Result<Attempt>,
) -> io::Result<Option<Vec<IpAddr>>> {
    let (Progress::Reply(reply) | Progress::Refusal(reply)) = attempt.progress(buffer)? else {
        return Ok(None);
    };
    if is_truncated(&reply) && attempt.transport() == Transport::Udp {
        *attempt = start(&attempt.query, Transport::Tcp)?;
        return Ok(None);
    }
    read_addresses(&reply).map(Some)
}

/// Reads the addresses in a reply.
///
/// # Errors
/// When the server has none to give, or the reply is malformed.
fn read_addresses(reply: &[u8]) -> io::Result<Vec<IpAddr>> {
    let packet = decode(reply)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the reply is malformed"))?;
    let rcode = packet.rcode();
    if !matches!(rcode, RCODE::NoError | RCODE::NameError) {
        return Err(io::Error::other(format!("the server says {rcode:?}")));
    }
    let records = packet.answers.iter().filter(|record| record.class == CLASS::IN);
    let addresses = records.filter_map(|record| match &record.rdata {
        RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(a) => Some(Ipv6Addr::from(a.address).into()),
        _ => None,
    });
    Ok(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_malformed_replies_refused() {
        let mut reply = standard_query("etcd.example", TYPE::A).expect("a query");
        reply[2] |= 0x80;
        let read = |reply: &[u8]| read_addresses(reply).ok();
        assert_eq!(read(&reply), Some(Vec::new()));
        let mut answered = reply.clone();
        answered[7] = 2;
        // The second one is of another class.
        answered.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 5]);
        answered.extend([0xc0, 12, 0, 1, 0, 3, 0, 0, 0, 5, 0, 4, 10, 0, 0, 6]);
        assert_eq!(read(&answered), Some(vec![IpAddr::from([10, 0, 0, 5])]));
        answered[3] |= 3;
        assert!(read(&answered).is_some(), "NXDOMAIN");
        answered[3] ^= 1;
        assert_eq!(read(&answered), None, "SERVFAIL is no answer");
        answered[3] ^= 2;
        for length in 0..answered.len() {
            assert_eq!(read(&answered[..length]), None, "{length}");
        }
        reply[6..12].fill(0xff);
        assert_eq!(read(&reply), None, "more records than octets");
    }
}
