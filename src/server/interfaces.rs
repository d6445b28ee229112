//! A socket for each address of this host, beside the one for all, to the effect of Unbound's
//! `interface-automatic`.
//!
//! A reply from a socket that is bound to no address leaves from the address that the kernel prefers
//! on that route, and a client that asked another one of this host drops it. A socket that is bound
//! to the address that was asked replies from there. The one for all addresses serves those whose own
//! could not be bound yet.

use std::net::{IpAddr, SocketAddr};

use super::udp::UdpListener;
use crate::node::network::{AddressState, HostNetwork};

/// What is listened on at all addresses of this host.
#[derive(Debug)]
pub(super) struct Interfaces {
    /// The unspecified addresses that are listened on, with their ports.
    unspecified: Vec<SocketAddr>,
}

impl Interfaces {
    /// Those of the listeners that are bound to all addresses.
    pub(super) fn of(listeners: &[UdpListener]) -> Self {
        let all = listeners.iter().map(|listener| listener.address);
        Interfaces { unspecified: all.filter(|address| address.ip().is_unspecified()).collect() }
    }

    /// Gives each new address a socket, and closes those of addresses that are gone.
    pub(super) fn follow(&self, network: &HostNetwork, listeners: &mut Vec<UdpListener>) {
        let Some(here) = addresses(network) else { return };
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

/// The addresses of this host that can be listened on; `None`: the system does not tell. Link-local
/// addresses of IPv6 are left out: they mean nothing without their interface, and the socket for all
/// addresses answers from the right one.
fn addresses(network: &HostNetwork) -> Option<Vec<IpAddr>> {
    let interfaces = network.interfaces.as_ref().ok()?;
    let all = interfaces.iter().flat_map(|interface| &interface.addresses);
    let ready =
        all.filter(|it| !matches!(it.state, AddressState::Tentative | AddressState::Duplicate));
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    Some(ready.map(|address| address.ip).filter(|ip| !is_link_local(ip)).collect())
}
