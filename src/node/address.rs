//! The addresses to publish: those given by hand, else those found on this host.
//!
//! Found are the source address towards etcd and its sibling of the other family on the same
//! interface; where etcd is on loopback, those of the first interface that is up and not loopback.
//! Link-local and loopback addresses are never found, only given: they are of no use to others.

use std::fmt;
use std::io;
use std::net::IpAddr;

use if_addrs::{IfOperStatus, Interface};

use super::NodeSettings;
use crate::cluster::{AddressChoice, Record};

/// The reason why there is nothing to publish.
#[derive(Debug)]
pub enum AddressError {
    /// The system did not list its interfaces.
    Listing(io::Error),
    /// There is no interface of this name, but these others.
    NoSuchInterface(String, Vec<String>),
    /// No address of a wanted family was found.
    NotFound,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Listing(error) => write!(f, "cannot list the interfaces: {error}"),
            AddressError::NoSuchInterface(name, others) => {
                let others = others.join(", ");
                write!(f, "--interface: no interface {name} with an address here, only {others}")
            }
            AddressError::NotFound => f.write_str(
                "no address to publish on any interface that is up; give one by --ipv4 or --ipv6",
            ),
        }
    }
}

/// The record to publish, found anew: addresses may come and go until the claim.
///
/// # Errors
/// See [`AddressError`]. All of them can pass: an interface may come up later.
pub fn discover(settings: &NodeSettings, source: Option<IpAddr>) -> Result<Record, AddressError> {
    let interfaces = if is_search(settings) { list()? } else { Vec::new() };
    select(settings, source, &interfaces)
}

fn is_search(settings: &NodeSettings) -> bool {
    settings.ipv4 == AddressChoice::Discover || settings.ipv6 == AddressChoice::Discover
}

/// Returns whether this host still has the addresses of a record that were found here. Where the system does
/// not list them, they are taken to be here.
pub fn is_here(record: &Record, settings: &NodeSettings) -> bool {
    let ipv4 = record.ipv4.filter(|_| settings.ipv4 == AddressChoice::Discover).map(IpAddr::V4);
    let ipv6 = record.ipv6.filter(|_| settings.ipv6 == AddressChoice::Discover).map(IpAddr::V6);
    let found: Vec<IpAddr> = ipv4.into_iter().chain(ipv6).collect();
    if found.is_empty() {
        return true;
    }
    let Ok(interfaces) = list() else { return true };
    found.iter().all(|ip| interfaces.iter().any(|interface| interface.ip() == *ip))
}

/// This host's addresses that tell it from others: not loopback, not link-local.
///
/// # Errors
/// When the system does not list its interfaces.
pub fn own_addresses() -> Result<Vec<IpAddr>, AddressError> {
    let addresses = list()?.into_iter().map(|interface| interface.ip());
    Ok(addresses.filter(|ip| is_publishable(*ip)).collect())
}

/// Fails when `--interface` names nothing that exists here.
///
/// # Errors
/// See [`AddressError`].
pub fn check_interface(name: &str) -> Result<(), AddressError> {
    find_interface(name, &list()?)
}

