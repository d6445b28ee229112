//! Binding the sockets of the addresses that are listened on, for UDP and TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use super::tcp;
use super::udp::UdpListener;
use crate::failure::Failure;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether it must work: a host without IPv6 may skip the default `[::]:53`.
    pub required: bool,
}

impl Listen {
    /// All addresses of the host, whether it has IPv6 or not.
    pub fn everywhere(port: u16) -> [Listen; 2] {
        let any = |ip: IpAddr, required| Listen { address: SocketAddr::new(ip, port), required };
        [any(Ipv4Addr::UNSPECIFIED.into(), true), any(Ipv6Addr::UNSPECIFIED.into(), false)]
    }
}

/// Tries to find a port, where the system chooses it for UDP and it may be taken for TCP.
const PORT_TRIES: usize = 16;

/// Binds every address for UDP and for TCP. What may fail is left out.
///
/// # Errors
/// When one that must work does not: the first of them.
pub fn listen(wanted: &[Listen]) -> Result<(Vec<UdpListener>, Vec<TcpListener>), Failure> {
    let (mut listeners, mut acceptors) = (Vec::new(), Vec::new());
    for &Listen { address, required } in wanted {
        match listen_on_both(address) {
            Ok((udp, tcp)) => {
                listeners.push(udp);
                acceptors.push(tcp);
            }
            Err(error) if !required && is_without_family(&error) => {
                log::info!("not listening on {address}: {error}");
            }
            Err(error) => {
                let remedy = remedy(&error);
                return Err(Failure::new(format!("--listen: {address}: {error}; {remedy}")));
            }
        }
    }
    Ok((listeners, acceptors))
}

fn listen_on_both(address: SocketAddr) -> io::Result<(UdpListener, TcpListener)> {
    let mut tries = PORT_TRIES;
    loop {
        let udp = UdpListener::bind(address)?;
        match tcp::listen_on(udp.address) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 || tries == 0 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

/// Whether the host has no such address family, as where IPv6 is switched off.
fn is_without_family(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another server has it: stop that one, or listen on another address or port"
        }
        io::ErrorKind::PermissionDenied => {
            "start as root or with CAP_NET_BIND_SERVICE, or listen on a port above 1023"
        }
        io::ErrorKind::AddrNotAvailable => "give an address of this host",
        _ => "give another address",
    }
}
