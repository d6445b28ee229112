//! What to answer to a query.

use std::fmt;
use std::net::IpAddr;

use simple_dns::SimpleDnsError;

use super::chaos;
use super::content::{self, Content, Frame};
use super::cookie::{Baker, Shown};
use super::counters::Counters;
use super::opt::Opt;
use super::query::{Edns, Header, Query, longest_datagram};
use super::reply::{Full, Reply};
use super::reverse;
use super::wire::{
    CLASS_CH, CLASS_IN, ExtendedError, HEADER, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, flag, rrtype,
};
use super::zone::Zones;
use crate::cluster::{Directory, Freshness, Keyspace, Network};

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
    /// It is for other servers: nothing was written, and the query is to be forwarded.
    Forward,
    /// The reply is to be sent.
    Reply(Rcode),
}

impl Verdict {
    /// The response code of the reply, if there is one.
    pub fn rcode(self) -> Option<Rcode> {
        match self {
            Verdict::Silent | Verdict::Forward => None,
            Verdict::Reply(rcode) => Some(rcode),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Silent => f.write_str("dropped"),
            Verdict::Forward => f.write_str("forwarded"),
            Verdict::Reply(rcode) => rcode.fmt(f),
        }
    }
}

/// What becomes of queries for names outside of all zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elsewhere {
    /// They are refused.
    #[default]
    Refuse,
    /// They are left to other servers.
    Forward,
}

/// Answers queries for the zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Responder {
    zones: Zones,
    ttl: u32,
    /// Who may ask; empty: everybody.
    allowed: Vec<Network>,
    elsewhere: Elsewhere,
    baker: Baker,
}

/// What there is to say.
struct Decision<'a> {
    rcode: Rcode,
    flags: u16,
    content: Content<'a>,
    error: Option<ExtendedError>,
}

