//! Sockets, signals, and the one sleep of the process.
//!
//! [`Server::wait`] is where the process sleeps, and nowhere else: whoever waits for something
//! (etcd's reply, a moment to pass) waits there, and queries are answered meanwhile. Nothing in it
//! talks to etcd.

pub mod resolver;
pub mod signals;
mod stub;
pub mod tcp;
pub mod tls;
pub mod transport;
pub mod udp;
mod wildcard;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::cluster::Directory;
use crate::dns::{Asker, Counters, RateLimiter, Responder, Transport, Verdict};
use signals::Signals;
use tcp::Connections;
use udp::UdpListener;
use wildcard::Wildcards;

/// The longest single poll. A wait without a deadline is cut into such pieces.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

/// What a caller of [`Server::wait`] waits for on its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data to read, or the end of the stream.
    Readable,
    /// Room to write, or the outcome of a connect.
    Writable,
}

/// Why [`Server::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The caller's descriptor is ready, or has an error to tell.
    Ready,
    /// The deadline passed.
    TimedOut,
    /// The process was asked to stop; see [`Server::begin_release`].
    Stopping,
}

/// The DNS sockets, what they answer from, and the signals.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<UdpListener>,
    wildcards: Wildcards,
    acceptors: Vec<TcpListener>,
    connections: Connections,
    responder: Responder,
    directory: Directory,
    signals: Signals,
    counters: Counters,
    limiter: Option<RateLimiter>,
    /// Which of the signals, the listeners for UDP, those for TCP, and the connections, in this
    /// order, the last poll found ready.
    ready: Vec<bool>,
    releasing: bool,
    source_address: Option<IpAddr>,
}

/// The server as its users share it. One thread, so the lock is never contended; it is held for
/// one wait or one change of the directory, and never across a call to etcd.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Server>>);

impl Shared {
    /// Wraps the server, so that the transport of the etcd client can wait in it as well.
    pub fn new(server: Server) -> Self {
        Shared(Arc::new(Mutex::new(server)))
    }

    /// The server itself. Drop the guard before anything that talks to etcd.
    pub fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time as DNS counts it: seconds since 1970, modulo 2^32 (RFC 1982).
fn unix_time() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}

impl Server {
    /// Takes over sockets that are bound already.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn new(
        listeners: Vec<UdpListener>,
        acceptors: Vec<TcpListener>,
        responder: Responder,
        directory: Directory,
    ) -> io::Result<Self> {
        Ok(Server {
            wildcards: Wildcards::of(&listeners),
            listeners,
            acceptors,
            connections: Connections::default(),
            responder,
            directory,
            signals: Signals::install()?,
            counters: Counters::default(),
            limiter: None,
            ready: Vec::new(),
            releasing: false,
            source_address: None,
        })
    }

    /// Lets each client's network have so many replies a second over UDP.
    #[must_use]
    pub fn with_rate_limit(self, rate: Option<u32>) -> Self {
        Server { limiter: rate.map(RateLimiter::new), ..self }
    }

    /// What is answered from.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What is answered from, to be changed.
    pub fn directory_mut(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// The addresses that are listened on, in the order of the options.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(UdpListener::address).collect()
    }

    /// This host's address on the latest connection to etcd; `None` before the first.
    pub fn source_address(&self) -> Option<IpAddr> {
        self.source_address
    }

    /// Whether SIGTERM or SIGINT came.
    pub fn is_stopping(&self) -> bool {
        self.signals.stop_requested()
    }

    /// Lets [`Server::wait`] wait again after a request to stop, for the last call to etcd.
    pub fn begin_release(&mut self) {
        self.releasing = true;
    }

    /// The one sleep. Answers queries until `descriptor` is ready for its interest, `deadline`
    /// passed, or the process is asked to stop.
    ///
    /// # Errors
    /// When `poll(2)` fails, for want of memory for instance.
    pub fn wait(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
    ) -> io::Result<Wake> {
        loop {
            if self.signals.stop_requested() && !self.releasing {
                return Ok(Wake::Stopping);
            }
            let now = Instant::now();
            if self.wildcards.next_look().is_some_and(|at| at <= now) {
                self.wildcards.look(&mut self.listeners, now);
            }
            let wake = self.poll_once(descriptor, deadline)?;
            let signalled = self.answer_ready();
            if signalled && self.signals.take_report_request() {
                self.log_state();
            }
            if let Some(wake) = wake {
                return Ok(wake);
            }
        }
    }

    /// Answers what the last poll found; says whether a signal came.
    fn answer_ready(&mut self) -> bool {
        let (signalled, sockets) = match self.ready.split_first() {
            Some((signalled, sockets)) => (*signalled, sockets),
            None => return false,
        };
        let (datagrams, streams) = sockets.split_at(self.listeners.len().min(sockets.len()));
        let counters = &mut self.counters;
        for (listener, _) in self.listeners.iter_mut().zip(datagrams).filter(|(_, r)| **r) {
            let limiter = &mut self.limiter;
            let (responder, now) = (&self.responder, unix_time());
            listener.answer_batch(responder, &self.directory, counters, limiter, now);
        }
        if self.connections.len() == 0 && !streams.contains(&true) {
            return signalled;
        }
        let now = Instant::now();
        let (arrivals, open) = streams.split_at(self.acceptors.len().min(streams.len()));
        self.connections.serve(open, now, |query, client, reply| {
            let asker = Asker { address: client, transport: Transport::Tcp, now: unix_time() };
            let verdict = self.responder.answer(query, asker, &self.directory, counters, reply);
            counters.count(verdict.rcode());
            log::trace!("query from {client} over TCP: {} octets, {verdict}", query.len());
            verdict != Verdict::Silent
        });
        for (acceptor, _) in self.acceptors.iter().zip(arrivals).filter(|(_, ready)| **ready) {
            self.connections.accept(acceptor, now);
        }
        signalled
    }

    /// Sleeps once, and notes on each socket whether something came.
    fn poll_once(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Wake>> {
        let sockets = self.listeners.len() + self.acceptors.len() + self.connections.len();
        let mut fds = Vec::with_capacity(sockets + 2);
        fds.push(PollFd::new(&self.signals, PollFlags::IN));
        fds.extend(self.listeners.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        fds.extend(self.acceptors.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        let connections = self.connections.interests();
        fds.extend(connections.map(|(fd, interest)| PollFd::from_borrowed_fd(fd, interest)));
        if let Some((fd, interest)) = descriptor {
            let flags = match interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
        let now = Instant::now();
        let others = [self.connections.next_deadline(), self.wildcards.next_look()];
        let first = others.into_iter().chain([deadline]).flatten().min();
        let patience = first.map_or(LONGEST_POLL, |at| at.saturating_duration_since(now));
        let timeout = Timespec::try_from(patience.min(LONGEST_POLL)).ok();
        self.ready.clear();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        self.ready.extend(fds.iter().map(|fd| !fd.revents().is_empty()));
        let wanted = descriptor.is_some() && self.ready.pop().unwrap_or(false);
        Ok(match deadline {
            _ if wanted => Some(Wake::Ready),
            Some(at) if at <= Instant::now() => Some(Wake::TimedOut),
            _ => None,
        })
    }

    fn log_state(&self) {
        let directory = &self.directory;
        log::info!(
            "state: {} names at revision {}, {}",
            directory.len(),
            directory.revision(),
            self.counters
        );
        for (name, record) in directory.records() {
            log::info!("state: {name} {record}");
        }
    }
}
