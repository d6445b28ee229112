//! The follower's end of connections: what the product's code writes and reads, for the world to carry.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use idetcd::dns::framing::{LONGEST_MESSAGE, PREFIX, first_message, push_message};
use idetcd::node::TableServer;
use idetcd::server::table::stream::{Received, TableDialer, TableStream};

use super::serve::UNIX_TIME;
use crate::world::chance::Chance;

/// How a connection ended, as the follower sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nobody listens there.
    Refused,
    /// The server sends no more.
    Ended,
    /// The server knows nothing of it.
    Reset,
}

/// What passed one end since the world looked.
#[derive(Debug, Default)]
pub struct Wire {
    /// Octets that were sent.
    pub sent: Vec<u8>,
    /// Octets that came, and were not read.
    pub came: Vec<u8>,
    /// The end behind them.
    pub over: Option<Over>,
}

/// The ends of all connections that a process opened.
#[derive(Debug)]
pub struct Wires {
    /// Those that are open.
    pub open: BTreeMap<u64, Wire>,
    /// Those that were opened since the world looked, and where they lead.
    pub dialed: Vec<(u64, TableServer)>,
    /// Those that were closed since.
    pub closed: Vec<u64>,
    count: u64,
    chance: Chance,
}

/// A process's share of them.
#[derive(Clone, Debug)]
pub struct SimDialer(Arc<Mutex<Wires>>);

impl SimDialer {
    /// One that has opened none; what it draws follows from the seed.
    pub fn new(seed: u64) -> SimDialer {
        let (open, chance) = (BTreeMap::new(), Chance::new(seed, 52));
        let (dialed, closed) = (Vec::new(), Vec::new());
        SimDialer(Arc::new(Mutex::new(Wires { open, dialed, closed, count: 0, chance })))
    }

    /// The ends.
    pub fn wires(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TableDialer for SimDialer {
    type Stream = SimStream;

    fn dial(&mut self, server: TableServer) -> io::Result<SimStream> {
        let mut wires = self.wires();
        wires.count += 1;
        let number = wires.count;
        wires.open.insert(number, Wire::default());
        wires.dialed.push((number, server));
        drop(wires);
        let wires = self.clone();
        Ok(SimStream { number, wires, input: Vec::new(), taken: 0, output: Vec::new() })
    }

    fn unix_time(&mut self) -> u64 {
        UNIX_TIME
    }

    fn draw(&mut self) -> u64 {
        self.wires().chance.draw()
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct SimStream {
    number: u64,
    wires: SimDialer,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
}

impl TableStream for SimStream {
    fn push(&mut self, message: &[u8]) {
        push_message(message, &mut self.output);
    }

    fn send(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut wires = self.wires.wires();
        let Some(wire) = wires.open.get_mut(&self.number) else { return Ok(()) };
        match wire.over {
            Some(Over::Refused) => Err(ErrorKind::ConnectionRefused.into()),
            Some(Over::Reset) => Err(ErrorKind::BrokenPipe.into()),
            _ => {
                wire.sent.append(&mut self.output);
                Ok(())
            }
        }
    }

    fn receive(&mut self) -> io::Result<Received> {
        self.input.drain(..self.taken);
        self.taken = 0;
        let mut wires = self.wires.wires();
        let Some(wire) = wires.open.get_mut(&self.number) else { return Ok(Received::Nothing) };
        if !wire.came.is_empty() {
            self.input.append(&mut wire.came);
            return Ok(Received::Data);
        }
        match wire.over {
            Some(Over::Refused) => Err(ErrorKind::ConnectionRefused.into()),
            Some(Over::Reset) => Err(ErrorKind::ConnectionReset.into()),
            Some(Over::Ended) => Ok(Received::End),
            None => Ok(Received::Nothing),
        }
    }

    fn next_message(&mut self) -> io::Result<Option<&[u8]>> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let first = first_message(rest, LONGEST_MESSAGE).map_err(|_| ErrorKind::InvalidData)?;
        self.taken += first.map_or(0, |message| PREFIX + message.len());
        Ok(first)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut wires = self.wires.wires();
        if wires.open.remove(&self.number).is_some() {
            wires.closed.push(self.number);
        }
    }
}
