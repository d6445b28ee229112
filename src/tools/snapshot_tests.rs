use super::*;
use crate::cluster::Pattern;

fn keyspace() -> Keyspace {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
    let mut keyspace = Keyspace::new(pattern, 9);
    keyspace.prefix = "a/".to_owned();
    keyspace.resolve = ["worker{{.ID}}.b.local.", "db.tf.local."]
        .map(|text| Names::parse(text, 9).expect(text))
        .to_vec();
    keyspace
}

fn kv(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: format!("a/{key}").into_bytes(),
        value: value.as_bytes().to_vec(),
        create_revision: 3,
        mod_revision: 4,
        lease: LeaseId(7),
    }
}

#[test]
fn every_key_is_there_once_in_the_order_of_slots_whatever_it_holds() {
    let kvs = [
        kv("worker1.b.local.", r#"{"ipv4":"10.0.0.9"}"#),
        kv("worker10.tf.local.", r#"{"ipv4":"10.0.0.3"}"#),
        kv("worker1x.tf.local.", "?"),
        kv("worker2.tf.local.", r#"{"ipv4":"10.0.0.2"}"#),
        kv("worker3.tf.local.", "x"),
        kv("worker1.b.local.", r#"{"ipv4":"10.0.0.9"}"#),
        kv("db.tf.local.", r#"{"ipv6":"fd00::1"}"#),
    ];
    let sorted = sorted(&kvs, &keyspace());
    let shown: Vec<(usize, Option<u32>, &str)> = sorted
        .iter()
        .map(|entry| (entry.names, entry.slot.map(SlotId::get), entry.name.as_str()))
        .collect();
    let wanted = [
        (0, Some(2), "worker2.tf.local."),
        (0, Some(3), "worker3.tf.local."),
        (0, Some(10), "worker10.tf.local."),
        (1, Some(1), "worker1.b.local."),
        (2, None, "db.tf.local."),
        (0, None, "worker1x.tf.local."),
    ];
    assert_eq!(shown, wanted);
    assert_eq!(sorted[1].content, KeyContent::Unusable(RecordError::NotJson));
    assert_eq!(sorted[5].content, KeyContent::Stray);
    assert!(sorted[0].record().is_some() && sorted[5].record().is_none());
}

#[test]
fn a_name_is_mine_only_if_no_other_one_could_be() {
    let both = r#"{"ipv4":"10.0.0.1","ipv6":"fd00::1","port":"53"}"#;
    let half = r#"{"ipv4":"10.0.0.1","ipv6":"fd00::7","port":"53"}"#;
    let second = r#"{"ipv4":"10.0.0.1","port":"54"}"#;
    let elsewhere = r#"{"ipv4":"10.0.0.2","port":"53"}"#;
    use Whose::{Here, Mine, Others};
    let table: [(&[&str], Option<u16>, &[Whose]); 7] = [
        (&[both, elsewhere], None, &[Mine, Others]),
        (&[elsewhere, half], None, &[Others, Others]),
        (&[both, second], None, &[Here, Here]),
        (&[both, second], Some(54), &[Others, Mine]),
        (&[both, second], Some(55), &[Others, Others]),
        (&["x", both], Some(53), &[Others, Mine]),
        (&[r#"{"ipv4":"127.0.0.1"}"#], None, &[Others]),
    ];
    let own = ["10.0.0.1", "10.0.0.3", "fd00::1"].map(|ip| ip.parse().expect("an address"));
    for (values, port, wanted) in table {
        let named = (1..).zip(values);
        let kvs: Vec<KeyValue> =
            named.map(|(slot, value)| kv(&format!("worker{slot}.tf.local."), value)).collect();
        let mut snapshot = Snapshot { revision: 9, entries: sorted(&kvs, &keyspace()) };
        snapshot.find_mine(&own, port);
        let whose: Vec<Whose> = snapshot.entries.iter().map(|entry| entry.whose).collect();
        assert_eq!(whose, wanted, "{values:?} {port:?}");
    }
}

#[test]
fn a_drain_is_of_the_slot_whose_lease_it_is_on_and_no_entry() {
    let node = r#"{"ipv4":"10.0.0.1"}"#;
    let on = |lease, kv: KeyValue| KeyValue { lease: LeaseId(lease), ..kv };
    let kvs = [
        kv("worker1.tf.local.", node),
        kv("worker2.tf.local.", r#"{"ipv4":"10.0.0.2","ready":false}"#),
        kv("worker3.tf.local.", node),
        kv("worker:1.tf.local.", r#"{"reason":"disk"}"#),
        on(8, kv("worker:2.tf.local.", "")),
        kv("worker:4.tf.local.", ""),
        kv("worker3.b.local.", node),
        kv("worker:3.b.local.", ""),
    ];
    let sorted = sorted(&kvs, &keyspace());
    let note = |entry: &KeyEntry| entry.node().and_then(|node| node.standing().note());
    let notes: Vec<_> = sorted.iter().map(|entry| (entry.name.as_str(), note(entry))).collect();
    let note = |text: &str| Some(text.to_owned());
    let wanted = [
        ("worker1.tf.local.", note("drained: disk")),
        ("worker2.tf.local.", note("not ready")),
        ("worker3.tf.local.", None),
        ("worker3.b.local.", note("drained")),
    ];
    assert_eq!(notes, wanted);
}
