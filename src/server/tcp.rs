//! DNS over TCP (RFC 7766): messages with their length before them, several on a connection.
//!
//! Nobody can hold up the others: connections are few and short, queries small, and a client that
//! does not read its answers is not read from.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Instant;

use rustix::event::PollFd;
use rustix::net::{SocketType, listen, sockopt};

use super::client::{Client, ConnectionId};
use super::connection::{Connection, ZoneTurn};
use super::service::Service;
use super::socket::{self, Presence};
use super::udp::UdpListener;

/// Connections at a time, but for those that take a zone; the one that has been idle for longest gives way
/// to a new one.
const MOST_CONNECTIONS: usize = 128;

/// Those of one client among them: the one of these that has been idle for longest gives way then.
const MOST_OF_CLIENT: usize = MOST_CONNECTIONS / 4;

/// Messages of transfers that are written in one turn, so that they do not keep others waiting: some tens
/// of microseconds each.
const MESSAGES_PER_TURN: usize = 8;

/// Connections accepted in one turn, so that a flood of them does not keep queries waiting.
const ACCEPTS_PER_TURN: usize = 16;

/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 1024;

pub(super) fn listen_on(address: SocketAddr, presence: Presence) -> io::Result<TcpListener> {
    let socket = socket::unbound(address, SocketType::STREAM)?;
    // Connections of an earlier life may still be closing.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    socket::bind_to(&socket, address, presence)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Vec<Connection>,
    accepted: u64,
}

impl Connections {
    /// The events to poll for on each, in order.
    pub(super) fn interests(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.open.iter().map(|it| PollFd::new(it, it.interest()))
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// When the next one has been idle for too long.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().map(|connection| connection.deadline).min()
    }

    /// Serves those that are ready, given in order, and drops those that are done or idle. Queries that come to
    /// the `listeners` while zones are written are answered meanwhile.
    pub(super) fn serve(
        &mut self,
        ready: &[bool],
        now: Instant,
        service: &mut Service,
        listeners: &mut [UdpListener],
    ) {
        let mut ready = ready.iter();
        let mut turn = ZoneTurn { messages: MESSAGES_PER_TURN, listeners };
        let (mut looked_at, mut next) = (0, 0);
        self.open.retain_mut(|connection| {
            let is_ready = ready.next().copied().unwrap_or(false);
            let before = turn.messages;
            // Nothing can be written for it in this turn: hundreds of those would be asked for nothing.
            let waits = turn.messages == 0 && connection.takes_zone();
            let goes_on = !is_ready
                || waits
                || (connection.progress(now, service, &mut turn).is_ok() && !connection.is_over());
            let stays = goes_on && now < connection.deadline;
            looked_at += usize::from(stays);
            if turn.messages < before {
                next = looked_at;
            }
            stays
        });
        // Whoever had to wait this time is the first next time.
        if turn.messages == 0 {
            self.open.rotate_left(next);
        }
    }

    pub(super) fn accept(&mut self, listener: &TcpListener, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let (stream, address) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Without descriptors it would be tried again at once: make room for it.
                    log::debug!("accepting a connection: {error}");
                    self.drop_oldest_of(None);
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let _ = stream.set_nodelay(true);
            let ip = address.ip();
            let others = self.open.iter().filter(|open| !open.takes_zone());
            let its = others.clone().filter(|open| open.client.address() == ip).count();
            if its >= MOST_OF_CLIENT {
                self.drop_oldest_of(Some(ip));
            } else if others.count() >= MOST_CONNECTIONS {
                self.drop_oldest_of(None);
            }
            self.accepted += 1;
            let connection = ConnectionId(self.accepted);
            let client = Client::Stream { connection, address: ip };
            self.open.push(Connection::new(client, stream, now));
        }
    }

    /// Sends a reply that came later. Nobody gets it where the connection is closed.
    pub(super) fn deliver(&mut self, client: Client, reply: &[u8]) {
        if let Some(connection) = self.open.iter_mut().find(|open| open.client == client) {
            connection.deliver(reply);
        }
    }

    /// Drops the one of a client that has been idle for longest; `None`: of all.
    fn drop_oldest_of(&mut self, ip: Option<IpAddr>) {
        let is_its = |open: &Connection| ip.is_none_or(|ip| open.client.address() == ip);
        let its = self.open.iter().enumerate().filter(|(_, open)| is_its(open));
        // Of those that take a zone none, unless there are no others.
        let oldest = its.min_by_key(|(_, open)| (open.takes_zone(), open.deadline));
        if let Some((index, _)) = oldest {
            self.open.remove(index);
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
