//! Binding the sockets of the addresses that are listened on, for UDP and TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use super::socket::Presence;
use super::tcp;
use super::udp::UdpListener;
use crate::failure::Failure;
use crate::host::port_holder::holders;

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

/// What to do about an address that is not on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Fail.
    Fail,
    /// Bind it all the same. It is answered once it comes.
    Await,
}

/// Tries to find a port, where the system chooses it for UDP and it may be taken for TCP.
const PORT_TRIES: usize = 16;

/// Binds every address for UDP and for TCP. What may fail is left out.
///
/// # Errors
/// When one that must work does not: the first of them.
pub fn listen(
    wanted: &[Listen],
    absent: Absent,
) -> Result<(Vec<UdpListener>, Vec<TcpListener>), Failure> {
    let (mut listeners, mut acceptors) = (Vec::new(), Vec::new());
    for &Listen { address, required } in wanted {
        match listen_or_await(address, absent) {
            Ok((udp, tcp)) => {
                listeners.push(udp);
                acceptors.push(tcp);
            }
            Err(error) if !required && is_without_family(&error) => {
                log::info!("not listening on {address}: {error}");
            }
            Err(error) => {
                let remedy = remedy(&error, address);
                return Err(Failure::new(format!("--listen: {address}: {error}; {remedy}")));
            }
        }
    }
    Ok((listeners, acceptors))
}

/// Binds every address for HTTP.
///
/// # Errors
/// When one cannot be: the first of them.
pub fn listen_for_http(wanted: &[Listen], absent: Absent) -> Result<Vec<TcpListener>, Failure> {
    let mut acceptors = Vec::new();
    for &Listen { address, required } in wanted {
        match bind_or_await(absent, |presence| tcp::listen_on(address, presence)) {
            Ok(acceptor) => {
                log::info!("serving HTTP on {}", acceptor.local_addr().unwrap_or(address));
                acceptors.push(acceptor);
            }
            Err(error) if !required && is_without_family(&error) => {}
            Err(error) => {
                let remedy = remedy(&error, address);
                return Err(Failure::new(format!("--http: {address}: {error}; {remedy}")));
            }
        }
    }
    Ok(acceptors)
}

fn listen_or_await(address: SocketAddr, absent: Absent) -> io::Result<(UdpListener, TcpListener)> {
    bind_or_await(absent, |presence| {
        let bound = listen_on_both(address, presence)?;
        if presence == Presence::Anywhere {
            log::info!("{address} is not on this host yet: waiting for it");
        }
        Ok(bound)
    })
}

/// Binds an address that may have to come to this host yet.
fn bind_or_await<T>(absent: Absent, bind: impl Fn(Presence) -> io::Result<T>) -> io::Result<T> {
    match bind(Presence::Here) {
        Err(error)
            if absent == Absent::Await && error.kind() == io::ErrorKind::AddrNotAvailable =>
        {
            bind(Presence::Anywhere)
        }
        bound => bound,
    }
}

fn listen_on_both(
    address: SocketAddr,
    presence: Presence,
) -> io::Result<(UdpListener, TcpListener)> {
    let mut tries = PORT_TRIES;
    loop {
        let udp = UdpListener::bind(address, presence)?;
        match tcp::listen_on(udp.address, presence) {
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

fn remedy(error: &io::Error, address: SocketAddr) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holders = holders(address);
            let who = match &holders[..] {
                [] => "another server has it: stop that one".to_owned(),
                [one] => format!("{one} has it: stop that"),
                _ => format!("{} have it: stop those", holders.join(", ")),
            };
            return format!("{who}, or listen on another address or port");
        }
        io::ErrorKind::PermissionDenied => {
            "start as root or with CAP_NET_BIND_SERVICE, or listen on a port above 1023"
        }
        io::ErrorKind::AddrNotAvailable => "give an address of this host",
        _ => "give another address",
    };
    remedy.to_owned()
}
