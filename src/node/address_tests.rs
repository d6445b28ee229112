//! Which of many addresses are published, as tables.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::cluster::{Details, Keyspace, Pattern};
use crate::node::WhenFull;
use crate::node::network::{AddressState, InterfaceAddress};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("no address: {text:?}"))
}

/// An address, followed by what is special about it: `fd00::1/temporary/deprecated`.
fn address(text: &str) -> InterfaceAddress {
    let mut words = text.split('/');
    let mut address = InterfaceAddress {
        ip: ip(words.next().unwrap_or_default()),
        state: AddressState::Preferred,
        is_temporary: false,
        is_secondary: false,
        is_permanent: false,
    };
    for word in words {
        match word {
            "tentative" => address.state = AddressState::Tentative,
            "duplicate" => address.state = AddressState::Duplicate,
            "deprecated" => address.state = AddressState::Deprecated,
            "temporary" => address.is_temporary = true,
            "secondary" => address.is_secondary = true,
            "permanent" => address.is_permanent = true,
            other => panic!("{other:?}"),
        }
    }
    address
}

/// An interface: its name, what is special about it, and its addresses: `eth0/down 10.0.0.1 fd00::1`.
fn interface(index: u32, text: &str) -> Interface {
    let mut words = text.split(' ');
    let mut about = words.next().unwrap_or_default().split('/');
    let name = about.next().unwrap_or_default();
    let mut interface = Interface {
        index,
        name: name.to_owned(),
        kind: InterfaceKind::guess(name, if name == "br0" { "bridge" } else { "" }),
        is_up: true,
        has_carrier: true,
        addresses: words.map(address).collect(),
    };
    for word in about {
        match word {
            "loopback" => interface.kind = InterfaceKind::Loopback,
            "down" => interface.is_up = false,
            "unplugged" => interface.has_carrier = false,
            other => panic!("{other:?}"),
        }
    }
    interface
}

/// A host with these interfaces, which speaks from these addresses by default.
fn host(interfaces: &[&str], default_sources: &[&str]) -> HostNetwork {
    let interfaces = (1..).zip(interfaces).map(|(index, text)| interface(index, text));
    let default_sources = default_sources.iter().map(|text| ip(text)).collect();
    HostNetwork { interfaces: Ok(interfaces.collect()), default_sources }
}

fn settings() -> NodeSettings {
    let pattern = Pattern::parse("w{{.ID}}.tf.local.", 3).expect("a good pattern");
    NodeSettings {
        keyspace: Arc::new(Keyspace::new(pattern, 3)),
        when_full: WhenFull::Exit,
        max_stale: Duration::ZERO,
        max_lag: Duration::from_secs(15),
        lease_ttl: crate::node::LeaseTtl::Fixed(Duration::from_secs(20)),
        ipv4: AddressChoice::Discover,
        ipv6: AddressChoice::Discover,
        interface: None,
        port: Some(53),
        job: None,
        node_id: None,
        details: Details::default(),
        remembered: None,
        watchers: 0,
    }
}

/// What is published of a host, one look after the other; each knows the one before.
fn looks(settings: &NodeSettings, looks: &[(&HostNetwork, &str)]) -> Vec<String> {
    let mut previous = None;
    let look = |(network, source): &(&HostNetwork, &str)| {
        let source = (!source.is_empty()).then(|| ip(source));
        match Publication::find(settings, network, source, previous.as_ref()) {
            Ok(found) => {
                let identity = found.record.identity();
                previous = Some(found);
                identity
            }
            Err(error) => error.to_string(),
        }
    };
    looks.iter().map(look).collect()
}

fn found(network: &HostNetwork, source: &str) -> String {
    looks(&settings(), &[(network, source)]).concat()
}

const NOTHING: &str =
    "no address to publish on any interface that is up; give one by --ipv4 or --ipv6";

fn two_cards() -> HostNetwork {
    host(
        &[
            "lo/loopback 127.0.0.1 ::1",
            "eth0 192.0.2.2 fe80::1 2001:db8::2",
            "eth1 198.51.100.3 198.51.100.4/secondary",
        ],
        &[],
    )
}

