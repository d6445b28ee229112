//! What to answer to a query.

use simple_dns::SimpleDnsError;

use super::query::{Edns, Header, Question, has_one_question, read_edns};
use super::soa::Soa;
use super::wire::{
    CLASS_IN, HEADER, POINTER_TO_QUESTION, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, flag, rrtype,
};
use crate::cluster::directory::Freshness;
use crate::cluster::{Directory, Pattern, Record};

/// The data of the HINFO record that answers ANY: CPU `RFC8482`, OS empty (RFC 8482 §4.2).
const HINFO_RFC8482: &[u8] = b"\x07RFC8482\x00";

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the reply must fit into what the client takes.
    Udp,
}

/// Answers queries for the zone of one pattern.
#[derive(Clone, Debug)]
pub struct Responder {
    zone: String,
    soa: Soa,
    ttl: u32,
}

/// What the name stands for.
enum Found<'a> {
    /// Outside of the zone.
    Elsewhere,
    /// The zone's own name.
    Apex,
    /// A node.
    Node(&'a Record),
    /// A name without records, with names below it (RFC 8020).
    EmptyNonTerminal,
    /// Nothing.
    Nothing,
}

/// What goes into the answer and authority sections.
enum Content {
    Empty,
    Address(u16, Address),
    Hinfo,
    /// In the answer section.
    Soa,
    /// In the authority section: there is no such name, or no such type.
    NegativeSoa,
}

enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Responder {
    /// `ttl` is that of all records, in seconds.
    ///
    /// # Errors
    /// When the pattern's names cannot be written as domain names.
    pub fn new(pattern: &Pattern, ttl: u32) -> Result<Responder, SimpleDnsError> {
        let zone = pattern.zone().to_owned();
        let soa = Soa::new(&zone, &pattern.group(), ttl)?;
        Ok(Responder { zone, soa, ttl })
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

    fn decide(
        &self,
        question: &Question<'_>,
        edns: Option<Edns>,
        directory: &Directory,
    ) -> (Rcode, u16, Content) {
        if edns.is_some_and(|edns| edns.version > 0) {
            return (Rcode::BADVERS, 0, Content::Empty);
        }
        let is_transfer = matches!(question.qtype, rrtype::AXFR | rrtype::IXFR);
        if question.qclass != CLASS_IN || is_transfer {
            return (Rcode::REFUSED, 0, Content::Empty);
        }
        let found = self.find(question.name.as_bytes(), directory);
        if matches!(found, Found::Elsewhere) {
            return (Rcode::REFUSED, 0, Content::Empty);
        }
        if directory.freshness() == Freshness::Empty {
            return (Rcode::SERVFAIL, 0, Content::Empty);
        }
        let (rcode, content) = match found {
            Found::Node(record) => (Rcode::NOERROR, node_content(record, question.qtype)),
            Found::Apex if question.qtype == rrtype::SOA => (Rcode::NOERROR, Content::Soa),
            Found::Apex if question.qtype == rrtype::ANY => (Rcode::NOERROR, Content::Hinfo),
            Found::Apex | Found::EmptyNonTerminal => (Rcode::NOERROR, Content::NegativeSoa),
            Found::Nothing | Found::Elsewhere => (Rcode::NXDOMAIN, Content::NegativeSoa),
        };
        (rcode, flag::AA, content)
    }

    fn find<'a>(&self, name: &[u8], directory: &'a Directory) -> Found<'a> {
        let pattern = directory.pattern();
        if let Some(slot) = pattern.slot_of(name) {
            return directory.record(slot).map_or(Found::Nothing, Found::Node);
        }
        match name.strip_suffix(self.zone.as_bytes()) {
            None => Found::Elsewhere,
            Some(b"") => Found::Apex,
            Some(above) if above.last() != Some(&b'.') => Found::Elsewhere,
            Some(_) => match pattern.slot_below(name).and_then(|slot| directory.record(slot)) {
                Some(_) => Found::EmptyNonTerminal,
                None => Found::Nothing,
            },
        }
    }

    fn write(
        &self,
        content: &Content,
        question: &Question<'_>,
        revision: i64,
        reply: &mut Vec<u8>,
    ) {
        // The zone's name is the end of the question's name, and as long in text as on the wire
        // but for the root; type and class follow it.
        let owner = (HEADER + question.wire.len()).saturating_sub(self.zone.len() + 5);
        match content {
            Content::Empty => {}
            Content::Address(rrtype, Address::V4(octets)) => self.push(*rrtype, octets, reply),
            Content::Address(rrtype, Address::V6(octets)) => self.push(*rrtype, octets, reply),
            Content::Hinfo => self.push(rrtype::HINFO, HINFO_RFC8482, reply),
            Content::Soa => {
                count(Section::Answer, reply);
                self.soa.write(owner, revision, reply);
            }
            Content::NegativeSoa => {
                count(Section::Authority, reply);
                self.soa.write(owner, revision, reply);
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

fn node_content(record: &Record, qtype: u16) -> Content {
    let address = match qtype {
        rrtype::A => record.ipv4.map(|address| Address::V4(address.octets())),
        rrtype::AAAA => record.ipv6.map(|address| Address::V6(address.octets())),
        rrtype::ANY => return Content::Hinfo,
        _ => None,
    };
    address.map_or(Content::NegativeSoa, |address| Content::Address(qtype, address))
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
