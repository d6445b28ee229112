//! What to answer to a query.

use simple_dns::SimpleDnsError;

use super::query::{Edns, Header, Question, has_one_question, read_edns};
use super::wire::{
    CLASS_IN, HEADER, POINTER_TO_QUESTION, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, flag, rrtype,
};
use super::zone::{Zone, Zones};
use crate::cluster::{Directory, Freshness, Keyspace, Record};

/// The data of the HINFO record that answers ANY: CPU `RFC8482`, OS empty (RFC 8482 §4.2).
const HINFO_RFC8482: &[u8] = b"\x07RFC8482\x00";

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the reply must fit into what the client takes.
    Udp,
}

/// Answers queries for the zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Responder {
    zones: Zones,
    ttl: u32,
}

/// What the name stands for.
enum Found<'a> {
    /// A node.
    Node(&'a Record),
    /// The zone's own name.
    Apex,
    /// A name without records, with names below it (RFC 8020).
    EmptyNonTerminal,
    /// Nothing.
    Nothing,
}

/// What goes into the answer and authority sections.
enum Content<'a> {
    Empty,
    Address(u16, Address),
    Hinfo,
    /// The zone's SOA in the answer section.
    Soa(&'a Zone),
    /// The zone's SOA in the authority section: there is no such name, or no such type.
    Negative(&'a Zone),
}

enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Responder {
    /// `ttl` is that of all records, in seconds.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn new(keyspace: &Keyspace, ttl: u32) -> Result<Responder, SimpleDnsError> {
        Ok(Responder { zones: Zones::new(keyspace, ttl)?, ttl })
    }

    /// Clears `reply` and writes the reply into it; `None`: there is none to send.
    pub fn answer(
        &self,
        query: &[u8],
        directory: &Directory,
        transport: Transport,
        reply: &mut Vec<u8>,
    ) -> Option<Rcode> {
        reply.clear();
        let header = Header::read(query)?;
        if !header.is_query() {
            return Some(refuse(header, Rcode::NOTIMP, reply));
        }
        if !has_one_question(query) {
            return Some(refuse(header, Rcode::FORMERR, reply));
        }
        let Some(question) = Question::read(query) else {
            return Some(refuse(header, Rcode::FORMERR, reply));
        };
        let Ok(edns) = read_edns(query, &question) else {
            return Some(refuse(header, Rcode::FORMERR, reply));
        };
        let (rcode, flags, content) = self.decide(&question, edns, directory);
        start(header, flags, rcode, Some(question.wire), reply);
        self.write(&content, &question, directory.revision(), reply);
        if let Some(edns) = edns {
            push_opt(rcode, edns, reply);
        }
        let limit = longest_reply(transport, edns);
        if reply.len() > limit {
            truncate(header, rcode, &question, edns, reply);
        }
        Some(rcode)
    }

    fn decide<'a>(
        &'a self,
        question: &Question<'_>,
        edns: Option<Edns>,
        directory: &Directory,
    ) -> (Rcode, u16, Content<'a>) {
        if edns.is_some_and(|edns| edns.version > 0) {
            return (Rcode::BADVERS, 0, Content::Empty);
        }
        let is_transfer = matches!(question.qtype, rrtype::AXFR | rrtype::IXFR);
        if question.qclass != CLASS_IN || is_transfer {
            return (Rcode::REFUSED, 0, Content::Empty);
        }
        let name = question.name.as_bytes();
        let Some(zone) = self.zones.of(name) else {
            return (Rcode::REFUSED, 0, Content::Empty);
        };
        if matches!(directory.freshness(), Freshness::Empty | Freshness::Expired) {
            return (Rcode::SERVFAIL, 0, Content::Empty);
        }
        if question.qtype == rrtype::SOA && name == zone.name.as_bytes() {
            return (Rcode::NOERROR, flag::AA, Content::Soa(zone));
        }
        let (rcode, content) = match find(name, zone, directory) {
            Found::Node(record) => (Rcode::NOERROR, node_content(record, question.qtype, zone)),
            Found::Apex if question.qtype == rrtype::ANY => (Rcode::NOERROR, Content::Hinfo),
            Found::Apex | Found::EmptyNonTerminal => (Rcode::NOERROR, Content::Negative(zone)),
            Found::Nothing => (Rcode::NXDOMAIN, Content::Negative(zone)),
        };
        (rcode, flag::AA, content)
    }

    fn write(
        &self,
        content: &Content<'_>,
        question: &Question<'_>,
        revision: i64,
        reply: &mut Vec<u8>,
    ) {
        let question_end = HEADER + question.wire.len();
        match content {
            Content::Empty => {}
            Content::Address(rrtype, Address::V4(octets)) => self.push(*rrtype, octets, reply),
            Content::Address(rrtype, Address::V6(octets)) => self.push(*rrtype, octets, reply),
            Content::Hinfo => self.push(rrtype::HINFO, HINFO_RFC8482, reply),
            Content::Soa(zone) => {
                count(Section::Answer, reply);
                zone.write_soa(question_end, revision, reply);
            }
            Content::Negative(zone) => {
                count(Section::Authority, reply);
                zone.write_soa(question_end, revision, reply);
            }
        }
    }

    /// Appends an answer that belongs to the question's name.
    fn push(&self, rrtype: u16, data: &[u8], reply: &mut Vec<u8>) {
        count(Section::Answer, reply);
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        reply.extend_from_slice(&POINTER_TO_QUESTION.to_be_bytes());
        reply.extend_from_slice(&rrtype.to_be_bytes());
        reply.extend_from_slice(&CLASS_IN.to_be_bytes());
        reply.extend_from_slice(&self.ttl.to_be_bytes());
        reply.extend_from_slice(&length.to_be_bytes());
        reply.extend_from_slice(data);
    }
}

