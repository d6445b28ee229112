//! DNS over TCP (RFC 7766): messages with their length before them, several on a connection.
//!
//! Nobody can hold up the others: connections are few and short, queries small, and a client that
//! does not read its answers is not read from.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::net::{SocketType, listen, sockopt};

use super::client::{Client, ConnectionId, LONGEST_QUERY};
use super::framed::{FramedStream, Received};
use super::service::Service;
use super::socket::{self, Presence};
use crate::dns::Verdict;

/// Connections at a time; the one that has been idle for longest gives way to a new one.
const MOST_CONNECTIONS: usize = 128;

/// The longest time that a connection may go without a whole query (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// Octets that may wait to be sent before no further query is answered.
const MOST_UNSENT: usize = 16 * 1024;

/// Queries of one connection that may be under way to other servers.
const MOST_AWAITED: usize = 32;

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
        self.open.iter().map(|it| PollFd::new(&it.framed, it.interest()))
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// When the next one has been idle for too long.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().map(|connection| connection.deadline).min()
    }

    /// Serves those that are ready, given in order, and drops those that are done or idle.
    pub(super) fn serve(&mut self, ready: &[bool], now: Instant, service: &mut Service) {
        let mut ready = ready.iter();
        self.open.retain_mut(|connection| {
            let is_ready = ready.next().copied().unwrap_or(false);
            let goes_on =
                !is_ready || (connection.progress(now, service).is_ok() && !connection.is_over());
            goes_on && now < connection.deadline
        });
    }

    pub(super) fn accept(&mut self, listener: &TcpListener, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let (stream, address) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Without descriptors it would be tried again at once: make room for it.
                    log::debug!("accepting a connection: {error}");
                    self.drop_oldest();
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let _ = stream.set_nodelay(true);
            if self.open.len() >= MOST_CONNECTIONS {
                self.drop_oldest();
            }
            self.accepted += 1;
            let connection = ConnectionId(self.accepted);
            self.open.push(Connection {
                client: Client::Stream { connection, address: address.ip() },
                framed: FramedStream::new(stream, LONGEST_QUERY),
                awaited: 0,
                deadline: now + IDLE,
                is_last: false,
            });
        }
    }

    /// Sends a reply that came later. Nobody gets it where the connection is closed.
    pub(super) fn deliver(&mut self, client: Client, reply: &[u8]) {
        if let Some(connection) = self.open.iter_mut().find(|open| open.client == client) {
            connection.awaited = connection.awaited.saturating_sub(1);
            // Sent when the connection is next found to take it, and what waited behind is read.
            connection.framed.push(reply);
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.open.iter().enumerate().min_by_key(|(_, c)| c.deadline);
        if let Some((index, _)) = oldest {
            self.open.remove(index);
        }
    }
}

#[derive(Debug)]
struct Connection {
    client: Client,
    framed: FramedStream,
    /// Replies that come later.
    awaited: usize,
    /// When it has been idle for too long: counted from the last whole query.
    deadline: Instant,
    /// The client sends no more.
    is_last: bool,
}

impl Connection {
    /// Whether another query may be answered before the client takes what there is for it.
    fn has_room(&self) -> bool {
        self.framed.unsent() < MOST_UNSENT && self.awaited < MOST_AWAITED
    }

    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        if self.has_room() && !self.is_last {
            interest |= PollFlags::IN;
        }
        // A query that came already is answered when there is room for more.
        if self.framed.unsent() > 0 || (self.has_room() && self.framed.has_message()) {
            interest |= PollFlags::OUT;
        }
        interest
    }

    /// Answers queries while there is room, so that one client's many do not hold up the others.
    fn progress(&mut self, now: Instant, service: &mut Service) -> io::Result<()> {
        self.framed.send()?;
        if self.has_room() && !self.is_last {
            self.is_last = self.framed.receive()? == Received::End;
        }
        while self.has_room() {
            let Some(query) = self.framed.next_message()? else { break };
            let mut reply = Vec::new();
            match service.answer(query, self.client, &mut reply) {
                Verdict::Reply(_) => self.framed.push(&reply),
                Verdict::Forward => self.awaited += 1,
                Verdict::Silent => {}
            }
            self.deadline = now + IDLE;
        }
        self.framed.send()
    }

    /// Whether the client got all that it will ask for, or is gone.
    fn is_over(&self) -> bool {
        let is_done = self.is_last && self.awaited == 0 && self.framed.unsent() == 0;
        (is_done && !self.framed.has_message()) || self.framed.is_broken()
    }
}
