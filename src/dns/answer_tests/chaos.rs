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
    let table: [(&str, &[&str]); 7] = [
        ("version.bind.", &[version]),
        ("VERSION.server.", &[version]),
        ("hostname.bind.", &["worker2.tf.local."]),
        ("id.server.", &["worker2.tf.local."]),
        ("revision.bind.", &["revision 42"]),
        ("etcd.bind.", &["etcd in sync"]),
        ("slots.bind.", &["slots 3"]),
    ];
    for (name, wanted) in table {
        assert_eq!(texts(name, &directory), (0, wanted.iter().map(|t| t.to_string()).collect()));
    }
    assert_eq!(texts("stats.bind.", &directory).1.len(), 5);
    assert_eq!(texts("id.server.", &directory.emptied()), (0, Vec::new()));
    assert_eq!(texts("authors.bind.", &directory).0, 5);
    let other = query(0, "version.bind.", rrtype::A, CLASS_CH, &[]);
    assert_eq!(reply_to(&other, &directory).expect("a reply")[7], 0);
}
