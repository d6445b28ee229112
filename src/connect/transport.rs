//! The sockets of the etcd client: non-blocking, and where they would block, [`Server::wait`].
//!
//! [`Server::wait`]: crate::server::Server::wait

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::certificates::Certificates;
use super::dial::{dial, earliest, stopping};
use super::local_address::LocalAddress;
use super::resolver::{EndpointAddresses, instant_after};
use super::tls_transport::TlsConnector;
use crate::clock;
use crate::etcd::ReadDeadline;
use crate::server::{Interest, Shared, Wake};

/// Octets read and written at a time. A reply's header must fit; bodies stream through.
const BUFFER: usize = 16 * 1024;

/// Octets read from a socket that always has more before queries, and deadlines, get their turn.
const OCTETS_PER_TURN: usize = 4 * BUFFER;

/// Idle connections older than this are not used again: longer than any interval of keep-alives.
const LONGEST_IDLE: Duration = Duration::from_secs(3600);

/// An agent whose every wait answers DNS, and what it knows of the endpoints' addresses. `certificates` are
/// needed for `https://`. `read_deadline` says until when a read may wait, beside ureq's own time-outs; past
/// it the read returns [`ErrorKind::WouldBlock`] and can be repeated.
pub(super) fn agent(
    server: &Shared,
    certificates: Option<Certificates>,
    read_deadline: ReadDeadline,
) -> (ureq::Agent, EndpointAddresses) {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_response_header_size(BUFFER)
        .max_idle_age(LONGEST_IDLE)
        .user_agent(concat!("idetcd/", env!("CARGO_PKG_VERSION")))
        .build();
    let endpoints = EndpointAddresses::new(server);
    let connector =
        WaitingConnector { server: server.clone(), endpoints: endpoints.clone(), read_deadline };
    let connector = connector.chain(TlsConnector { certificates });
    (ureq::Agent::with_parts(config, connector, endpoints.clone()), endpoints)
}

#[derive(Clone, Debug)]
struct WaitingConnector {
    server: Shared,
    endpoints: EndpointAddresses,
    read_deadline: ReadDeadline,
}

impl Connector<()> for WaitingConnector {
    type Out = WaitingTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<WaitingTransport>, ureq::Error> {
        let bound = self.read_deadline.get();
        let deadline = earliest(instant_after(details.timeout), bound.deadline);
        let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
        for (tried, address) in details.addrs.iter().enumerate() {
            // An address that does not answer leaves an equal share of the time to the others.
            let left = u32::try_from(details.addrs.len() - tried).unwrap_or(1);
            let share = deadline.map(|at| {
                let now = clock::now();
                now + at.saturating_duration_since(now) / left
            });
            match dial(&self.server, *address, share, bound.redials) {
                Ok(stream) => {
                    self.endpoints.mark_good(details.uri, address.ip());
                    let local = stream.local_addr().ok().map(|local| local.ip());
                    if local.is_some() {
                        self.server.lock().source_address = local;
                    }
                    return Ok(Some(WaitingTransport {
                        stream,
                        local: local.map(LocalAddress::new),
                        host: details.uri.host().unwrap_or_default().to_owned(),
                        peer: address.ip(),
                        buffers: LazyBuffers::new(BUFFER, BUFFER),
                        read_in_turn: 0,
                        connector: self.clone(),
                    }));
                }
                Err(error) => failure = error,
            }
        }
        self.endpoints.mark_failed(details.uri);
        Err(failure.into())
    }
}

/// What ended a wait for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamWait {
    Ready,
    NetworkChanged,
}

/// A connection to etcd.
struct WaitingTransport {
    stream: TcpStream,
    local: Option<LocalAddress>,
    host: String,
    peer: IpAddr,
    buffers: LazyBuffers,
    /// Octets read since the server was last waited in.
    read_in_turn: usize,
    connector: WaitingConnector,
}

impl WaitingTransport {
    /// Waits in the server until the stream may be ready, or for no longer than until the network of
    /// this host changes. Past the deadline, the error is that of ureq's time-out.
    fn wait(
        &mut self,
        interest: Interest,
        deadline: Option<Instant>,
        timeout: NextTimeout,
    ) -> Result<StreamWait, ureq::Error> {
        let server = &self.connector.server;
        if let Some(local) = &mut self.local
            && local.is_gone(server)
        {
            let text = format!("{}, from which it was reached, is no more on this host", local.ip);
            return Err(io::Error::other(text).into());
        }
        let descriptor = Some((self.stream.as_fd(), interest));
        match server.lock().wait_or_change(descriptor, deadline)? {
            Some(Wake::Ready) => Ok(StreamWait::Ready),
            Some(Wake::TimedOut) => Err(ureq::Error::Timeout(timeout.reason)),
            Some(Wake::Stopping) => Err(stopping().into()),
            None => Ok(StreamWait::NetworkChanged),
        }
    }

    /// Waits until there may be something to read, or for the deadline of the stream, past which the read
    /// can be repeated.
    fn wait_to_read(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.read_in_turn = 0;
        let (own, bound) = (instant_after(timeout), self.connector.read_deadline.get());
        let deadline = earliest(own, bound.deadline);
        let is_over = match self.wait(Interest::Readable, deadline, timeout) {
            Err(ureq::Error::Timeout(_)) if deadline == bound.deadline => true,
            waited => waited? == StreamWait::NetworkChanged && bound.may_end_early,
        };
        if is_over {
            return Err(io::Error::from(ErrorKind::WouldBlock).into());
        }
        Ok(())
    }

    /// Lets queries that came meanwhile be answered, without waiting for anything.
    fn give_turn(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.read_in_turn = 0;
        let now = clock::now();
        if self.connector.server.lock().wait(None, Some(now))? == Wake::Stopping {
            return Err(stopping().into());
        }
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if is_over(instant_after(timeout)) {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        if is_over(self.connector.read_deadline.get().deadline) {
            return Err(io::Error::from(ErrorKind::WouldBlock).into());
        }
        Ok(())
    }
}

/// How to send what a request is made of: its header goes with the beginning of its body, which each one has, so that
/// etcd need not wake twice.
fn flags_of(output: &[u8]) -> SendFlags {
    let is_header = output.starts_with(b"POST ") && output.ends_with(b"\r\n\r\n");
    if is_header { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL }
}

impl fmt::Debug for WaitingTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingTransport").field("peer", &self.stream.peer_addr().ok()).finish()
    }
}

impl Transport for WaitingTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let deadline = instant_after(timeout);
        let mut sent = 0;
        while sent < amount {
            let output = self.buffers.output().get(sent..amount).unwrap_or_default();
            let sending = send(&self.stream, output, flags_of(output));
            match sending.map_err(io::Error::from) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(length) => sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Interest::Writable, deadline, timeout)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.read_in_turn >= OCTETS_PER_TURN {
            self.give_turn(timeout)?;
        }
        loop {
            match (&self.stream).read(self.buffers.input_append_buf()) {
                Ok(length) => {
                    self.buffers.input_appended(length);
                    self.read_in_turn += length;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait_to_read(timeout)?
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A connection that has something to read between two requests is closed or out of step.
    fn is_open(&mut self) -> bool {
        let mut octet = [0];
        let server = &self.connector.server;
        !self.local.as_mut().is_some_and(|local| local.is_gone(server))
            && self.connector.endpoints.prefers(&self.host, self.peer)
            && matches!(self.stream.peek(&mut octet), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}
