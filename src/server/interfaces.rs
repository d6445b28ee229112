//! A socket for each address of this host, beside the one for all, to the effect of Unbound's
//! `interface-automatic`.
//!
//! A reply from a socket that is bound to no address leaves from the address that the kernel prefers
//! on that route, and a client that asked another one of this host drops it. A socket that is bound
//! to the address that was asked replies from there. The one for all addresses serves those that
//! came up since they were last listed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::udp::UdpListener;
use crate::clock;

/// The time between two listings of the addresses of this host: they come with the network, and go.
const SCAN_INTERVAL: Duration = Duration::from_secs(5);

/// The listeners on all addresses of this host, and when those addresses are listed next.
#[derive(Debug)]
pub(super) struct Interfaces {
    /// The unspecified addresses that are listened on, with their ports.
    unspecified: Vec<SocketAddr>,
    next_scan: Instant,
}

impl Interfaces {
    /// Those of the listeners that are bound to all addresses.
    pub(super) fn of(listeners: &[UdpListener]) -> Self {
        let all = listeners.iter().map(|listener| listener.address);
        let unspecified = all.filter(|address| address.ip().is_unspecified()).collect();
        Interfaces { unspecified, next_scan: clock::now() }
    }

    /// When to list the addresses next; `None`: there is no need to.
    pub(super) fn next_scan(&self) -> Option<Instant> {
        (!self.unspecified.is_empty()).then_some(self.next_scan)
    }

    /// Gives each new address a socket, and closes those of addresses that are gone.
    pub(super) fn scan(&mut self, listeners: &mut Vec<UdpListener>, now: Instant) {
        self.next_scan = now + SCAN_INTERVAL;
        let here = local_addresses()
            .inspect_err(|error| log::debug!("listing the addresses of this host: {error}"));
        let Ok(here) = here else { return };
        listeners.retain(|it| !it.is_of_one_interface || here.contains(&it.address.ip()));
        for any in &self.unspecified {
            let family = here.iter().filter(|ip| ip.is_ipv4() == any.is_ipv4());
            for address in family.map(|ip| SocketAddr::new(*ip, any.port())) {
                if listeners.iter().any(|listener| listener.address == address) {
                    continue;
                }
                match UdpListener::bind_interface(address) {
                    Ok(listener) => listeners.push(listener),
                    Err(error) => log::debug!("listening on {address}: {error}"),
                }
            }
        }
    }
}

/// The addresses of this host. Link-local addresses of IPv6 are left out: they mean nothing without
/// their interface, and the socket for all addresses answers from the right one.
fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let addresses = if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip());
    Ok(addresses.filter(|ip| !is_link_local(ip)).collect())
}
