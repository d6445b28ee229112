//! What people use: resolvers' tools, the system's own look-up, and resolvers in front of us.

use support::network::{HUB, Network};
use support::process::Running;
use support::{
    Cluster, Directory, Node, PATIENCE, command, install, is_private, lookup, run, until,
};

/// A node on port 53 of a network of its own, which is the system's name server there.
struct Scene {
    _network: Network,
    _cluster: Cluster,
    directory: Directory,
    node: Node,
}

impl Scene {
    fn set() -> Scene {
        Scene::set_with(&[])
    }

    fn set_with(options: &[&str]) -> Scene {
        let network = Network::set_up();
        let cluster = Cluster::start_at(HUB, 1);
        let etcd = &cluster.members[0];
        etcd.put("worker2.tf.local.", br#"{"ipv4":"10.0.0.2","ipv6":"fd00::2","port":"53"}"#);
        for number in 3..=303 {
            let address = format!("10.1.{}.{}", number / 250, number % 250);
            let value = format!(r#"{{"ipv4":"{address}"}}"#);
            etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
        }
        let endpoint = etcd.endpoint();
        let usual = ["--pattern", support::PATTERN, "--limit", "400", "--endpoints", &endpoint];
        let node = Node::start(&[&usual, options].concat());
        assert_eq!(node.slot(), 1);
        let directory = Directory::new();
        for (path, text) in [
            ("/etc/resolv.conf", "nameserver 127.0.0.1\n"),
            ("/etc/nsswitch.conf", "hosts: files dns\n"),
        ] {
            let file = directory.file(&path.replace('/', "_"));
            std::fs::write(&file, text).expect("written");
            run("mount", &["--bind", &file, path]);
        }
        Scene { _network: network, _cluster: cluster, directory, node }
    }
}

#[test]
fn the_tools_of_resolvers_are_answered() {
    install(&["dig:bind9-dnsutils", "host:bind9-host", "kdig:knot-dnsutils", "drill:ldnsutils"]);
    if !is_private!() {
        return;
    }
    let _scene = Scene::set();
    let table: [(&str, &[&str], &str); 12] = [
        ("dig", &["+short", "worker2.tf.local", "@localhost"], "10.0.0.2"),
        ("dig", &["+short", "+tcp", "AAAA", "worker2.tf.local", "@::1"], "fd00::2"),
        ("dig", &["+short", "-x", "10.0.0.2"], "worker2.tf.local."),
        ("dig", &["+short", "-x", "fd00::2"], "worker2.tf.local."),
        ("dig", &["+short", "SRV", "worker2.tf.local"], "0 0 53 worker2.tf.local."),
        ("dig", &["+short", "CH", "TXT", "id.server"], "\"worker1.tf.local.\""),
        ("dig", &["+nsid", "+cookie", "worker2.tf.local"], "NSID: 77 6f 72 6b 65 72 31"),
        ("dig", &["+cookie", "worker2.tf.local"], "(good)"),
        ("kdig", &["+short", "worker2.tf.local", "A"], "10.0.0.2"),
        ("kdig", &["+tcp", "+nsid", "worker999.tf.local"], "NXDOMAIN"),
        ("drill", &["worker2.tf.local", "AAAA"], "fd00::2"),
        ("host", &["worker2.tf.local"], "worker2.tf.local has IPv6 address fd00::2"),
    ];
    for (program, arguments, wanted) in table {
        let output = run(program, arguments);
        assert!(output.contains(wanted), "{program} {arguments:?}: {output}");
        assert!(!output.contains("WARNING: recursion") || program == "dig", "{output}");
    }
    // They turn to TCP by themselves where a group is too large.
    for program in ["dig", "kdig"] {
        let output = run(program, &["+short", "worker.tf.local", "A"]);
        let addresses = output.lines().filter(|line| line.starts_with("10."));
        assert_eq!(addresses.count(), 303, "{program}");
    }
}

#[test]
fn programs_find_names_by_getaddrinfo_of_glibc_and_musl_and_by_busybox() {
    install(&["busybox:busybox-static", "musl-gcc:musl-tools", "getent:libc-bin"]);
    if !is_private!() {
        return;
    }
    let scene = Scene::set();
    let output = run("getent", &["ahosts", "worker2.tf.local"]);
    assert!(output.contains("10.0.0.2") && output.contains("fd00::2"), "{output}");
    assert!(run("getent", &["hosts", "10.0.0.2"]).contains("worker2.tf.local"));
    let output = run("busybox", &["nslookup", "worker2.tf.local"]);
    assert!(output.contains("10.0.0.2") && output.contains("fd00::2"), "{output}");
    let source = scene.directory.file("lookup.c");
    let program = scene.directory.file("lookup");
    std::fs::write(
        &source,
        r#"#include <netdb.h>
        #include <stdio.h>
        int main(int argc, char **argv) {
            struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all, *one;
            int failed = getaddrinfo(argv[1], 0, &hints, &all);
            if (failed) { puts(gai_strerror(failed)); return 1; }
            for (one = all; one; one = one->ai_next) {
                char host[64];
                getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof host, 0, 0, NI_NUMERICHOST);
                puts(host);
            }
            return 0;
        }"#,
    )
    .expect("written");
    run("musl-gcc", &["-static", "-o", &program, &source]);
    let output = run(&program, &["worker2.tf.local"]);
    assert!(output.contains("10.0.0.2") && output.contains("fd00::2"), "{output}");
    let missing = command(&program).arg("worker999.tf.local").output().expect("it runs");
    assert!(!missing.status.success());
    assert_eq!(scene.node.status("Threads"), "1");
}

#[test]
fn dnspython_reads_every_reply() {
    install(&["python3:python3"]);
    if !std::path::Path::new("/usr/lib/python3/dist-packages/dns").exists() {
        install(&["no-such-command:python3-dnspython"]);
    }
    if !is_private!() {
        return;
    }
    let _scene = Scene::set();
    let script = r#"
import dns.message, dns.query, dns.rcode
for name in ["worker2.tf.local.", "worker.tf.local.", "worker999.tf.local.", "tf.local.", "example.com.",
             "2.0.0.10.in-addr.arpa."]:
    for kind in ["A", "AAAA", "SRV", "PTR", "SOA", "NS", "TXT", "ANY", "TYPE65280"]:
        for edns in [False, 0]:
            query = dns.message.make_query(name, kind, use_edns=edns)
            tcp = dns.query.tcp(query, "127.0.0.1", timeout=2)
            udp, fell_back = dns.query.udp_with_fallback(query, "127.0.0.1", timeout=2)
            assert udp.rcode() == tcp.rcode(), (name, kind)
            assert len(udp.answer) == len(tcp.answer), (name, kind)
            assert udp.question == query.question
print("all read")
"#;
    let output = run("/usr/bin/python3", &["-c", script]);
    assert_eq!(output.trim(), "all read");
}

#[test]
fn unbound_and_dnsmasq_ask_us_for_the_zone() {
    install(&["unbound:unbound", "dnsmasq:dnsmasq-base", "dig:bind9-dnsutils"]);
    if !is_private!() {
        return;
    }
    let scene = Scene::set();
    let config = scene.directory.file("unbound.conf");
    let text = "server:\n interface: 127.0.0.2@5301\n username: \"\"\n chroot: \"\"\n use-syslog: no\n \
                pidfile: \"\"\n do-daemonize: no\n do-not-query-localhost: no\n \
                domain-insecure: \"tf.local\"\n local-zone: \"tf.local\" nodefault\n \
                module-config: \"iterator\"\n\
                stub-zone:\n name: \"tf.local\"\n stub-addr: 127.0.0.1\n";
    std::fs::write(&config, text).expect("written");
    let _unbound = Running::start(command("unbound").args(["-d", "-c", &config]));
    let _dnsmasq = Running::start(command("dnsmasq").args([
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--port=5302",
        "--listen-address=127.0.0.2",
        "--bind-interfaces",
        "--user=root",
        "--conf-file=/dev/null",
        "--server=/tf.local/127.0.0.1#53",
        "--pid-file=",
    ]));
    for port in ["5301", "5302"] {
        let ask = |name: &str, kind: &str| {
            let arguments = ["+short", "+tries=1", "+time=2", "-p", port, "@127.0.0.2", name, kind];
            let output = command("dig").args(arguments).output().expect("dig");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        until(PATIENCE, &format!("port {port} answers"), || {
            (ask("worker2.tf.local", "A") == "10.0.0.2").then_some(())
        });
        assert_eq!(ask("worker2.tf.local", "AAAA"), "fd00::2", "{port}");
        assert_eq!(ask("worker999.tf.local", "A"), "", "{port}");
        assert_eq!(ask("worker.tf.local", "A").lines().count(), 303, "{port}");
    }
    assert!(lookup("127.0.0.1:53".parse().expect("an address"), "worker2.tf.local.").is_some());
}

/// RFC 9156, the strict way: whoever is refused a name above gives up.
#[test]
fn a_resolver_that_asks_label_by_label_finds_the_names_of_addresses() {
    install(&["unbound:unbound", "dig:bind9-dnsutils"]);
    if !is_private!() {
        return;
    }
    let scene = Scene::set_with(&["--reverse", "10.0.0.0/8,fd00::/8"]);
    let config = scene.directory.file("unbound.conf");
    let text = "server:\n interface: 127.0.0.2@5301\n username: \"\"\n chroot: \"\"\n use-syslog: no\n \
                pidfile: \"\"\n do-daemonize: no\n do-not-query-localhost: no\n module-config: \"iterator\"\n \
                qname-minimisation: yes\n qname-minimisation-strict: yes\n \
                local-zone: \"10.in-addr.arpa\" nodefault\n local-zone: \"d.f.ip6.arpa\" nodefault\n\
                stub-zone:\n name: \"10.in-addr.arpa\"\n stub-addr: 127.0.0.1\n\
                stub-zone:\n name: \"d.f.ip6.arpa\"\n stub-addr: 127.0.0.1\n";
    std::fs::write(&config, text).expect("written");
    let _unbound = Running::start(command("unbound").args(["-d", "-c", &config]));
    let ask = |address: &str| {
        let arguments = ["+tries=1", "+time=2", "-p", "5301", "@127.0.0.2", "-x", address];
        let output = command("dig").args(arguments).output().expect("dig");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    until(PATIENCE, "unbound answers", || {
        ask("10.0.0.2").contains("worker2.tf.local.").then_some(())
    });
    let table = [
        ("10.1.0.5", "worker5.tf.local."),
        ("fd00::2", "worker2.tf.local."),
        ("10.0.0.200", "status: NXDOMAIN"),
        ("fd00::200", "status: NXDOMAIN"),
    ];
    for (address, wanted) in table {
        let output = ask(address);
        assert!(output.contains(wanted), "{address}: {output}");
    }
}
