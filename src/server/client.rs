//! Who asks, and what there is for it.

use std::net::{IpAddr, SocketAddr};

use crate::dns::Transport;

/// What tells connections apart, for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The connection of this number.
    pub(super) fn new(number: u64) -> ConnectionId {
        ConnectionId(number)
    }
}

/// What there is for a client when its query was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The reply.
    Now,
    /// The reply comes later, by `Connections::deliver`.
    Later,
    /// No reply.
    Never,
}

/// Who is to get the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Who sent a datagram to one of our sockets.
    Datagram {
        /// The address of that socket.
        listener: SocketAddr,
        /// The client's address.
        address: SocketAddr,
    },
    /// Who is at the other end of a connection.
    Stream {
        /// The connection.
        connection: ConnectionId,
        /// The client's address.
        address: IpAddr,
    },
}

impl Client {
    /// The client's address.
    pub fn address(&self) -> IpAddr {
        match self {
            Client::Datagram { address, .. } => address.ip(),
            Client::Stream { address, .. } => *address,
        }
    }

    /// How it asks, and is answered.
    pub fn transport(&self) -> Transport {
        match self {
            Client::Datagram { .. } => Transport::Udp,
            Client::Stream { .. } => Transport::Tcp,
        }
    }
}
