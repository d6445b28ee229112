//! What is kept, for how long, and how much of it.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::cluster::{Keyspace, Pattern};
use crate::dns::Transport;
use crate::dns::relay::standard_query;
use crate::dns::wire::rrtype;
use simple_dns::TYPE;

const A: [u8; 4] = [192, 0, 2, 80];

fn query(name: &str) -> Vec<u8> {
    standard_query(name, TYPE::A).expect("a query")
}

/// The section of a record, its type, TTL and data.
type Row<'a> = (usize, u16, u32, &'a [u8]);

/// A reply of these records, all of the question's name.
fn reply_of(query: &[u8], flags: u16, records: &[Row<'_>]) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2..4].copy_from_slice(&(flag::QR | flag::AA | flags).to_be_bytes());
    for (section, kind, ttl, data) in records {
        reply[6 + 2 * section + 1] += 1;
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend((data.len() as u16).to_be_bytes());
        reply.extend_from_slice(data);
    }
    reply
}

/// The data of a SOA whose last field is this.
fn soa(minimum: u32) -> Vec<u8> {
    [&[0; 2 + 4 * 4][..], &minimum.to_be_bytes()].concat()
}

fn good(ttl: u32) -> Row<'static> {
    (0, rrtype::A, ttl, &A)
}

fn denied(ttl: u32, soa: &[u8]) -> Row<'_> {
    (1, rrtype::SOA, ttl, soa)
}

struct Scene {
    responder: Responder,
    directory: Directory,
    cache: Cache,
    start: Instant,
}

fn scene(octets: usize) -> Scene {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let keyspace = Arc::new(Keyspace::new(pattern, 5));
    let responder = Responder::new(&keyspace, 5).expect("zones");
    let directory = Directory::new(keyspace);
    Scene { responder, directory, cache: Cache::new(octets), start: Instant::now() }
}

impl Scene {
    fn asker() -> Asker {
        Asker::new(IpAddr::from([192, 0, 2, 1]), Transport::Udp, 0)
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn keep(&mut self, query: &[u8], reply: &[u8]) {
        self.cache.keep(query, reply, self.start);
    }

    fn answered(&mut self, query: &[u8], seconds: u64) -> Option<Vec<u8>> {
        let (now, mut reply) = (self.at(seconds), Vec::new());
        let Scene { responder, directory, cache, .. } = self;
        let rcode =
            responder.answer_kept(query, Scene::asker(), directory, cache, now, &mut reply)?;
        assert_eq!(rcode.value(), reply[3] & 0x0f);
        Some(reply)
    }

    fn stale(&mut self, query: &[u8], seconds: u64) -> Option<Vec<u8>> {
        let now = self.at(seconds);
        let Scene { responder, directory, cache, .. } = self;
        cache.spare_servers(query, now);
        responder.answer_stale(query, Scene::asker(), directory, cache, now)
    }
}

/// The TTL of the first record.
fn ttl(reply: &[u8], query: &[u8]) -> u32 {
    read_ttl(reply, query.len() + 6).expect("a record")
}

#[test]
fn a_reply_is_good_for_the_least_of_its_times() {
    let (nx, no) = (3, 0);
    let (soa_30, soa_900, long) = (soa(30), soa(900), soa(1_000_000));
    let table: [(&str, u16, Vec<Row<'_>>, u64); 19] = [
        ("an address", no, vec![good(60)], 60),
        ("two", no, vec![good(60), good(20)], 20),
        ("authority counts", no, vec![good(60), (1, rrtype::NS, 10, &[0])], 10),
        ("additional does not", no, vec![good(60), (2, rrtype::A, 10, &A)], 60),
        ("a day at most", no, vec![good(1_000_000)], 86_400),
        ("no time", no, vec![good(0)], 0),
        ("no number of seconds", no, vec![good(1 << 31)], 0),
        ("NXDOMAIN, by the last field", nx, vec![denied(900, &soa_30)], 30),
        ("NXDOMAIN, by the TTL", nx, vec![denied(20, &soa_900)], 20),
        ("NXDOMAIN, three hours at most", nx, vec![denied(1_000_000, &long)], 10_800),
        ("NODATA", no, vec![denied(900, &soa_30)], 30),
        ("NXDOMAIN behind an alias", nx, vec![(0, 5, 10, &[0]), denied(900, &soa_30)], 10),
        ("an alias, and where it leads", no, vec![(0, 5, 10, &[0]), good(60)], 10),
        ("an alias that leads nowhere", no, vec![(0, 5, 86_400, &[0])], 0),
        ("NXDOMAIN without SOA", nx, vec![], 0),
        ("nothing at all", no, vec![], 0),
        ("a referral", no, vec![(1, rrtype::NS, 60, &[0])], 0),
        ("SERVFAIL", 2, vec![good(60)], 0),
        ("cut short", flag::TC, vec![good(60)], 0),
    ];
    for (what, flags, records, seconds) in table {
        let (mut scene, query) = (scene(100_000), query("www.example.com"));
        scene.keep(&query, &reply_of(&query, flags, &records));
        let last = seconds.checked_sub(1).and_then(|last| scene.answered(&query, last));
        assert_eq!(last.is_some(), seconds > 0, "{what}");
        assert_eq!(scene.answered(&query, seconds), None, "{what}");
    }
    // Another class, and what is for one network alone.
    let (mut scene, query) = (scene(100_000), query("www.example.com"));
    let mut other = reply_of(&query, 0, &[good(60)]);
    other[query.len() + 5] = 3;
    scene.keep(&query, &other);
    let mut subnet = reply_of(&query, 0, &[good(60)]);
    subnet[11] = 1;
    subnet.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 8, 0, 4, 0, 1, 0, 0]);
    scene.keep(&query, &subnet);
    assert_eq!((scene.answered(&query, 0), scene.cache.entries()), (None, 0));
}

