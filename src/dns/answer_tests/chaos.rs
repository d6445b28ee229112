//! What the server says of itself.

use super::*;

const PUBLISHED: &str = "published 10.0.0.2 port 1053";

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
    assert_eq!(texts("stats.bind.", &directory).1.len(), 8);
    for name in ["owned.bind.", "source.bind."] {
        assert_eq!(texts(name, &directory), (0, Vec::new()), "{name}");
    }
    assert_eq!(texts("addresses.bind.", &directory), (0, vec![PUBLISHED.to_owned()]));
    let (mut told, start) = (cluster(), std::time::Instant::now());
    let second = std::time::Duration::from_secs(1);
    told.account.own(Some((40, start + 20 * second)), start);
    told.account.now = Some(start + 7 * second);
    told.account.have_addresses(["10.0.0.2", "fd00::2"].map(|ip| ip.parse().expect(ip)));
    told.account.endpoint = Some("http://10.0.0.9:2379".to_owned());
    told.account.table_server =
        crate::cluster::SlotId::new(1).map(|slot| (slot, ([10, 0, 0, 1], 53).into()));
    let wanted = |texts: &[&str]| (0, texts.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(texts("owned.bind.", &told), wanted(&["owned 7 13 40"]));
    assert_eq!(texts("addresses.bind.", &told), wanted(&[PUBLISHED, "host 10.0.0.2 fd00::2"]));
    let source = ["endpoint http://10.0.0.9:2379", "table worker1.tf.local. 10.0.0.1:53"];
    assert_eq!(texts("source.bind.", &told), wanted(&source));
    let mut cut_off = cluster();
    cut_off.account.now = Some(start + 35 * second);
    cut_off.prove(start);
    assert_eq!(texts("source.bind.", &cut_off), wanted(&["lag 35"]));
    cut_off.mark(crate::cluster::Freshness::Stale);
    assert_eq!(texts("source.bind.", &cut_off), wanted(&["heard 35"]));
    cut_off.account.nameless = Some("all names are taken".to_owned());
    assert_eq!(texts("owned.bind.", &cut_off), wanted(&[]), "it has one");
    cut_off.set_own(None);
    assert_eq!(texts("owned.bind.", &cut_off), wanted(&["nameless all names are taken"]));
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
