//! The addresses to publish: those given by hand, else those found on this host.
//!
//! All of them are found on one interface. That is the one which holds the source address of the
//! connection to etcd, for by that network the others are reached. Where etcd is on loopback, it is
//! that of the default route, else the first one that is up, those of containers last. Link-local and
//! loopback addresses are never found, only given: they are of no use to others.

use std::fmt;
use std::net::IpAddr;

use super::NodeSettings;
use super::network::{HostNetwork, Interface, InterfaceKind, is_publishable};
use crate::cluster::{AddressChoice, Record};

/// The reason why there is nothing to publish.
#[derive(Debug, PartialEq, Eq)]
pub enum AddressError {
    /// The system does not tell its interfaces, for this reason, and the connection to etcd does not
    /// tell an address.
    Untold(String),
    /// There is no interface of this name, but these others.
    NoSuchInterface(String, Vec<String>),
    /// No address of a wanted family was found.
    NotFound,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Untold(why) => write!(
                f,
                "this system does not tell its addresses: {why}; give them by --ipv4 and --ipv6"
            ),
            AddressError::NoSuchInterface(name, others) => {
                write!(f, "--interface: no interface {name} here, only {}", others.join(", "))
            }
            AddressError::NotFound => f.write_str(
                "no address to publish on any interface that is up; give one by --ipv4 or --ipv6",
            ),
        }
    }
}

/// What this host publishes, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What is published.
    pub record: Record,
    home: Home,
}

/// Where addresses were found, so that they are looked for there again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Home {
    /// The interface; `None`: it is not known.
    interface: Option<String>,
    /// The kind that it had when it was there last.
    kind: Option<InterfaceKind>,
    /// The source address towards etcd that led to it.
    source: Option<IpAddr>,
}

impl Publication {
    /// Finds what to publish. `source` is this host's address on the latest connection to etcd;
    /// `previous` is what was found before. As long as the source address which that was found by is
    /// here, it is kept to, even if etcd was reached by another way since.
    ///
    /// # Errors
    /// See [`AddressError`]. All of them can pass: an interface may come up later.
    pub fn find(
        settings: &NodeSettings,
        network: &HostNetwork,
        source: Option<IpAddr>,
        previous: Option<&Publication>,
    ) -> Result<Publication, AddressError> {
        if !settings.finds_addresses() {
            return Ok(Publication { record: record(settings, [].iter())?, home: Home::default() });
        }
        let sources = &network.default_sources;
        let interfaces = match &network.interfaces {
            Ok(interfaces) => interfaces,
            Err(why) if settings.interface.is_some() => {
                return Err(AddressError::Untold(why.clone()));
            }
            Err(why) => {
                let source = source.filter(|ip| is_publishable(*ip));
                let found = source.as_ref().map_or(&sources[..], std::slice::from_ref);
                let record = record(settings, found.iter());
                let record = record.map_err(|_| AddressError::Untold(why.clone()))?;
                return Ok(Publication { record, home: Home { source, ..Home::default() } });
            }
        };
        let search = Search { settings, interfaces, default_sources: sources };
        let home = search.home(source, previous.map(|previous| &previous.home));
        let Some(interface) = &home.interface else {
            let source = home.source.as_ref().filter(|ip| is_publishable(**ip));
            let record = record(settings, source.into_iter())?;
            return Ok(Publication { record, home });
        };
        let sources: Vec<IpAddr> = home.source.iter().chain(sources).copied().collect();
        let on_interface = interfaces.iter().filter(|it| it.name == *interface);
        let usable = on_interface.flat_map(|it| &it.addresses).filter(|it| it.is_usable());
        let mut usable: Vec<_> = usable.collect();
        usable.sort_by_cached_key(|address| address.rank(&sources));
        let record = record(settings, usable.into_iter().map(|address| &address.ip))?;
        Ok(Publication { record, home })
    }
}

/// The record with the first address of each family that is to be found.
fn record<'a>(
    settings: &NodeSettings,
    found: impl Iterator<Item = &'a IpAddr>,
) -> Result<Record, AddressError> {
    let (mut ipv4, mut ipv6) = (None, None);
    for ip in found {
        match ip {
            IpAddr::V4(ip) => _ = ipv4.get_or_insert(*ip),
            IpAddr::V6(ip) => _ = ipv6.get_or_insert(*ip),
        }
    }
    let ipv4 = choose(settings.ipv4, ipv4);
    let ipv6 = choose(settings.ipv6, ipv6);
    if ipv4.is_none() && ipv6.is_none() {
        return Err(AddressError::NotFound);
    }
    Ok(Record { ipv4, ipv6, port: settings.port })
}

