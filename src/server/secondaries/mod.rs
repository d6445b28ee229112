//! Secondary servers are told of changes (NOTIFY, RFC 1996), so that they have them within moments and
//! not by their next look at the serial.
//!
//! Those are told that `--also-notify` names, and those that transferred a zone lately. All of it goes
//! over UDP, by one socket for each family, in the one sleep.

pub mod schedule;
mod secondary;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::SocketType;

use super::id_source::IdSource;
use super::socket::{self, Presence};
use crate::cluster::{AddressNames, Directory, Freshness, ZoneVersion};
use crate::dns::Responder;
use crate::dns::relay::with_id;
use crate::dns::tsig::TsigKey;
use crate::host::resolv_conf::DNS_PORT;
use schedule::Changes;
pub use secondary::SILENT;
use secondary::{At, Origin, Secondary};

/// Servers that are told because they transferred a zone; the one that did so longest ago gives way to a
/// new one.
pub const MOST_TRANSFERRED: usize = 512;

/// The nodes at one address that are told, where one of them transferred a zone: which one is not known.
const MOST_AT_ADDRESS: usize = 8;

/// Messages that are sent, and read from a socket, in one turn, so that queries do not wait for them.
const NOTIFIES_PER_TURN: usize = 32;

/// The longest answer that is read: question, SOA and signature fit.
const LONGEST_NOTIFY_REPLY: usize = 4096;

/// Whom to tell, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyTargets {
    /// The servers that are told in any case.
    pub also: Vec<SocketAddr>,
    /// The time between two messages of one zone to a server.
    pub delay: Duration,
}

/// The servers that are told of changes.
#[derive(Debug)]
pub struct Secondaries {
    servers: Vec<Secondary>,
    /// Of all zones, in the order of their numbers.
    names: Vec<String>,
    changes: Changes,
    /// One for each family that the host has.
    pub(super) sockets: Vec<UdpSocket>,
    ids: IdSource,
    /// The messages that were sent.
    pub(super) told: u64,
}

impl Secondaries {
    /// Tells nobody anything yet. What is sent comes from the first address of a family that is listened
    /// on, for others know this node by that; `key` signs what is sent to those that are given.
    pub fn open(
        targets: &NotifyTargets,
        key: Option<&Arc<TsigKey>>,
        listening: &[SocketAddr],
        names: Vec<String>,
    ) -> Secondaries {
        let families: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let sockets = families.into_iter().filter_map(|any| match open(any, listening) {
            Ok(socket) => Some(socket),
            Err(error) => {
                log::debug!("no server is told of changes from {any}: {error}");
                None
            }
        });
        let given = |address: &SocketAddr| {
            Secondary::new(*address, Origin::Given, key.cloned(), names.len())
        };
        Secondaries {
            servers: targets.also.iter().map(given).collect(),
            changes: Changes::new(targets.delay),
            sockets: sockets.collect(),
            ids: IdSource::default(),
            told: 0,
            names,
        }
    }

    /// Lets a client that transfers a zone, by its number, be told of changes: at the ports of the nodes at its
    /// address, or else at that of DNS, unless it is one of those that are told in any case. `key` is that of its
    /// request.
    pub fn note_transfer(
        &mut self,
        client: IpAddr,
        zone: usize,
        key: Option<&Arc<TsigKey>>,
        directory: &Directory,
        now: Instant,
    ) {
        let mut is_given = false;
        for server in self.servers.iter_mut().filter(|it| it.address.ip() == client) {
            if server.origin == Origin::Given {
                server.transfers(zone, now);
                is_given = true;
            }
        }
        if is_given {
            return;
        }
        for port in ports_of(directory, client) {
            self.note(SocketAddr::new(client, port), zone, key.cloned(), now);
        }
    }

