//! The sockets of many attempts behind one descriptor, so that one poll waits for all of them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::event::{Timespec, epoll};

use super::attempt::Attempt;
use super::id_source::IdSource;
use crate::dns::Transport;
use crate::dns::relay::with_id;

/// Sockets that are looked at in one turn.
const EVENTS_PER_TURN: usize = 64;

/// A set of sockets (`epoll(7)`) that is readable when one of them is ready. One that is closed
/// leaves it.
#[derive(Debug)]
pub struct SocketSet(OwnedFd);

impl SocketSet {
    /// Has no sockets yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(SocketSet(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Starts an attempt, and adds its socket under a number that several may share.
    ///
    /// # Errors
    /// Those of [`Attempt::start`], or when the system has no further watch for this user.
    pub fn start(
        &self,
        number: u64,
        server: SocketAddr,
        query: &[u8],
        transport: Transport,
        ids: &mut IdSource,
    ) -> io::Result<Attempt> {
        self.send(number, server, with_id(query, ids.draw_id()), transport)
    }

    /// The same for a query that is sent as it is.
    ///
    /// # Errors
    /// As [`SocketSet::start`].
    pub fn send(
        &self,
        number: u64,
        server: SocketAddr,
        query: Vec<u8>,
        transport: Transport,
    ) -> io::Result<Attempt> {
        let attempt = Attempt::send(server, query, transport)?;
        epoll::add(&self.0, &attempt, epoll::EventData::new_u64(number), attempt.events())?;
        Ok(attempt)
    }

    /// Adds a connection under a number. That something came, or that there is room to write, is told once.
    ///
    /// # Errors
    /// When the system has no further watch for this user.
    pub(super) fn add(&self, number: u64, connection: impl AsFd) -> io::Result<()> {
        let events = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        Ok(epoll::add(&self.0, connection, epoll::EventData::new_u64(number), events)?)
    }

    /// Takes the numbers of those that are ready, without waiting.
    pub fn take_ready(&self) -> Vec<u64> {
        let mut events = Vec::with_capacity(EVENTS_PER_TURN);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = rustix::buffer::spare_capacity(&mut events);
        if let Err(error) = epoll::wait(&self.0, room, Some(&at_once)) {
            log::debug!("asking which sockets are ready: {error}");
        }
        let mut numbers: Vec<u64> = events.iter().map(|event| event.data.u64()).collect();
        numbers.dedup();
        numbers
    }
}

impl AsFd for SocketSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
