//! One connection, as the world keeps it: what is on its way, and the server's end.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use idetcd::dns::transfer::Transfer;

use crate::model::Time;
use crate::world::process::ProcessId;

/// A connection: by who opened it, and its number there.
pub type LinkId = (ProcessId, u64);

/// What goes over a connection.
#[derive(Debug)]
pub(super) enum Piece {
    /// The wish to connect.
    Open,
    /// A part of the stream.
    Octets(Vec<u8>),
    /// The end of the stream.
    End,
    /// There is no such connection.
    Reset,
    /// Nobody listens.
    Refused,
}

impl Piece {
    fn len(&self) -> usize {
        if let Piece::Octets(octets) = self { octets.len() } else { 0 }
    }
}

/// One direction of a connection: what is first is lost and sent again before what is behind it arrives.
#[derive(Debug, Default)]
pub(super) struct Way {
    pieces: VecDeque<(Time, Piece)>,
    octets: usize,
    last_at: Time,
    /// How often the first was sent again.
    retries: u32,
}

impl Way {
    /// Nothing arrives before this time.
    pub(super) fn begin_at(&mut self, at: Time) {
        self.last_at = self.last_at.max(at);
    }

    /// Sends something that arrives at a time if it is not held up. Returns when, if it is first.
    pub(super) fn send(&mut self, at: Time, piece: Piece) -> Option<Time> {
        let at = at.max(self.last_at);
        self.last_at = at;
        self.octets += piece.len();
        self.pieces.push_back((at, piece));
        (self.pieces.len() == 1).then_some(at)
    }

    /// When what is first arrives.
    pub(super) fn next(&self) -> Option<Time> {
        self.pieces.front().map(|(at, _)| *at)
    }

    /// Takes what is first.
    pub(super) fn take(&mut self) -> Option<Piece> {
        let (_, piece) = self.pieces.pop_front()?;
        self.octets -= piece.len();
        self.retries = 0;
        Some(piece)
    }

    /// Counts that what is first is sent again. Returns how often it was before.
    pub(super) fn retry(&mut self) -> u32 {
        self.retries += 1;
        self.retries - 1
    }

    /// The octets on their way.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Forgets all that is on its way.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.octets = 0;
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    /// Where the client is.
    pub(super) machine: usize,
    /// Its address then.
    pub(super) address: Ipv4Addr,
    /// Where it leads.
    pub(super) server: SocketAddr,
    /// Who accepted it there.
    pub(super) accepted: Option<ProcessId>,
    pub(super) there: Way,
    pub(super) back: Way,
    /// What came and was not read by the server.
    pub(super) input: Vec<u8>,
    /// What is on its way to the client.
    pub(super) transfer: Option<Transfer>,
    /// When the client asked for something last, or took something.
    pub(super) active_at: Time,
}
