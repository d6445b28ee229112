//! One attempt to have a query answered by one server: over UDP by a socket of its own, so that the
//! port is hard to guess (RFC 5452 §9.2), or over a connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::epoll::EventFlags;
use rustix::net::SocketType;

use crate::dns::Transport;
use crate::dns::framing::{first_message, push_message};
use crate::dns::relay::{ReplyClass, classify, with_id};
use crate::server::socket;

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
    line: Channel,
}

#[derive(Debug)]
enum Channel {
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
        let socket = socket::unbound(server, kind)?;
        socket::begin_connect(&socket, server)?;
        let line = match transport {
            Transport::Udp => {
                let socket = UdpSocket::from(socket);
                socket.send(&query)?;
                Channel::Datagram(socket)
            }
            Transport::Tcp => {
                let mut output = Vec::new();
                push_message(&query, &mut output);
                let stream = TcpStream::from(socket);
                Channel::Stream(Stream { stream, output, input: Vec::new() })
            }
        };
        Ok(Attempt { server, id, line })
    }

    /// What there is to be told of its socket. A connection can be written to nearly always, so that
    /// is told once, when it comes to be so.
    pub(super) fn events(&self) -> EventFlags {
        match &self.line {
            Channel::Datagram(_) => EventFlags::IN,
            Channel::Stream(_) => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        }
    }

    /// Goes on as far as it can without waiting. `buffer` is room for the longest reply.
    pub(super) fn progress(&mut self, query: &[u8], buffer: &mut [u8]) -> Progress {
        let (id, line) = (self.id, &mut self.line);
        match line {
            Channel::Datagram(socket) => loop {
                match socket.recv(buffer) {
                    Ok(length) => {
                        let message = buffer.get(..length).unwrap_or_default();
                        match classify(message, query, id) {
                            ReplyClass::Stray => {
                                log::debug!("forged or late reply, {length} octets")
                            }
                            ReplyClass::Refusal => return Progress::Refusal(message.to_vec()),
                            ReplyClass::Reply => return Progress::Reply(message.to_vec()),
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
            Channel::Stream(stream) => stream.progress(query, id, buffer),
        }
    }
}

impl Stream {
    fn progress(&mut self, query: &[u8], id: u16, buffer: &mut [u8]) -> Progress {
        match self.exchange(buffer) {
            Err(_) => Progress::Dead,
            Ok(None) => Progress::Waiting,
            Ok(Some(message)) => match classify(&message, query, id) {
                // On a connection nobody else can put in a word: this server is out of order.
                ReplyClass::Stray => Progress::Dead,
                ReplyClass::Refusal => Progress::Refusal(message),
                ReplyClass::Reply => Progress::Reply(message),
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
            Channel::Datagram(socket) => socket.as_fd(),
            Channel::Stream(stream) => stream.stream.as_fd(),
        }
    }
}