#[test]
fn the_source_address_and_its_sibling_are_found() {
    for (source, wanted) in [
        ("192.0.2.2", "192.0.2.2,2001:db8::2,53"),
        ("2001:db8::2", "192.0.2.2,2001:db8::2,53"),
        ("fe80::1", "192.0.2.2,2001:db8::2,53"),
        ("198.51.100.4", "198.51.100.4,53"),
        ("127.0.0.1", "192.0.2.2,2001:db8::2,53"),
        ("::1", "192.0.2.2,2001:db8::2,53"),
        ("", "192.0.2.2,2001:db8::2,53"),
        // By a route, as where 10.0.0.0/8 is local as a whole.
        ("10.0.0.1", "10.0.0.1,53"),
        ("fe80::9", NOTHING),
    ] {
        assert_eq!(found(&two_cards(), source), wanted, "{source:?}");
    }
}

#[test]
fn options_win_over_what_is_found() {
    let host = two_cards();
    let mut wanted = settings();
    let look = |wanted: &NodeSettings, source| looks(wanted, &[(&host, source)]).concat();
    wanted.interface = Some("eth1".to_owned());
    assert_eq!(look(&wanted, "192.0.2.2"), "198.51.100.3,53");
    assert_eq!(look(&wanted, "198.51.100.4"), "198.51.100.4,53");
    assert_eq!(check_interface("eth1", &host), Ok(()));
    let elsewhere = check_interface("wlan0", &host).expect_err("there is none").to_string();
    assert_eq!(elsewhere, "--interface: no interface wlan0 here, only lo, eth0, eth1");
    wanted.interface = None;
    wanted.ipv4 = AddressChoice::Omit;
    assert_eq!(look(&wanted, "192.0.2.2"), "2001:db8::2,53");
    wanted.ipv6 = AddressChoice::Fixed(Ipv6Addr::LOCALHOST);
    assert_eq!(look(&wanted, ""), "::1,53");
    wanted.ipv4 = AddressChoice::Discover;
    assert_eq!(look(&wanted, "198.51.100.3"), "198.51.100.3,::1,53");
    let bare = looks(&wanted, &[(&self::host(&["lo/loopback 127.0.0.1"], &[]), "127.0.0.1")]);
    assert_eq!(bare, ["::1,53"], "what is given does not need what is found");
}

#[test]
fn of_many_addresses_the_right_one_is_found() {
    for (addresses, source, wanted) in [
        // Never one that another host has, or may have.
        ("fd00::1/tentative", "", NOTHING),
        ("fd00::1/duplicate fd00::2", "fd00::1", "fd00::2,53"),
        ("192.0.2.2 fd00::1/duplicate", "192.0.2.2", "192.0.2.2,53"),
        ("192.0.2.2 fd00::1/tentative", "192.0.2.2", "192.0.2.2,53"),
        // Preferred before deprecated, for both families, and a deprecated one before none.
        ("fd00::1/deprecated fd00::2", "fd00::1", "fd00::2,53"),
        ("192.0.2.2/deprecated 192.0.2.3", "192.0.2.2", "192.0.2.3,53"),
        ("fd00::1/deprecated", "fd00::1", "fd00::1,53"),
        ("fd00::1/deprecated fd00::2/temporary", "fd00::1", "fd00::2,53"),
        // Stable before temporary, though etcd is reached from that.
        ("fd00::1/temporary fd00::2", "fd00::1", "fd00::2,53"),
        ("fd00::1/temporary fd00::2/deprecated/temporary", "fd00::2", "fd00::1,53"),
        // The one that reaches etcd, then by the policy table: everything, ULA, Teredo, 6to4.
        ("fd00::1 2001:db8::1", "fd00::1", "fd00::1,53"),
        ("192.0.2.2 fd00::1 2001:db8::1", "192.0.2.2", "192.0.2.2,2001:db8::1,53"),
        ("fd00::1 2001:0:1::1", "", "2001:0:1::1,53"),
        ("2001:0:1::1 2002:c000::1", "", "2002:c000::1,53"),
        ("fec0::1 fd00::1 ::192.0.2.1 3ffe::1", "", "fd00::1,53"),
        // The first of its network, one that stays, and whatever else always the same one.
        ("192.0.2.2/secondary 192.0.2.9", "", "192.0.2.9,53"),
        ("192.0.2.2 192.0.2.9/permanent", "", "192.0.2.9,53"),
        ("192.0.2.9 192.0.2.2", "", "192.0.2.2,53"),
        ("169.254.0.1 fe80::1 127.0.0.9", "", NOTHING),
    ] {
        let network = host(&[&format!("eth0 {addresses}")], &[]);
        assert_eq!(found(&network, source), wanted, "{addresses} {source}");
    }
}

