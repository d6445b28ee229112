use super::*;

const VALUE: &str = r#"{"ipv4":"10.0.0.1"}"#;

fn directory() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let resolve = ["ps{{.ID}}.tf.local.", "db.tf.local.", "worker1{{.ID}}.tf.local."];
    let resolve = resolve.map(|text| Names::parse(text, 5).expect("good names")).to_vec();
    Directory::new(Arc::new(Keyspace { resolve, ..Keyspace::new(pattern, 5) }))
}

fn put<'a>(key: &'a str, value: &'a str, mod_revision: i64) -> Entry<'a> {
    Entry { key: key.as_bytes(), value: Some(value.as_bytes()), mod_revision, fingerprint: 0 }
}

fn delete(key: &str, mod_revision: i64) -> Entry<'_> {
    Entry { key: key.as_bytes(), value: None, mod_revision, fingerprint: 0 }
}

fn names_of(directory: &Directory, address: &str) -> Vec<String> {
    let address = address.parse().expect("an address");
    let Some(found) = directory.names_of(address) else { return Vec::new() };
    let names: Vec<_> = found.iter().map(|(names, id)| names.name(id)).collect();
    assert!((1..=names.len()).contains(&found.least()));
    names
}

/// Tells a key to every range that it lies in, as etcd does.
fn apply(directory: &mut Directory, entry: Entry<'_>) -> Applied {
    let ranges = directory.keyspace().ranges().len();
    let all = (0..ranges).map(|range| directory.apply(range, entry));
    let mut all: Vec<Applied> = all.filter(|applied| *applied != Applied::Ignored).collect();
    all.pop().unwrap_or(Applied::Ignored)
}

#[test]
fn events_change_what_is_answered() {
    let mut directory = directory();
    for key in ["worker3.tf.local.", "worker4000000000.tf.local.", "ps9.tf.local.", "db.tf.local."]
    {
        assert_eq!(apply(&mut directory, put(key, VALUE, 7)), Applied::Changed, "{key}");
        assert!(directory.record(key.as_bytes()).is_some());
        assert_eq!(directory.len(), 1);
        assert!(directory.records().map(|(name, _)| name).eq([key]));
        assert_eq!(apply(&mut directory, delete(key, 8)), Applied::Changed);
        assert!(directory.record(key.as_bytes()).is_none());
        assert!(directory.is_empty());
    }
}

#[test]
fn a_key_may_belong_to_two_patterns() {
    let mut directory = directory();
    apply(&mut directory, put("worker12.tf.local.", VALUE, 7));
    assert_eq!(directory.len(), 2);
    assert!(directory.slots().map(|(id, _)| id.get()).eq([12]));
    apply(&mut directory, delete("worker12.tf.local.", 8));
    assert!(directory.is_empty());
}

#[test]
fn a_name_in_two_ranges_is_told_once_of_its_address() {
    let mut directory = directory();
    let names = |directory: &Directory| names_of(directory, "10.0.0.1");
    apply(&mut directory, put("worker12.tf.local.", VALUE, 7));
    apply(&mut directory, put("worker2.tf.local.", VALUE, 8));
    assert_eq!(names(&directory), ["worker2.tf.local.", "worker12.tf.local."]);
    directory.apply(0, delete("worker12.tf.local.", 9));
    assert_eq!(names(&directory), ["worker2.tf.local.", "worker12.tf.local."]);
}

#[test]
fn ranges_that_overlap_need_not_be_in_step() {
    let mut directory = directory();
    let (one, other) = (0, 3);
    directory.apply(one, put("worker12.tf.local.", VALUE, 7));
    directory.apply(one, delete("worker12.tf.local.", 8));
    directory.apply(other, put("worker12.tf.local.", VALUE, 7));
    assert!(directory.slots().next().is_none(), "the late one revives nothing");
    directory.apply(other, delete("worker12.tf.local.", 8));
    assert!(directory.is_empty());
}

