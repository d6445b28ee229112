//! What to answer to a query.

use std::fmt;
use std::net::IpAddr;

use simple_dns::SimpleDnsError;

use super::chaos;
use super::content::{self, Content, Frame};
use super::cookie::{self, Baker, Shown};
use super::counters::Counters;
use super::query::{Edns, Header, Question, has_one_question, read_edns};
use super::reply::{Full, Reply};
use super::reverse;
use super::wire::{
    CLASS_CH, CLASS_IN, ExtendedError, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, flag, option, rrtype,
};
use super::zone::Zones;
use crate::cluster::{Directory, Freshness, Keyspace, Network};

/// The head of an option: code and length.
const OPTION: usize = 4;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the reply must fit into what the client takes.
    Udp,
    /// Over a connection: the reply has up to 65,535 octets (RFC 7766 §8).
    Tcp,
}

/// Who asks, how, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The client's address.
    pub address: IpAddr,
    /// How the query came.
    pub transport: Transport,
    /// The time, in seconds since 1970 modulo 2^32.
    pub now: u32,
}

/// What is to be done with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is not a query, or less than a header.
    Silent,
    /// The reply is to be sent.
    Reply(Rcode),
}

impl Verdict {
    /// The response code of the reply, if there is one.
    pub fn rcode(self) -> Option<Rcode> {
        match self {
            Verdict::Silent => None,
            Verdict::Reply(rcode) => Some(rcode),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Silent => f.write_str("dropped"),
            Verdict::Reply(rcode) => rcode.fmt(f),
        }
    }
}

/// Answers queries for the zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Responder {
    zones: Zones,
    ttl: u32,
    /// Who may ask; empty: everybody.
    allowed: Vec<Network>,
    baker: Baker,
}

/// What there is to say.
struct Decision<'a> {
    rcode: Rcode,
    flags: u16,
    content: Content<'a>,
    error: Option<ExtendedError>,
}

impl Decision<'_> {
    fn failure(rcode: Rcode, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: 0, content: Content::Empty, error }
    }
}

impl Responder {
    /// `ttl` is that of all records, in seconds.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn new(keyspace: &Keyspace, ttl: u32) -> Result<Responder, SimpleDnsError> {
        let zones = Zones::new(keyspace, ttl)?;
        Ok(Responder { zones, ttl, allowed: Vec::new(), baker: Baker::default() })
    }

    /// Refuses everybody but these networks; with none of them, nobody.
    #[must_use]
    pub fn with_allowed(self, allowed: Vec<Network>) -> Responder {
        Responder { allowed, ..self }
    }

    /// Clears `reply` and writes the reply into it, if there is one to send.
    pub fn answer(
        &self,
        query: &[u8],
        asker: Asker,
        directory: &Directory,
        counters: &Counters,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Some(header) = Header::read(query) else { return Verdict::Silent };
        let mut refuse = |rcode| {
            Reply::start(reply, UDP_WITHOUT_EDNS, header, 0, rcode, None);
            Verdict::Reply(rcode)
        };
        if !header.is_query() {
            return refuse(Rcode::NOTIMP);
        }
        if !has_one_question(query) {
            return refuse(Rcode::FORMERR);
        }
        let Some(question) = Question::read(query) else { return refuse(Rcode::FORMERR) };
        let Ok(edns) = read_edns(query, &question) else { return refuse(Rcode::FORMERR) };
        let is_allowed = self.allowed.is_empty()
            || self.allowed.iter().any(|network| network.contains(asker.address));
        let decision = match is_allowed {
            true => self.decide(&question, edns, directory, counters),
            false => Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited)),
        };
        let opt = edns.map(|edns| self.opt(edns, &decision, asker, directory));
        let room = opt.as_ref().map_or(0, Opt::len);
        let limit = longest_reply(asker.transport, edns).saturating_sub(room);
        let (rcode, flags) = (decision.rcode, decision.flags);
        let mut written = Reply::start(reply, limit, header, flags, rcode, Some(question.wire));
        let frame = Frame {
            question: &question,
            directory,
            ttl: self.ttl,
            rotation: usize::try_from(counters.queries()).unwrap_or_default(),
        };
        if decision.content.write(frame, &mut written) == Err(Full) {
            written.truncate(question.wire.len());
        }
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
        Verdict::Reply(rcode)
    }

    fn decide<'a>(
        &'a self,
        question: &'a Question<'_>,
        edns: Option<Edns>,
        directory: &'a Directory,
        counters: &Counters,
    ) -> Decision<'a> {
        if edns.is_some_and(|edns| edns.version > 0) {
            return Decision::failure(Rcode::BADVERS, None);
        }
        let name = question.name.as_bytes();
        if question.qclass == CLASS_CH {
            return match chaos::content(name, question.qtype, directory, counters) {
                Some(content) => {
                    Decision { rcode: Rcode::NOERROR, flags: flag::AA, content, error: None }
                }
                None => Decision::failure(Rcode::REFUSED, None),
            };
        }
        let is_transfer = matches!(question.qtype, rrtype::AXFR | rrtype::IXFR);
        if question.qclass != CLASS_IN || is_transfer {
            return Decision::failure(Rcode::REFUSED, None);
        }
        let Some(zone) = self.zones.of(name) else {
            return elsewhere(name, question.qtype, directory);
        };
        match directory.freshness() {
            Freshness::Empty => {
                return Decision::failure(Rcode::SERVFAIL, Some(ExtendedError::NotReady));
            }
            Freshness::Expired => {
                return Decision::failure(
                    Rcode::SERVFAIL,
                    Some(ExtendedError::NoReachableAuthority),
                );
            }
            Freshness::Synced | Freshness::Stale => {}
        }
        let (rcode, content) = content::of_name(name, question.qtype, zone, directory);
        let error = match stale(directory) {
            Some(_) if rcode == Rcode::NXDOMAIN => Some(ExtendedError::StaleNxdomainAnswer),
            error => error,
        };
        Decision { rcode, flags: flag::AA, content, error }
    }

    fn opt(&self, edns: Edns, decision: &Decision<'_>, asker: Asker, directory: &Directory) -> Opt {
        let bake = |shown: Shown| (shown.client, self.baker.bake(&shown, asker.address, asker.now));
        Opt {
            rcode: decision.rcode,
            flags: edns.flags & flag::DO,
            name: if edns.wants_nsid { directory.own_name() } else { None },
            cookie: edns.cookie.map(bake),
            error: decision.error,
        }
    }
}