#[test]
fn where_etcd_is_on_loopback_the_default_route_leads_to_the_interface_before_those_of_containers() {
    const DOCKER: &str = "docker0 172.17.0.1";
    const BRIDGE: &str = "br-4f2a 172.18.0.1";
    let lo = "lo/loopback 127.0.0.1 10.1.1.1";
    for (interfaces, defaults, wanted) in [
        (&[lo, DOCKER, "eth0 192.0.2.2"][..], &["192.0.2.2"][..], "192.0.2.2,53"),
        (
            &[lo, DOCKER, BRIDGE, "cni0 10.88.0.1", "veth1 10.88.0.2", "eth0 192.0.2.2"],
            &[],
            "192.0.2.2,53",
        ),
        (&[lo, DOCKER, "br0 192.0.2.2", "eth0"], &[], "192.0.2.2,53"),
        (&[lo, DOCKER, "br0 192.0.2.2", "eth0 192.0.2.3"], &["192.0.2.2"], "192.0.2.2,53"),
        (&[lo, "br0 192.0.2.2", "eth0 192.0.2.3"], &[], "192.0.2.3,53"),
        (&[lo, "eth0 192.0.2.2", "eth1 198.51.100.3"], &["198.51.100.3"], "198.51.100.3,53"),
        (&[lo, "eth0/unplugged 192.0.2.2", "eth1 198.51.100.3"], &[], "198.51.100.3,53"),
        (&[lo, "eth0/down 192.0.2.2", DOCKER], &[], "172.17.0.1,53"),
        // The default route speaks from an address of no card, as where the host itself is routed to.
        (&[lo, "eth0 fe80::1"], &["10.1.1.1"], "10.1.1.1,53"),
        (&[lo, "eth0 fe80::1"], &[], NOTHING),
        // By IPv4 it leads elsewhere than by IPv6.
        (
            &[lo, "eth0 2001:db8::2 192.0.2.2", "eth1 198.51.100.3"],
            &["198.51.100.3", "2001:db8::2"],
            "198.51.100.3,53",
        ),
        (&[lo, "eth0 2001:db8::9 2001:db8::2"], &["2001:db8::9"], "2001:db8::9,53"),
    ] {
        assert_eq!(found(&host(interfaces, defaults), "127.0.0.1"), wanted, "{interfaces:?}");
    }
}

#[test]
fn what_was_found_is_kept_to_and_followed() {
    let before = host(&["eth0 192.0.2.2 fd00::2", "eth1 198.51.100.3", "docker0 172.17.0.1"], &[]);
    let renumbered = host(&["eth0 192.0.2.9", "eth1 198.51.100.3", "docker0 172.17.0.1"], &[]);
    let gone = host(&["eth0", "eth1 198.51.100.3", "docker0 172.17.0.1"], &[]);
    let shared = host(&["eth0 192.0.2.2 192.0.2.7 fd00::2"], &[]);
    const FIRST: &str = "192.0.2.2,fd00::2,53";
    for (others, wanted) in [
        // etcd is reached by the other card, or from an address that wanders from host to host.
        (&[(&before, "198.51.100.3")][..], &[FIRST][..]),
        (&[(&shared, "192.0.2.7")], &[FIRST]),
        // The address changes, and the connection to etcd is that of the old one still, or a new one.
        (&[(&renumbered, "192.0.2.2")], &["192.0.2.9,53"]),
        (&[(&renumbered, "192.0.2.2"), (&renumbered, "192.0.2.9")], &["192.0.2.9,53"; 2]),
        (&[(&gone, "192.0.2.2"), (&renumbered, "192.0.2.2")], &[NOTHING, "192.0.2.9,53"]),
        (&[(&gone, "192.0.2.2"), (&gone, "198.51.100.3")], &[NOTHING, "198.51.100.3,53"]),
    ] {
        let all = [&[(&before, "192.0.2.2")], others].concat();
        let found = looks(&settings(), &all);
        assert_eq!(found[0], FIRST);
        assert_eq!(&found[1..], wanted, "{others:?}");
    }
}