    fn note(&mut self, address: SocketAddr, zone: usize, key: Option<Arc<TsigKey>>, now: Instant) {
        let known = self.servers.iter().position(|server| server.address == address);
        let mut server = match known {
            Some(index) => self.servers.remove(index),
            None => Secondary::new(address, Origin::Transferred, None, self.names.len()),
        };
        server.key = key;
        server.transfers(zone, now);
        let is_transferred = |server: &Secondary| server.origin == Origin::Transferred;
        if self.servers.iter().filter(|it| is_transferred(it)).count() >= MOST_TRANSFERRED
            && let Some(oldest) = self.servers.iter().position(is_transferred)
        {
            self.servers.remove(oldest);
        }
        self.servers.push(server);
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let tellings = self.servers.iter().filter_map(|server| server.next().map(|(at, _)| at));
        tellings.chain(self.changes.next()).min()
    }

    /// Whether there is a change that nobody was told yet.
    pub(super) fn is_behind(&self, directory: &Directory) -> bool {
        version_to_tell(directory).is_some_and(|version| self.changes.is_new(version))
    }

    /// Reads answers, if there are any, and tells of what changed whom it is time to tell.
    pub(super) fn progress(
        &mut self,
        has_answers: bool,
        directory: &Directory,
        responder: &Responder,
        now: Instant,
        unix_time: u64,
    ) {
        let at = At { now, unix_time };
        if has_answers {
            self.hear(at);
        }
        if self.changes.is_due(version_to_tell(directory), now) {
            self.servers.iter_mut().for_each(|server| server.change(now));
        }
        self.tell(directory.serial(), responder, at);
    }

    fn hear(&mut self, at: At) {
        let mut buffer = [0; LONGEST_NOTIFY_REPLY];
        for socket in &self.sockets {
            for _ in 0..NOTIFIES_PER_TURN {
                match socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        let server = self.servers.iter_mut().find(|it| it.address == from);
                        let message = buffer.get(..length).unwrap_or_default();
                        if let Some(server) = server {
                            server.hear(message, &self.names, at);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        log::debug!("receiving an answer to a change: {error}");
                        break;
                    }
                }
            }
        }
    }

    fn tell(&mut self, serial: u32, responder: &Responder, at: At) {
        for _ in 0..NOTIFIES_PER_TURN {
            let due = self.servers.iter_mut().filter_map(|server| Some((server.next()?, server)));
            let first = due.min_by_key(|(next, _)| *next);
            let Some(((_, zone), server)) = first.filter(|((when, _), _)| *when <= at.now) else {
                break;
            };
            let is_v4 = server.address.is_ipv4();
            let is_its =
                |socket: &&UdpSocket| socket.local_addr().is_ok_and(|a| a.is_ipv4() == is_v4);
            let message = responder.notify(zone, serial).unwrap_or_default();
            let message = with_id(&message, self.ids.draw_id());
            self.told += 1;
            server.tell(zone, message, self.sockets.iter().find(is_its), at);
        }
        self.servers.retain(|server| !server.is_over());
    }
}

/// Where the nodes at an address are asked, or whoever else is there.
fn ports_of(directory: &Directory, address: IpAddr) -> Vec<u16> {
    let names = directory.names_of(address).into_iter().flat_map(AddressNames::iter);
    let records = names.filter_map(|(names, slot)| directory.record(names.name(slot).as_bytes()));
    let mut ports: Vec<u16> = records.take(MOST_AT_ADDRESS).filter_map(|it| it.port).collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() { vec![DNS_PORT] } else { ports }
}

/// What the zones tell, if they can be transferred.
pub fn version_to_tell(directory: &Directory) -> Option<ZoneVersion> {
    let is_usable = matches!(directory.freshness(), Freshness::Synced | Freshness::Stale);
    is_usable.then(|| directory.zone_version())
}

/// A socket of the family of `any`.
fn open(any: IpAddr, listening: &[SocketAddr]) -> io::Result<UdpSocket> {
    let is_its = |ip: &IpAddr| ip.is_ipv4() == any.is_ipv4() && !ip.is_unspecified();
    let specific = || listening.iter().map(SocketAddr::ip).filter(is_its);
    let source = specific().find(|ip| !ip.is_loopback()).or_else(|| specific().next());
    let address = SocketAddr::new(source.unwrap_or(any), 0);
    let socket = socket::unbound(address, SocketType::DGRAM)?;
    socket::bind_to(&socket, address, Presence::Anywhere)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests;
