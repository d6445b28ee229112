//! Asking other servers, as far as it needs no sockets: queries as they are sent, which messages are
//! replies to them, and what a client gets of those that were forwarded.
//!
//! A reply is one only if ID and question are those of the query (RFC 5452 §9.1). What a forwarder
//! (RFC 9499 §6) asks in its own words is the matter of [`super::hop`]. A query that is signed for the
//! server goes through as it is but for the ID, and so does the reply (RFC 8945 §5.5); what the client
//! does not take is cut short.

use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, SimpleDnsError, TYPE};

use super::edns::{self, Unread, longest_datagram};
use super::query::Question;
use super::reply::cut_short;
use super::wire::{HEADER, Rcode, flag, u16_at};

/// What follows the token in the names by which a forwarder finds out whether a query comes back to it, before the
/// zone whose names the server is asked for; nobody has such names.
const LOOP_LABELS: &str = "loop.idetcd.";

/// The shortest question and record, in octets.
const SHORTEST_QUESTION: usize = 5;
const SHORTEST_RECORD: usize = 11;

/// The relation of a message to a query that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyClass {
    /// No reply to it: forged, or late.
    Stray,
    /// A reply by which the server says that it cannot, so that another one may.
    Refusal,
    /// The reply.
    Reply,
}

/// Makes a query for one type of records in the Internet class, recursion desired; its ID is 0.
///
/// # Errors
/// When the name is no domain name.
pub fn standard_query(name: &str, rrtype: TYPE) -> Result<Vec<u8>, SimpleDnsError> {
    query(name, rrtype, CLASS::IN, PacketFlag::RECURSION_DESIRED)
}

/// Makes a query for what a server tells of itself, in the class CHAOS; its ID is 0.
///
/// # Errors
/// When the name is no domain name.
pub fn chaos_query(name: &str) -> Result<Vec<u8>, SimpleDnsError> {
    query(name, TYPE::TXT, CLASS::CH, PacketFlag::empty())
}

fn query(
    name: &str,
    rrtype: TYPE,
    class: CLASS,
    flags: PacketFlag,
) -> Result<Vec<u8>, SimpleDnsError> {
    let mut query = Packet::new_query(0);
    query.set_flags(flags);
    let (qtype, qclass) = (QTYPE::TYPE(rrtype), QCLASS::CLASS(class));
    query.questions.push(simple_dns::Question::new(Name::new(name)?, qtype, qclass, false));
    query.build_bytes_vec()
}

/// Copies a query and gives it another ID.
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

/// Says what a message is to a query as it was sent.
pub fn classify(message: &[u8], query: &[u8]) -> ReplyClass {
    let Some(header) = message.first_chunk::<HEADER>() else { return ReplyClass::Stray };
    let flags = u16::from_be_bytes([header[2], header[3]]);
    let is_reply = flags & flag::QR != 0 && flags & flag::OPCODE == 0;
    if !is_reply || Some(&header[..2]) != query.get(..2) {
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

/// Reads the records of a reply; `None`: it is malformed.
pub fn decode(reply: &[u8]) -> Option<Packet<'_>> {
    is_long_enough(reply).then(|| Packet::parse(reply).ok()).flatten()
}

/// Whether as many records as the header claims can be there: the decoder makes room for them.
fn is_long_enough(reply: &[u8]) -> bool {
    let Some(header) = reply.first_chunk::<HEADER>() else { return false };
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let records = count(6) + count(8) + count(10);
    HEADER + count(4) * SHORTEST_QUESTION + records * SHORTEST_RECORD <= reply.len()
}

/// Says whether a reply was cut short: the whole one is to be had over TCP (RFC 7766 §5).
pub fn is_truncated(reply: &[u8]) -> bool {
    u16_at(reply, 2).is_some_and(|flags| flags & flag::TC != 0)
}

/// Whether nothing but at most OPT follows the header.
fn is_nothing_but_opt(message: &[u8]) -> bool {
    let Ok(edns) = edns::read(message, HEADER) else { return false };
    message.get(10..HEADER) == Some(&[0, u8::from(edns.is_some())])
}

fn is_same_question(message: &[u8], query: &[u8]) -> bool {
    let (Some(theirs), Some(ours)) = (Question::read(message), Question::read(query)) else {
        return false;
    };
    theirs.qtype == ours.qtype
        && theirs.qclass == ours.qclass
        && theirs.wire_name().eq_ignore_ascii_case(ours.wire_name())
}

/// Turns a server's reply into the one that the client gets: with its ID, its spelling of the
/// question, and no more octets over UDP than it takes, with so many left free for a signature.
pub fn hand_on(reply: &mut Vec<u8>, query: &[u8], transport: super::Transport, reserved: usize) {
    let (Some(id), Some(question)) = (query.first_chunk(), Question::read(query)) else { return };
    set_id(reply, u16::from_be_bytes(*id));
    let has_question = reply.get(4..6).is_some_and(|count| count != [0, 0]);
    if let Some(place) = reply.get_mut(HEADER..HEADER + question.wire.len())
        && has_question
    {
        place.copy_from_slice(question.wire);
    }
    let edns = edns::read(query, question.end()).unwrap_or_else(Unread::edns);
    if transport == super::Transport::Udp && reply.len() + reserved > longest_datagram(edns) {
        cut_short(reply);
    }
}

/// Makes a query for a name of a zone, in lower case with the final dot, that any server answers somehow, unless it
/// forwards it to us.
///
/// # Errors
/// When the zone has a name so long that this would not be one.
pub fn loop_probe(token: u64, zone: &str) -> Result<Vec<u8>, SimpleDnsError> {
    let zone = if zone == "." { "" } else { zone };
    standard_query(&format!("{token:016x}.{LOOP_LABELS}{zone}"), TYPE::TXT)
}

/// Reads the token of a [`loop_probe`]; `None` for any other query.
pub fn loop_token(query: &[u8]) -> Option<u64> {
    let name = Question::read(query)?.name();
    let (label, rest) = std::str::from_utf8(name.as_bytes()).ok()?.split_once('.')?;
    let token = u64::from_str_radix(label, 16).ok()?;
    (rest.starts_with(LOOP_LABELS) && label == format!("{token:016x}")).then_some(token)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
