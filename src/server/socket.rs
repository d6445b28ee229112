//! Sockets that never block and are closed in children.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

/// A socket of the family of an address, bound to none. One for IPv6 takes no IPv4 traffic, so that
/// `0.0.0.0` and `[::]` can be listened on side by side.
///
/// # Errors
/// Those of `socket(2)`: the host has no such family, or no descriptor is left.
pub fn unbound(address: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

/// The state of a connection that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connecting {
    /// It is made.
    Done,
    /// It is known to be made, or to have failed, once the socket is writable.
    InProgress,
}

/// Begins to connect; a datagram's socket is connected at once.
///
/// # Errors
/// Those of `connect(2)`, such as no route.
pub fn begin_connect(socket: &OwnedFd, address: SocketAddr) -> io::Result<Connecting> {
    match connect(socket, &address) {
        Ok(()) => Ok(Connecting::Done),
        Err(rustix::io::Errno::INPROGRESS) => Ok(Connecting::InProgress),
        Err(error) => Err(error.into()),
    }
}