/// Our OPT record (RFC 6891 §6.1.2).
struct Opt {
    rcode: Rcode,
    flags: u16,
    /// This node's name, if it is asked for (RFC 5001).
    name: Option<String>,
    cookie: Option<([u8; cookie::CLIENT], [u8; cookie::SERVER])>,
    error: Option<ExtendedError>,
}

impl Opt {
    fn options_len(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| OPTION + name.len());
        let cookie = self.cookie.map_or(0, |_| OPTION + cookie::CLIENT + cookie::SERVER);
        name + cookie + self.error.map_or(0, |_| OPTION + 2)
    }

    /// Its length: owner, type, payload, extended code, version, flags, length, options.
    fn len(&self) -> usize {
        11 + self.options_len()
    }

    fn write(&self, octets: &mut Vec<u8>) {
        octets.push(0);
        octets.extend_from_slice(&rrtype::OPT.to_be_bytes());
        octets.extend_from_slice(&UDP_WITH_EDNS.to_be_bytes());
        octets.extend_from_slice(&[self.rcode.value() >> 4, 0]);
        octets.extend_from_slice(&self.flags.to_be_bytes());
        let length = u16::try_from(self.options_len()).unwrap_or(u16::MAX);
        octets.extend_from_slice(&length.to_be_bytes());
        if let Some(name) = &self.name {
            push_option(option::NSID, [name.as_bytes(), &[]], octets);
        }
        if let Some((client, server)) = &self.cookie {
            push_option(option::COOKIE, [client, server], octets);
        }
        if let Some(error) = self.error {
            push_option(option::EDE, [&(error as u16).to_be_bytes(), &[]], octets);
        }
    }
}

fn push_option(code: u16, data: [&[u8]; 2], octets: &mut Vec<u8>) {
    let length: usize = data.iter().map(|part| part.len()).sum();
    octets.extend_from_slice(&code.to_be_bytes());
    octets.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    for part in data {
        octets.extend_from_slice(part);
    }
}

/// What is outside of all zones: the reverse name of an address that is known here, or not ours.
fn elsewhere<'a>(name: &[u8], qtype: u16, directory: &Directory) -> Decision<'a> {
    match reverse::address(name).filter(|ip| directory.names_of(*ip).next().is_some()) {
        Some(address) => Decision {
            rcode: Rcode::NOERROR,
            flags: flag::AA,
            content: content::of_address(address, qtype),
            error: stale(directory),
        },
        None => Decision::failure(Rcode::REFUSED, Some(ExtendedError::NotAuthoritative)),
    }
}

fn stale(directory: &Directory) -> Option<ExtendedError> {
    (directory.freshness() == Freshness::Stale).then_some(ExtendedError::StaleAnswer)
}

fn longest_reply(transport: Transport, edns: Option<Edns>) -> usize {
    match (transport, edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => UDP_WITHOUT_EDNS,
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.payload.min(UDP_WITH_EDNS)).max(UDP_WITHOUT_EDNS)
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
