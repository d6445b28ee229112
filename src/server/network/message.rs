//! Messages of the kernel about interfaces, addresses and routes (`netlink(7)`, `rtnetlink(7)`), read
//! with every bound checked: what is too short or says nothing that is needed is passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::attributes::{aligned, attributes, ip, text, u16_at, u32_at};
use crate::node::network::{AddressState, InterfaceAddress, InterfaceKind};

// Kinds of messages (linux/netlink.h, linux/rtnetlink.h).
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;

// Flags of a message.
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
/// Something changed while the kernel told it, which may therefore not fit together.
const NLM_F_DUMP_INTR: u16 = 0x10;

// Attributes of an interface (linux/if_link.h), and its flags (linux/if.h).
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;

// Attributes of an address, and its flags (linux/if_addr.h). The first flag has a meaning of its own
// for each family.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_F_SECONDARY_OR_TEMPORARY: u32 = 0x01;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_DEPRECATED: u32 = 0x20;
const IFA_F_TENTATIVE: u32 = 0x40;
const IFA_F_PERMANENT: u32 = 0x80;

// An attribute of a route (linux/rtnetlink.h).
const RTA_DST: u16 = 1;

/// Addresses for documentation (RFC 5737, 3849): no route is theirs but a default route.
pub(super) const ELSEWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// The octets of a message's header.
const BODY_AT: usize = 16;

/// A change, or a part of what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Link {
        index: u32,
        link: Link,
    },
    LinkGone {
        index: u32,
    },
    Address {
        index: u32,
        prefix: u8,
        address: InterfaceAddress,
    },
    AddressGone {
        index: u32,
        prefix: u8,
        ip: IpAddr,
    },
    /// A route came or went that may be the one to everywhere.
    Route,
}

/// An interface without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) kind: InterfaceKind,
    pub(super) is_up: bool,
    pub(super) has_carrier: bool,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Change(Change),
    /// All was told that was asked for.
    Done,
    /// What was asked for is refused, with this error number.
    Refused(i32),
    /// Nothing that is needed.
    Other,
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The number of the request that it replies to; 0: it replies to none.
    pub(super) sequence: u32,
    /// Whether something changed while this was told.
    pub(super) is_interrupted: bool,
    pub(super) told: Told,
}

/// Asks to be told all interfaces (`RTM_GETLINK`) or all addresses (`RTM_GETADDR`).
pub(super) fn request(kind: u16, sequence: u32) -> Vec<u8> {
    let mut body = vec![0; if kind == RTM_GETLINK { 16 } else { 8 }];
    if kind == RTM_GETLINK {
        // Counters of packets would be most of the reply.
        body.extend(8_u16.to_ne_bytes());
        body.extend(IFLA_EXT_MASK.to_ne_bytes());
        body.extend(RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    }
    let length = u32::try_from(BODY_AT + body.len()).unwrap_or(0);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

/// The messages of a datagram, as far as they are whole.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let body = rest.get(BODY_AT..length)?;
        let message = Message {
            sequence: u32_at(rest, 8)?,
            is_interrupted: u16_at(rest, 6)? & NLM_F_DUMP_INTR != 0,
            told: told(u16_at(rest, 4)?, body),
        };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

fn told(kind: u16, body: &[u8]) -> Told {
    let change = match kind {
        NLMSG_DONE | NLMSG_ERROR => match u32_at(body, 0).unwrap_or(0).cast_signed() {
            0 if kind == NLMSG_DONE => return Told::Done,
            // An acknowledgement, which nobody asked for.
            0 => None,
            error => return Told::Refused(error.saturating_neg()),
        },
        RTM_NEWLINK | RTM_DELLINK => link(kind, body),
        RTM_NEWADDR | RTM_DELADDR => address(kind, body),
        RTM_NEWROUTE | RTM_DELROUTE => route(body),
        _ => None,
    };
    change.map_or(Told::Other, Told::Change)
}

/// `struct ifinfomsg`, and what follows it.
fn link(kind: u16, body: &[u8]) -> Option<Change> {
    // A bridge tells of its ports by the same kind of message, with its own family.
    if body.first() != Some(&0) {
        return None;
    }
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    if kind == RTM_DELLINK {
        return Some(Change::LinkGone { index });
    }
    let (mut name, mut driver) = (None, String::new());
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => name = Some(text(value)),
            IFLA_LINKINFO => {
                let mut nested = attributes(value);
                let kind = nested.find(|(kind, _)| *kind == IFLA_INFO_KIND);
                driver = kind.map(|(_, value)| text(value)).unwrap_or_default();
            }
            _ => {}
        }
    }
    let name = name?;
    let kind = match flags & IFF_LOOPBACK {
        0 => InterfaceKind::guess(&name, &driver),
        _ => InterfaceKind::Loopback,
    };
    let (is_up, has_carrier) = (flags & IFF_UP != 0, flags & IFF_RUNNING != 0);
    Some(Change::Link { index, link: Link { name, kind, is_up, has_carrier } })
}

/// `struct ifaddrmsg`, and what follows it.
fn address(kind: u16, body: &[u8]) -> Option<Change> {
    let &[_, prefix, few_flags, _, ..] = body else { return None };
    let index = u32_at(body, 4)?;
    let (mut peer, mut local, mut flags) = (None, None, u32::from(few_flags));
    let mut preferred_lifetime = None;
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            // Of a link with two ends it is the other one.
            IFA_ADDRESS => peer = ip(value),
            IFA_LOCAL => local = ip(value),
            IFA_FLAGS => flags = u32_at(value, 0)?,
            IFA_CACHEINFO => preferred_lifetime = u32_at(value, 0),
            _ => {}
        }
    }
    let ip = local.or(peer)?;
    if kind == RTM_DELADDR {
        return Some(Change::AddressGone { index, prefix, ip });
    }
    let has = |flag| flags & flag != 0;
    let state = if has(IFA_F_DADFAILED) {
        AddressState::Duplicate
    } else if has(IFA_F_TENTATIVE) {
        AddressState::Tentative
    } else if has(IFA_F_DEPRECATED) || preferred_lifetime == Some(0) {
        AddressState::Deprecated
    } else {
        AddressState::Preferred
    };
    let address = InterfaceAddress {
        ip,
        state,
        is_temporary: ip.is_ipv6() && has(IFA_F_SECONDARY_OR_TEMPORARY),
        is_secondary: ip.is_ipv4() && has(IFA_F_SECONDARY_OR_TEMPORARY),
        is_permanent: has(IFA_F_PERMANENT),
    };
    Some(Change::Address { index, prefix, address })
}

/// `struct rtmsg`, and what follows it. A host may have a million routes that are for somewhere.
fn route(body: &[u8]) -> Option<Change> {
    let &[_, prefix, ..] = body else { return None };
    let destination = attributes(body.get(12..)?).find(|(kind, _)| *kind == RTA_DST);
    let is_default = match destination.map(|(_, value)| ip(value)) {
        None => true,
        Some(network) => {
            let network = network?;
            ELSEWHERE.iter().any(|ip| is_within(*ip, network, prefix))
        }
    };
    is_default.then_some(Change::Route)
}

/// Returns whether an address has the first bits of another one.
fn is_within(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let differs = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => u128::from(ip.to_bits() ^ network.to_bits()) << 96,
        (IpAddr::V6(ip), IpAddr::V6(network)) => ip.to_bits() ^ network.to_bits(),
        _ => return false,
    };
    differs.leading_zeros() >= u32::from(prefix)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
