use std::net::IpAddr;

use super::super::attributes::ATTRIBUTE_START;
use super::*;
use crate::random::Random;

/// A message as the kernel writes it, with its attributes.
fn message(kind: u16, flags: u16, body: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let body = [body, &attributes_of(attributes)].concat();
    let length = u32::try_from(BODY_AT + body.len()).expect("short");
    let mut message = [
        &length.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &7_u32.to_ne_bytes(),
        &0_u32.to_ne_bytes(),
        &body,
    ]
    .concat();
    message.resize(aligned(message.len()), 0);
    message
}

fn attributes_of(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (kind, value) in attributes {
        let length = u16::try_from(ATTRIBUTE_START + value.len()).expect("short");
        octets.extend([&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat());
        octets.resize(aligned(octets.len()), 0);
    }
    octets
}

/// `struct ifinfomsg`.
fn ifinfomsg(family: u8, index: u32, flags: u32) -> Vec<u8> {
    let [index, flags] = [index, flags].map(u32::to_ne_bytes);
    [&[family, 0, 1, 0][..], &index, &flags, &[0; 4]].concat()
}

/// `struct ifaddrmsg`.
fn ifaddrmsg(prefix: u8, flags: u8, index: u32) -> Vec<u8> {
    [&[0, prefix, flags, 0][..], &index.to_ne_bytes()].concat()
}

fn read(datagram: &[u8]) -> Vec<Told> {
    messages(datagram).map(|message| message.told).collect()
}

fn address_of(datagram: &[u8]) -> InterfaceAddress {
    match read(datagram).pop() {
        Some(Told::Change(Change::Address { address, .. })) => address,
        other => panic!("{other:?}"),
    }
}

const IPV6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// One of each kind that is read.
fn samples() -> Vec<Vec<u8>> {
    let info = attributes_of(&[(1, b"bridge\0")]);
    let name: (u16, &[u8]) = (IFLA_IFNAME, b"br0\0");
    vec![
        message(RTM_NEWLINK, 2, &ifinfomsg(0, 3, 0x1043), &[name, (IFLA_LINKINFO | 0x8000, &info)]),
        message(RTM_DELLINK, 0, &ifinfomsg(0, 3, 0), &[name]),
        message(
            RTM_NEWADDR,
            0x12,
            &ifaddrmsg(24, 0x80, 3),
            &[
                (IFA_ADDRESS, &[10, 0, 0, 2]),
                (IFA_LOCAL, &[10, 0, 0, 1]),
                (IFA_FLAGS, &0x80_u32.to_ne_bytes()),
            ],
        ),
        message(RTM_DELADDR, 0, &ifaddrmsg(64, 0, 3), &[(IFA_ADDRESS, &IPV6)]),
        message(RTM_NEWROUTE, 0, &[0; 12], &[]),
        message(NLMSG_DONE, 2, &[0; 4], &[]),
        message(NLMSG_ERROR, 0, &(-16_i32).to_ne_bytes(), &[]),
    ]
}

#[test]
fn what_the_kernel_tells_is_read() {
    let link = Link {
        name: "br0".to_owned(),
        kind: InterfaceKind::Internal,
        is_up: true,
        has_carrier: true,
    };
    let address = InterfaceAddress {
        ip: IpAddr::from([10, 0, 0, 1]),
        state: AddressState::Preferred,
        is_temporary: false,
        is_secondary: false,
        is_permanent: true,
    };
    let gone = Change::AddressGone { index: 3, prefix: 64, ip: IPV6.into() };
    let wanted = [
        Told::Change(Change::Link { index: 3, link }),
        Told::Change(Change::LinkGone { index: 3 }),
        Told::Change(Change::Address { index: 3, prefix: 24, address }),
        Told::Change(gone),
        Told::Change(Change::Route),
        Told::Done,
        Told::Refused(16),
    ];
    let datagram = samples().concat();
    assert_eq!(read(&datagram), wanted);
    let interrupted: Vec<bool> = messages(&datagram).map(|it| it.is_interrupted).collect();
    assert_eq!(interrupted, [false, false, true, false, false, false, false]);
    assert!(messages(&datagram).all(|message| message.sequence == 7));
}

#[test]
fn what_is_about_other_things_is_passed_over() {
    let name: (u16, &[u8]) = (IFLA_IFNAME, b"br0\0");
    for (what, datagram) in [
        ("a bridge loses a port", message(RTM_DELLINK, 0, &ifinfomsg(7, 3, 0), &[name])),
        ("a port of a bridge", message(RTM_NEWLINK, 0, &ifinfomsg(7, 3, 1), &[name])),
        ("no name", message(RTM_NEWLINK, 0, &ifinfomsg(0, 3, 1), &[])),
        ("no address", message(RTM_NEWADDR, 0, &ifaddrmsg(24, 0, 3), &[])),
        ("half an address", message(RTM_NEWADDR, 0, &ifaddrmsg(24, 0, 3), &[(1, &[10, 0])])),
        ("a neighbour", message(28, 0, &[0; 12], &[])),
        ("an acknowledgement", message(NLMSG_ERROR, 0, &[0; 4], &[])),
        ("nothing", message(1, 0, &[], &[])),
    ] {
        assert_eq!(read(&datagram), [Told::Other], "{what}");
    }
    let loopback = message(RTM_NEWLINK, 0, &ifinfomsg(0, 1, 0x49), &[(IFLA_IFNAME, b"lo\0")]);
    let Some(Told::Change(Change::Link { link, .. })) = read(&loopback).pop() else { panic!() };
    assert_eq!(link.kind, InterfaceKind::Loopback);
}

#[test]
fn the_flags_of_an_address_mean_what_they_mean_for_its_family() {
    let ipv4 = |flags: u32| {
        let attributes: [(u16, &[u8]); 2] =
            [(IFA_LOCAL, &[10, 0, 0, 1]), (8, &flags.to_ne_bytes())];
        address_of(&message(RTM_NEWADDR, 0, &ifaddrmsg(24, 0, 3), &attributes))
    };
    let ipv6 = |flags: u32| {
        let attributes: [(u16, &[u8]); 2] = [(IFA_ADDRESS, &IPV6), (8, &flags.to_ne_bytes())];
        address_of(&message(RTM_NEWADDR, 0, &ifaddrmsg(64, 0xff, 3), &attributes))
    };
    assert!(ipv4(1).is_secondary && !ipv4(1).is_temporary);
    assert!(ipv6(1).is_temporary && !ipv6(1).is_secondary);
    assert!(!ipv6(0).is_permanent && ipv6(0x80).is_permanent);
    for (flags, state) in [
        (0x00, AddressState::Preferred),
        (0x02, AddressState::Preferred),
        (0x40, AddressState::Tentative),
        // Optimistic (RFC 4429): it may still turn out to be another's.
        (0x44, AddressState::Tentative),
        (0x48, AddressState::Duplicate),
        (0x20, AddressState::Deprecated),
        (0x60, AddressState::Tentative),
    ] {
        assert_eq!(ipv6(flags).state, state, "{flags:#x}");
    }
    // Without the long flags the short ones count, and no lifetime that is left is no preference.
    let short = [(IFA_ADDRESS, &IPV6[..])];
    let short = address_of(&message(RTM_NEWADDR, 0, &ifaddrmsg(64, 0x40, 3), &short));
    assert_eq!(short.state, AddressState::Tentative);
    for (preferred, state) in [(0, AddressState::Deprecated), (1, AddressState::Preferred)] {
        let cache = [preferred, 60, 0, 0].map(u32::to_ne_bytes).concat();
        let attributes = [(IFA_ADDRESS, &IPV6[..]), (IFA_CACHEINFO, &cache[..])];
        let address = address_of(&message(RTM_NEWADDR, 0, &ifaddrmsg(64, 0, 3), &attributes));
        assert_eq!(address.state, state, "preferred for {preferred} s");
    }
}

#[test]
fn whatever_the_octets_are_reading_ends() {
    let mut random = Random::from_seed(1);
    for sample in samples() {
        for length in 0..sample.len() {
            // Cut off, it is no message.
            assert!(read(&sample[..length]).is_empty(), "{length}");
        }
        for _ in 0..20_000 {
            let mut octets = sample.clone();
            for _ in 0..1 + random.draw() % 3 {
                let at = usize::try_from(random.draw()).unwrap_or(0) % octets.len();
                octets[at] = random.draw().to_le_bytes()[0];
            }
            let known = read(&octets).len();
            assert!(known <= octets.len() / BODY_AT, "{octets:?}");
        }
    }
}

#[test]
fn a_request_is_for_everything() {
    for (kind, length) in [(RTM_GETLINK, 40), (RTM_GETADDR, 24)] {
        let request = request(kind, 9);
        assert_eq!(request.len(), length);
        assert_eq!(u32_at(&request, 0), u32::try_from(length).ok());
        assert_eq!((u16_at(&request, 4), u32_at(&request, 8)), (Some(kind), Some(9)));
        assert_eq!(u16_at(&request, 6), Some(0x301));
    }
}

#[test]
fn of_routes_only_those_to_everywhere_are_news() {
    let route = |prefix: u8, destination: &[u8]| {
        let body = [&[0, prefix][..], &[0; 10]].concat();
        let attribute: &[(u16, &[u8])] = &[(RTA_DST, destination)];
        let attributes = if destination.is_empty() { &[] } else { attribute };
        read(&message(RTM_NEWROUTE, 0, &body, attributes)) == [Told::Change(Change::Route)]
    };
    let documentation = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (prefix, destination, is_news) in [
        (0, &[][..], true),
        // As a tunnel has its default route.
        (1, &[128, 0, 0, 0], true),
        (1, &[0, 0, 0, 0], false),
        (24, &[192, 0, 2, 0], true),
        (24, &[192, 0, 3, 0], false),
        (32, &[10, 0, 0, 1], false),
        (33, &[192, 0, 2, 1], true),
        (200, &[192, 0, 2, 0], false),
        (32, &documentation, true),
        (128, &documentation, false),
        (128, &IPV6, false),
        (0, &[1, 2, 3], false),
    ] {
        assert_eq!(route(prefix, destination), is_news, "{destination:?}/{prefix}");
    }
}
