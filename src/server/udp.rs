//! DNS over UDP (RFC 1035 §4.2.1): one datagram in, at most one out, by the same socket.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{SocketType, sockopt};

use super::client::{Client, LONGEST_QUERY};
use super::service::Service;
use super::socket::{self, Presence};
use crate::dns::Verdict;

/// Datagrams answered on one socket before the others, and etcd, get their turn again.
pub(super) const DATAGRAMS_PER_TURN: usize = 64;

/// Room for the longest reply over UDP, so that the buffer never grows.
const REPLY_CAPACITY: usize = 4096;

/// The kernel's receive buffer that is asked for, so that a burst outlasts a full sync.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The longest time that a reply waits for room in the kernel's send buffer before it is dropped.
const SEND_TIMEOUT: Duration = Duration::from_millis(5);

/// A bound socket with its buffers.
#[derive(Debug)]
pub struct UdpListener {
    pub(super) socket: UdpSocket,
    /// What is listened on, with the port that the system chose if 0 was asked for.
    pub address: SocketAddr,
    /// Whether another socket has the same port for all addresses.
    pub(super) is_of_one_interface: bool,
    query: Box<[u8; LONGEST_QUERY]>,
    reply: Vec<u8>,
}

impl UdpListener {
    /// Binds a socket. An IPv6 socket takes no IPv4 traffic, so that `0.0.0.0` and `[::]` can be
    /// listened on side by side.
    ///
    /// # Errors
    /// Those of `socket(2)` and `bind(2)`: the address is in use, is not of this host, or the
    /// port needs a right.
    pub fn bind(address: SocketAddr, presence: Presence) -> io::Result<Self> {
        let listener = Self::new(address, false, presence)?;
        if address.ip().is_unspecified() {
            // Only now: another server on this port was to be noticed.
            sockopt::set_socket_reuseaddr(&listener.socket, true)?;
        }
        Ok(listener)
    }

    /// Binds a socket to an address of an interface, whose port another socket of this process has for
    /// all addresses.
    pub(super) fn bind_interface(address: SocketAddr) -> io::Result<Self> {
        Self::new(address, true, Presence::Here)
    }

    fn new(address: SocketAddr, is_of_one_interface: bool, presence: Presence) -> io::Result<Self> {
        let socket = socket::unbound(address, SocketType::DGRAM)?;
        sockopt::set_socket_reuseaddr(&socket, is_of_one_interface)?;
        // No error if it fails: root may exceed the system's maximum, others get what it allows.
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
        }
        // What others say of the way's MTU is easily forged, and would have replies cut into pieces (RFC 9715 §3.1).
        // Kernels before 3.15 know no such thing.
        let _ = match address {
            SocketAddr::V4(_) => sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::OMIT),
            SocketAddr::V6(_) => {
                sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::OMIT)
            }
        };
        socket::bind_to(&socket, address, presence)?;
        let socket = UdpSocket::from(socket);
        let address = socket.local_addr()?;
        Ok(UdpListener {
            socket,
            address,
            is_of_one_interface,
            query: Box::new([0; LONGEST_QUERY]),
            reply: Vec::with_capacity(REPLY_CAPACITY),
        })
    }

    /// Answers what came, up to so many datagrams.
    pub(super) fn answer_batch(&mut self, service: &mut Service, most: usize) {
        for _ in 0..most {
            let (length, address) = match self.socket.recv_from(&mut self.query[..]) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return log::debug!("{}: receiving a query: {error}", self.address),
            };
            let client = Client::Datagram { listener: self.address, address };
            let query = &self.query[..length];
            if matches!(service.answer(query, client, &mut self.reply), Verdict::Reply(_))
                && service.is_within_limit(address.ip(), query, &mut self.reply)
            {
                self.send(&self.reply, address);
            }
        }
    }

    pub(super) fn send(&self, reply: &[u8], client: SocketAddr) {
        let mut sent = self.socket.send_to(reply, client);
        if matches!(&sent, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
            let _ = poll(&mut fds, Timespec::try_from(SEND_TIMEOUT).ok().as_ref());
            sent = self.socket.send_to(reply, client);
        }
        if let Err(error) = sent {
            log::debug!("{}: reply to {client}: {error}", self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_icmp_says_how_long_replies_may_be() {
        let bind = |address: &str| {
            UdpListener::bind(address.parse().expect("an address"), Presence::Here).expect("bound")
        };
        let mtu = sockopt::ip_mtu_discover(&bind("127.0.0.1:0").socket);
        assert_eq!(mtu, Ok(Ipv4PathMtuDiscovery::OMIT));
        let mtu = sockopt::ipv6_mtu_discover(&bind("[::1]:0").socket);
        assert_eq!(mtu, Ok(Ipv6PathMtuDiscovery::OMIT));
    }

    #[test]
    fn the_receive_buffer_is_as_large_as_the_system_lets_it_be() {
        let listener =
            UdpListener::bind(([127, 0, 0, 1], 0).into(), Presence::Here).expect("bound");
        let size = sockopt::socket_recv_buffer_size(&listener.socket).expect("its size");
        let other = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let may_exceed = sockopt::set_socket_recv_buffer_size_force(&other, RECEIVE_BUFFER).is_ok();
        let most = std::fs::read_to_string("/proc/sys/net/core/rmem_max").expect("the maximum");
        let most: usize = most.trim().parse().expect("a number");
        let granted = if may_exceed { RECEIVE_BUFFER } else { RECEIVE_BUFFER.min(most) };
        // The kernel doubles it, for its own bookkeeping (socket(7)).
        assert_eq!(size, 2 * granted, "may exceed: {may_exceed}");
    }
}
