//! One attempt to have a query answered by one server: over UDP by a socket of its own, so that the
//! port is hard to guess (RFC 5452 §9.2), or over a connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::dns::Transport;
use crate::dns::framing::{first_message, push_message};
use crate::dns::relay::{Worth, judge, with_id};

/// The longest reply.
pub(super) const LONGEST_REPLY: usize = 65_535;

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Waiting,
    /// The server says that it cannot.
    Refusal(Vec<u8>),
    /// The reply.
    Reply(Vec<u8>),
    /// Nothing will: the server cannot be reached, or ended the connection.
    Dead,
}

/// A query on its way to one server.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) server: SocketAddr,
    id: u16,
    line: Line,
}

#[derive(Debug)]
enum Line {
    Datagram(UdpSocket),
    Stream(Stream),
}

#[derive(Debug)]
struct Stream {
    stream: TcpStream,
    /// What is still to be sent.
    output: Vec<u8>,
    input: Vec<u8>,
}

impl Attempt {
    /// Sends the query.
    ///
    /// # Errors
    /// When there is no socket to be had, or no way to the server.
    pub(super) fn start(
        server: SocketAddr,
        query: &[u8],
        transport: Transport,
        id: u16,
    ) -> io::Result<Attempt> {
        let query = with_id(query, id);
        let kind = match transport {
            Transport::Udp => SocketType::DGRAM,
            Transport::Tcp => SocketType::STREAM,
        };
        let family = match server {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
        match connect(&socket, &server) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let line = match transport {
            Transport::Udp => {
                let socket = UdpSocket::from(socket);
                socket.send(&query)?;
                Line::Datagram(socket)
            }
            Transport::Tcp => {
                let mut output = Vec::new();
                push_message(&query, &mut output);
                let stream = TcpStream::from(socket);
                Line::Stream(Stream { stream, output, input: Vec::new() })
            }
        };
        Ok(Attempt { server, id, line })
    }

    /// What there is to be told of its socket. A connection can be written to nearly always, so that
    /// is told once, when it comes to be so.
    pub(super) fn events(&self) -> EventFlags {
        match &self.line {
            Line::Datagram(_) => EventFlags::IN,
            Line::Stream(_) => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        }
    }

    /// Goes on as far as it can without waiting. `buffer` is room for the longest reply.
    pub(super) fn progress(&mut self, query: &[u8], buffer: &mut [u8]) -> Progress {
        let (id, line) = (self.id, &mut self.line);
        match line {
            Line::Datagram(socket) => loop {
                match socket.recv(buffer) {
                    Ok(length) => {
                        let message = buffer.get(..length).unwrap_or_default();
                        match judge(message, query, id) {
                            Worth::Stray => log::debug!("forged or late reply, {length} octets"),
                            Worth::Refusal => return Progress::Refusal(message.to_vec()),
                            Worth::Reply => return Progress::Reply(message.to_vec()),
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return Progress::Waiting;
                    }
                    // The server's host says that nobody listens there.
                    Err(_) => return Progress::Dead,
                }
            },
            Line::Stream(stream) => stream.progress(query, id, buffer),
        }
    }
}

impl Stream {
    fn progress(&mut self, query: &[u8], id: u16, buffer: &mut [u8]) -> Progress {
        match self.exchange(buffer) {
            Err(_) => Progress::Dead,
            Ok(None) => Progress::Waiting,
            Ok(Some(message)) => match judge(&message, query, id) {
                // On a connection nobody else can put in a word: this server is out of order.
                Worth::Stray => Progress::Dead,
                Worth::Refusal => Progress::Refusal(message),
                Worth::Reply => Progress::Reply(message),
            },
        }
    }

    /// Sends what is left and reads the one reply.
    fn exchange(&mut self, buffer: &mut [u8]) -> io::Result<Option<Vec<u8>>> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_pending(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.input.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    let first = first_message(&self.input, LONGEST_REPLY);
                    if let Ok(Some(message)) = first {
                        return Ok(Some(message.to_vec()));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_pending(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the connection is not made yet, or has nothing to read.
fn is_pending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

impl AsFd for Attempt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.line {
            Line::Datagram(socket) => socket.as_fd(),
            Line::Stream(stream) => stream.stream.as_fd(),
        }
    }
}
