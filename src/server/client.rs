//! The clients that ask this server.

use std::net::{IpAddr, SocketAddr};

use crate::dns::Transport;

/// The longest query that is read; a longer datagram is cut off there and is malformed then, and a
/// connection is closed. Queries of real clients stay below 512 octets (RFC 1035 §2.3.4), with EDNS
/// options below 1232.
pub(super) const LONGEST_QUERY: usize = 4096;

/// The number of a connection, which no other one has for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(pub(super) u64);

/// The client that a reply goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// It sent a datagram to one of our sockets.
    Datagram {
        /// The address of that socket.
        listener: SocketAddr,
        /// The client's address.
        address: SocketAddr,
    },
    /// It is at the other end of a connection.
    Stream {
        /// The connection.
        connection: ConnectionId,
        /// The client's address.
        address: IpAddr,
    },
}

impl Client {
    /// Its address.
    pub fn address(&self) -> IpAddr {
        match self {
            Client::Datagram { address, .. } => address.ip(),
            Client::Stream { address, .. } => *address,
        }
    }

    /// The transport over which it asks and is answered.
    pub fn transport(&self) -> Transport {
        match self {
            Client::Datagram { .. } => Transport::Udp,
            Client::Stream { .. } => Transport::Tcp,
        }
    }
}