#[test]
fn what_is_told_for_this_once_takes_the_place_of_what_was_kept() {
    let (mut scene, asked) = (scene(100_000), query("www.example.com"));
    for (what, flags, ttl, is_left) in
        [("no time", 0, 0, false), ("SERVFAIL", 2, 60, true), ("cut short", flag::TC, 0, true)]
    {
        scene.keep(&asked, &reply_of(&asked, 0, &[good(60)]));
        scene.keep(&asked, &reply_of(&asked, flags, &[good(ttl)]));
        assert_eq!(scene.answered(&asked, 30).is_some(), is_left, "{what}");
    }
}

#[test]
fn names_that_differ_in_an_octet_alone_are_two() {
    let (mut scene, dot) = (scene(100_000), query("axb.example.com"));
    let (mut high, mut dot) = (dot.clone(), dot);
    (dot[14], high[14]) = (b'.', 0xff);
    scene.keep(&dot, &reply_of(&dot, 0, &[good(60)]));
    assert!(scene.answered(&dot, 0).is_some());
    assert_eq!(scene.answered(&high, 0), None);
}

#[test]
fn times_are_counted_down_and_the_client_has_its_own_words() {
    let (mut scene, first) = (scene(100_000), query("www.example.com"));
    scene.keep(&first, &reply_of(&first, flag::RA | flag::RD, &[(0, rrtype::A, 60, &A)]));
    let mut asked = query("wWw.eXample.com");
    asked[..2].copy_from_slice(&[0xab, 0xcd]);
    let reply = scene.answered(&asked, 25).expect("kept");
    assert_eq!((ttl(&reply, &asked), reply.len()), (35, asked.len() + 16));
    assert_eq!((&reply[..2], &reply[12..asked.len()]), (&asked[..2], &asked[12..]));
    assert_eq!(reply[2..4], [0x81, 0x80], "nobody has authority for it");
    let others = [
        standard_query("www.example.com", TYPE::AAAA).expect("a query"),
        query("ww.example.com"),
        {
            let mut it = asked.clone();
            it[3] |= 0x10;
            it
        },
        {
            let mut it = asked.clone();
            it[2] &= !1;
            it
        },
        {
            let mut it = asked.clone();
            it[11] = 1;
            it.extend([0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
            it
        },
    ];
    for other in others {
        assert_eq!(scene.answered(&other, 25), None, "{other:?}");
    }
}

#[test]
fn where_no_server_answers_what_was_kept_is_answered_for_a_while_and_says_so() {
    let (mut scene, asked) = (scene(100_000), query("www.example.com"));
    let mut edns = asked.clone();
    edns[11] = 1;
    edns.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    assert_eq!(scene.stale(&asked, 0), None);
    scene.keep(&asked, &reply_of(&asked, 0, &[(0, rrtype::A, 60, &A)]));
    assert_eq!(scene.answered(&edns, 100), None, "servers are asked first");
    assert!(scene.cache.has_stale(&asked, scene.at(100)));
    let reply = scene.stale(&edns, 100).expect("stale");
    assert_eq!(ttl(&reply, &asked), 30);
    assert!(reply.ends_with(&[0, 15, 0, 2, 0, 3]), "stale answer: {reply:?}");
    assert!(scene.answered(&edns, 129).is_some(), "without asking again");
    assert_eq!(scene.answered(&edns, 130), None);
    let day = 86_400 + 60;
    assert!(scene.cache.has_stale(&asked, scene.at(day - 1)));
    assert_eq!(scene.stale(&asked, day), None);
    // A failure is remembered for a second, in the place of nothing.
    let other = query("other.example.com");
    scene.cache.keep_failure(&other, scene.start);
    assert_eq!(scene.answered(&other, 0).expect("remembered")[3], 0x82);
    assert_eq!((scene.answered(&other, 1), scene.stale(&other, 1)), (None, None));
}

#[test]
fn it_never_takes_more_than_its_room_and_keeps_what_was_asked_for_last() {
    for octets in [0, 100, 1000, 20_000, 100_000] {
        let mut scene = scene(octets);
        let wanted = query("wanted.example.com");
        let kept = |query: &[u8]| reply_of(query, 0, &[(0, rrtype::A, 60, &A)]);
        scene.keep(&wanted, &kept(&wanted));
        for number in 0..2000 {
            let other = query(&format!("x{number}.example.com"));
            scene.keep(&other, &kept(&other));
            assert!(scene.cache.octets() <= octets.max(4), "{octets}: {}", scene.cache.octets());
            let is_there = scene.answered(&wanted, 0).is_some();
            assert_eq!(is_there, octets >= 1000, "{octets} {number}");
        }
        let entries = scene.cache.entries();
        assert!(
            entries < 2000 && entries * 1000 >= octets.saturating_sub(2000),
            "{octets}: {entries}"
        );
        let last = query("x1999.example.com");
        assert_eq!(scene.answered(&last, 0).is_some(), octets >= 1000);
        assert_eq!(scene.answered(&query("x2.example.com"), 0), None);
    }
}

#[test]
fn what_is_kept_of_a_zone_is_stale_once_others_answer_for_it() {
    // The zone, and whether what is kept of www.example.com and of com is good after that.
    let table = [
        ("example.com.", [false, true]),
        ("www.example.com.", [false, true]),
        ("com.", [false, false]),
        (".", [false, false]),
        ("ample.com.", [true, true]),
        ("x.www.example.com.", [true, true]),
        ("org.", [true, true]),
    ];
    for (zone, wanted) in table {
        let mut scene = scene(100_000);
        let names = ["WWW.example.com", "com"].map(query);
        for asked in &names {
            scene.keep(asked, &reply_of(asked, 0, &[(0, rrtype::A, 60, &A)]));
        }
        scene.cache.outdate(zone, scene.at(10));
        let good = names.each_ref().map(|asked| scene.answered(asked, 10).is_some());
        assert_eq!(good, wanted, "{zone}");
        let stale = names.each_ref().map(|asked| scene.stale(asked, 10).expect("kept"));
        let ttls = [0, 1].map(|at| ttl(&stale[at], &names[at]));
        assert_eq!(ttls, wanted.map(|is_good| if is_good { 50 } else { 30 }), "{zone}");
    }
}

#[test]
fn spellings_and_ids_share_an_answer_and_flags_and_types_do_not() {
    let asked = query("www.example.com");
    let spelt = query("WWW.EXAMPLE.COM");
    let mut other_id = spelt.clone();
    other_id[..2].copy_from_slice(&[7, 7]);
    let (mut checking_disabled, mut other_type) = (asked.clone(), asked.clone());
    checking_disabled[3] |= 0x10;
    let end = other_type.len();
    other_type[end - 3] = 28;
    let table = [
        (&spelt, true),
        (&other_id, true),
        (&checking_disabled, false),
        (&other_type, false),
        (&query("ww.example.com"), false),
        (&vec![], false),
    ];
    for (other, wanted) in table {
        assert_eq!(have_same_answer(&asked, other), wanted, "{other:?}");
    }
}
