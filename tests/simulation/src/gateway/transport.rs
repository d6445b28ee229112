//! The connections below ureq: what is sent is read as a request, asked of a member, and the answer written
//! as a response. Every wait hands the baton on.

use std::fmt;
use std::io::{self, ErrorKind as IoError};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use idetcd::etcd::{ErrorKind, ReadDeadline};
use serde_json::Value;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::client::CallTimeout;
use super::http::{self, HttpRequest};
use super::life::Port;
use super::{reply, request};
use crate::model::{Reply, Request, WatchId};
use crate::world::baton::{Baton, Wait};
use crate::world::endpoint::Endpoint;
use crate::world::surroundings::{Surroundings, Trouble};

/// Octets read and written at a time.
const BUFFER: usize = 16 * 1024;

/// An agent whose connections lead to the members, by the names of these endpoints.
pub(super) fn agent(way: Way) -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
    ureq::Agent::with_parts(config.build(), way, AnyHost)
}

/// Every host has an address: which endpoint it is, its name says.
#[derive(Debug)]
struct AnyHost;

impl Resolver for AnyHost {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 2379)));
        Ok(addresses)
    }
}

/// The way to the members.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) port: Port,
    pub(super) around: Surroundings,
    /// Until when a read on a watch may wait.
    pub(super) read_deadline: ReadDeadline,
    pub(super) timeout: CallTimeout,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").finish_non_exhaustive()
    }
}

impl Connector for Way {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        let host = details.uri.host();
        let is_it = |endpoint: &&Endpoint| endpoint.name().strip_prefix("http://") == host;
        let endpoint = self.endpoints.iter().find(is_it).ok_or(ureq::Error::HostNotFound)?;
        Ok(Some(Connection {
            member: endpoint.connect(),
            way: self.clone(),
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            sent: Vec::new(),
            came: Vec::new(),
            read: 0,
            watch: None,
        }))
    }
}

