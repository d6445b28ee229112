//! Other names are forwarded for this host's own networks alone, unless `--allow` says whose.

use support::network::{HUB, Network, ip};
use support::process::with_environment;
use support::upstream::{Habit, Upstream};
use support::{Cluster, Node, free_port, is_private};

use super::GOOD;

#[test]
fn without_allow_no_other_network_has_names_forwarded() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let (neighbour, stranger) = (network.host(1), network.host(2));
    stranger.ip("addr add 192.0.2.9/32 dev lo");
    ip(&format!("route add 192.0.2.9/32 via {} dev br0", stranger.address()));
    let cluster = Cluster::start_at(HUB, 1);
    let server = Upstream::start(Habit::Good);
    let (endpoint, forward) = (cluster.members[0].endpoint(), server.address.to_string());
    let port = free_port();
    let listen = [format!("{HUB}:{port}"), format!("127.0.0.1:{port}")];
    let start = |more: &[&str]| {
        let usual = ["--pattern", support::PATTERN, "--endpoints", &endpoint, "--ipv4", "10.0.0.2"];
        let where_to = ["--listen", &listen[0], "--listen", &listen[1], "--forward", &forward];
        let node = Node::start(&[&usual[..], &where_to, more].concat());
        node.slot();
        node
    };
    let ask = |wrapper: &[String], from: &str, name: &str| {
        let program = wrapper.first().map_or("dig", String::as_str);
        let port = port.to_string();
        let at = format!("@{}", if from == "127.0.0.1" { from } else { HUB });
        let mut dig = with_environment(program);
        dig.args(wrapper.iter().skip(1)).args(wrapper.first().map(|_| "dig"));
        dig.args([at.as_str(), "-b", from, "-p", &port, "+tries=1", "+time=5", name]);
        String::from_utf8_lossy(&dig.output().expect("dig").stdout).into_owned()
    };
    let (near, far) = (neighbour.wrapper(), stranger.wrapper());
    let askers = [
        (&[][..], "127.0.0.1".to_owned(), true),
        (&[][..], HUB.to_owned(), true),
        (&near[..], neighbour.address(), true),
        (&far[..], stranger.address(), true),
        (&far[..], "192.0.2.9".to_owned(), false),
    ];
    let node = start(&[]);
    node.wait_for_log("for this host and its networks alone, 10.98.0.0/24");
    for (wrapper, from, may) in &askers {
        let output = ask(wrapper, from, "www.example.com");
        if *may {
            assert!(output.contains(GOOD), "{from}: {output}");
        } else {
            assert!(output.contains("REFUSED") && output.contains("EDE: 18"), "{from}: {output}");
        }
        let own = ask(wrapper, from, "worker1.tf.local");
        assert!(own.contains("10.0.0.2"), "the own zone is everybody's: {from}: {own}");
    }
    // An address that comes brings its network with it.
    ip("addr add 192.0.2.1/24 dev br0");
    support::until(support::PATIENCE, "another network", || {
        ask(&far, "192.0.2.9", "www.example.com").contains(GOOD).then_some(())
    });
    drop(node);
    let _node = start(&["--allow", "0.0.0.0/0"]);
    assert!(ask(&far, "192.0.2.9", "www.example.com").contains(GOOD));
}