fn list() -> Result<Vec<Interface>, AddressError> {
    let mut interfaces = if_addrs::get_if_addrs().map_err(AddressError::Listing)?;
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

fn find_interface(name: &str, interfaces: &[Interface]) -> Result<(), AddressError> {
    if interfaces.iter().any(|interface| interface.name == name) {
        return Ok(());
    }
    let mut others: Vec<String> = interfaces.iter().map(|i| i.name.clone()).collect();
    others.dedup();
    Err(AddressError::NoSuchInterface(name.to_owned(), others))
}

fn select(
    settings: &NodeSettings,
    source: Option<IpAddr>,
    interfaces: &[Interface],
) -> Result<Record, AddressError> {
    let name = match &settings.interface {
        Some(name) if is_search(settings) => {
            find_interface(name, interfaces)?;
            Some(name.as_str())
        }
        _ => interface_of(source, interfaces),
    };
    let on_interface = interfaces.iter().filter(|i| Some(i.name.as_str()) == name);
    // The source address comes first: an interface may have several.
    let preferred = source.filter(|_| settings.interface.is_none());
    let candidates = preferred.into_iter().chain(on_interface.map(Interface::ip));
    let (mut ipv4, mut ipv6) = (None, None);
    for ip in candidates.filter(|ip| is_publishable(*ip)) {
        match ip {
            IpAddr::V4(ip) => _ = ipv4.get_or_insert(ip),
            IpAddr::V6(ip) => _ = ipv6.get_or_insert(ip),
        }
    }
    let ipv4 = choose(settings.ipv4, ipv4);
    let ipv6 = choose(settings.ipv6, ipv6);
    if ipv4.is_none() && ipv6.is_none() {
        return Err(AddressError::NotFound);
    }
    Ok(Record { ipv4, ipv6, port: settings.port })
}

/// The interface that holds the source address, else the first usable one.
fn interface_of(source: Option<IpAddr>, interfaces: &[Interface]) -> Option<&str> {
    let holder = interfaces.iter().find(|i| Some(i.ip()) == source && is_publishable(i.ip()));
    let first = || {
        interfaces.iter().find(|interface| {
            is_publishable(interface.ip())
                && matches!(interface.oper_status, IfOperStatus::Up | IfOperStatus::Unknown)
        })
    };
    holder.or_else(first).map(|interface| interface.name.as_str())
}

fn choose<A>(choice: AddressChoice<A>, found: Option<A>) -> Option<A> {
    match choice {
        AddressChoice::Discover => found,
        AddressChoice::Fixed(address) => Some(address),
        AddressChoice::Omit => None,
    }
}

fn is_publishable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use crate::cluster::{Keyspace, Pattern};
    use crate::node::WhenFull;
    use if_addrs::{IfAddr, Ifv4Addr, Ifv6Addr};

    fn interface(name: &str, index: u32, ip: &str) -> Interface {
        let addr = match ip.parse().expect("an address") {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr {
                ip,
                netmask: Ipv4Addr::UNSPECIFIED,
                prefixlen: 24,
                broadcast: None,
            }),
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr {
                ip,
                netmask: Ipv6Addr::UNSPECIFIED,
                prefixlen: 64,
                broadcast: None,
            }),
        };
        Interface {
            name: name.to_owned(),
            addr,
            index: Some(index),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    fn host() -> Vec<Interface> {
        vec![
            interface("lo", 1, "127.0.0.1"),
            interface("lo", 1, "::1"),
            interface("eth0", 2, "192.0.2.2"),
            interface("eth0", 2, "fe80::1"),
            interface("eth0", 2, "2001:db8::2"),
            interface("eth1", 3, "198.51.100.3"),
            interface("eth1", 3, "198.51.100.4"),
        ]
    }

    fn settings() -> NodeSettings {
        let pattern = Pattern::parse("w{{.ID}}.tf.local.", 3).expect("a good pattern");
        NodeSettings {
            keyspace: std::sync::Arc::new(Keyspace::new(pattern, 3)),
            when_full: WhenFull::Exit,
            max_stale: std::time::Duration::ZERO,
            max_lag: std::time::Duration::from_secs(15),
            lease_ttl: std::time::Duration::from_secs(20),
            ipv4: AddressChoice::Discover,
            ipv6: AddressChoice::Discover,
            interface: None,
            port: Some(53),
            node_id: None,
        }
    }

    fn selected(settings: &NodeSettings, source: Option<&str>) -> String {
        let source = source.map(|text| text.parse().expect("an address"));
        match select(settings, source, &host()) {
            Ok(record) => record.identity(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_source_address_and_its_sibling_are_found() {
        let table = [
            (Some("192.0.2.2"), "192.0.2.2,2001:db8::2,53"),
            (Some("2001:db8::2"), "192.0.2.2,2001:db8::2,53"),
            (Some("198.51.100.4"), "198.51.100.4,53"),
            (Some("127.0.0.1"), "192.0.2.2,2001:db8::2,53"),
            (Some("::1"), "192.0.2.2,2001:db8::2,53"),
            (None, "192.0.2.2,2001:db8::2,53"),
        ];
        for (source, wanted) in table {
            assert_eq!(selected(&settings(), source), wanted, "{source:?}");
        }
    }

    #[test]
    fn options_win_over_what_is_found() {
        let mut wanted = settings();
        wanted.interface = Some("eth1".to_owned());
        assert_eq!(selected(&wanted, Some("192.0.2.2")), "198.51.100.3,53");
        wanted.interface = Some("wlan0".to_owned());
        assert!(selected(&wanted, None).contains("wlan0"));
        wanted.interface = None;
        wanted.ipv4 = AddressChoice::Omit;
        assert_eq!(selected(&wanted, Some("192.0.2.2")), "2001:db8::2,53");
        wanted.ipv6 = AddressChoice::Fixed(Ipv6Addr::LOCALHOST);
        assert_eq!(selected(&wanted, None), "::1,53");
    }
}
