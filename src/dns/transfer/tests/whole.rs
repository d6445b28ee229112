//! Whole zones: the same as what queries are answered with, and who does not get them.

use super::scene::ZONES;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::dns::tsig::{Algorithm, TsigKey, TsigKeys, sign_request};
use crate::dns::wire::option;
use crate::dns::{Rcode, TableProof};

/// The zone of a name: the closest of all.
fn zone_of(name: &str) -> Option<&'static str> {
    let above = |zone: &&str| name == *zone || name.ends_with(&format!(".{zone}"));
    ZONES.into_iter().filter(above).max_by_key(|zone| zone.len())
}

/// What queries for all names and types are answered with, by zone.
pub(super) fn asked(scene: &Scene, directory: &Directory) -> BTreeMap<&'static str, Contents> {
    let mut all = BTreeMap::new();
    use rrtype::{A, AAAA, NS, PTR, SOA, SRV, TXT};
    let types = [A, AAAA, SRV, TXT, PTR, NS, SOA];
    for name in scene.names() {
        for qtype in types {
            let query = query(&name, qtype, [0; 3], &[]);
            let (mut reply, asker) = (Vec::new(), asker(Transport::Tcp));
            scene.responder.answer(&query, asker, directory, &Counters::default(), &mut reply);
            let Some(zone) = zone_of(&name) else { continue };
            for (owner, rrtype, data) in answers(&reply) {
                let contents: &mut Contents = all.entry(zone).or_default();
                contents.entry((owner, rrtype)).or_default().insert(data);
            }
        }
    }
    all
}

#[test]
fn a_zone_has_all_that_queries_are_answered_with_and_nothing_else() {
    for seed in 0..20 {
        let mut scene = Scene::new(seed);
        for changes in [0, 3, 40, 200, 200] {
            scene.pass(changes);
            let asked = asked(&scene, &scene.directory);
            for name in ZONES {
                let transferred = zone(&scene.responder, &scene.directory, name);
                assert_eq!(Some(&transferred), asked.get(name), "seed {seed}: {name}");
            }
        }
    }
}

#[test]
fn what_is_ahead_of_the_revision_is_not_in_the_zone() {
    for seed in 0..40 {
        let mut scene = Scene::new(seed);
        scene.pass(100);
        let before = ZONES.map(|name| zone(&scene.responder, &scene.directory, name));
        let changes: Vec<_> = (0..30).map(|_| scene.change()).collect();
        for change in &changes {
            scene.tell(change);
        }
        let ahead = ZONES.map(|name| zone(&scene.responder, &scene.directory, name));
        assert_eq!(ahead, before, "seed {seed}");
        scene.directory.advance(scene.revision);
        let after = ZONES.map(|name| zone(&scene.responder, &scene.directory, name));
        assert_ne!(after, before, "seed {seed}");
    }
}

#[test]
fn who_may_not_have_a_zone_and_what_is_none_is_refused() {
    let mut scene = Scene::new(1);
    scene.pass(20);
    let opt: &[u8] = &[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0];
    let whole = |name: &str| query(name, rrtype::AXFR, [0; 3], &[]);
    let bare = query("tf.local.", rrtype::IXFR, [0; 3], &[]);
    let with_opt = query("tf.local.", rrtype::AXFR, [0, 0, 1], opt);
    use Transport::{Tcp, Udp};
    let node = scene.directory.records().find_map(|(_, record)| record.ipv4).expect("a node");
    let node = node.to_string();
    let table: [(&str, &[u8], Transport, u8, u8); 10] = [
        (&node, &whole("example.com."), Tcp, 9, 0),
        ("192.0.2.1", &whole("tf.local."), Udp, 1, 0),
        ("192.0.2.1", &whole("x.tf.local."), Tcp, 9, 0),
        ("192.0.2.1", &whole("example.com."), Tcp, 9, 0),
        ("192.0.2.1", &bare, Tcp, 1, 0),
        ("192.0.2.1", &bare, Udp, 1, 0),
        ("192.0.2.1", &query_since("x.", 1), Udp, 9, 0),
        ("198.51.100.1", &whole("tf.local."), Tcp, 5, 0),
        ("198.51.100.1", &query_since("tf.local.", 1), Udp, 5, 0),
        ("198.51.100.1", &with_opt, Tcp, 5, 1),
    ];
    for (index, (address, query, transport, rcode, additional)) in table.into_iter().enumerate() {
        let address = address.parse().expect("an address");
        let asker = Asker { address, ..asker(transport) };
        let mut reply = Vec::new();
        let counters = Counters::default();
        scene.responder.answer(query, asker, &scene.directory, &counters, &mut reply);
        let counts = [reply[7], reply[9], reply[11]];
        assert_eq!((reply[3] & 0x0f, counts), (rcode, [0, 0, additional]), "row {index}");
    }
}

