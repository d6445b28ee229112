//! Forwarding: of what comes from another server only what belongs to the query is believed, and
//! the client gets that as the reply to its own query, no longer than it takes.

use idetcd::dns::Transport;
use idetcd::dns::query::{Header, Query, Question};
use idetcd::dns::relay::{ReplyClass, classify, hand_on, loop_token, with_id};

use super::input::Input;
use super::message;

const HEADER: usize = 12;
const TC: u8 = 0x02;

/// The ID towards the other server.
const ID: [u8; 2] = [0x12, 0x34];

/// Octets: how the reply is made of the query, how much of the query it begins with, the length of
/// the query, the query, and the rest of the reply.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let edits = input.octet();
    let same = usize::from(input.octet());
    let length = usize::from(input.octet());
    let query = input.take(length);
    let Some(question) = forwarded(query) else { return };
    let _ = loop_token(query);
    let sent = with_id(query, u16::from_be_bytes(ID));
    assert_eq!(classify(&sent, &sent), ReplyClass::Stray, "a query that came back");

    let reply = [edited(query, same, edits).as_slice(), input.rest()].concat();
    if classify(&reply, &sent) == ReplyClass::Stray {
        return;
    }
    assert!(reply.starts_with(&ID) && reply[2] & 0xf8 == 0x80, "no reply to this query");
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut handed = reply.clone();
        hand_on(&mut handed, query, transport, 0);
        check(&handed, &reply, query, question.wire);
        assert!(handed.len() <= longest(query, transport), "{} octets", handed.len());
    }
}

/// The question of a query that is sent on.
fn forwarded(query: &[u8]) -> Option<Question<'_>> {
    let header = Header::read(query)?;
    Query::read(query, header).ok().map(|query| query.question)
}

/// The first octets of the query, as another server may send them back.
fn edited(query: &[u8], same: usize, edits: u8) -> Vec<u8> {
    let mut reply = query[..same.min(query.len())].to_vec();
    if let Some([id_high, id_low, flags, ..]) = reply.get_mut(..3).filter(|_| edits & 1 == 0) {
        (*id_high, *id_low) = (ID[0], ID[1]);
        *flags |= 0x80;
    }
    let letters = reply.iter_mut().skip(HEADER).filter(|octet| octet.is_ascii_alphabetic());
    letters.for_each(|letter| *letter ^= edits & 0x20);
    reply
}

fn check(handed: &[u8], reply: &[u8], query: &[u8], question: &[u8]) {
    assert_eq!(handed[..2], query[..2], "the ID");
    assert_eq!(handed[2] & !TC, reply[2] & !TC);
    assert_eq!(handed[3], reply[3]);
    let has_question = handed[5] == 1;
    assert!(!has_question || handed[HEADER..].starts_with(question), "the question as it came");
    let after = HEADER + if has_question { question.len() } else { 0 };
    if handed.len() < reply.len() {
        assert!(handed[2] & TC != 0 && handed[6..10] == [0; 4], "cut short");
        let rest = &handed[after..];
        assert_eq!(handed[10..HEADER], [0, u8::from(!rest.is_empty())], "nothing, or OPT");
        assert!(rest.is_empty() || rest.starts_with(&[0, 0, 41]));
    } else {
        assert_eq!(handed[4..HEADER], reply[4..HEADER]);
        assert_eq!(handed[after..], reply[after..], "nothing else is changed");
    }
}

fn longest(query: &[u8], transport: Transport) -> usize {
    match transport {
        Transport::Tcp => usize::MAX,
        Transport::Udp => usize::from(message::payload(query).unwrap_or(0)).max(512),
    }
}
