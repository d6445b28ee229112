//! Forwarding with what is kept: queries are put in our own words, replies are believed or not, kept,
//! answered from in any order, and the room that was given is never exceeded.

use std::time::{Duration, Instant};

use idetcd::dns::cache::Cache;
use idetcd::dns::hop::{Hop, HopVerdict, judge, query_for, read_query};
use idetcd::dns::query::Header;
use idetcd::dns::{Asker, Transport};

use super::input::Input;
use super::message;
use super::scene::{self, Scene};

/// The room, in octets.
const ROOMS: [usize; 5] = [0, 300, 2000, 10_000, 1 << 20];

/// The ID towards other servers.
const ID: u16 = 0x1234;

/// The most turns: each is alike.
const TURNS: usize = 64;

/// Octets: the room, and then turns of: what is done, seconds that pass, the lengths of query and reply, and
/// both. The reply is that to the query as it is sent if what is done says so.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let room = *input.choose(&ROOMS);
    let mut cache = Cache::new(room);
    let empty = cache.octets();
    let mut now = Instant::now();
    scene::with(0, |scene| {
        for _ in 0..TURNS {
            if input.is_empty() {
                break;
            }
            let (what, seconds) = (input.octet(), input.octet());
            now += Duration::from_secs(1 << (seconds % 20));
            let (query_length, reply_length) = (input.octet(), input.octet());
            let query = input.take(usize::from(query_length));
            let reply = input.take(usize::from(reply_length));
            turn(scene, &mut cache, now, what, query, reply);
            assert!(cache.octets() <= room.max(4), "{} octets in {room}", cache.octets());
            assert_eq!(cache.octets() > empty, cache.entries() > 0);
        }
    });
}

fn turn(scene: &Scene, cache: &mut Cache, now: Instant, what: u8, query: &[u8], reply: &[u8]) {
    if Header::read(query).is_none() {
        return;
    }
    let Scene { responder, directory, .. } = scene;
    let hop = Hop {
        cookie: (what & 1 == 0).then(|| (*b"our part", Vec::new())),
        has_random_case: what & 2 == 0,
        passes_subnet: what & 4 == 0,
    };
    let sent = query_for(query, &hop, ID, &mut || u64::from(what) << 3);
    assert_eq!(judge(&sent, &sent, &hop).0, HopVerdict::Stray, "a query that came back");
    let transport = if what & 8 == 0 { Transport::Udp } else { Transport::Tcp };
    let asker = Asker::new([192, 0, 2, 1].into(), transport, 0);
    // The question as it was sent, and then what the fuzzer makes of it.
    let mut whole = sent.get(..sent.len().min(reply.len())).unwrap_or_default().to_vec();
    whole.splice(..whole.len().min(12), reply.iter().copied().take(12));
    if let Some(id) = whole.first_chunk_mut() {
        *id = ID.to_be_bytes();
    }
    let question = read_query(query).map_or(0, |query| query.question.end());
    whole.truncate(question);
    whole.extend_from_slice(reply.get(12..).unwrap_or_default());
    if judge(&whole, &sent, &hop).0 == HopVerdict::Reply && read_query(query).is_some() {
        let relayed = responder.relay(&whole, query, asker, directory);
        check(&relayed, query, transport);
        cache.keep(query, &whole, now);
    } else if what & 16 == 0 {
        cache.keep_failure(query, now);
    }
    let mut written = b"what was written before".to_vec();
    let kept = responder.answer_kept(query, asker, directory, cache, now, &mut written);
    if kept.is_some() {
        check(&written, query, transport);
    }
    if what & 32 == 0
        && let Some(stale) = responder.answer_stale(query, asker, directory, cache, now)
    {
        check(&stale, query, transport);
    }
}

/// The reply is one to this query, and no longer than its client takes.
fn check(reply: &[u8], query: &[u8], transport: Transport) {
    assert_eq!(reply[..2], query[..2], "the ID");
    assert!(reply[2] & 0x80 != 0 && reply.len() >= 12);
    let longest = match transport {
        Transport::Tcp => usize::MAX,
        Transport::Udp => usize::from(message::payload(query).unwrap_or(0)).clamp(512, 1232),
    };
    assert!(reply.len() <= longest, "{} octets", reply.len());
    let end = read_query(query).map_or(0, |query| query.question.end());
    if reply[5] == 1 {
        assert_eq!(reply[12..end], query[12..end], "the question as it came");
    }
}