#[test]
fn where_etcd_is_on_loopback_an_address_that_changes_is_waited_for_rather_than_that_of_a_container()
{
    let docker = "docker0 172.17.0.1";
    let none_yet = host(&[docker], &[]);
    let up = host(&[docker, "eth0 192.0.2.2"], &["192.0.2.2"]);
    let no_route = host(&[docker, "eth0 192.0.2.2", "eth1 198.51.100.3"], &[]);
    let moved = host(&[docker, "eth0 192.0.2.2", "eth1 198.51.100.3"], &["198.51.100.3"]);
    let gone = host(&[docker, "eth0"], &[]);
    let bridged = host(&[docker, "eth0", "br0 192.0.2.2"], &["192.0.2.2"]);
    let other = host(&[docker, "eth0", "eth1 198.51.100.3"], &[]);
    let unplugged = host(&[docker, "eth0/unplugged 192.0.2.2"], &[]);
    let removed = host(&[docker], &[]);
    let at = |network| (network, "127.0.0.1");
    let card = host(&[docker, "eth0 192.0.2.2"], &[]);
    assert_eq!(
        looks(&settings(), &[(&none_yet, ""), (&card, ""), (&gone, "")]),
        ["172.17.0.1,53", "192.0.2.2,53", NOTHING]
    );
    let sequence =
        [&none_yet, &up, &no_route, &moved, &up, &gone, &bridged, &up, &other, &up].map(at);
    let sequence = [&sequence[..], &[at(&unplugged), at(&removed)]].concat();
    let wanted = [
        "172.17.0.1,53",
        "192.0.2.2,53",
        "192.0.2.2,53",
        "198.51.100.3,53",
        "192.0.2.2,53",
        NOTHING,
        "192.0.2.2,53",
        "192.0.2.2,53",
        "198.51.100.3,53",
        "192.0.2.2,53",
        "192.0.2.2,53",
        NOTHING,
    ];
    assert_eq!(looks(&settings(), &sequence), wanted);
}

#[test]
fn where_the_system_does_not_tell_the_connection_to_etcd_does() {
    let why = "Address family not supported";
    let untold = |sources: &[&str]| HostNetwork {
        interfaces: Err(why.to_owned()),
        default_sources: sources.iter().map(|text| ip(text)).collect(),
    };
    for (sources, source, wanted) in [
        (&[][..], "192.0.2.2", "192.0.2.2,53"),
        (&["192.0.2.9", "2001:db8::9"], "127.0.0.1", "192.0.2.9,2001:db8::9,53"),
        (&["192.0.2.9"], "fd00::1", "fd00::1,53"),
    ] {
        assert_eq!(found(&untold(sources), source), wanted, "{source}");
    }
    let helpless = found(&untold(&[]), "127.0.0.1");
    assert!(helpless.contains(why) && helpless.contains("--ipv4"), "{helpless}");
    // It goes where the connection goes.
    let moves = [(&untold(&[]), "192.0.2.2"), (&untold(&[]), "192.0.2.3")];
    assert_eq!(looks(&settings(), &moves), ["192.0.2.2,53", "192.0.2.3,53"]);
    let mut wanted = settings();
    wanted.interface = Some("eth0".to_owned());
    assert!(looks(&wanted, &[(&untold(&[]), "192.0.2.2")])[0].contains("--ipv4"));
    wanted.ipv4 = AddressChoice::Omit;
    wanted.ipv6 = AddressChoice::Fixed(Ipv6Addr::LOCALHOST);
    assert_eq!(looks(&wanted, &[(&untold(&[]), "")]), ["::1,53"]);
}

#[test]
fn an_interface_is_told_by_its_name_and_its_driver() {
    for (name, driver, wanted) in [
        ("eth0", "", InterfaceKind::Ordinary),
        // What a container has is one end of such a pair.
        ("eth0", "veth", InterfaceKind::Ordinary),
        ("wg0", "wireguard", InterfaceKind::Ordinary),
        ("br0", "bridge", InterfaceKind::Internal),
        ("dummy0", "dummy", InterfaceKind::Internal),
        ("docker0", "bridge", InterfaceKind::Containers),
        ("br-0123456789ab", "bridge", InterfaceKind::Containers),
        ("cni0", "bridge", InterfaceKind::Containers),
        ("veth1234", "veth", InterfaceKind::Containers),
        ("kube-ipvs0", "dummy", InterfaceKind::Containers),
    ] {
        assert_eq!(InterfaceKind::guess(name, driver), wanted, "{name}");
    }
}
