//! Queries as they are sent, and what is believed.

use super::*;
use crate::dns::relay::standard_query;
use simple_dns::TYPE;

const CLIENT: [u8; 8] = *b"our part";
const SERVER: &[u8] = b"its part";

fn hop(server: &[u8]) -> Hop {
    Hop { cookie: Some((CLIENT, server.to_vec())), has_random_case: true, passes_subnet: false }
}

fn sent(hop: &Hop) -> Vec<u8> {
    let query = standard_query("www.Example.com", TYPE::A).expect("a query");
    query_for(&query, hop, 0x1234, &mut || 0x5555_5555_5555_5555)
}

/// The reply with an address; with OPT of these options, where there are any.
fn reply_to(sent: &[u8], flags: u16, options: Option<&[u8]>, rcode_bits: u8) -> Vec<u8> {
    let end = Question::read(sent).expect("a question").end();
    let mut reply = sent[..end].to_vec();
    reply[2..4].copy_from_slice(&(flag::QR | flags).to_be_bytes());
    reply[6..12].copy_from_slice(&[0, 1, 0, 0, 0, u8::from(options.is_some())]);
    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80]);
    if let Some(options) = options {
        reply.extend([0, 0, 41, 4, 208, rcode_bits, 0, 0, 0, 0, options.len() as u8]);
        reply.extend(options);
    }
    reply
}

fn cookie(client: &[u8], server: &[u8]) -> Vec<u8> {
    let mut option = Vec::new();
    push_option(option::COOKIE, &[client, server].concat(), &mut option);
    option
}

#[test]
fn the_query_is_in_our_own_words() {
    let asked = sent(&hop(b""));
    assert_eq!(asked[..12], [0x12, 0x34, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(&asked[12..29], b"\x03WwW\x07eXaMpLe\x03CoM\0");
    assert_eq!(
        asked[33..],
        [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12][..], &cookie(&CLIENT, b"")].concat()
    );
    let plain = sent(&Hop::PLAIN);
    assert_eq!(&plain[12..29], b"\x03www\x07example\x03com\0");
    assert_eq!((plain.len(), plain[11]), (33, 0));
    // What cannot be read, for it is signed, goes on as it is.
    let mut signed = standard_query("www.Example.com", TYPE::A).expect("a query");
    signed[11] = 1;
    signed.extend([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
    assert_eq!(query_for(&signed, &hop(SERVER), 7, &mut || 0), with_id(&signed, 7));
}

#[test]
fn what_is_not_as_it_was_asked_is_doubted_or_dropped() {
    use HopVerdict::{BadCookie, Doubtful, NoEdns, Refusal, Reply, Stray};
    let (asked, known) = (sent(&hop(b"")), hop(SERVER));
    let good = cookie(&CLIENT, SERVER);
    let fresh = cookie(&CLIENT, b"another part");
    let respelt = |mut reply: Vec<u8>| {
        reply[13] ^= 0x20;
        reply
    };
    let bare = |rcode: u16, opt: Option<&[u8]>| {
        let mut reply = reply_to(&asked, rcode, opt, 0);
        reply.drain(12..33 + 16);
        reply[4..8].fill(0);
        reply
    };
    let mut renamed = reply_to(&asked, 0, None, 0);
    renamed[13] = b'x';
    let mut cut = reply_to(&asked, 0, None, 0);
    cut.pop();
    let mut truncated = cut.clone();
    truncated[2] |= (flag::TC >> 8) as u8;
    let without = RawReply::read(&truncated).expect("truncated");
    assert_eq!(
        (without.end, without.counts),
        (Question::read(&truncated).expect("a question").end(), [0; 3])
    );
    let table = [
        ("as it is", hop(b""), reply_to(&asked, 0, None, 0), Reply, None),
        ("a first cookie", hop(b""), reply_to(&asked, 0, Some(&good), 0), Reply, Some(SERVER)),
        (
            "the same cookie",
            known.clone(),
            reply_to(&asked, 0, Some(&good), 0),
            Reply,
            Some(SERVER),
        ),
        (
            "a new cookie",
            known.clone(),
            reply_to(&asked, 0, Some(&fresh), 0),
            Reply,
            Some(&b"another part"[..]),
        ),
        (
            "no cookie",
            known.clone(),
            reply_to(&asked, 0, Some(&[]), 0),
            Doubtful(Doubt::NoCookie),
            None,
        ),
        ("no OPT", known.clone(), reply_to(&asked, 0, None, 0), Doubtful(Doubt::NoCookie), None),
        (
            "another's cookie",
            hop(b""),
            reply_to(&asked, 0, Some(&cookie(b"not ours", SERVER)), 0),
            Stray,
            None,
        ),
        (
            "a short cookie",
            hop(b""),
            reply_to(&asked, 0, Some(&cookie(&CLIENT, b"short")), 0),
            Stray,
            None,
        ),
        (
            "another spelling",
            hop(b""),
            respelt(reply_to(&asked, 0, Some(&good), 0)),
            Doubtful(Doubt::Spelling),
            None,
        ),
        ("that, where it is usual", Hop::PLAIN, respelt(reply_to(&asked, 0, None, 0)), Reply, None),
        ("another name", hop(b""), renamed, Stray, None),
        ("cut off", hop(b""), cut, Stray, None),
        ("cut off, and it says so", hop(b""), truncated, Reply, None),
        (
            "BADCOOKIE",
            known.clone(),
            reply_to(&asked, 7, Some(&fresh), 1),
            BadCookie,
            Some(&b"another part"[..]),
        ),
        ("SERVFAIL", hop(b""), reply_to(&asked, 2, None, 0), Refusal, None),
        ("SERVFAIL without all", hop(b""), bare(2, Some(&[])), Refusal, None),
        ("FORMERR without OPT", hop(b""), bare(1, None), NoEdns, None),
        ("NOTIMP without OPT", hop(b""), reply_to(&asked, 4, None, 0), NoEdns, None),
        ("FORMERR with OPT", hop(b""), bare(1, Some(&[])), Reply, None),
        ("FORMERR to no OPT", Hop::PLAIN, bare(1, None), Reply, None),
    ];
    for (what, hop, message, verdict, cookie) in table {
        let judged = judge(&message, &asked, &hop);
        assert_eq!((judged.0, judged.1.as_deref()), (verdict, cookie), "{what}");
    }
}