#[test]
fn a_zone_is_not_told_by_who_does_not_know_it_and_stale_where_it_may_have_changed() {
    use crate::cluster::Freshness::{Expired, Incomplete, Stale, Synced};
    let opt: &[u8] = &[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0];
    let with_opt = query("tf.local.", rrtype::AXFR, [0, 0, 1], opt);
    let table = [
        (Synced, 0, None),
        (Stale, 0, Some(3_u8)),
        (Incomplete, 2, Some(14)),
        (Expired, 2, Some(22)),
    ];
    for (freshness, rcode, error) in table {
        let mut scene = Scene::new(1);
        scene.pass(20);
        scene.directory.mark(freshness);
        let messages = messages(&scene.responder, &scene.directory, &with_opt);
        let first = Packet::parse(&messages[0]).expect("well formed");
        let options = &first.opt().expect("an OPT").opt_codes;
        assert_eq!(messages[0][3] & 0x0f, rcode, "{freshness:?}");
        let told = options.iter().find(|option| option.code == 15);
        assert_eq!(told.map(|option| option.data[1]), error, "{freshness:?}");
        let plain = super::messages(
            &scene.responder,
            &scene.directory,
            &query("tf.local.", rrtype::AXFR, [0; 3], &[]),
        );
        assert!(Packet::parse(&plain[0]).expect("well formed").opt().is_none());
    }
}

#[test]
fn another_node_is_not_told_all_that_may_have_changed_but_what_changed() {
    use crate::cluster::Freshness;
    let [high, low] = option::TABLE_PROOF.to_be_bytes();
    let opt = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 4, high, low, 0, 0];
    let all = query("tf.local.", rrtype::AXFR, [0, 0, 1], &opt);
    let mut since = query_since("tf.local.", 20);
    since.extend(&opt);
    since[11] = 1;
    for (freshness, is_told) in [(Freshness::Synced, true), (Freshness::Stale, false)] {
        let mut scene = Scene::new(1);
        scene.pass(20);
        scene.directory.mark(freshness);
        let rcode = |query: &[u8]| messages(&scene.responder, &scene.directory, query)[0][3] & 0x0f;
        assert_eq!((rcode(&all), rcode(&since)), (if is_told { 0 } else { 2 }, 0), "{freshness:?}");
        let refusal = messages(&scene.responder, &scene.directory, &all);
        let first = Packet::parse(&refusal[0]).expect("well formed");
        let options = &first.opt().expect("an OPT").opt_codes;
        let told = options.iter().find(|option| option.code == 15);
        let error = told.map(|option| option.data[1]);
        assert_eq!(error, (!is_told).then_some(3), "{freshness:?}");
    }
}

#[test]
fn the_nodes_may_have_the_zones_and_nobody_else_where_nobody_is_allowed() {
    let mut scene = Scene::new(1);
    scene.pass(20);
    let responder = Responder::new(scene.directory.keyspace(), 5).expect("zones");
    let node = scene.directory.records().find_map(|(_, record)| record.ipv4).expect("a node");
    let query = query("tf.local.", rrtype::AXFR, [0; 3], &[]);
    let verdict_on = |address: IpAddr, responder: &Responder| {
        let asker = Asker { address, ..asker(Transport::Tcp) };
        responder.answer(&query, asker, &scene.directory, &Counters::default(), &mut Vec::new())
    };
    assert_eq!(verdict_on(node.into(), &responder), Verdict::Transfer);
    let stranger = IpAddr::from([198, 51, 100, 1]);
    assert_eq!(verdict_on(stranger, &responder), Verdict::Reply(Rcode::REFUSED));
    // They transfer it where they may not ask for a name.
    let nobody = vec!["192.0.2.0/24".parse().expect("a network")];
    let responder = responder.with_allowed(nobody);
    assert_eq!(verdict_on(node.into(), &responder), Verdict::Transfer);
    assert_eq!(verdict_on(stranger, &responder), Verdict::Reply(Rcode::REFUSED));
    // Where there are keys, they sign as well.
    let key = TsigKey::new("transfer.".parse().expect("a name"), Algorithm::HmacSha256, b"secret");
    let responder = responder.with_keys(TsigKeys::new(vec![key]));
    assert_eq!(verdict_on(node.into(), &responder), Verdict::Reply(Rcode::REFUSED));
}

