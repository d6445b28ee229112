//! A connection that carries messages (RFC 1035 §4.2.2), whichever end of it this is. Nothing here
//! waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::sockopt;

use crate::dns::framing::{PREFIX, TooLong, first_message, push_message};

/// Octets read at a time: a whole message of a transfer, more often than not.
const CHUNK: usize = 16 * 1024;

/// The outcome of reading once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Octets.
    Data,
    /// Nothing yet.
    Nothing,
    /// The peer sends no more.
    End,
}

/// A non-blocking connection with what was received and what is to be sent.
#[derive(Debug)]
pub struct FramedStream {
    stream: TcpStream,
    /// The longest message that is taken.
    longest: usize,
    /// Octets that came, and how many of them were taken out.
    input: Vec<u8>,
    taken: usize,
    /// Octets to be sent, and how many of them were.
    output: Vec<u8>,
    sent: usize,
}

impl FramedStream {
    pub(super) fn new(stream: TcpStream, longest: usize) -> Self {
        FramedStream { stream, longest, input: Vec::new(), taken: 0, output: Vec::new(), sent: 0 }
    }

    /// Bounds what the kernel keeps of what is not sent yet, which may grow to some MB else.
    pub(super) fn bound_send_buffer(&self, octets: usize) {
        if let Err(error) = sockopt::set_socket_send_buffer_size(&self.stream, octets) {
            log::debug!("the size of a send buffer: {error}");
        }
    }

    /// Octets that are still to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    pub(super) fn push(&mut self, message: &[u8]) {
        push_message(message, &mut self.output);
    }

    /// Sends as much as the connection takes.
    ///
    /// # Errors
    /// When it takes no more, ever.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while self.unsent() > 0 {
            match self.stream.write(self.output.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // An idle connection keeps no memory.
        self.output = Vec::new();
        self.sent = 0;
        Ok(())
    }

    /// Reads once.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn receive(&mut self) -> io::Result<Received> {
        self.input.drain(..self.taken);
        self.taken = 0;
        // What is kept is as long as what came: most connections bring one short query.
        let mut chunk = [0; CHUNK];
        let result = loop {
            let result = self.stream.read(&mut chunk);
            if !matches!(&result, Err(error) if error.kind() == ErrorKind::Interrupted) {
                break result;
            }
        };
        match result {
            Ok(0) => Ok(Received::End),
            Ok(length) => {
                self.input.extend_from_slice(chunk.get(..length).unwrap_or_default());
                Ok(Received::Data)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Takes out the next message; `None`: it is not whole yet.
    ///
    /// # Errors
    /// When it is longer than is taken. The connection is of no use then.
    pub(super) fn next_message(&mut self) -> io::Result<Option<&[u8]>> {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let first = first_message(rest, self.longest).map_err(|TooLong| ErrorKind::InvalidData)?;
        self.taken += first.map_or(0, |message| PREFIX + message.len());
        Ok(first)
    }

    /// Whether [`FramedStream::next_message`] has one.
    pub(super) fn has_message(&self) -> bool {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        matches!(first_message(rest, self.longest), Ok(Some(_)))
    }

    /// Whether the peer is gone, rather than only done with sending.
    pub(super) fn is_broken(&self) -> bool {
        !matches!(self.stream.take_error(), Ok(None))
    }
}

impl AsFd for FramedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
