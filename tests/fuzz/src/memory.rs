//! A ureq agent whose connections are in memory: whatever is asked, they reply with given octets.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// As in the server's own transport.
const BUFFER: usize = 16 * 1024;

/// After so many pieces the rest of a reply comes at once: more of them show nothing new, slowly.
const PIECES: usize = 8;

/// What the connections reply with, and how it arrives. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What each request is replied to with, one after the other.
    replies: VecDeque<Vec<u8>>,
    /// The reply to the request that was sent last, and how much of it has arrived.
    reply: Vec<u8>,
    arrived: usize,
    /// How many octets arrive at a time; 0: all of them.
    piece: usize,
    /// How many pieces are still to come before the rest.
    pieces: usize,
    /// Whether a read after each piece says that nothing is there yet.
    has_gaps: bool,
    is_gap: bool,
}

impl Wire {
    pub fn new(replies: impl IntoIterator<Item = Vec<u8>>, piece: usize) -> Wire {
        let replies = replies.into_iter().collect();
        Wire(Arc::new(Mutex::new(State { replies, piece, ..State::default() })))
    }

    /// From now on the reply comes with gaps, in which a read returns without anything.
    pub fn begin_gaps(&self) {
        self.with(|state| {
            state.has_gaps = true;
            state.pieces = PIECES;
        });
    }

    /// An agent configured as the server's own.
    pub fn agent(&self) -> ureq::Agent {
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_response_header_size(BUFFER)
            .build();
        ureq::Agent::with_parts(config, self.clone(), Nowhere)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("one thread"))
    }
}

impl Connector<()> for Wire {
    type Out = Connection;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        Ok(Some(Connection { wire: self.clone(), buffers: LazyBuffers::new(BUFFER, BUFFER) }))
    }
}

/// A connection of the agent.
pub struct Connection {
    wire: Wire,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let begins_request = self.buffers.output()[..amount].starts_with(b"POST ");
        self.wire.with(|state| {
            if begins_request {
                state.reply = state.replies.pop_front().unwrap_or_default();
                state.arrived = 0;
                state.pieces = PIECES;
            }
        });
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let buffer = self.buffers.input_append_buf();
        let length = self.wire.with(|state| {
            state.is_gap = state.has_gaps && !state.is_gap;
            if state.is_gap {
                return Err(io::Error::from(ErrorKind::WouldBlock));
            }
            let is_whole = state.piece == 0 || state.pieces == 0;
            let most = if is_whole { usize::MAX } else { state.piece };
            state.pieces = state.pieces.saturating_sub(1);
            let rest = &state.reply[state.arrived..];
            let length = most.min(rest.len()).min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            state.arrived += length;
            Ok(length)
        })?;
        self.buffers.input_appended(length);
        Ok(length > 0)
    }

    fn is_open(&mut self) -> bool {
        self.wire.with(|state| state.arrived == state.reply.len())
    }
}

/// Every host is at one address, without asking anybody.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 2379).into());
        Ok(addresses)
    }
}
