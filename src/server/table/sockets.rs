//! Sockets that carry a table, behind one descriptor.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::SocketType;

use super::stream::{Received, TableDialer, TableStream};
use crate::dns::framing::LONGEST_MESSAGE;
use crate::node::TableServer;
use crate::server::framed::FramedStream;
use crate::server::id_source::IdSource;
use crate::server::socket;
use crate::server::socket_set::SocketSet;

/// Opens sockets.
#[derive(Debug)]
pub struct SocketDialer {
    sockets: SocketSet,
    ids: IdSource,
    next_number: u64,
}

impl SocketDialer {
    /// One that has opened none yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<SocketDialer> {
        Ok(SocketDialer { sockets: SocketSet::new()?, ids: IdSource::default(), next_number: 0 })
    }
}

impl TableDialer for SocketDialer {
    type Stream = FramedStream;

    fn dial(&mut self, server: TableServer) -> io::Result<FramedStream> {
        let socket = socket::unbound(server.address, SocketType::STREAM)?;
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