#[test]
fn who_has_the_table_from_another_node_gives_it_to_secondaries_alone() {
    let mut scene = Scene::new(1);
    scene.pass(20);
    let [high, low] = option::TABLE_PROOF.to_be_bytes();
    let opt = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 4, high, low, 0, 0];
    let of_node = query("tf.local.", rrtype::AXFR, [0, 0, 1], &opt);
    let of_secondary = query("tf.local.", rrtype::AXFR, [0; 3], &[]);
    let begun = |directory: &Directory| {
        let asker = asker(Transport::Tcp);
        [&of_node, &of_secondary].map(|query| {
            let mut views = Views::default();
            let now = Instant::now();
            scene.responder.transfer_shared(query, asker, directory, &mut views, now).is_some()
        })
    };
    assert_eq!(begun(&scene.directory), [true, true]);
    let mut directory = scene.directory.clone();
    directory.replace_transferred(scene.directory.clone(), 7, 7);
    assert_eq!(begun(&directory), [false, true], "it follows another");
    directory.replace(scene.directory.clone(), 8);
    assert_eq!(begun(&directory), [true, true], "it read etcd");
}

#[test]
fn who_signs_is_told_as_well_how_far_the_table_is_known_to_be_etcds() {
    let mut scene = Scene::new(1);
    scene.pass(20);
    let key = TsigKey::new("transfer.".parse().expect("a name"), Algorithm::HmacSha256, b"secret");
    let keys = TsigKeys::new(vec![key]);
    let responder = scene.responder.clone().with_keys(keys.clone());
    // OPT whose one option is empty: that of the proof.
    let [high, low] = option::TABLE_PROOF.to_be_bytes();
    let opt = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 4, high, low, 0, 0];
    let mut query = query("tf.local.", rrtype::AXFR, [0, 0, 1], &opt);
    let asker = asker(Transport::Tcp);
    let mut verifier = sign_request(keys.first().expect("a key"), &mut query, asker.now);
    let copy = Views::default().current(&scene.directory).expect("a view");
    let proof = TableProof { revision: 7, age: None, reading: 1 };
    let transfer = responder.transfer(&query, asker, &scene.directory, copy);
    let mut transfer = transfer.expect("a transfer").with_table_proof(&query, proof);
    let mut message = Vec::new();
    transfer.step(&responder, asker.now, &mut message);
    let bare = verifier.verify(&message, asker.now).expect("a good signature");
    let packet = Packet::parse(&bare).expect("well formed");
    let options = &packet.opt().expect("an OPT").opt_codes;
    let told = options.iter().find(|it| it.code == option::TABLE_PROOF).expect("a proof");
    assert_eq!(TableProof::read(&told.data), Some(proof));
}

#[test]
fn a_zone_whose_name_begins_as_that_of_a_service_exists() {
    let scene = Scene::of(&["_x.example.com."], 1);
    let query = query("_x.example.com.", rrtype::A, [0; 3], &[]);
    let Scene { responder, directory, .. } = &scene;
    let asker = asker(Transport::Udp);
    let mut reply = Vec::new();
    let verdict = responder.answer(&query, asker, directory, &Counters::default(), &mut reply);
    assert_eq!(verdict, Verdict::Reply(Rcode::NOERROR));
}

#[test]
fn where_too_many_copies_are_in_use_the_latest_serves_unless_all_was_read_anew() {
    let (mut scene, mut views) = (Scene::new(1), Views::default());
    let mut in_use = Vec::new();
    for _ in 0..8 {
        scene.pass(20);
        in_use.push(views.current(&scene.directory).expect("a copy"));
    }
    scene.pass(20);
    let latest = views.current(&scene.directory).expect("a copy");
    assert!(Arc::ptr_eq(&latest, &in_use[7]));
    let (snapshot, revision) = (scene.directory.emptied(), scene.revision);
    scene.directory.replace(snapshot, revision);
    assert!(views.current(&scene.directory).is_none(), "of another history, for all that is known");
    in_use.clear();
    drop(latest);
    assert!(views.current(&scene.directory).is_some());
}
