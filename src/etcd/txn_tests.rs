use super::*;

fn ops() -> Vec<Op> {
    vec![
        Op::Range(Range::new("a", None)),
        Op::Put { key: b"a".to_vec(), value: Vec::new(), lease: LeaseId(7) },
        Op::Delete(b"a".to_vec()),
    ]
}

#[test]
fn requests() {
    let key = || b"a".to_vec();
    let compare = vec![
        Compare { key: key(), to: Equal::CreateRevision(0) },
        Compare { key: key(), to: Equal::ModRevision(5) },
        Compare { key: key(), to: Equal::Lease(LeaseId(i64::MAX)) },
    ];
    let txn = encode_txn(&Txn { compare, success: ops(), failure: Vec::new() });
    assert_eq!(
        txn["compare"],
        json!([
            {"key": "YQ==", "target": "CREATE", "result": "EQUAL", "create_revision": "0"},
            {"key": "YQ==", "target": "MOD", "result": "EQUAL", "mod_revision": "5"},
            {"key": "YQ==", "target": "LEASE", "result": "EQUAL", "lease": "9223372036854775807"},
        ])
    );
    let request = json!({"key": "YQ==", "value": "", "lease": "7"});
    assert_eq!(txn["success"][1]["request_put"], request);
    let request = json!({"key": "YQ=="});
    assert_eq!(txn["success"][2]["request_delete_range"], request);
}

#[test]
fn transactions() {
    let txn = Txn { success: ops(), ..Txn::default() };
    let reply = json!({"header": {"revision": "3"}, "succeeded": true, "responses": [
        {"response_range": {"header": {"revision": "3"}}},
        {"response_put": {"header": {"revision": "3"}}},
        {"response_delete_range": {}}]});
    let range = RangeReply {
        header: ResponseHeader { revision: 3, ..ResponseHeader::default() },
        ..RangeReply::default()
    };
    let reply = txn_reply(&reply, &txn, &Slices::default()).unwrap();
    assert!(reply.succeeded);
    assert_eq!(reply.ranges, [range]);
    let failed = txn_reply(&json!({"header": {}}), &txn, &Slices::default()).unwrap();
    assert!(!failed.succeeded && failed.ranges.is_empty());
    for garbage in [
        json!({"header": {}, "succeeded": true}),
        json!({"header": {}, "succeeded": 1}),
        json!({"header": {}, "responses": [{}]}),
        json!({"header": {}, "succeeded": true, "responses": [1, 2, 3]}),
    ] {
        assert!(txn_reply(&garbage, &txn, &Slices::default()).is_err(), "{garbage}");
    }
}
