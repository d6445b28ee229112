//! Queries: whatever comes over UDP and TCP gets a reply that is well-formed, belongs to it, and is
//! no longer than allowed, or none where none may be given.

use std::collections::HashSet;
use std::net::IpAddr;

use idetcd::dns::reply::cut_short;
use idetcd::dns::wire::ExtendedError;
use idetcd::dns::{Asker, Transport, Verdict};
use simple_dns::Packet;

use super::input::Input;
use super::message::{self, Message, rrtype};
use super::scene::{self, Scene, TTL};

const HEADER: usize = 12;
const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TC: u16 = 0x0200;
const RD: u16 = 0x0100;
/// Set by who forwards.
const RA: u16 = 0x0080;
/// Reserved.
const Z: u16 = 0x0040;
const CD: u16 = 0x0010;

/// Above this, simple-dns would take much memory for records that are not there.
const FEW_RECORDS: u16 = 16;

/// Octets: the scene, how often it was asked before, the end of the client's address, and the query.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let number = input.octet();
    let asked_before = input.octet();
    let client = input.octet();
    let query = input.rest();
    let address = match client & 1 {
        0 => IpAddr::from([client, 0, 0, 1]),
        _ => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(client)]),
    };
    scene::with(number, |scene| {
        for transport in [Transport::Udp, Transport::Tcp] {
            let asker = Asker::new(address, transport, 1_795_539_600);
            answer(scene, query, asker, asked_before);
        }
    });
}

fn answer(scene: &Scene, query: &[u8], asker: Asker, asked_before: u8) {
    let mut counters = scene.counters;
    (0..asked_before % 16).for_each(|_| counters.count(None));
    let mut reply = b"what was answered before".to_vec();
    let Scene { responder, directory, forwards, .. } = scene;
    let mut verdict = responder.answer(query, asker, directory, &counters, &mut reply);
    let is_query = query.len() >= HEADER && u16_at(query, 2) & QR == 0;
    assert_eq!(verdict != Verdict::Silent, is_query, "what wants a reply, and nothing else");
    if verdict == Verdict::Forward {
        assert!(*forwards);
        // As when no server answered.
        let error = ExtendedError::NoReachableAuthority;
        verdict = responder.fail(query, error, asker, directory, &mut reply);
    }
    if verdict == Verdict::Transfer {
        // A node of the cluster may have its zones, in messages that are another matter.
        return assert!(directory.names_of(asker.address).is_some(), "whom a zone is given");
    }
    let Verdict::Reply(rcode) = verdict else { return assert!(!is_query) };
    let message = check(query, &reply);
    assert!(reply.len() <= longest(query, asker.transport, &message), "{} octets", reply.len());
    assert!(*forwards || message.flags & RA == 0, "RA");
    assert!(asker.transport == Transport::Udp || message.flags & TC == 0, "cut short over TCP");
    assert_eq!(extended_rcode(&message), u16::from(rcode.value()), "the response code");
    check_sections(query, &message);

    cut_short(&mut reply);
    let short = check(query, &reply);
    assert_eq!(short.flags, message.flags | TC);
    assert_eq!(short.questions, message.questions);
    let [answer, authority, additional] = &short.sections;
    assert!(answer.is_empty() && authority.is_empty());
    let opts = message.sections[2].iter().filter(|record| record.rrtype == rrtype::OPT);
    assert!(additional.iter().map(|opt| opt.ttl).eq(opts.map(|opt| opt.ttl)), "OPT is kept");
    assert!(reply.len() <= 512, "{} octets", reply.len());
}

/// Whether a reply can be read and belongs to its query.
fn check(query: &[u8], reply: &[u8]) -> Message {
    let message = message::read(reply).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(reply[..2], query[..2], "the ID");
    assert_ne!(message.flags & QR, 0, "a query came back");
    let echoed = if u16_at(query, 2) & OPCODE == 0 { RD | CD } else { OPCODE };
    let flags = message.flags & (OPCODE | RD | CD);
    assert_eq!(flags, u16_at(query, 2) & echoed, "what is to be echoed, and no more");
    assert_eq!(message.flags & Z, 0, "what nobody sets");
    if let [question] = message.questions.as_slice() {
        assert!(query[HEADER..].starts_with(question), "the question as it came");
    }
    assert!(message.questions.len() <= 1);
    if [4, 6, 8, 10].iter().all(|at| u16_at(query, *at) < FEW_RECORDS)
        && Packet::parse(query).is_ok()
    {
        assert!(Packet::parse(reply).is_ok(), "simple-dns reads the query, not the reply");
    }
    message
}

fn check_sections(query: &[u8], message: &Message) {
    let owner = message.questions.first().map(|question| &question[..question.len() - 4]);
    let [answer, authority, additional] = &message.sections;
    assert!(answer.iter().all(|record| Some(record.owner.as_slice()) == owner), "the owner");
    assert!(answer.iter().all(|record| record.rrtype != rrtype::OPT));
    assert!(authority.iter().all(|record| record.rrtype == rrtype::SOA) && authority.len() <= 1);
    let opts = additional.iter().filter(|record| record.rrtype == rrtype::OPT);
    assert!(opts.count() <= usize::from(message::payload(query).is_some()), "OPT unasked");
    if message.flags & TC != 0 {
        assert!(answer.is_empty() && authority.is_empty(), "part of an answer");
    }
    let records = || message.sections.iter().flatten();
    let is_of_message = |rrtype| matches!(rrtype, rrtype::OPT | rrtype::TSIG);
    for record in records().filter(|record| !is_of_message(record.rrtype)) {
        assert!(record.ttl == TTL || record.class == 3, "{record:?}");
    }
    let mut seen = HashSet::new();
    assert!(records().all(|record| seen.insert(record)), "a record twice (RFC 2181 §5)");
}

fn extended_rcode(message: &Message) -> u16 {
    let opt = message.sections[2].iter().find(|record| record.rrtype == rrtype::OPT);
    let high = opt.map_or(0, |opt| u16::try_from(opt.ttl >> 24).unwrap_or_default());
    high << 4 | message.flags & 0x000f
}

/// What the client takes. Where the reply has no OPT record, that of the query did not count.
fn longest(query: &[u8], transport: Transport, message: &Message) -> usize {
    let has_opt = message.sections[2].iter().any(|record| record.rrtype == rrtype::OPT);
    match (transport, message::payload(query)) {
        (Transport::Tcp, _) => 65_535,
        (Transport::Udp, Some(payload)) if has_opt => usize::from(payload.clamp(512, 1232)),
        (Transport::Udp, _) => 512,
    }
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from(octets[at]) << 8 | u16::from(octets[at + 1])
}