#[test]
fn an_event_seen_before_changes_nothing() {
    let mut directory = directory();
    for key in ["worker1.tf.local.", "db.tf.local."] {
        apply(&mut directory, put(key, VALUE, 9));
        assert_eq!(apply(&mut directory, put(key, "x", 9)), Applied::Ignored);
        assert_eq!(apply(&mut directory, delete(key, 8)), Applied::Ignored);
        assert!(directory.record(key.as_bytes()).is_some());
    }
}

#[test]
fn a_value_that_is_not_a_record_holds_its_slot_and_is_told_once() {
    let mut directory = directory();
    for key in ["worker2.tf.local.", "db.tf.local."] {
        let bad = put(key, "x", 4);
        assert!(matches!(apply(&mut directory, bad), Applied::Unusable(_)));
        assert_eq!(apply(&mut directory, bad), Applied::Ignored);
        assert!(directory.record(key.as_bytes()).is_none());
        assert!(directory.knows_unusable(key.as_bytes(), 4));
    }
    assert!(directory.slots().map(|(id, record)| (id.get(), record)).eq([(2, None)]));
    assert_eq!((directory.occupied(), directory.named()), (1, 0));
    assert_eq!(apply(&mut directory, put("worker2.tf.local.", VALUE, 5)), Applied::Changed);
    assert!(directory.record(b"worker2.tf.local.").is_some());
}

#[test]
fn keys_beside_the_names_are_ignored() {
    let mut directory = directory();
    for key in ["worker0.tf.local.", "worker1.tf.other.", "worker01.tf.local.", "w", "", "db."] {
        assert_eq!(apply(&mut directory, put(key, VALUE, 2)), Applied::Ignored, "{key}");
    }
}

#[test]
fn digests_tell_the_ranges_apart() {
    let mut directory = directory();
    apply(&mut directory, put("worker3.tf.local.", VALUE, 4));
    apply(&mut directory, put("worker4.tf.local.", "x", 6));
    apply(&mut directory, put("db.tf.local.", VALUE, 5));
    apply(&mut directory, put("worker5.tf.other.", "", 8));
    apply(&mut directory, put("worker6.tf.other.", "", 9));
    apply(&mut directory, delete("worker6.tf.other.", 10));
    let (none, one) = (RangeDigest::default(), RangeDigest { keys: 1, newest: 5 });
    let digests = |up_to| [0, 1, 2, 3, 9].map(|range| directory.digest(range, up_to));
    assert_eq!(digests(i64::MAX), [RangeDigest { keys: 3, newest: 8 }, none, one, none, none]);
}

#[test]
fn a_snapshot_replaces_everything() {
    let mut directory = directory();
    apply(&mut directory, put("worker1.tf.local.", VALUE, 2));
    let mut snapshot = directory.emptied();
    apply(&mut snapshot, put("worker2.tf.local.", VALUE, 3));
    apply(&mut snapshot, put("worker9.tf.local.", VALUE, 3));
    directory.mark(Freshness::Stale);
    assert_eq!(directory.freshness(), Freshness::Empty, "nothing was read yet");
    directory.replace(snapshot, 3);
    assert!(directory.slots().map(|(id, _)| id.get()).eq([2, 9]));
    assert_eq!((directory.revision(), directory.freshness()), (3, Freshness::Synced));
    directory.advance(2);
    assert_eq!(directory.revision(), 3);
    directory.mark(Freshness::Expired);
    assert_eq!(directory.freshness(), Freshness::Expired);
}

#[test]
fn what_was_replaced_is_given_up_a_little_at_a_time() {
    let mut directory = directory();
    let keys = [1, 2, 100, 4_000_000_000_u32].map(|number| format!("worker{number}.tf.local."));
    for key in &keys {
        apply(&mut directory, put(key, VALUE, 2));
    }
    directory.apply(0, put("worker1-old.tf.local.", VALUE, 7));
    let mut old = directory.replace(directory.emptied(), 9);
    let mut lengths = vec![old.len()];
    while old.shrink(1) {
        lengths.push(old.len());
    }
    lengths.dedup();
    // The first two lie side by side.
    assert_eq!((directory.len(), lengths), (0, vec![4, 2, 1, 0]));
}

