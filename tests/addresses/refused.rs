//! Systems that do not tell their addresses.

use support::network::{HUB, Network, ip};
use support::{Cluster, Etcd, Node, PATTERN, is_private, until};

use super::scene::{SOON, card, published};

/// Becomes a program that may open no socket for netlink: what seccomp does for containers.
const WITHOUT_NETLINK: &str = r#"
import ctypes, os, struct, sys
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ARCHITECTURES = {"x86_64": 41, "aarch64": 198}
AF_NETLINK, EAFNOSUPPORT, ALLOW, ERRNO = 16, 97, 0x7fff0000, 0x00050000
program = b"".join(struct.pack("HBBI", *line) for line in [
    (LOAD, 0, 0, 0), (EQUAL, 0, 3, ARCHITECTURES[os.uname().machine]),
    (LOAD, 0, 0, 16), (EQUAL, 0, 1, AF_NETLINK),
    (RETURN, 0, 0, ERRNO | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)])
memory = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no new privileges"
assert libc.prctl(22, 2, ctypes.byref(Filter(6, ctypes.addressof(memory))), 0, 0) == 0, "seccomp"
os.execvp(sys.argv[1], sys.argv[1:])
"#;

fn wrapper() -> Vec<String> {
    ["python3", "-c", WITHOUT_NETLINK].map(str::to_owned).to_vec()
}

#[test]
fn the_source_address_towards_etcd_is_enough_and_a_line_says_what_to_give() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let host = network.host(1);
    let arguments = ["--pattern", PATTERN, "--endpoints", &cluster.endpoints()];
    let listen = ["--listen", "0.0.0.0:53", "--lease-ttl", "4", "--etcd-timeout", "0.5"];
    let arguments = [&arguments[..], &listen].concat();
    let node = Node::start_by(&[host.wrapper(), wrapper()].concat(), &arguments);
    node.slot();
    assert_eq!(published(cluster.any(), 1).as_deref(), Some("10.98.0.11 -"));
    let line = node.wait_for_log("--ipv4");
    assert!(line.contains("netlink: Address family not supported"), "{line}");
    assert_eq!(node.log().matches("--ipv4").count(), 1, "{}", node.log());
    // It is followed as soon as another connection tells.
    host.ip("addr del 10.98.0.11/24 dev eth0");
    host.ip("addr add 10.98.0.99/24 dev eth0");
    until(SOON * 4, &node.log(), || (published(cluster.any(), 1)? == "10.98.0.99 -").then_some(()));
}

#[test]
fn where_etcd_is_on_loopback_the_default_route_tells() {
    if !is_private!() {
        return;
    }
    ip("link set lo up");
    card("eth0", &["10.98.1.1/24"]);
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let arguments = ["--pattern", PATTERN, "--endpoints", &endpoint, "--listen", "127.0.0.1:5300"];
    let node = Node::start_by(&wrapper(), &arguments);
    let line = node.wait_for_log("--ipv4");
    assert!(line.contains("netlink: Address family not supported"), "{line}");
    ip("route add default via 10.98.1.254 dev eth0");
    node.slot();
    assert_eq!(published(&etcd, 1).as_deref(), Some("10.98.1.1 -"));
}
