//! Names whose records have addresses of this host alone and no node ID: as a rule those of the CoreDNS plugin that
//! ran here until now.
//!
//! One with a link-local address of IPv6 beside the other is of a process of this very host: an address may move
//! to another host, or be given to two by mistake, but such a pair does not. If all addresses of this host at that
//! port are this process's by now, that one is dead, and the name is taken over at once. Of any other the lease has to
//! tell (see [`super::same_addresses`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::claim::{Claimant, OwnRecord, Taken};
use super::network::{
    AddressState, HostNetwork, Interface, InterfaceAddress, InterfaceKind, is_publishable,
};
use super::session::Session;
use super::{Host, Result};
use crate::cluster::{Record, SlotId};
use crate::etcd::{Etcd, LeaseId};

/// The network that hypervisors give to each of their guests alike, who are copies of each other, link-local
/// address included (QEMU's and VirtualBox's): 10.0.2.0/24.
const GUESTS: [u8; 3] = [10, 0, 2];

/// How much the addresses of a record tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// Not all of them are this host's, or none that means the same host to all.
    Elsewhere,
    /// They are this host's, as they may be another's as well.
    Likely,
    /// They are this host's, and no other's.
    ThisHost,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes over the name that a process of this host had which is dead. Else adds those that it may have had to these.
    pub(super) fn reclaim_of_this_host(
        &mut self,
        claimant: Claimant<'_>,
        others: &mut Vec<OwnRecord>,
    ) -> Result<Option<Taken>> {
        let (evidence, found) = self.find_of_this_host(claimant)?;
        if let (Evidence::ThisHost, Some(own)) = (evidence, found.first()) {
            let (name, record) = (self.name(own.claimed), own.record);
            log::info!(
                "{name} holds {record} without a node ID, as CoreDNS puts it: this host's addresses, and \
                 the port is this process's by now"
            );
            if let Some(taken) = self.take_over(claimant, own)? {
                return Ok(Some(taken));
            }
        }
        for own in found {
            if others.iter().all(|other| other.claimed.slot != own.claimed.slot) {
                others.push(own);
            }
        }
        Ok(None)
    }

    /// Finds the names with a record that has addresses of this host and this port, and no node ID. The evidence is
    /// that of all of them: where there are several, addresses do not tell one from the other.
    fn find_of_this_host(&mut self, claimant: Claimant<'_>) -> Result<(Evidence, Vec<OwnRecord>)> {
        let network = self.host.network();
        let Some(port) = claimant.record.port else { return Ok((Evidence::Elsewhere, Vec::new())) };
        let is_of_host = |record: &Record| {
            record.port == Some(port) && evidence(record, &network) > Evidence::Elsewhere
        };
        let slots: Vec<SlotId> = self.host.directory(|directory| {
            let own = directory.slots().filter(|(slot, record)| {
                record.is_some_and(is_of_host) && slot.get() <= claimant.keyspace.limit
            });
            own.map(|(slot, _)| slot).collect()
        });
        let mut found = Vec::new();
        for slot in slots {
            let unmarked = self.ask(|client| claimant.find_unmarked(client, slot))?;
            found.extend(unmarked.filter(|own| is_of_host(&own.record)));
        }
        let evidence = match &found[..] {
            // What is without a lease was put by hand.
            [own] if own.lease != LeaseId(0) && self.host.has_port(port) => {
                evidence(&own.record, &network)
            }
            _ => Evidence::Likely,
        };
        Ok((evidence, found))
    }
}

/// How much the addresses of a record tell in this network.
fn evidence(record: &Record, network: &HostNetwork) -> Evidence {
    let addresses = [record.ipv4.map(IpAddr::V4), record.ipv6.map(IpAddr::V6)];
    let addresses = || addresses.into_iter().flatten();
    let is_own = |ip| network.has(ip) == Some(true);
    if !addresses().all(is_own) || !addresses().any(is_publishable) {
        return Evidence::Elsewhere;
    }
    let (Some(ipv4), Some(ipv6)) = (record.ipv4, record.ipv6) else { return Evidence::Likely };
    let mut interfaces = network.interfaces.iter().flatten();
    let is_certain = ipv6.is_unicast_link_local()
        && !is_made_of(ipv6, ipv4)
        && ipv4.octets()[..3] != GUESTS
        && interfaces.any(|interface| has_both(interface, ipv4, ipv6));
    if is_certain { Evidence::ThisHost } else { Evidence::Likely }
}

