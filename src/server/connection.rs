//! One connection of a client, whose queries are answered in turn, and which may take a whole zone.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::client::{Client, LONGEST_QUERY};
use super::framed::{FramedStream, Received};
use super::service::{OutgoingTransfer, Service};
use super::udp::UdpListener;
use crate::dns::Verdict;
use crate::dns::keepalive::{self, TCP_IDLE_TENTHS};
use crate::dns::transfer::TransferStep;

/// The longest time that a connection may go without a whole query (RFC 7766 §6.2.3), or without taking a
/// whole message of a transfer.
const IDLE: Duration = Duration::from_millis(100 * TCP_IDLE_TENTHS as u64);

/// Octets that may wait to be sent before no further query is answered, and no more of a zone written.
const MOST_UNSENT: usize = 16 * 1024;

/// Octets of a zone that the kernel keeps for a client that is slow to take them: enough for 100 Mbit/s at
/// 10 ms, and little where there are hundreds of them.
const SEND_BUFFER: usize = 128 * 1024;

/// Datagrams that are answered on each socket after a message of a zone: hundreds would hold up all else.
const MOST_BETWEEN: usize = 8;

/// Queries of one connection that may be under way to other servers.
const MOST_AWAITED: usize = 32;

/// What is written of zones in one turn, for all connections.
#[derive(Debug)]
pub(super) struct ZoneTurn<'a> {
    /// The messages that may be written yet.
    pub(super) messages: usize,
    /// Whose queries are answered after each of them, rather than after all.
    pub(super) listeners: &'a mut [UdpListener],
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    framed: FramedStream,
    /// Replies that come later.
    awaited: usize,
    /// The zone that is on its way to the client. Queries behind it are answered after it (RFC 5936 §4.1.1
    /// lets them wait).
    transfer: Option<OutgoingTransfer>,
    /// When it has been idle for too long: counted from the last whole query, or message of a transfer.
    pub(super) deadline: Instant,
    /// The client sends no more.
    is_last: bool,
}

impl Connection {
    pub(super) fn new(client: Client, stream: TcpStream, now: Instant) -> Connection {
        let framed = FramedStream::new(stream, LONGEST_QUERY);
        let deadline = now + IDLE;
        Connection { client, framed, awaited: 0, transfer: None, deadline, is_last: false }
    }

    /// Whether a zone is on its way to the client.
    pub(super) fn takes_zone(&self) -> bool {
        self.transfer.is_some()
    }

    /// Sends a reply that came later.
    pub(super) fn deliver(&mut self, reply: &[u8]) {
        self.awaited = self.awaited.saturating_sub(1);
        // Sent when the connection is next found to take it, and what waited behind is read.
        self.framed.push(reply);
    }

    /// Whether another query may be answered before the client takes what there is for it.
    fn has_room(&self) -> bool {
        self.transfer.is_none() && self.framed.unsent() < MOST_UNSENT && self.awaited < MOST_AWAITED
    }

    /// What is waited for.
    pub(super) fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        if self.has_room() && !self.is_last {
            interest |= PollFlags::IN;
        }
        // A query that came already is answered when there is room for more.
        let has_more = self.takes_zone() || (self.has_room() && self.framed.has_message());
        if self.framed.unsent() > 0 || has_more {
            interest |= PollFlags::OUT;
        }
        interest
    }

    /// Answers queries while there is room, so that one client's many do not hold up the others, and writes
    /// of a zone what the turn has left.
    pub(super) fn progress(
        &mut self,
        now: Instant,
        service: &mut Service,
        turn: &mut ZoneTurn<'_>,
    ) -> io::Result<()> {
        self.framed.send()?;
        self.write_zone(now, service, turn)?;
        if self.has_room() && !self.is_last {
            self.is_last = self.framed.receive()? == Received::End;
        }
        while self.has_room() {
            let Some(query) = self.framed.next_message()? else { break };
            let mut reply = Vec::new();
            let mut verdict = service.answer(query, self.client, &mut reply);
            keepalive::tell(query, &mut reply);
            if verdict == Verdict::Transfer {
                self.transfer = service.begin_transfer(query, self.client, &mut reply);
                verdict = service.count_transfer(self.takes_zone());
                self.framed.bound_send_buffer(SEND_BUFFER);
            }
            match verdict {
                Verdict::Reply(_) => self.framed.push(&reply),
                Verdict::Forward => self.awaited += 1,
                Verdict::Transfer | Verdict::Silent => {}
            }
            self.deadline = now + IDLE;
        }
        self.write_zone(now, service, turn)?;
        self.framed.send()
    }

    /// Writes messages of the zone that is on its way, as far as the connection takes them.
    fn write_zone(
        &mut self,
        now: Instant,
        service: &mut Service,
        turn: &mut ZoneTurn<'_>,
    ) -> io::Result<()> {
        while self.framed.unsent() < MOST_UNSENT
            && turn.messages > 0
            && let Some(outgoing) = &mut self.transfer
        {
            turn.messages -= 1;
            let mut message = Vec::new();
            let step = outgoing.transfer.step(&service.responder, service.now, &mut message);
            if step == TransferStep::Last {
                self.transfer = None;
            }
            if step != TransferStep::Nothing {
                self.framed.push(&message);
            }
            // Who takes octets but no messages holds a copy of the zone for nothing.
            self.deadline = now + IDLE;
            self.framed.send()?;
            for listener in turn.listeners.iter_mut() {
                listener.answer_batch(service, MOST_BETWEEN);
            }
        }
        Ok(())
    }

    /// Whether the client got all that it will ask for, or is gone.
    pub(super) fn is_over(&self) -> bool {
        let is_done = self.is_last && self.awaited == 0 && self.framed.unsent() == 0;
        (is_done && !self.takes_zone() && !self.framed.has_message()) || self.framed.is_broken()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.framed.as_fd()
    }
}
