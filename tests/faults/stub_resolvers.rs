//! What programs make of the name servers in `/etc/resolv.conf`: musl asks all of them at once and
//! takes the first answer, whatever it says, and glibc asks one after the other.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use support::dns::Message;
use support::network::{HUB, Network};
use support::upstream::{answered, answered_with_nothing};
use support::{
    Cluster, Directory, Node, PATIENCE, Signal, install, is_private, lookup, run, until,
};

use super::host_names::replace;

const COMPILERS: [&str; 2] = ["musl-gcc:musl-tools", "cc:gcc"];

/// Looks a name up so many times, and tells how often each outcome was met.
const CLIENT: &str = r#"
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **words) {
    int found = 0, unknown = 0, again = 0, other = 0;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    for (int i = atoi(words[2]); i > 0; i--) {
        int result = getaddrinfo(words[1], 0, &hints, &list);
        if (result == 0) found++, freeaddrinfo(list);
        else if (result == EAI_NONAME || result == -5) unknown++;
        else if (result == EAI_AGAIN) again++;
        else other++;
    }
    printf("found %d\nunknown %d\nagain %d\nother %d\n", found, unknown, again, other);
    return 0;
}
"#;

/// Two programs that are the same but for their C library.
struct Clients(Directory);

impl Clients {
    fn build() -> Clients {
        let directory = Directory::new();
        let source = directory.file("client.c");
        std::fs::write(&source, CLIENT).expect("written");
        run("musl-gcc", &["-static", "-o", &directory.file("musl"), &source]);
        run("cc", &["-o", &directory.file("glibc"), &source]);
        Clients(directory)
    }

    /// The outcomes of so many look-ups.
    fn look_up(&self, library: &str, name: &str, times: u32) -> HashMap<String, u32> {
        let said = run(self.0.file(library), &[name, &times.to_string()]);
        let outcome = |line: &str| {
            let (what, count) = line.split_once(' ').expect("an outcome");
            (what.to_owned(), count.parse().expect("a number"))
        };
        said.lines().map(outcome).filter(|(_, count)| *count > 0).collect()
    }
}

/// The server of the site, which knows all but the names of the cluster. It counts queries for those.
fn site_server(address: &str) -> Arc<AtomicU32> {
    let socket = UdpSocket::bind((address, 53)).expect("port 53 of its own network");
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            let asked = &Message::read(query).expect("a query").questions[0];
            let is_ours = query.windows(9).any(|part| part == b"\x02tf\x05local");
            let reply = if is_ours {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut reply = answered_with_nothing(query);
                reply[3] |= 3;
                reply
            } else if asked.rrtype == 1 {
                answered(query, Ipv4Addr::new(192, 0, 2, 80).octets())
            } else {
                answered_with_nothing(query)
            };
            let _ = socket.send_to(&reply, client);
        }
    });
    count
}

fn all(outcome: &str, times: u32) -> HashMap<String, u32> {
    HashMap::from([(outcome.to_owned(), times)])
}

#[test]
fn musl_finds_names_by_a_node_alone_that_forwards_and_not_beside_another_server() {
    // Its own network has no way to the packages.
    install(&COMPILERS);
    if !is_private!() {
        return;
    }
    let (_network, directory, clients) = (Network::set_up(), Directory::new(), Clients::build());
    let asked = site_server("127.0.0.9");
    let cluster = Cluster::start_at(HUB, 1);
    let start = |more: &[&str]| {
        let arguments = ["--pattern", support::PATTERN, "--listen", "127.0.0.1:53"];
        let endpoints = cluster.endpoints();
        let own = ["--endpoints", &endpoints, "--ipv4", "10.0.0.1"];
        Node::start(&[&arguments[..], &own, more].concat())
    };
    let server = "127.0.0.1:53".parse().expect("an address");
    let is_named = |node: &Node| {
        node.wait_for_log("claimed worker1");
        until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    };
    let node = start(&[]);
    is_named(&node);
    let both = "nameserver 127.0.0.1\nnameserver 127.0.0.9\n";
    let replaced = replace(&directory, "/etc/resolv.conf", both);
    let musl = clients.look_up("musl", "worker1.tf.local", 300);
    println!(
        "musl, two servers: {musl:?}, {} also asked of the other",
        asked.load(Ordering::SeqCst)
    );
    // The other one may have them to read yet.
    let are_counted = || (asked.load(Ordering::SeqCst) >= 300).then_some(());
    until(PATIENCE, "it asks all at once", are_counted);
    // Which reply comes first is a matter of chance, unless this one is kept from replying.
    node.signal(Signal::STOP);
    assert_eq!(clients.look_up("musl", "worker1.tf.local", 1), all("unknown", 1));
    node.signal(Signal::CONT);
    is_named(&node);
    asked.store(0, Ordering::SeqCst);
    assert_eq!(clients.look_up("glibc", "worker1.tf.local", 300), all("found", 300));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "glibc asks the first one");
    assert_eq!(clients.look_up("glibc", "www.example.com", 10), all("found", 10));
    drop((node, replaced));

    let node = start(&["--forward", "127.0.0.9"]);
    is_named(&node);
    let _replaced = replace(&directory, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
    for library in ["musl", "glibc"] {
        assert_eq!(
            clients.look_up(library, "worker1.tf.local", 300),
            all("found", 300),
            "{library}"
        );
        assert_eq!(clients.look_up(library, "www.example.com", 10), all("found", 10), "{library}");
    }
    cluster.members[0].signal(Signal::STOP);
    assert_eq!(clients.look_up("musl", "worker1.tf.local", 300), all("found", 300));
    cluster.members[0].signal(Signal::CONT);
    drop(node);
}

#[test]
fn before_etcd_was_reached_a_name_is_not_known_yet_by_one_server_and_unknown_by_two() {
    // Its own network has no way to the packages.
    install(&COMPILERS);
    if !is_private!() {
        return;
    }
    let (_network, directory, clients) = (Network::set_up(), Directory::new(), Clients::build());
    let _asked = site_server("127.0.0.9");
    let arguments = ["--pattern", support::PATTERN, "--listen", "127.0.0.1:53"];
    let more = ["--endpoints", "http://127.0.0.1:9", "--forward", "127.0.0.9"];
    let node = Node::start(&[&arguments[..], &more].concat());
    node.wait_for_log("etcd is out of reach, waiting for it");
    let both = "nameserver 127.0.0.1\nnameserver 127.0.0.9\noptions timeout:1 attempts:1\n";
    let replaced = replace(&directory, "/etc/resolv.conf", both);
    for library in ["musl", "glibc"] {
        let outcomes = clients.look_up(library, "worker1.tf.local", 1);
        assert_eq!(outcomes, all("unknown", 1), "{library}: NXDOMAIN, from the other one");
    }
    drop(replaced);
    let alone = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    let _replaced = replace(&directory, "/etc/resolv.conf", alone);
    for library in ["musl", "glibc"] {
        let outcomes = clients.look_up(library, "worker1.tf.local", 1);
        assert_eq!(outcomes, all("again", 1), "{library}: SERVFAIL, try again");
        assert_eq!(clients.look_up(library, "www.example.com", 3), all("found", 3), "{library}");
    }
}
