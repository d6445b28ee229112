//! Sockets that never block and are closed in children.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::Poll;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

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

/// Where an address has to be for a socket to be bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// On this host.
    Here,
    /// Anywhere: it may come later (`IP_FREEBIND`, `ip(7)`).
    Anywhere,
}

/// Binds a socket that [`unbound`] made for this address.
///
/// # Errors
/// Those of `bind(2)`: the address is in use, is not of this host, or the port needs a right.
pub fn bind_to(socket: &OwnedFd, address: SocketAddr, presence: Presence) -> io::Result<()> {
    let is_free = presence == Presence::Anywhere;
    match address {
        SocketAddr::V4(_) => sockopt::set_ip_freebind(socket, is_free)?,
        SocketAddr::V6(_) => sockopt::set_ipv6_freebind(socket, is_free)?,
    }
    Ok(bind(socket, &address)?)
}

/// Begins to connect. A datagram's socket is connected at once; while it is pending, a connection is
/// known to be made, or to have failed, once the socket is writable.
///
/// # Errors
/// Those of `connect(2)`, such as no route.
pub fn begin_connect(socket: &OwnedFd, address: SocketAddr) -> io::Result<Poll<()>> {
    match connect(socket, &address) {
        Ok(()) => Ok(Poll::Ready(())),
        Err(rustix::io::Errno::INPROGRESS) => Ok(Poll::Pending),
        Err(error) => Err(error.into()),
    }
}
