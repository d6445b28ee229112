//! This host's network as plain data: its interfaces and their addresses, with what tells a good
//! address from a bad one.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// The network of this host at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNetwork {
    /// The interfaces, by index. The error says why the system does not tell them.
    pub interfaces: Result<Vec<Interface>, String>,
    /// The addresses from which this host speaks by way of its default routes: one of each family
    /// at most.
    pub default_sources: Vec<IpAddr>,
}

impl HostNetwork {
    /// Returns whether an interface has this address, in whatever state. `None`: the system does not
    /// tell.
    pub fn has(&self, ip: IpAddr) -> Option<bool> {
        let interfaces = self.interfaces.as_ref().ok()?;
        Some(interfaces.iter().any(|interface| interface.has(ip)))
    }

    /// Whether an address is gone that this host had before, and that told it from others.
    pub fn lost_address_of(&self, before: &HostNetwork) -> bool {
        let (Ok(before), Ok(now)) = (before.own_addresses(), self.own_addresses()) else {
            return false;
        };
        before.iter().any(|ip| !now.contains(ip))
    }

    /// The addresses that tell this host from others: not loopback, not link-local.
    ///
    /// # Errors
    /// When the system does not tell its interfaces, the reason.
    pub fn own_addresses(&self) -> Result<Vec<IpAddr>, String> {
        let interfaces = self.interfaces.as_ref().map_err(Clone::clone)?;
        let all = interfaces.iter().flat_map(|it| &it.addresses).map(|address| address.ip);
        Ok(all.filter(|ip| is_publishable(*ip)).collect())
    }
}

/// An interface of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its index. It never changes, but an interface that is made anew by the same name has another.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it joins.
    pub kind: InterfaceKind,
    /// Whether it is switched on.
    pub is_up: bool,
    /// Whether it has a carrier, such as a cable with somebody at the other end.
    pub has_carrier: bool,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
}

impl Interface {
    /// Returns whether it has this address, in whatever state.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.ip == ip)
    }
}

/// The kind of network that an interface leads to, as far as can be guessed; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceKind {
    /// A card, or something that stands for one: it leads to other hosts.
    Ordinary,
    /// A bridge or a dummy, which may join nothing but what is on this host.
    Internal,
    /// One that a container engine or a hypervisor made for those on this host.
    Containers,
    /// The loopback interface.
    Loopback,
}

/// The beginnings of the names that container engines and hypervisors give to their interfaces.
const CONTAINER_NAMES: [&str; 14] = [
    "docker", "br-", "cni", "veth", "virbr", "podman", "lxcbr", "lxdbr", "incusbr", "cali",
    "flannel", "cilium", "weave", "kube-",
];

impl InterfaceKind {
    /// Guesses it from the name and from what the kernel calls its driver, such as `bridge`.
    pub fn guess(name: &str, driver: &str) -> Self {
        if CONTAINER_NAMES.iter().any(|beginning| name.starts_with(beginning)) {
            return InterfaceKind::Containers;
        }
        match driver {
            "bridge" | "dummy" => InterfaceKind::Internal,
            _ => InterfaceKind::Ordinary,
        }
    }
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Whether it may be used.
    pub state: AddressState,
    /// Whether it is one of those that change to protect privacy (RFC 8981).
    pub is_temporary: bool,
    /// Whether it is a further one in the network of another.
    pub is_secondary: bool,
    /// Whether it stays until it is taken away, rather than for a lifetime.
    pub is_permanent: bool,
}

/// The states of an address (RFC 4862 §2, §5.4, §5.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// It is not known yet whether another host has it.
    Tentative,
    /// Another host has it.
    Duplicate,
    /// It is not to be used for what begins now: it will soon be gone.
    Deprecated,
    /// It may be used.
    Preferred,
}

impl InterfaceAddress {
    /// Returns whether others can use it at all.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, AddressState::Preferred | AddressState::Deprecated)
            && is_publishable(self.ip)
    }

    /// How well it serves others, the smaller the better: rather preferred than deprecated, stable
    /// than temporary (RFC 6724 §5, rules 3 and 7, RFC 8981 §3.6), one that this host speaks from,
    /// those first that come first among them, and then what the policy table favours (§2.1).
    pub fn rank(&self, sources: &[IpAddr]) -> impl Ord + use<> {
        let source = sources.iter().position(|source| *source == self.ip);
        (
            self.state != AddressState::Preferred,
            self.is_temporary,
            source.unwrap_or(sources.len()),
            Reverse(precedence(self.ip)),
            self.is_secondary,
            !self.is_permanent,
            self.ip,
        )
    }
}

/// Returns whether an address means the same host to all: neither loopback nor link-local ones do.
pub fn is_publishable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

/// The lines of the policy table of RFC 6724 §2.1 that are for less than everything: the beginning,
/// how many of its bits count, and the precedence.
const POLICY: [(Ipv6Addr, u32, u8); 6] = [
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1),
    (Ipv6Addr::UNSPECIFIED, 96, 1),
];

/// The precedence of everything else.
const USUAL_PRECEDENCE: u8 = 40;

/// The precedence by the policy table. Only addresses of one family are compared.
fn precedence(ip: IpAddr) -> u8 {
    let IpAddr::V6(ip) = ip else { return USUAL_PRECEDENCE };
    let is_in = |start: Ipv6Addr, bits: u32| (ip.to_bits() ^ start.to_bits()) >> (128 - bits) == 0;
    let line = POLICY.iter().find(|(start, bits, _)| is_in(*start, *bits));
    line.map_or(USUAL_PRECEDENCE, |(_, _, precedence)| *precedence)
}
