//! Why a node is not in its group.

use super::*;

#[test]
fn a_node_out_of_its_group_says_why_as_text() {
    let mut directory = cluster();
    let drain = br#"{"reason":"disk 3"}"#;
    let unready = br#"{"ipv4":"10.0.0.2","port":"1053","ready":false}"#;
    for (key, value) in [
        ("worker:1.tf.local.", &drain[..]),
        ("worker2.tf.local.", &unready[..]),
        ("worker:2.tf.local.", b"{}"),
    ] {
        let (key, value) = (key.as_bytes(), Some(value));
        directory.apply(0, Entry { key, value, mod_revision: 50, fingerprint: 0 });
    }
    let table = [
        ("worker1.tf.local.", vec!["drained=disk 3"]),
        ("worker2.tf.local.", vec!["ready=false", "drained="]),
        ("worker4.tf.local.", vec![]),
        ("worker.tf.local.", vec![]),
        ("worker3.tf.local.", vec![]),
    ];
    for (name, wanted) in table {
        let reply = reply_to(&ask(name, rrtype::TXT), &directory).expect("a reply");
        let packet = Packet::parse(&reply).expect("well formed");
        let texts: Vec<String> = packet
            .answers
            .iter()
            .filter_map(|record| match &record.rdata {
                RData::TXT(text) => String::try_from(text.clone()).ok(),
                _ => None,
            })
            .collect();
        assert_eq!(texts, wanted, "{name}");
        assert!(packet.answers.iter().all(|record| record.ttl == TTL));
        assert_eq!(packet.name_servers.len(), usize::from(wanted.is_empty()), "{name}: else a SOA");
    }
}
