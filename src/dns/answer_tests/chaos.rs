//! What the server says of itself.

use super::*;

#[test]
fn the_server_tells_of_itself_in_the_class_chaos() {
    let directory = cluster();
    let texts = |name: &str, directory: &Directory| -> (u8, Vec<String>) {
        let bytes = reply_to(&query(0, name, 16, CLASS_CH, &[]), directory).expect("a reply");
        let reply = Packet::parse(&bytes).expect("well formed");
        let texts = reply.answers.iter().map(|record| {
            assert_eq!((record.class, record.ttl), (CLASS::CH, 0));
            let RData::TXT(text) = &record.rdata else { panic!("{record:?}") };
            text.clone().try_into().expect("text")
        });
        (bytes[3] & 0x0f, texts.collect())
    };
    let version = concat!("idetcd ", env!("CARGO_PKG_VERSION"));
    let table: [(&str, &[&str]); 9] = [
        ("version.bind.", &[version]),
        ("VERSION.server.", &[version]),
        ("hostname.bind.", &["worker2.tf.local."]),
        ("id.server.", &["worker2.tf.local."]),
        ("revision.bind.", &["revision 42"]),
        ("etcd.bind.", &["etcd in sync"]),
        ("slots.bind.", &["slots 3"]),
        ("group.bind.", &["group 3"]),
        ("ready.bind.", &["ready"]),
    ];
    for (name, wanted) in table {
        assert_eq!(texts(name, &directory), (0, wanted.iter().map(|t| t.to_string()).collect()));
    }
    assert_eq!(texts("stats.bind.", &directory).1.len(), 7);
    assert_eq!(texts("id.server.", &directory.emptied()), (0, Vec::new()));
    let mut drained = cluster();
    let reason = "ö".repeat(200);
    let value = format!(r#"{{"reason":"{reason}"}}"#);
    let (key, value) = (&b"worker:2.tf.local."[..], Some(value.as_bytes()));
    drained.apply(0, Entry { key, value, mod_revision: 8, fingerprint: 0 });
    assert_eq!(texts("ready.bind.", &drained), (0, vec![format!("drained: {reason}")]));
    assert_eq!(texts("group.bind.", &drained), (0, vec!["group 2".to_owned()]));
    assert_eq!(texts("ready.bind.", &directory.emptied()), (0, Vec::new()));
    assert_eq!(texts("authors.bind.", &directory).0, 5);
    let other = query(0, "version.bind.", rrtype::A, CLASS_CH, &[]);
    assert_eq!(reply_to(&other, &directory).expect("a reply")[7], 0);
}
