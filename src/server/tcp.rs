//! DNS over TCP (RFC 7766): messages with their length before them, several on a connection.
//!
//! Nobody can hold up the others: connections are few and short, queries small, and a client that
//! does not read its answers is not read from.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::{SocketType, bind, listen, sockopt};

use super::client::{Answered, Client, ConnectionId};
use super::socket;
use crate::dns::framing::{PREFIX, TooLong, first_message, push_message};

/// Connections at a time; the one that has been idle for longest gives way to a new one.
const MOST_CONNECTIONS: usize = 128;

/// How long a connection may go without a whole query (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// The longest query that is read, as over UDP.
const LONGEST_QUERY: usize = 4096;

/// Octets read at a time, and how much may wait to be sent before no further query is answered.
const CHUNK: usize = 4096;
const MOST_UNSENT: usize = 16 * 1024;

/// Queries of one connection that may be under way to other servers.
const MOST_AWAITED: usize = 32;

/// Connections taken in one turn, so that a flood of them does not keep queries waiting.
const BATCH: usize = 16;

/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 1024;

/// Binds a socket to listen on. An IPv6 socket takes no IPv4 connections.
///
/// # Errors
/// As with UDP: the address is in use, is not of this host, or the port needs a right.
pub(super) fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket::unbound(address, SocketType::STREAM)?;
    // Connections of an earlier life may still be closing.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Vec<Connection>,
    accepted: u64,
}

impl Connections {
    /// What to poll for on each, in order.
    pub(super) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.open.iter().map(|connection| (connection.stream.as_fd(), connection.interest()))
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// When the next one has been idle for too long.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().map(|connection| connection.deadline).min()
    }

    /// Serves those that are ready, given in order, and drops those that are done or idle.
    /// `answer` writes the reply to a query, if there is one.
    pub(super) fn serve(
        &mut self,
        ready: &[bool],
        now: Instant,
        mut answer: impl FnMut(&[u8], Client, &mut Vec<u8>) -> Answered,
    ) {
        let mut ready = ready.iter();
        self.open.retain_mut(|connection| {
            let is_ready = ready.next().copied().unwrap_or(false);
            let goes_on = !is_ready || connection.progress(now, &mut answer).is_ok();
            goes_on && now < connection.deadline
        });
    }

    /// Takes new connections.
    pub(super) fn accept(&mut self, listener: &TcpListener, now: Instant) {
        for _ in 0..BATCH {
            let (stream, client) = match listener.accept() {
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
            self.open.push(Connection {
                id: ConnectionId::new(self.accepted),
                stream,
                client: client.ip(),
                input: Vec::new(),
                output: Vec::new(),
                sent: 0,
                awaited: 0,
                has_whole_query: false,
                deadline: now + IDLE,
                is_last: false,
            });
        }
    }

    /// Sends a reply that came later. Nobody gets it where the connection is closed.
    pub(super) fn deliver(&mut self, to: ConnectionId, reply: &[u8]) {
        if let Some(connection) = self.open.iter_mut().find(|connection| connection.id == to) {
            connection.awaited = connection.awaited.saturating_sub(1);
            // Sent when the connection is next found to take it, and what waited behind is read.
            push_message(reply, &mut connection.output);
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.open.iter().enumerate().min_by_key(|(_, c)| c.deadline);
        if let Some((index, _)) = oldest {
            self.open.remove(index);
        }
    }
}

/// The connection is to be closed.
struct Over;

/// One connection.
#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    stream: TcpStream,
    client: IpAddr,
    /// What came of queries that are not whole yet.
    input: Vec<u8>,
    /// What is to be sent, and how much of it was.
    output: Vec<u8>,
    sent: usize,
    /// Replies that come later.
    awaited: usize,
    /// Whether a query is left in the input for which there was no room.
    has_whole_query: bool,
    /// When it has been idle for too long: counted from the last whole query.
    deadline: Instant,
    /// The client sends no more.
    is_last: bool,
}

impl Connection {
    fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Whether another query may be answered before the client takes what there is for it.
    fn has_room(&self) -> bool {
        self.unsent() < MOST_UNSENT && self.awaited < MOST_AWAITED
    }

    fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        if self.has_room() && !self.is_last {
            interest |= PollFlags::IN;
        }
        // A query that came already is answered when there is room for more.
        if self.unsent() > 0 || (self.has_whole_query && self.has_room()) {
            interest |= PollFlags::OUT;
        }
        interest
    }

    fn progress(
        &mut self,
        now: Instant,
        answer: &mut impl FnMut(&[u8], Client, &mut Vec<u8>) -> Answered,
    ) -> Result<(), Over> {
        self.send()?;
        if self.has_room() && !self.is_last {
            self.receive()?;
        }
        self.answer_whole_queries(now, answer)?;
        self.send()?;
        let is_done =
            self.is_last && self.unsent() == 0 && self.awaited == 0 && !self.has_whole_query;
        if is_done || self.is_broken() { Err(Over) } else { Ok(()) }
    }

    /// Whether the client is gone, rather than only done with asking.
    fn is_broken(&self) -> bool {
        !matches!(self.stream.take_error(), Ok(None))
    }

    fn receive(&mut self) -> Result<(), Over> {
        let start = self.input.len();
        self.input.resize(start + CHUNK, 0);
        let result = self.stream.read(self.input.get_mut(start..).unwrap_or_default());
        self.input.truncate(start + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => self.is_last = true,
            Ok(_) => {}
            Err(error) if is_momentary(&error) => {}
            Err(_) => return Err(Over),
        }
        Ok(())
    }

    /// Answers queries while there is room, so that one client's many do not hold up the others.
    fn answer_whole_queries(
        &mut self,
        now: Instant,
        answer: &mut impl FnMut(&[u8], Client, &mut Vec<u8>) -> Answered,
    ) -> Result<(), Over> {
        let mut at = 0;
        let client = Client::Stream { connection: self.id, address: self.client };
        while self.has_room() {
            let rest = self.input.get(at..).unwrap_or_default();
            let first = first_message(rest, LONGEST_QUERY).map_err(|TooLong| Over)?;
            let Some(query) = first else { break };
            let length = query.len();
            let mut reply = Vec::new();
            match answer(query, client, &mut reply) {
                Answered::Now => push_message(&reply, &mut self.output),
                Answered::Later => self.awaited += 1,
                Answered::Never => {}
            }
            self.deadline = now + IDLE;
            at += PREFIX + length;
        }
        self.input.drain(..at);
        self.has_whole_query = matches!(first_message(&self.input, LONGEST_QUERY), Ok(Some(_)));
        Ok(())
    }

    fn send(&mut self) -> Result<(), Over> {
        while self.unsent() > 0 {
            match self.stream.write(self.output.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Err(Over),
                Ok(length) => self.sent += length,
                Err(error) if is_momentary(&error) => return Ok(()),
                Err(_) => return Err(Over),
            }
        }
        // An idle connection keeps no memory.
        self.output = Vec::new();
        self.sent = 0;
        Ok(())
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
