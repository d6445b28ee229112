//! HTTP for operators and what they look with: a few pages, which somebody else writes.
//!
//! DNS goes first: connections are few, heads of requests small, long pages are made in parts, and a client that does
//! not read is not written for. Requests have no bodies, and change nothing.

mod connection;
mod page;
mod reply;
pub mod request;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::socket_set::SocketSet;
use super::timers::View;
use crate::cluster::Network;
use connection::{HttpConnection, HttpTurn};
pub use page::{Body, Page, PageSource, PartOfBody};

/// Connections at a time; one that is idle gives way to a new one, else that which has had the longest time.
const MOST_CLIENTS: usize = 64;

/// Connections accepted in one turn.
const MOST_ARRIVALS: usize = 8;

/// Pages, and parts of long ones, that are made in one turn: some tens of microseconds each.
const PARTS_PER_TURN: usize = 4;

/// The time after which it is tried again to accept connections, where the system has no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// The number under which those that accept connections are known.
const ACCEPTORS: u64 = 0;

struct HttpClient {
    number: u64,
    connection: HttpConnection,
    /// There is something to do at once.
    is_due: bool,
}

/// The sockets, and who asks.
pub struct HttpServer {
    sockets: SocketSet,
    acceptors: Vec<TcpListener>,
    /// Who may ask; empty: everybody.
    allowed: Vec<Network>,
    pages: Box<dyn PageSource>,
    clients: Vec<HttpClient>,
    accepted: u64,
    /// When connections may be there that were not accepted.
    accept_at: Option<Instant>,
}

impl HttpServer {
    /// Takes over sockets that are bound already.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(
        acceptors: Vec<TcpListener>,
        allowed: Vec<Network>,
        pages: Box<dyn PageSource>,
    ) -> io::Result<HttpServer> {
        let sockets = SocketSet::new()?;
        for acceptor in &acceptors {
            acceptor.set_nonblocking(true)?;
            sockets.add(ACCEPTORS, acceptor)?;
        }
        let (clients, accepted, accept_at) = (Vec::new(), ACCEPTORS, None);
        Ok(HttpServer { sockets, acceptors, allowed, pages, clients, accepted, accept_at })
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let clients = self.clients.iter();
        let clients = clients.map(|it| if it.is_due { now } else { it.connection.deadline });
        clients.chain(self.accept_at).min()
    }

    /// Goes on as far as it can without waiting, each client a little.
    pub(super) fn progress(&mut self, now: Instant, view: View<'_>) {
        for number in self.sockets.take_ready() {
            if number == ACCEPTORS {
                self.accept_at = Some(now);
            }
            if let Some(client) = self.clients.iter_mut().find(|it| it.number == number) {
                client.is_due = true;
            }
        }
        let pages = &mut *self.pages;
        let mut parts = PARTS_PER_TURN;
        self.clients.retain_mut(|client| {
            if client.is_due {
                let turn = client.connection.progress(now, pages, view, &mut parts);
                client.is_due = matches!(turn, Ok(HttpTurn::HasMore));
                if matches!(turn, Err(_) | Ok(HttpTurn::Over)) {
                    return false;
                }
            }
            now < client.connection.deadline
        });
        if parts == 0 && !self.clients.is_empty() {
            // Whoever had to wait this time is among the first next time.
            let served = PARTS_PER_TURN % self.clients.len();
            self.clients.rotate_left(served);
        }
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept(now);
        }
    }

    fn accept(&mut self, now: Instant) {
        let all = 0..self.acceptors.len();
        self.accept_at = all.filter_map(|index| self.accept_from(index, now)).min();
    }

    /// Accepts connections of one socket. Returns when there may be more.
    fn accept_from(&mut self, index: usize, now: Instant) -> Option<Instant> {
        for _ in 0..MOST_ARRIVALS {
            match self.acceptors.get(index)?.accept() {
                Ok((stream, address)) => self.admit(stream, address.ip().to_canonical(), now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => {
                    log::debug!("accepting a connection for HTTP: {error}");
                    self.make_room();
                    return Some(now + ACCEPT_AGAIN);
                }
            }
        }
        Some(now)
    }

    /// Lets a client in, if it may ask.
    fn admit(&mut self, stream: TcpStream, client: IpAddr, now: Instant) {
        let is_allowed =
            self.allowed.is_empty() || self.allowed.iter().any(|network| network.contains(client));
        if !is_allowed || stream.set_nonblocking(true).is_err() {
            return;
        }
        // Replies are written as a whole.
        let _ = stream.set_nodelay(true);
        if self.clients.len() >= MOST_CLIENTS {
            self.make_room();
        }
        self.accepted += 1;
        let (number, connection) = (self.accepted, HttpConnection::new(stream, now));
        if self.sockets.add(number, &connection).is_ok() {
            self.clients.push(HttpClient { number, connection, is_due: true });
        }
    }

    fn make_room(&mut self) {
        let all = self.clients.iter().enumerate();
        let oldest = all.min_by_key(|(_, it)| (!it.connection.is_idle(), it.connection.deadline));
        if let Some((index, _)) = oldest {
            self.clients.remove(index);
        }
    }
}

impl AsFd for HttpServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sockets.as_fd()
    }
}
