//! Listening on all addresses of this host, and answering from the one that was asked.
//!
//! A reply from a socket that is bound to no address leaves from the address that the kernel thinks
//! best, and a client that asked another one of this host does not take it. So each address has a
//! socket of its own beside the one for all, which serves those that were not seen yet.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::udp::UdpListener;

/// How often the addresses of this host are looked at: they come with the network, and go.
const INTERVAL: Duration = Duration::from_secs(5);

/// The sockets of single addresses, and when to look for more.
#[derive(Debug)]
pub(super) struct Interfaces {
    /// What is listened on for all addresses of a family.
    bound: Vec<SocketAddr>,
    pub(super) look_at: Instant,
}

impl Interfaces {
    /// Those of the listeners that are bound to all addresses.
    pub(super) fn of(listeners: &[UdpListener]) -> Self {
        let all = listeners.iter().map(UdpListener::address);
        let bound = all.filter(|address| address.ip().is_unspecified()).collect();
        Interfaces { bound, look_at: Instant::now() }
    }

    /// When to look at the addresses next; `None`: there is no need to.
    pub(super) fn next_look(&self) -> Option<Instant> {
        (!self.bound.is_empty()).then_some(self.look_at)
    }

    /// Gives each new address a socket, and closes those of addresses that are gone.
    pub(super) fn look(&mut self, listeners: &mut Vec<UdpListener>, now: Instant) {
        self.look_at = now + INTERVAL;
        let here = match local_addresses() {
            Ok(here) => here,
            Err(error) => {
                log::debug!("listing the addresses of this host: {error}");
                return;
            }
        };
        listeners.retain(|listener| {
            !listener.is_one_of_many() || here.contains(&listener.address().ip())
        });
        for wildcard in &self.bound {
            let family = here.iter().filter(|ip| ip.is_ipv4() == wildcard.is_ipv4());
            for address in family.map(|ip| SocketAddr::new(*ip, wildcard.port())) {
                if listeners.iter().any(|listener| listener.address() == address) {
                    continue;
                }
                match UdpListener::bind_beside_wildcard(address) {
                    Ok(listener) => listeners.push(listener),
                    Err(error) => log::debug!("{address}: {error}"),
                }
            }
        }
    }
}

/// Link-local addresses of IPv6 are left out: they mean nothing without their interface, and the
/// socket for all addresses answers from the right one.
fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut addresses: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    addresses.retain(|ip| match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    });
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}
