//! The interfaces of this host and their addresses, as the kernel told them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::message::{Change, Link};
use crate::cluster::Network;
use crate::node::network::{Interface, InterfaceAddress};

/// What is known by now.
#[derive(Debug, Default)]
pub(super) struct Table {
    links: BTreeMap<u32, Link>,
    /// By the index of the interface, the address, and how many of its bits are those of its network:
    /// an interface may have an address twice.
    addresses: BTreeMap<(u32, IpAddr, u8), InterfaceAddress>,
}

impl Table {
    /// Applies a change, and says whether anything may be different from before.
    pub(super) fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Link { index, link } => {
                let before = self.links.insert(index, link);
                self.links.get(&index) != before.as_ref()
            }
            Change::LinkGone { index } => {
                let before = self.addresses.len();
                self.addresses.retain(|(of, _, _), _| *of != index);
                self.links.remove(&index).is_some() || self.addresses.len() < before
            }
            Change::Address { index, prefix, address } => {
                let before = self.addresses.insert((index, address.ip, prefix), address);
                before != Some(address)
            }
            Change::AddressGone { index, prefix, ip } => {
                self.addresses.remove(&(index, ip, prefix)).is_some()
            }
            Change::Route => true,
        }
    }

    /// The networks that this host's addresses are in, each once.
    pub(super) fn networks(&self) -> Vec<Network> {
        let mut networks = Vec::new();
        for (_, ip, prefix) in self.addresses.keys() {
            let network = Network::around(*ip, *prefix);
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        networks
    }

    /// The interfaces with their addresses, by index.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let interface = |(index, link): (&u32, &Link)| {
            let from = (*index, IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            let addresses = self.addresses.range(from..).take_while(|((of, _, _), _)| of == index);
            Interface {
                index: *index,
                name: link.name.clone(),
                kind: link.kind,
                is_up: link.is_up,
                has_carrier: link.has_carrier,
                addresses: addresses.map(|(_, address)| *address).collect(),
            }
        };
        self.links.iter().map(interface).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::network::{AddressState, InterfaceKind};

    fn link(index: u32, name: &str) -> Change {
        let kind = InterfaceKind::Ordinary;
        let link = Link { name: name.to_owned(), kind, is_up: true, has_carrier: true };
        Change::Link { index, link }
    }

    fn address(index: u32, ip: [u8; 4], state: AddressState) -> Change {
        let address = InterfaceAddress {
            ip: ip.into(),
            state,
            is_temporary: false,
            is_secondary: false,
            is_permanent: true,
        };
        Change::Address { index, prefix: 24, address }
    }

    fn gone(index: u32, ip: [u8; 4]) -> Change {
        Change::AddressGone { index, prefix: 24, ip: ip.into() }
    }

    #[test]
    fn it_says_what_changed_and_tells_what_there_is() {
        use AddressState::{Preferred, Tentative};
        let mut table = Table::default();
        for (change, is_news) in [
            (link(2, "eth0"), true),
            (address(2, [10, 0, 0, 1], Tentative), true),
            (address(2, [10, 0, 0, 1], Tentative), false),
            (address(2, [10, 0, 0, 1], Preferred), true),
            (link(2, "eth0"), false),
            (gone(2, [10, 0, 0, 9]), false),
            (link(1, "lan0"), true),
            (address(1, [10, 0, 0, 9], Preferred), true),
            (link(1, "lan1"), true),
            (gone(1, [10, 0, 0, 9]), true),
            // An address of an interface that is not known is not told.
            (address(7, [10, 0, 0, 7], Preferred), true),
            (Change::Route, true),
        ] {
            assert_eq!(table.apply(change.clone()), is_news, "{change:?}");
        }
        let told = |table: &Table| {
            let of = |it: &Interface| format!("{} {} {:?}", it.index, it.name, it.addresses.len());
            table.interfaces().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(told(&table), ["1 lan1 0", "2 eth0 1"]);
        assert!(table.apply(Change::LinkGone { index: 2 }));
        assert!(!table.apply(Change::LinkGone { index: 2 }));
        assert!(table.apply(link(2, "eth0")));
        assert_eq!(told(&table), ["1 lan1 0", "2 eth0 0"]);
    }
}