impl<'a> Decision<'a> {
    fn authoritative(rcode: Rcode, content: Content<'a>, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: flag::AA, content, error }
    }

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
        Ok(Responder {
            zones,
            ttl,
            allowed: Vec::new(),
            elsewhere: Elsewhere::Refuse,
            baker: Baker::default(),
        })
    }

    /// Refuses everybody but these networks; with none of them, nobody.
    #[must_use]
    pub fn with_allowed(self, allowed: Vec<Network>) -> Responder {
        Responder { allowed, ..self }
    }

    /// Says what becomes of queries for names outside of all zones.
    #[must_use]
    pub fn with_elsewhere(self, elsewhere: Elsewhere) -> Responder {
        Responder { elsewhere, ..self }
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
        let query = match Query::read(query, header) {
            Ok(query) => query,
            Err(rcode) => {
                Reply::start(reply, UDP_WITHOUT_EDNS, header, 0, rcode, None);
                return Verdict::Reply(rcode);
            }
        };
        let decision = match self.allows(asker.address) {
            true => self.decide(&query, directory, counters),
            false => Some(Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited))),
        };
        let Some(decision) = decision else { return Verdict::Forward };
        let rotation = usize::try_from(counters.queries()).unwrap_or_default();
        self.write(&query, &decision, asker, directory, rotation, reply);
        Verdict::Reply(decision.rcode)
    }

    /// Clears `reply` and writes that a query that was to be forwarded cannot be answered.
    pub fn fail(
        &self,
        query: &[u8],
        error: ExtendedError,
        asker: Asker,
        directory: &Directory,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Some(header) = Header::read(query) else { return Verdict::Silent };
        let Ok(query) = Query::read(query, header) else { return Verdict::Silent };
        let decision = Decision::failure(Rcode::SERVFAIL, Some(error));
        self.write(&query, &decision, asker, directory, 0, reply);
        Verdict::Reply(decision.rcode)
    }

    fn allows(&self, client: IpAddr) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|network| network.contains(client))
    }

    fn write(
        &self,
        query: &Query<'_>,
        decision: &Decision<'_>,
        asker: Asker,
        directory: &Directory,
        rotation: usize,
        reply: &mut Vec<u8>,
    ) {
        let Query { header, question, edns } = query;
        let longest = longest_reply(asker.transport, *edns);
        let room = longest.saturating_sub(HEADER + question.wire.len());
        let opt = edns.map(|edns| self.opt(edns, decision, asker, directory).within(room));
        let limit = longest.saturating_sub(opt.as_ref().map_or(0, Opt::len));
        let flags = match self.elsewhere {
            Elsewhere::Refuse => decision.flags,
            Elsewhere::Forward => decision.flags | flag::RA,
        };
        let wire = Some(question.wire);
        let mut written = Reply::start(reply, limit, *header, flags, decision.rcode, wire);
        let frame = Frame { question, directory, ttl: self.ttl, rotation };
        if decision.content.write(frame, &mut written) == Err(Full) {
            written.truncate(question.wire.len());
        }
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
    }

    /// `None`: it is for other servers.
    fn decide<'a>(
        &'a self,
        query: &'a Query<'_>,
        directory: &'a Directory,
        counters: &Counters,
    ) -> Option<Decision<'a>> {
        let Query { question, edns, .. } = query;
        if edns.is_some_and(|edns| edns.version > 0) {
            return Some(Decision::failure(Rcode::BADVERS, None));
        }
        let name = question.name.as_bytes();
        if question.qclass == CLASS_CH {
            return Some(match chaos::content(name, question.qtype, directory, counters) {
                Some(content) => Decision::authoritative(Rcode::NOERROR, content, None),
                None => Decision::failure(Rcode::REFUSED, None),
            });
        }
        let is_transfer = matches!(question.qtype, rrtype::AXFR | rrtype::IXFR);
        if question.qclass != CLASS_IN || is_transfer {
            return Some(Decision::failure(Rcode::REFUSED, None));
        }
        let Some(zone) = self.zones.of(name) else {
            return self.decide_elsewhere(name, question.qtype, directory);
        };
        let unknown = match directory.freshness() {
            Freshness::Empty => Some(ExtendedError::NotReady),
            Freshness::Expired => Some(ExtendedError::NoReachableAuthority),
            Freshness::Synced | Freshness::Stale => None,
        };
        if unknown.is_some() {
            return Some(Decision::failure(Rcode::SERVFAIL, unknown));
        }
        let (rcode, content) = content::of_name(name, question.qtype, zone, directory);
        let error = match stale(directory) {
            Some(_) if rcode == Rcode::NXDOMAIN => Some(ExtendedError::StaleNxdomainAnswer),
            error => error,
        };
        Some(Decision::authoritative(rcode, content, error))
    }

    /// What is outside of all zones: the reverse name of an address that is known here, or not ours.
    fn decide_elsewhere<'a>(
        &self,
        name: &[u8],
        qtype: u16,
        directory: &Directory,
    ) -> Option<Decision<'a>> {
        let address = reverse::address(name);
        match (address.filter(|ip| directory.names_of(*ip).next().is_some()), self.elsewhere) {
            (Some(address), _) => {
                let content = content::of_address(address, qtype);
                Some(Decision::authoritative(Rcode::NOERROR, content, stale(directory)))
            }
            (None, Elsewhere::Refuse) => {
                let error = Some(ExtendedError::NotAuthoritative);
                Some(Decision::failure(Rcode::REFUSED, error))
            }
            (None, Elsewhere::Forward) => None,
        }
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

fn stale(directory: &Directory) -> Option<ExtendedError> {
    (directory.freshness() == Freshness::Stale).then_some(ExtendedError::StaleAnswer)
}

/// What may not be exceeded in a reply of ours.
fn longest_reply(transport: Transport, edns: Option<Edns>) -> usize {
    match transport {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp => longest_datagram(edns).min(usize::from(UDP_WITH_EDNS)),
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
