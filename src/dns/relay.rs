//! Forwarding, as far as it needs no sockets: the query as it is sent on, which messages are replies
//! to it, and what the client gets of them.
//!
//! A forwarder (RFC 9499 §6) is transparent (RFC 5625 §3): what it does not have to change goes
//! through as it is, EDNS included. It changes the ID, which is its own towards each server and so
//! hard to guess (RFC 5452 §4.3), and cuts short what the client does not take.

use super::edns::{self, longest_datagram};
use super::query::Question;
use super::reply::cut_short;
use super::wire::{CLASS_IN, HEADER, Rcode, flag, rrtype};

/// The name under which a forwarder looks whether a query comes back to it; nobody has such names.
const LOOP_ZONE: &str = "loop.idetcd.";

/// What a message is to a query that was sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyClass {
    /// No reply to it: forged, or late.
    Stray,
    /// A reply by which the server says that it cannot, so that another one may.
    Refusal,
    /// The reply.
    Reply,
}

/// The query under another ID.
pub fn with_id(query: &[u8], id: u16) -> Vec<u8> {
    let mut query = query.to_vec();
    set_id(&mut query, id);
    query
}

fn set_id(message: &mut [u8], id: u16) {
    if let Some(place) = message.first_chunk_mut() {
        *place = id.to_be_bytes();
    }
}

/// Says what a message is to a query that was sent on under `id`.
pub fn classify(message: &[u8], query: &[u8], id: u16) -> ReplyClass {
    let Some(header) = message.first_chunk::<HEADER>() else { return ReplyClass::Stray };
    let flags = u16::from_be_bytes([header[2], header[3]]);
    let is_reply = flags & flag::QR != 0 && flags & flag::OPCODE == 0;
    if !is_reply || header[..2] != id.to_be_bytes() {
        return ReplyClass::Stray;
    }
    let rcode = Rcode::new((flags & 0x0f) as u8);
    let cannot = matches!(rcode, Rcode::SERVFAIL | Rcode::NOTIMP | Rcode::REFUSED);
    // A server that cannot even read the question may leave it out.
    let is_bare = header[4..10] == [0; 6] && is_nothing_but_opt(message);
    let answers = header[4..6] == [0, 1] && is_same_question(message, query);
    match (answers, is_bare) {
        (true, _) | (_, true) if cannot => ReplyClass::Refusal,
        (true, _) => ReplyClass::Reply,
        (_, true) if rcode == Rcode::FORMERR => ReplyClass::Reply,
        _ => ReplyClass::Stray,
    }
}

/// Whether nothing but at most OPT follows the header.
fn is_nothing_but_opt(message: &[u8]) -> bool {
    let opts = match edns::read(message, HEADER) {
        Ok(edns) => u8::from(edns.is_some()),
        Err(_) => return false,
    };
    message.get(10..HEADER) == Some(&[0, opts])
}

fn is_same_question(message: &[u8], query: &[u8]) -> bool {
    let (Some(theirs), Some(ours)) = (Question::read(message), Question::read(query)) else {
        return false;
    };
    theirs.qtype == ours.qtype
        && theirs.qclass == ours.qclass
        && theirs.wire_name().eq_ignore_ascii_case(ours.wire_name())
}

/// Makes the reply that goes to the client of a server's: its ID, its spelling of the question, and
/// no more octets over UDP than it takes.
pub fn hand_on(reply: &mut Vec<u8>, query: &[u8], transport: super::Transport) {
    let (Some(id), Some(question)) = (query.first_chunk(), Question::read(query)) else { return };
    set_id(reply, u16::from_be_bytes(*id));
    let has_question = reply.get(4..6).is_some_and(|count| count != [0, 0]);
    if let Some(place) = reply.get_mut(HEADER..HEADER + question.wire.len())
        && has_question
    {
        place.copy_from_slice(question.wire);
    }
    let edns = edns::read(query, question.end()).unwrap_or_default();
    if transport == super::Transport::Udp && reply.len() > longest_datagram(edns) {
        cut_short(reply);
    }
}

/// A query that a server answers somehow, unless it sends it on to us.
pub fn loop_probe(id: u16, token: u64) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(&flag::RD.to_be_bytes());
    query.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    super::reply::push_name(&loop_name(token), &mut query);
    query.extend_from_slice(&rrtype::TXT.to_be_bytes());
    query.extend_from_slice(&CLASS_IN.to_be_bytes());
    query
}

/// The token of a [`loop_probe`]; `None` for any other query.
pub fn loop_token(query: &[u8]) -> Option<u64> {
    let name = Question::read(query)?.name();
    let name = std::str::from_utf8(name.as_bytes()).ok()?;
    let token = name.strip_suffix(LOOP_ZONE)?.strip_suffix('.')?;
    u64::from_str_radix(token, 16).ok().filter(|token| loop_name(*token) == name)
}

fn loop_name(token: u64) -> String {
    format!("{token:016x}.{LOOP_ZONE}")
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