fn choose<A>(choice: AddressChoice<A>, found: Option<A>) -> Option<A> {
    match choice {
        AddressChoice::Discover => found,
        AddressChoice::Fixed(address) => Some(address),
        AddressChoice::Omit => None,
    }
}

/// Fails when `--interface` names nothing that exists here.
///
/// # Errors
/// See [`AddressError`].
pub fn check_interface(name: &str, network: &HostNetwork) -> Result<(), AddressError> {
    let interfaces =
        network.interfaces.as_ref().map_err(|why| AddressError::Untold(why.clone()))?;
    if interfaces.iter().any(|interface| interface.name == name) {
        return Ok(());
    }
    let others = interfaces.iter().map(|interface| interface.name.clone()).collect();
    Err(AddressError::NoSuchInterface(name.to_owned(), others))
}

/// The interfaces among which one is to be found.
#[derive(Clone, Copy)]
struct Search<'a> {
    settings: &'a NodeSettings,
    interfaces: &'a [Interface],
    default_sources: &'a [IpAddr],
}

impl Search<'_> {
    /// The interface to publish the addresses of. It may have none at the moment, or be gone.
    fn home(&self, source: Option<IpAddr>, previous: Option<&Home>) -> Home {
        let (interface, source) = self.place(source, previous);
        let found = self.interfaces.iter().find(|it| Some(&it.name) == interface.as_ref());
        let before = previous.filter(|home| home.interface == interface);
        let kind = found.map(|it| it.kind).or_else(|| before.and_then(|home| home.kind));
        Home { interface, kind, source }
    }

    fn place(
        &self,
        source: Option<IpAddr>,
        previous: Option<&Home>,
    ) -> (Option<String>, Option<IpAddr>) {
        let given = self.settings.interface.as_ref();
        let led_by = previous.and_then(|home| home.source);
        let source = source.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
        for source in led_by.into_iter().chain(source) {
            let is_holder =
                |it: &&Interface| it.has(source) && given.is_none_or(|name| it.name == *name);
            if let Some(holder) = self.interfaces.iter().find(is_holder) {
                return (Some(holder.name.clone()), Some(source));
            }
        }
        let last = previous.and_then(|home| home.interface.as_ref());
        match source {
            _ if given.is_some() => (given.cloned(), None),
            // An address that no interface has may be this host's all the same, by a route.
            Some(_) if last.is_none() => (None, source),
            // The connection of an address that is gone: until there is another, what comes on that
            // interface is in its place.
            Some(_) => (last.cloned(), None),
            None => {
                let best = self.by_rank(previous).map(|interface| &interface.name);
                (best.or(last).cloned(), None)
            }
        }
    }

    /// The best interface by itself: that of a default route, else of the best kind the one before, else the first.
    /// One that leads to other hosts is not given up for one that does not: its address may just be
    /// changing, or its driver be loaded anew.
    fn by_rank(&self, previous: Option<&Home>) -> Option<&Interface> {
        let last = previous.and_then(|home| home.interface.as_ref());
        let no_default = self.default_sources.len();
        let default = |interface: &Interface| {
            self.default_sources.iter().position(|ip| interface.has(*ip)).unwrap_or(no_default)
        };
        let usable = self.interfaces.iter().filter(|it| self.is_usable(it));
        let best = usable.min_by_key(|it| {
            (default(it), it.kind, Some(&it.name) != last, !it.has_carrier, it.index)
        })?;
        let is_worse = best.kind != InterfaceKind::Ordinary
            && previous.is_some_and(|last| last.kind == Some(InterfaceKind::Ordinary));
        (default(best) < no_default || !is_worse).then_some(best)
    }

    fn is_usable(&self, interface: &Interface) -> bool {
        let is_wanted = |ip: IpAddr| match ip {
            IpAddr::V4(_) => self.settings.ipv4 == AddressChoice::Discover,
            IpAddr::V6(_) => self.settings.ipv6 == AddressChoice::Discover,
        };
        let has_default = self.default_sources.iter().any(|ip| interface.has(*ip));
        let is_candidate = interface.is_up && interface.kind != InterfaceKind::Loopback;
        (is_candidate || has_default)
            && interface.addresses.iter().any(|it| it.is_usable() && is_wanted(it.ip))
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
