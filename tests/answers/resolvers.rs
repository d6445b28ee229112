//! Resolvers in front of nodes, which find them from the root zone down and ask label by label (RFC 9156).

use support::is_private;

use crate::internet::{self, Internet, dig};

#[test]
fn resolvers_that_ask_label_by_label_find_names_and_addresses() {
    internet::install_all();
    if !is_private!() {
        return;
    }
    let internet = Internet::start();
    let _resolvers = [internet.bind(), internet.unbound(), internet.power_dns(), internet.knot()];
    for (name, server) in [
        ("BIND", "198.51.100.21"),
        ("Unbound", "198.51.100.22"),
        ("PowerDNS Recursor", "198.51.100.23"),
        ("Knot Resolver", "198.51.100.24"),
    ] {
        internet::wait_for(server);
        let address = dig(server, &["+short", "worker2.tf.example", "A"]);
        let number = address.strip_prefix("198.51.100.").unwrap_or_default();
        assert!(["1", "2", "3"].contains(&number), "{name}: {address}");
        let ipv6 = format!("2001:db8::{number}");
        assert_eq!(dig(server, &["+short", "worker2.tf.example", "AAAA"]), ipv6, "{name}");
        for kind in ["A", "AAAA", "SRV"] {
            let group = dig(server, &["+short", "worker.tf.example", kind]);
            assert_eq!(group.lines().count(), 3, "{name}: {group}");
        }
        for ip in [&address, &ipv6] {
            assert_eq!(dig(server, &["+short", "-x", ip]), "worker2.tf.example.", "{name}: {ip}");
        }
        let missing: [&[&str]; 5] = [
            &["worker9.tf.example"],
            &["a.b.worker2.tf.example"],
            &["_dns._udp.nobody.tf.example", "SRV"],
            &["-x", "198.51.100.99"],
            &["-x", "2001:db8::99"],
        ];
        for words in missing {
            let said = dig(server, words);
            assert!(said.contains("status: NXDOMAIN"), "{name}: {words:?}: {said}");
        }
    }
}