fn find<'a>(name: &[u8], zone: &Zone, directory: &'a Directory) -> Found<'a> {
    match directory.record(name) {
        Some(record) => Found::Node(record),
        None if name == zone.name.as_bytes() => Found::Apex,
        None if directory.has_below(name) => Found::EmptyNonTerminal,
        None => Found::Nothing,
    }
}

fn node_content<'a>(record: &Record, qtype: u16, zone: &'a Zone) -> Content<'a> {
    let address = match qtype {
        rrtype::A => record.ipv4.map(|address| Address::V4(address.octets())),
        rrtype::AAAA => record.ipv6.map(|address| Address::V6(address.octets())),
        rrtype::ANY => return Content::Hinfo,
        _ => None,
    };
    address.map_or(Content::Negative(zone), |address| Content::Address(qtype, address))
}

/// The low octet of a section's count in the header. No section here has 256 records.
enum Section {
    Answer = 7,
    Authority = 9,
    Additional = 11,
}

fn count(section: Section, reply: &mut [u8]) {
    if let Some(count) = reply.get_mut(section as usize) {
        *count = count.wrapping_add(1);
    }
}

/// Writes the header, and the question if it is known.
fn start(header: Header, flags: u16, rcode: Rcode, question: Option<&[u8]>, reply: &mut Vec<u8>) {
    let echoed = header.flags & (flag::OPCODE | flag::RD | flag::CD);
    let flags = flag::QR | echoed | flags | u16::from(rcode.value() & 0x0f);
    reply.extend_from_slice(&header.id.to_be_bytes());
    reply.extend_from_slice(&flags.to_be_bytes());
    reply.extend_from_slice(&[0, u8::from(question.is_some()), 0, 0, 0, 0, 0, 0]);
    reply.extend_from_slice(question.unwrap_or_default());
}

/// A reply of a header alone.
fn refuse(header: Header, rcode: Rcode, reply: &mut Vec<u8>) -> Rcode {
    start(header, 0, rcode, None, reply);
    rcode
}

/// Appends our OPT: owner root, type, payload, extended code, version 0, flags, no options.
fn push_opt(rcode: Rcode, edns: Edns, reply: &mut Vec<u8>) {
    count(Section::Additional, reply);
    reply.push(0);
    reply.extend_from_slice(&rrtype::OPT.to_be_bytes());
    reply.extend_from_slice(&UDP_WITH_EDNS.to_be_bytes());
    reply.extend_from_slice(&[rcode.value() >> 4, 0]);
    reply.extend_from_slice(&(edns.flags & flag::DO).to_be_bytes());
    reply.extend_from_slice(&[0, 0]);
}

fn longest_reply(transport: Transport, edns: Option<Edns>) -> usize {
    match (transport, edns) {
        (Transport::Udp, None) => UDP_WITHOUT_EDNS,
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.payload.min(UDP_WITH_EDNS)).max(UDP_WITHOUT_EDNS)
        }
    }
}

/// Begins anew without records: the client is to ask over TCP (RFC 2181 §9).
fn truncate(
    header: Header,
    rcode: Rcode,
    question: &Question<'_>,
    edns: Option<Edns>,
    reply: &mut Vec<u8>,
) {
    reply.clear();
    start(header, flag::AA | flag::TC, rcode, Some(question.wire), reply);
    if let Some(edns) = edns {
        push_opt(rcode, edns, reply);
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