/// Whether an interface to other hosts has both of them, and nobody else has.
fn has_both(interface: &Interface, ipv4: Ipv4Addr, ipv6: Ipv6Addr) -> bool {
    let has = |ip: IpAddr| {
        let is_there = |it: &InterfaceAddress| {
            it.ip == ip && matches!(it.state, AddressState::Preferred | AddressState::Deprecated)
        };
        interface.addresses.iter().any(is_there)
    };
    interface.kind < InterfaceKind::Containers && has(ipv4.into()) && has(ipv6.into())
}

/// Whether a link-local address is that of a hardware address which was made of the other address, as in a container of
/// Docker: 02:42 and its four octets, which are the same on every host.
fn is_made_of(ipv6: Ipv6Addr, ipv4: Ipv4Addr) -> bool {
    let ([a, b, c, d], octets) = (ipv4.octets(), ipv6.octets());
    octets[8..] == [0x00, 0x42, a, 0xff, 0xfe, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, name: &str, addresses: &[&str]) -> Interface {
        let address = |text: &&str| InterfaceAddress {
            ip: text.trim_end_matches('?').parse().expect(text),
            // One that is being looked for elsewhere yet.
            state: if text.ends_with('?') {
                AddressState::Tentative
            } else {
                AddressState::Preferred
            },
            is_temporary: false,
            is_secondary: false,
            is_permanent: true,
        };
        let kind = match name {
            "lo" => InterfaceKind::Loopback,
            _ => InterfaceKind::guess(name, if name == "br0" { "bridge" } else { "" }),
        };
        let addresses = addresses.iter().map(address).collect();
        Interface { index, name: name.to_owned(), kind, is_up: true, has_carrier: true, addresses }
    }

    #[test]
    fn a_pair_that_only_one_host_has_tells_it_and_what_others_may_have_does_not() {
        let network = HostNetwork {
            interfaces: Ok(vec![
                interface(1, "lo", &["127.0.0.1", "::1"]),
                interface(2, "eth0", &["10.0.0.5", "fe80::5", "fd00::5"]),
                interface(3, "eth1", &["172.17.0.2", "fe80::42:acff:fe11:2"]),
                interface(4, "eth2", &["10.0.2.15", "fe80::a00:27ff:fe12:3456"]),
                interface(5, "docker0", &["172.17.0.1", "fe80::d0"]),
                interface(6, "br0", &["192.168.0.5", "fe80::b0"]),
                interface(7, "eth3", &["10.3.0.5", "fe80::3?"]),
            ]),
            default_sources: Vec::new(),
        };
        for (ipv4, ipv6, wanted) in [
            ("10.0.0.5", "fe80::5", Evidence::ThisHost),
            ("192.168.0.5", "fe80::b0", Evidence::ThisHost),
            // What may move, or be another's by mistake.
            ("10.0.0.5", "", Evidence::Likely),
            ("10.0.0.5", "fd00::5", Evidence::Likely),
            ("", "fd00::5", Evidence::Likely),
            // What is the same on every host.
            ("172.17.0.2", "fe80::42:acff:fe11:2", Evidence::Likely),
            ("10.0.2.15", "fe80::a00:27ff:fe12:3456", Evidence::Likely),
            ("172.17.0.1", "fe80::d0", Evidence::Likely),
            ("", "fe80::5", Evidence::Elsewhere),
            ("127.0.0.1", "", Evidence::Elsewhere),
            ("127.0.0.1", "::1", Evidence::Elsewhere),
            // Of two interfaces, or not known to be this host's alone.
            ("10.0.0.5", "fe80::b0", Evidence::Likely),
            ("10.3.0.5", "fe80::3", Evidence::Likely),
            // Another host's.
            ("10.0.0.6", "fe80::5", Evidence::Elsewhere),
            ("10.0.0.5", "fe80::6", Evidence::Elsewhere),
            ("10.0.0.6", "", Evidence::Elsewhere),
        ] {
            let (ipv4_parsed, ipv6_parsed) = (ipv4.parse().ok(), ipv6.parse().ok());
            let record = Record { ipv4: ipv4_parsed, ipv6: ipv6_parsed, port: Some(53) };
            assert_eq!(evidence(&record, &network), wanted, "{ipv4} {ipv6}");
        }
        let untold = HostNetwork { interfaces: Err("no".to_owned()), default_sources: Vec::new() };
        let record = Record { ipv4: "10.0.0.5".parse().ok(), ..Record::default() };
        assert_eq!(evidence(&record, &untold), Evidence::Elsewhere);
    }
}
