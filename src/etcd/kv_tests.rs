use serde_json::json;

use super::*;

#[test]
fn range_requests() {
    let range = Range { order: Order::CreateRevision, limit: 1, ..Range::new("a", None) };
    assert_eq!(
        range.encode(),
        json!({"key": "YQ==", "limit": "1", "sort_target": "CREATE", "sort_order": "ASCEND"})
    );
    let range =
        Range { order: Order::NewestFirst, revision: 7, ..Range::new("a", Some("b".into())) };
    let range = Range { keys_only: true, count_only: true, ..range };
    assert_eq!(
        range.encode(),
        json!({"key": "YQ==", "range_end": "Yg==", "revision": "7", "keys_only": true,
            "count_only": true, "sort_target": "MOD", "sort_order": "DESCEND"})
    );
}

#[test]
fn ranges() {
    let reply = json!({"header": {"cluster_id": "14655024145418835072", "revision": "2"},
        "kvs": [{"key": "YQ==", "create_revision": "2", "mod_revision": 3, "lease": "4"}],
        "count": "9", "more": true});
    let reply = range_reply(&reply, &Slices::default()).unwrap();
    assert_eq!(reply.header.cluster_id, 14_655_024_145_418_835_072);
    assert_eq!((reply.count, reply.more), (9, true));
    let kv = KeyValue {
        key: b"a".to_vec(),
        value: Vec::new(),
        create_revision: 2,
        mod_revision: 3,
        lease: LeaseId(4),
    };
    assert_eq!(reply.kvs, [kv]);
    assert_eq!(range_reply(&json!({"header": {}}), &Slices::default()), Ok(RangeReply::default()));
    for garbage in [
        json!({}),
        json!({"header": {"revision": "x"}}),
        json!({"header": {}, "kvs": 1}),
        json!({"header": {}, "kvs": [{"key": "*"}]}),
        json!({"header": {}, "count": []}),
        json!([]),
    ] {
        assert!(range_reply(&garbage, &Slices::default()).is_err(), "{garbage}");
    }
}
