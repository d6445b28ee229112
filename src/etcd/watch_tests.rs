use super::*;

#[test]
fn one_request_a_range() {
    let ranges = [(b"a".to_vec(), b"b".to_vec()), (b"c".to_vec(), b"d".to_vec())];
    let body = requests(&ranges, 7);
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&body).into_iter().collect::<Result<_, _>>().unwrap();
    let request = |key, end| {
        json!({"create_request": {"key": key, "range_end": end, "start_revision": "7",
            "fragment": true}})
    };
    assert_eq!(values, [request("YQ==", "Yg=="), request("Yw==", "ZA==")]);
}

#[test]
fn what_ends_a_watch() {
    let ended = |cause: &str| Error::watch_ended("e", cause);
    let cases = [
        (
            r#"{"result":{"canceled":true,"compact_revision":"3"}}"#,
            Error::Compacted { compact_revision: 3 },
        ),
        (r#"{"result":{"created":true,"canceled":true,"cancel_reason":"no"}}"#, ended("no")),
        (r#"{"result":{"canceled":true}}"#, ended("etcd canceled it")),
        (
            r#"{"error":{"grpc_code":14,"message":"bye"}}"#,
            ended("etcd at e refused: bye (code 14)"),
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(parse("e", line.as_bytes()), Err(expected), "{line}");
    }
}

#[test]
fn garbage() {
    for line in [
        "",
        "\n",
        "x",
        "[]",
        "{}",
        "7",
        "{\"result\":",
        r#"{"result":{}}"#,
        r#"{"result":7}"#,
        r#"{"result":{"created":"yes"}}"#,
        r#"{"result":{"header":{},"events":[{}]}}"#,
        r#"{"result":{"header":{},"events":[{"type":"MOVE","kv":{}}]}}"#,
        r#"{"result":{"header":{},"events":[{"kv":{"key":"*"}}]}}"#,
        r#"{"result":{"header":{},"events":7}}"#,
    ] {
        let parsed = parse("e", line.as_bytes());
        assert!(matches!(parsed, Err(Error::Malformed { .. })), "{line}: {parsed:?}");
    }
}

#[test]
fn changes() {
    assert_eq!(parse("e", br#"{"result":{"header":{},"created":true}}"#), Ok(Line::Created));
    let line = r#"{"result":{"header":{"revision":"9"},"fragment":true,"events":[
        {"kv":{"key":"YQ==","value":"Yg==","mod_revision":"4"}},
        {"type":"DELETE","kv":{"key":"YQ==","mod_revision":"5"}}]}}"#;
    let Ok(Line::Changes(reply)) = parse("e", line.as_bytes()) else { panic!("no changes") };
    assert!(!reply.complete);
    assert_eq!(reply.header.revision, 9);
    let seen: Vec<_> = reply.events.iter().map(|e| (e.kind, e.kv.mod_revision)).collect();
    assert_eq!(seen, [(EventKind::Put, 4), (EventKind::Delete, 5)]);
}
