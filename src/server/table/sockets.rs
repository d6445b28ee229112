//! Sockets that carry a table, behind one descriptor.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::SocketType;

use super::stream::{Received, TableDialer, TableStream};
use crate::clock;
use crate::dns::framing::LONGEST_MESSAGE;
use crate::node::TableServer;
use crate::server::framed::FramedStream;
use crate::server::id_source::IdSource;
use crate::server::socket::{self, Presence};
use crate::server::socket_set::SocketSet;

/// Opens sockets.
#[derive(Debug)]
pub struct SocketDialer {
    sockets: SocketSet,
    ids: IdSource,
    next_number: u64,
    /// Where connections come from, where this host has that address.
    sources: Vec<IpAddr>,
}

impl SocketDialer {
    /// One that has opened none yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<SocketDialer> {
        Ok(SocketDialer {
            sockets: SocketSet::new()?,
            ids: IdSource::default(),
            next_number: 0,
            sources: Vec::new(),
        })
    }

    /// Lets connections come from these addresses from now on: others know this node by them.
    pub fn come_from(&mut self, sources: impl Iterator<Item = IpAddr>) {
        self.sources.clear();
        self.sources.extend(sources);
    }

    fn socket(&self, to: SocketAddr) -> io::Result<OwnedFd> {
        let source = self.sources.iter().find(|source| source.is_ipv4() == to.is_ipv4());
        if let Some(source) = source {
            let socket = socket::unbound(to, SocketType::STREAM)?;
            if socket::bind_to(&socket, SocketAddr::new(*source, 0), Presence::Here).is_ok() {
                return Ok(socket);
            }
        }
        // What is published is not here: an address is translated, for instance.
        socket::unbound(to, SocketType::STREAM)
    }
}

impl TableDialer for SocketDialer {
    type Stream = FramedStream;

    fn dial(&mut self, server: TableServer) -> io::Result<FramedStream> {
        let socket = self.socket(server.address)?;
        let _ = socket::begin_connect(&socket, server.address)?;
        let stream = TcpStream::from(socket);
        let _ = stream.set_nodelay(true);
        let framed = FramedStream::new(stream, LONGEST_MESSAGE);
        self.next_number += 1;
        self.sockets.add(self.next_number, &framed)?;
        Ok(framed)
    }

    fn begin_turn(&mut self) {
        let _ = self.sockets.take_ready();
    }

    fn unix_time(&mut self) -> u64 {
        clock::unix_time()
    }

    fn draw(&mut self) -> u64 {
        self.ids.draw()
    }
}

impl AsFd for SocketDialer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sockets.as_fd()
    }
}

impl TableStream for FramedStream {
    fn push(&mut self, message: &[u8]) {
        FramedStream::push(self, message);
    }

    fn send(&mut self) -> io::Result<()> {
        FramedStream::send(self)
    }

    fn receive(&mut self) -> io::Result<Received> {
        FramedStream::receive(self)
    }

    fn next_message(&mut self) -> io::Result<Option<&[u8]>> {
        FramedStream::next_message(self)
    }
}
