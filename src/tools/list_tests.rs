use super::*;
use std::sync::Arc;

use crate::cluster::{Drain, Pattern, PublishedNode, RecordError, SlotId};

/// A node here, a value that is none, and a key that begins alike.
fn snapshot() -> Snapshot {
    let entry = |slot, name: &str, content, whose| KeyEntry {
        names: 0,
        slot: SlotId::new(slot),
        name: name.to_owned(),
        content,
        lease: LeaseId(7),
        create_revision: 5,
        whose,
    };
    let node = |value: &str| {
        KeyContent::Node(PublishedNode::parse(value.as_bytes(), 5).expect("a record"))
    };
    let one =
        r#"{"ipv4":"10.0.0.1","port":"53","services":{"http/tcp":"80"},"meta":{"rack":"a7"}}"#;
    let both = r#"{"ipv4":"10.0.0.1","ipv6":"fd00::2","port":"53"}"#;
    Snapshot {
        revision: 9,
        entries: vec![
            entry(1, "worker1.tf.local.", node(one), Whose::Mine),
            entry(2, "worker2.tf.local.", node(both), Whose::Others),
            entry(
                3,
                "worker3.tf.local.",
                KeyContent::Unusable(RecordError::NotJson),
                Whose::Others,
            ),
            entry(0, "worker1\n.tf.local.", KeyContent::Stray, Whose::Others),
        ],
    }
}

fn lives() -> [Life; 4] {
    [Life::Left(Duration::from_millis(17_900)), Life::Unknown, Life::Endless, Life::Endless]
}

#[test]
fn programs_get_a_line_for_each_key() {
    let wanted = "1\tworker1.tf.local.\t10.0.0.1\t-\t53\t17\tme\n\
        2\tworker2.tf.local.\t10.0.0.1\tfd00::2\t53\t?\t-\n\
        3\tworker3.tf.local.\t-\t-\t-\t-\tno record: the value is not JSON\n\
        -\tworker1\\n.tf.local.\t-\t-\t-\t-\tnone of these names\n";
    assert_eq!(rendered(&snapshot(), &lives(), Style::Tabs, None), wanted);
}

#[test]
fn people_get_a_heading() {
    let table = rendered(&snapshot(), &lives(), Style::Aligned, None);
    let heading = "SLOT  NAME                 IPV4      IPV6     PORT  SECONDS  NOTE\n";
    assert!(table.starts_with(heading), "{table}");
    assert_eq!(table.lines().count(), 5);
}

#[test]
fn json_has_everything() {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
    let json = to_json(&snapshot(), &lives(), &Keyspace::new(pattern, 9));
    assert_eq!((&json["revision"], &json["nodes"][1]["ipv6"]), (&json!(9), &json!("fd00::2")));
    assert_eq!(
        json["nodes"][0],
        json!({"slot": 1, "name": "worker1.tf.local.", "pattern": "worker{{.ID}}.tf.local.",
            "ipv4": "10.0.0.1", "ipv6": null, "port": 53, "lease_seconds": 17,
            "create_revision": 5, "me": true, "here": true,
            "ready": true, "drained": false, "reason": null,
            "services": {"http/tcp": 80}, "meta": {"rack": "a7"}})
    );
    assert_eq!(
        (&json["nodes"][1]["services"], &json["nodes"][1]["meta"]),
        (&json!({}), &json!({}))
    );
    assert_eq!(json["unusable"][0]["reason"], "the value is not JSON");
    assert_eq!(json["others"], json!(["worker1\n.tf.local."]));
}

#[test]
fn hosts_lines_have_names_as_resolvers_ask_for_them() {
    let wanted = "10.0.0.1\tworker1.tf.local\n\
        10.0.0.1\tworker2.tf.local\n\
        fd00::2\tworker2.tf.local\n\
        # worker3.tf.local.: no record: the value is not JSON\n\
        # worker1\\n.tf.local.: none of these names\n";
    assert_eq!(snapshot().entries.iter().map(hosts_lines).collect::<String>(), wanted);
}

#[test]
fn who_is_not_in_the_group_is_marked() {
    let mut snapshot = snapshot();
    let [first, second, ..] = &mut snapshot.entries[..] else { panic!("too few") };
    let (KeyContent::Node(first), KeyContent::Node(second)) =
        (&mut first.content, &mut second.content)
    else {
        panic!("no nodes");
    };
    first.drain = Some(Arc::new(Drain { reason: "disk".parse().ok() }));
    second.is_ready = false;
    let table = rendered(&snapshot, &lives(), Style::Tabs, None);
    let notes: Vec<&str> = table.lines().filter_map(|line| line.rsplit('\t').next()).collect();
    let bad = "no record: the value is not JSON";
    assert_eq!(notes, ["me, drained: disk", "not ready", bad, "none of these names"]);
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
    let json = to_json(&snapshot, &lives(), &Keyspace::new(pattern, 9));
    let told = |node: usize| {
        ["ready", "drained", "reason"].map(|field| json["nodes"][node][field].clone())
    };
    assert_eq!(told(0), [json!(true), json!(true), json!("disk")]);
    assert_eq!(told(1), [json!(false), json!(false), json!(null)]);
}