/// A connection to a member.
pub(super) struct Connection {
    member: usize,
    way: Way,
    buffers: LazyBuffers,
    /// What was sent and was not asked yet.
    sent: Vec<u8>,
    /// What came, and how much of it was read.
    came: Vec<u8>,
    read: usize,
    /// The stream that it is the connection of.
    watch: Option<WatchId>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Connection {
    /// How long it may wait, and whether ureq's time-out is what ends that.
    fn deadline(&self, timeout: NextTimeout) -> (Instant, bool) {
        let now = self.way.around.now();
        let has_own = !timeout.after.is_not_happening();
        let own = has_own.then(|| now + self.way.timeout.get().at(now));
        match (own, self.way.read_deadline.get().deadline) {
            (Some(own), Some(given)) if given < own => (given, false),
            (Some(own), _) => (own, true),
            (None, given) => (given.unwrap_or(now), false),
        }
    }

    fn time_is_up(is_own: bool, timeout: NextTimeout) -> ureq::Error {
        if is_own {
            return ureq::Error::Timeout(timeout.reason);
        }
        io::Error::from(IoError::WouldBlock).into()
    }

    /// Asks the member.
    fn ask(&mut self, asked: HttpRequest, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let request = request::read(&asked.path, &asked.body).map_err(io::Error::other)?;
        let (deadline, is_own) = self.deadline(timeout);
        let (member, token) = (self.member, asked.token);
        let wait = Wait::Reply { member, request: request.clone(), token, deadline };
        let is_hurried = self.way.around.is_hurried();
        self.way.port.wait(wait);
        let answer = self.way.around.with(|inside| inside.answer.take());
        match answer {
            Some(Ok(Reply::Watch(watch))) => {
                self.watch = Some(watch);
                self.came = http::stream();
                let Request::Watch(ranges) = request else { return Ok(()) };
                (1..=ranges.len()).for_each(|id| self.write_line(&reply::created(id)));
            }
            Some(Ok(said)) => {
                self.came = http::response(200, &reply::body(&request, &said).to_string());
            }
            Some(Err(trouble)) => self.fail(&request, &trouble)?,
            None if is_hurried || self.way.around.is_hurried() => return Err(stopping()),
            None => return Err(Self::time_is_up(is_own, timeout)),
        }
        Ok(())
    }

    fn fail(&mut self, request: &Request, trouble: &Trouble) -> Result<(), ureq::Error> {
        match trouble.kind {
            ErrorKind::Rejected(code) => {
                let (status, body) = reply::refusal(request, code, &trouble.text);
                self.came = http::response(status, &body.to_string());
                Ok(())
            }
            ErrorKind::WatchEnded => {
                self.came = http::stream();
                self.write_line(&reply::denied(&trouble.text));
                Ok(())
            }
            ErrorKind::CutOff => Err(io::Error::from(IoError::ConnectionReset).into()),
            _ => Err(io::Error::from(IoError::ConnectionRefused).into()),
        }
    }

    fn write_line(&mut self, line: &Value) {
        self.came.extend(http::chunk(&format!("{line}\n")));
    }

    /// Waits for what a stream has next.
    fn follow(&mut self, watch: WatchId, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.take(watch)? {
            return Ok(());
        }
        let (deadline, is_own) = self.deadline(timeout);
        let is_hurried = self.way.around.is_hurried();
        loop {
            if !is_hurried {
                self.way.port.wait(Wait::Changes { watch, deadline });
            }
            if self.take(watch)? {
                return Ok(());
            }
            if is_hurried || self.way.around.is_hurried() {
                return Err(stopping());
            }
            if self.way.around.now() >= deadline {
                return Err(Self::time_is_up(is_own, timeout));
            }
            // The network of the machine changed.
            if self.way.read_deadline.get().may_end_early {
                return Err(io::Error::from(IoError::WouldBlock).into());
            }
        }
    }

    /// Takes one message of a stream, or its end, if there is one.
    fn take(&mut self, watch: WatchId) -> Result<bool, ureq::Error> {
        enum Came {
            Line(Value),
            End(Trouble),
        }
        let came = self.way.around.with(|inside| {
            let stream = inside.streams.get_mut(&watch)?;
            match stream.queue.pop_front() {
                Some(reply) => {
                    inside.is_mid_reply = !reply.complete;
                    Some(Came::Line(reply::changes(&reply)))
                }
                None => stream.end.clone().map(Came::End),
            }
        });
        match came {
            None => return Ok(false),
            Some(Came::Line(line)) => self.write_line(&line),
            Some(Came::End(trouble)) => match reply::end(trouble.kind, &trouble.text) {
                Some(line) => self.write_line(&line),
                None => return Err(io::Error::from(IoError::ConnectionReset).into()),
            },
        }
        Ok(true)
    }

    /// Hands over what came, as much as there is room for.
    fn hand_over(&mut self) -> usize {
        let room = self.buffers.input_append_buf();
        let left = &self.came[self.read..];
        let length = left.len().min(room.len());
        room[..length].copy_from_slice(&left[..length]);
        self.buffers.input_appended(length);
        self.read += length;
        if self.read == self.came.len() {
            self.came.clear();
            self.read = 0;
        }
        length
    }
}

/// What the product's own transport says then.
fn stopping() -> ureq::Error {
    io::Error::other("the process was asked to stop").into()
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.sent.extend_from_slice(&self.buffers.output()[..amount]);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.came.is_empty() {
            if let Some(watch) = self.watch {
                self.follow(watch, timeout)?;
            } else {
                match http::take_request(&mut self.sent).map_err(io::Error::other)? {
                    Some(request) => self.ask(request, timeout)?,
                    None => return Err(io::Error::other("a reply to nothing is awaited").into()),
                }
            }
        }
        Ok(self.hand_over() > 0)
    }

    fn is_open(&mut self) -> bool {
        self.watch.is_none() && self.came.is_empty()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(watch) = self.watch else { return };
        self.way.around.with(|inside| {
            inside.streams.remove(&watch);
            inside.closed.push(watch);
        });
    }
}
