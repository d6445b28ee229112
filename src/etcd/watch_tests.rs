use super::*;

#[test]
fn one_request_a_range() {
    let range = |key: &str, end: &str, deletions_only| WatchRange {
        key: key.into(),
        range_end: end.into(),
        start_revision: 7,
        deletions_only,
    };
    let body = requests(&[range("a", "b", false), range("c", "d", true)]);
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(&body).into_iter().collect::<Result<_, _>>().unwrap();
    let request = |id, key, end, filters: Value| {
        json!({"create_request": {"watch_id": id, "key": key, "range_end": end,
            "start_revision": "7", "filters": filters, "fragment": true}})
    };
    let wanted =
        [request("1", "YQ==", "Yg==", json!([])), request("2", "Yw==", "ZA==", json!(["NOPUT"]))];
    assert_eq!(values, wanted);
}

#[test]
fn what_ends_a_watch() {
    let ended = |cause: &str| Error::new(ErrorKind::WatchEnded, "e", cause);
    let cases = [
        (
            r#"{"result":{"canceled":true,"compact_revision":"3"}}"#,
            Error::new(ErrorKind::Compacted(3), "e", ""),
        ),
        (r#"{"result":{"created":true,"canceled":true,"cancel_reason":"no"}}"#, ended("no")),
        (r#"{"result":{"canceled":true}}"#, ended("etcd canceled it")),
        (
            r#"{"error":{"grpc_code":14,"message":"bye"}}"#,
            ended("etcd at e refused: bye (code 14)"),
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(parse("e", Slices::default().value(line.as_bytes())), Err(expected), "{line}");
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
        r#"{"result":{"header":{},"watch_id":"-1","events":[]}}"#,
        r#"{"result":{"header":{},"events":[]}}"#,
    ] {
        let parsed = parse("e", Slices::default().value(line.as_bytes()));
        assert!(
            parsed.as_ref().is_err_and(|error| error.kind == ErrorKind::Malformed),
            "{line}: {parsed:?}"
        );
    }
}

#[test]
fn changes() {
    assert_eq!(
        parse("e", Slices::default().value(br#"{"result":{"header":{},"created":true}}"#)),
        Ok(Line::Created(ResponseHeader::default()))
    );
    let line = r#"{"result":{"header":{"revision":"9"},"watch_id":"2","fragment":true,"events":[
        {"kv":{"key":"YQ==","value":"Yg==","mod_revision":"4"}},
        {"type":"DELETE","kv":{"key":"YQ==","mod_revision":"5"}}]}}"#;
    let Ok(Line::Changes(reply)) = parse("e", Slices::default().value(line.as_bytes())) else {
        panic!("no changes")
    };
    assert!(!reply.complete && reply.range == 1);
    assert_eq!(reply.header.revision, 9);
    let seen: Vec<_> = reply.events.iter().map(|e| (e.kind, e.kv.mod_revision)).collect();
    assert_eq!(seen, [(EventKind::Put, 4), (EventKind::Delete, 5)]);
}
