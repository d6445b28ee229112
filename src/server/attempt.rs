//! The DNS client: one attempt to have a query answered by one server. Each is under an ID and on a
//! socket, and so a port, of its own, which makes a reply hard to forge (RFC 5452 §4.3, §9.2).
//!
//! Nothing here waits. Who forwards queries has many attempts under way, and the resolver for etcd's
//! endpoints a few.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::epoll::EventFlags;
use rustix::net::SocketType;

use super::framed::{FramedStream, Received};
use super::id_source::IdSource;
use super::socket;
use crate::dns::Transport;
use crate::dns::framing::LONGEST_MESSAGE;
use crate::dns::relay::{ReplyClass, classify, with_id};

/// The state of an attempt.
#[derive(Debug)]
pub enum Progress {
    /// Nothing came yet.
    Waiting,
    /// The server says that it cannot answer.
    Refusal(Vec<u8>),
    /// The reply.
    Reply(Vec<u8>),
    /// The server's word that it answers another query only.
    Unusable,
}

/// Who says what a message is to a query as it was sent.
pub type Judge<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Option<Progress>;

/// A query on its way to one server.
#[derive(Debug)]
pub struct Attempt {
    /// The server that is asked.
    pub server: SocketAddr,
    /// As it was sent.
    pub query: Vec<u8>,
    channel: Channel,
}

#[derive(Debug)]
enum Channel {
    Datagram(UdpSocket),
    Stream(FramedStream),
}

impl Attempt {
    /// Sends the query, under an ID that is drawn for it.
    ///
    /// # Errors
    /// When there is no socket to be had, or no way to the server.
    pub fn start(
        server: SocketAddr,
        query: &[u8],
        transport: Transport,
        ids: &mut IdSource,
    ) -> io::Result<Attempt> {
        Attempt::send(server, with_id(query, ids.draw_id()), transport)
    }

    /// Sends a query as it is.
    ///
    /// # Errors
    /// As [`Attempt::start`].
    pub fn send(server: SocketAddr, query: Vec<u8>, transport: Transport) -> io::Result<Attempt> {
        let kind = match transport {
            Transport::Udp => SocketType::DGRAM,
            Transport::Tcp => SocketType::STREAM,
        };
        let socket = socket::unbound(server, kind)?;
        let _ = socket::begin_connect(&socket, server)?;
        let channel = match transport {
            Transport::Udp => {
                let socket = UdpSocket::from(socket);
                socket.send(&query)?;
                Channel::Datagram(socket)
            }
            Transport::Tcp => {
                let mut stream = FramedStream::new(TcpStream::from(socket), LONGEST_MESSAGE);
                stream.push(&query);
                Channel::Stream(stream)
            }
        };
        Ok(Attempt { server, query, channel })
    }

    /// The transport by which the server is asked.
    pub fn transport(&self) -> Transport {
        match &self.channel {
            Channel::Datagram(_) => Transport::Udp,
            Channel::Stream(_) => Transport::Tcp,
        }
    }

    /// Whether there is nothing left to be sent.
    pub fn is_sent(&self) -> bool {
        match &self.channel {
            Channel::Datagram(_) => true,
            Channel::Stream(stream) => stream.unsent() == 0,
        }
    }

    /// The events of its socket that are of interest. A connection can be written to nearly always,
    /// so that is told once, when it comes to be so.
    pub(super) fn events(&self) -> EventFlags {
        match &self.channel {
            Channel::Datagram(_) => EventFlags::IN,
            Channel::Stream(_) => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        }
    }

    /// Goes on as far as it can without waiting. `buffer` is room for the longest reply.
    ///
    /// # Errors
    /// When there will be no reply: the server cannot be reached, or broke the connection.
    pub fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Progress> {
        self.progress_by(buffer, &mut reply)
    }

    /// The same where somebody else says what a message is to the query; `None`: nothing.
    ///
    /// # Errors
    /// As [`Attempt::progress`].
    pub fn progress_by(&mut self, buffer: &mut [u8], judge: Judge<'_>) -> io::Result<Progress> {
        match &mut self.channel {
            Channel::Datagram(socket) => receive_datagram(socket, &self.query, buffer, judge),
            Channel::Stream(stream) => exchange(stream, &self.query, judge),
        }
    }
}

/// Reads datagrams up to the first that is a reply. The kernel drops those that are not from the
/// server's address and port, and tells if the server's host says that nobody listens there.
fn receive_datagram(
    socket: &UdpSocket,
    query: &[u8],
    buffer: &mut [u8],
    judge: Judge<'_>,
) -> io::Result<Progress> {
    loop {
        match socket.recv(buffer) {
            Ok(length) => match judge(buffer.get(..length).unwrap_or_default(), query) {
                Some(reply) => return Ok(reply),
                None => log::debug!("{length} octets dropped: no reply to the query that was sent"),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Waiting),
            Err(error) => return Err(error),
        }
    }
}

/// Sends what is left and reads the one reply.
fn exchange(stream: &mut FramedStream, query: &[u8], judge: Judge<'_>) -> io::Result<Progress> {
    stream.send()?;
    if stream.unsent() > 0 {
        return Ok(Progress::Waiting);
    }
    loop {
        match stream.receive()? {
            Received::Nothing => return Ok(Progress::Waiting),
            Received::End => return Err(ErrorKind::UnexpectedEof.into()),
            Received::Data => {}
        }
        if let Some(message) = stream.next_message()? {
            // On a connection nobody else can put in a word.
            let stray = || io::Error::other("the server sent a reply to another query");
            return judge(message, query).ok_or_else(stray);
        }
    }
}

fn reply(message: &[u8], query: &[u8]) -> Option<Progress> {
    match classify(message, query) {
        ReplyClass::Stray => None,
        ReplyClass::Refusal => Some(Progress::Refusal(message.to_vec())),
        ReplyClass::Reply => Some(Progress::Reply(message.to_vec())),
    }
}

impl AsFd for Attempt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.channel {
            Channel::Datagram(socket) => socket.as_fd(),
            Channel::Stream(stream) => stream.as_fd(),
        }
    }
}
