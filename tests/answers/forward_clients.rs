//! A node as the only name server of its host: programs find the names of the cluster and all
//! others through it.

use support::network::{HUB, Host, Network};
use support::process::Running;
use support::{Cluster, Directory, Node, PATIENCE, command, install, is_private, run, until};

/// A dnsmasq that knows `www.example.com` by this address.
fn dnsmasq(host: Host, address: &str) -> Running {
    let wrapper = host.wrapper();
    Running::start(
        command(&wrapper[0])
            .args(&wrapper[1..])
            .args(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root"])
            .args(["--conf-file=/dev/null", "--pid-file=", "--bind-interfaces"])
            .arg(format!("--host-record=www.example.com,{address}"))
            .arg("--local=/example.com/")
            .arg("--ptr-record=9.9.9.10.in-addr.arpa,printer.example.com"),
    )
}

/// The addresses that glibc finds; empty if it finds none.
fn getent(name: &str) -> String {
    let output = command("getent").args(["ahosts", name]).output().expect("getent");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_node_may_be_the_only_name_server_of_its_host() {
    install(&["busybox:busybox-static", "getent:libc-bin", "dnsmasq:dnsmasq-base"]);
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let (first, second) = (network.host(1), network.host(2));
    let _dnsmasqs = [dnsmasq(first, "192.0.2.80"), dnsmasq(second, "192.0.2.81")];
    let cluster = Cluster::start_at(HUB, 1);
    let directory = Directory::new();
    let resolv_conf = directory.file("resolv.conf");
    let point_to = |server: &str| {
        let text = format!("nameserver 127.0.0.1\n{server}\n");
        std::fs::write(&resolv_conf, text).expect("written");
    };
    point_to("");
    let nsswitch = directory.file("nsswitch.conf");
    std::fs::write(&nsswitch, "hosts: dns\n").expect("written");
    run("mount", &["--bind", &resolv_conf, "/etc/resolv.conf"]);
    run("mount", &["--bind", &nsswitch, "/etc/nsswitch.conf"]);
    let start = |forward: &str| {
        let endpoint = cluster.members[0].endpoint();
        let node = Node::start(&[
            "--pattern",
            support::PATTERN,
            "--endpoints",
            &endpoint,
            "--ipv4",
            "10.0.0.2",
            "--forward",
            forward,
        ]);
        node.slot();
        node
    };

    let node = start(&format!("{},{}", first.address(), second.address()));
    until(PATIENCE, "dnsmasq answers", || {
        getent("www.example.com").contains("192.0.2.80").then_some(())
    });
    assert!(getent("worker1.tf.local").contains("10.0.0.2"));
    assert!(run("getent", &["hosts", "10.0.0.2"]).contains("worker1.tf.local"));
    assert!(run("getent", &["hosts", "10.9.9.9"]).contains("printer.example.com"));
    assert_eq!(getent("worker9.tf.local"), "");
    let output = run("busybox", &["nslookup", "www.example.com"]);
    assert!(output.contains("192.0.2.80"), "{output}");
    drop(node);

    // The file names this node itself, another server, and later yet another.
    let node = start("resolv.conf");
    node.wait_for_log("no server to forward to");
    point_to(&format!("nameserver {}", first.address()));
    until(PATIENCE, "the first", || getent("www.example.com").contains("192.0.2.80").then_some(()));
    std::fs::write(&resolv_conf, format!("nameserver {}\nnameserver ::1\n", second.address()))
        .expect("written");
    until(PATIENCE, "the second", || {
        let output = run("dig", &["+short", "@127.0.0.1", "www.example.com"]);
        (output.trim() == "192.0.2.81").then_some(())
    });
    let wanted = format!("forwarding to {}:53\n", second.address());
    assert!(node.log().contains(&wanted), "itself is left out: {}", node.log());
}