#[test]
fn names_above_an_existing_one_are_known() {
    let pattern = Pattern::parse("a.w{{.ID}}.tf.", 5).expect("a good pattern");
    let resolve = vec![Names::parse("x.y.z.", 5).expect("a name")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    apply(&mut directory, put("a.w3.tf.", VALUE, 2));
    apply(&mut directory, put("x.y.z.", VALUE, 2));
    let table = [
        ("w3.tf.", true),
        ("w4.tf.", false),
        ("w.tf.", true),
        ("y.z.", true),
        ("z.", true),
        ("x.y.z.", false),
    ];
    for (name, wanted) in table {
        assert_eq!(directory.has_below(name.as_bytes()), wanted, "{name}");
    }
}

#[test]
fn a_value_that_is_no_record_gives_no_name_above_it() {
    let pattern = Pattern::parse("a.w{{.ID}}.tf.", 5).expect("a good pattern");
    let resolve = vec![Names::parse("x.y.z.", 5).expect("a name")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    for (key, above) in [("a.w3.tf.", "w3.tf."), ("x.y.z.", "y.z.")] {
        assert!(matches!(apply(&mut directory, put(key, "x", 2)), Applied::Unusable(_)));
        assert!(!directory.has_below(above.as_bytes()), "{above}");
    }
}

#[test]
fn groups_and_addresses_follow_the_changes() {
    let mut directory = directory();
    let both = r#"{"ipv4":"10.0.0.1","ipv6":"fd00::1"}"#;
    apply(&mut directory, put("worker3.tf.local.", VALUE, 4));
    apply(&mut directory, put("worker2.tf.local.", both, 5));
    apply(&mut directory, put("db.tf.local.", VALUE, 6));
    let all = ["worker2.tf.local.", "worker3.tf.local.", "db.tf.local."];
    assert_eq!(names_of(&directory, "10.0.0.1"), all);
    assert_eq!(names_of(&directory, "fd00::1"), all[..1]);
    let group = directory.group(b"worker.tf.local.").expect("a group");
    assert_eq!(group.names.pattern(), Some(directory.pattern()));
    assert_eq!((group.ipv4(), group.ipv6().len()), (&[[10, 0, 0, 1]][..], 1));
    assert_eq!(directory.named(), 2);
    assert!(directory.group(b"ps.tf.local.").is_some_and(|group| group.ipv4().is_empty()));
    assert!(directory.group(b"db.tf.local.").is_none());
    apply(&mut directory, put("worker2.tf.local.", r#"{"ipv4":"10.0.0.9"}"#, 7));
    apply(&mut directory, delete("worker3.tf.local.", 8));
    assert_eq!(names_of(&directory, "10.0.0.1"), all[2..]);
    assert_eq!(names_of(&directory, "10.0.0.9"), all[..1]);
    assert!(names_of(&directory, "fd00::1").is_empty());
    directory.set_own(SlotId::new(2));
    directory.replace(directory.emptied(), 9);
    assert_eq!(directory.own_name().as_deref(), Some("worker2.tf.local."));
    assert!(names_of(&directory, "10.0.0.9").is_empty());
}

#[test]
fn a_key_that_is_no_slot_keeps_its_latest_change() {
    let mut directory = directory();
    let stray = "worker1-old.tf.local.";
    directory.apply(0, put(stray, VALUE, 7));
    directory.apply(0, put(stray, VALUE, 6));
    directory.apply(0, delete(stray, 6));
    assert_eq!(directory.digest(0, i64::MAX), RangeDigest { keys: 1, newest: 7 });
    directory.apply(0, delete(stray, 8));
    assert_eq!(directory.digest(0, i64::MAX), RangeDigest::default());
}
