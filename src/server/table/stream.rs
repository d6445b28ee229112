//! What carries a table here: a connection, and who opens it. The product has sockets ([`super::sockets`]), the
//! simulation what stands for them; whatever is decided is the same for both.

use std::fmt;
use std::io;

use crate::node::TableServer;
pub use crate::server::framed::Received;

/// A connection to a server, with messages that are told apart. Nothing in it waits.
pub trait TableStream: fmt::Debug {
    /// Adds a message to those that are to be sent.
    fn push(&mut self, message: &[u8]);

    /// Sends as much as the connection takes.
    ///
    /// # Errors
    /// When it takes no more, ever.
    fn send(&mut self) -> io::Result<()>;

    /// Reads once.
    ///
    /// # Errors
    /// When the connection is broken.
    fn receive(&mut self) -> io::Result<Received>;

    /// Takes out the next message; `None`: it is not whole yet.
    ///
    /// # Errors
    /// When it is longer than is taken. The connection is of no use then.
    fn next_message(&mut self) -> io::Result<Option<&[u8]>>;
}

/// Who opens connections to servers, and where chance comes from.
pub trait TableDialer {
    /// A connection.
    type Stream: TableStream;

    /// Begins to connect.
    ///
    /// # Errors
    /// When there is no socket to be had, or no way to the server.
    fn dial(&mut self, server: TableServer) -> io::Result<Self::Stream>;

    /// All connections are looked at now, whichever of them has something.
    fn begin_turn(&mut self) {}

    /// The time of signatures, in seconds since 1970.
    fn unix_time(&mut self) -> u64;

    /// Draws a number that nobody can guess.
    fn draw(&mut self) -> u64;
}
