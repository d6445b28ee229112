//! The decision on a query, and the reply that says it.

use std::net::IpAddr;

use simple_dns::SimpleDnsError;

use super::chaos;
use super::content::{self, Content};
use super::cookie::{Request, Secret, ServerPart};
use super::edns::{Edns, Opt, longest_datagram};
use super::exchange::{Asker, OutOfZone, Transport, Verdict};
use super::query::{Header, Name, NoQuestion, Query};
use super::records::RecordContext;
use super::reply::{Full, Reply};
use super::reverse;
use super::stats::Counters;
use super::transfer::request::{self, Refusal};
use super::tsig::{SignedRequest, TsigKeys};
use super::wire::{
    CLASS_CH, CLASS_IN, ExtendedError, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, flag,
};
use super::zone::Zones;
use crate::cluster::{Directory, Freshness, Keyspace, Network, ReverseNetwork};

/// Answers queries for the zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Responder {
    pub(super) zones: Zones,
    /// The name of the group of all nodes.
    servers: String,
    pub(super) ttl: u32,
    /// The networks that may ask; empty: everybody.
    allowed: Vec<Network>,
    /// Those that may have whole zones.
    transferable: Vec<Network>,
    pub(super) out_of_zone: OutOfZone,
    secret: Secret,
    /// Under which queries may be signed.
    pub(super) keys: TsigKeys,
}

/// The circumstances of an answer.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) asker: Asker,
    pub(super) directory: &'a Directory,
    pub(super) counters: &'a Counters,
    /// The octets that the signature of the reply will take.
    pub(super) reserved: usize,
    /// Whether the query is signed under one of the keys.
    pub(super) is_signed: bool,
}

/// The decision on a query: all that the reply says.
pub(super) struct Decision<'a> {
    rcode: Rcode,
    flags: u16,
    content: Content<'a>,
    error: Option<ExtendedError>,
}

impl<'a> Decision<'a> {
    fn authoritative(rcode: Rcode, content: Content<'a>, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: flag::AA, content, error }
    }

    pub(super) fn failure(rcode: Rcode, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: 0, content: Content::Empty, error }
    }
}

impl Responder {
    /// `ttl` is that of all records, in seconds.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn new(keyspace: &Keyspace, ttl: u32) -> Result<Responder, SimpleDnsError> {
        Ok(Responder {
            zones: Zones::new(keyspace, ttl)?,
            servers: keyspace.pattern.group(),
            ttl,
            allowed: Vec::new(),
            transferable: Vec::new(),
            out_of_zone: OutOfZone::Refuse,
            secret: Secret::default(),
            keys: TsigKeys::default(),
        })
    }

    /// Answers for the zones of the reverse names of these networks as well. Their servers are the nodes of the
    /// pattern.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn with_reverse(self, networks: &[ReverseNetwork]) -> Result<Responder, SimpleDnsError> {
        let Responder { mut zones, servers, ttl, .. } = self;
        zones.add_reverse(networks, &servers, ttl)?;
        Ok(Responder { zones, servers, ..self })
    }

    /// Refuses everybody but these networks; with none of them, nobody.
    #[must_use]
    pub fn with_allowed(self, allowed: Vec<Network>) -> Responder {
        Responder { allowed, ..self }
    }

    /// Lets these networks have whole zones, and ask whatever they like.
    #[must_use]
    pub fn with_transferable(self, transferable: Vec<Network>) -> Responder {
        Responder { transferable, ..self }
    }

    /// Whether anybody may have whole zones.
    pub fn transfers(&self) -> bool {
        !self.transferable.is_empty()
    }

    /// Sets what becomes of queries for names outside of all zones.
    #[must_use]
    pub fn with_out_of_zone(self, out_of_zone: OutOfZone) -> Responder {
        Responder { out_of_zone, ..self }
    }

    /// Sets the keys under which queries may be signed.
    #[must_use]
    pub fn with_keys(self, keys: TsigKeys) -> Responder {
        Responder { keys, ..self }
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
        let circumstances =
            Circumstances { asker, directory, counters, reserved: 0, is_signed: false };
        self.answer_read(query, header, &circumstances, reply)
    }

    /// Clears `reply` and writes the one to a query, which has no signature any more if it was found to be
    /// signed well. A part of [`Responder::answer`], for queries that are not signed are to cost as if
    /// none were.
    #[inline(always)]
    pub(super) fn answer_read(
        &self,
        message: &[u8],
        header: Header,
        circumstances: &Circumstances<'_>,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let &Circumstances { asker, directory, counters, .. } = circumstances;
        let query = match Query::read(message, header) {
            Ok(query) => query,
            Err(NoQuestion::Signed) => {
                return self.answer_signed(message, header, circumstances, reply);
            }
            Err(NoQuestion::Fault { rcode, question, edns }) => {
                let opt = edns.map(|edns| Opt::bare(edns, rcode));
                return self.write_bare(header, rcode, question, opt, reply);
            }
            Err(NoQuestion::Cookie(edns, cookie)) => {
                let decision = self.confirm(cookie, asker);
                let opt = self.opt(edns, (decision.rcode, decision.error), asker, directory);
                return self.write_bare(header, decision.rcode, None, Some(opt), reply);
            }
        };
        let mut name = Name::default();
        query.question.read_name(&mut name);
        let decision = if !self.allows(asker.address) {
            Some(Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited)))
        } else if request::is_transfer(&query) {
            match self.decide_transfer(&query, message, name.as_bytes(), circumstances) {
                Ok(()) => return Verdict::Transfer,
                Err(Refusal { rcode, error }) => Some(Decision::failure(rcode, error)),
            }
        } else {
            self.decide(&query, name.as_bytes(), directory, counters)
        };
        let Some(decision) = decision else { return Verdict::Forward };
        self.write(&query, &decision, circumstances, reply);
        Verdict::Reply(decision.rcode)
    }

    /// Clears `reply` and writes that a query that was to be forwarded cannot be answered; signs that, if the
    /// query is signed.
    pub fn fail(
        &self,
        query: &[u8],
        error: ExtendedError,
        asker: Asker,
        directory: &Directory,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Some(header) = Header::read(query) else { return Verdict::Silent };
        let signed = SignedRequest::read(query, &self.keys, asker.now).ok().flatten();
        let query = signed.as_ref().map_or(query, |request| &request.message);
        let Ok(query) = Query::read(query, header) else { return Verdict::Silent };
        let decision = Decision::failure(Rcode::SERVFAIL, Some(error));
        let counters = &Counters::default();
        let circumstances =
            Circumstances { asker, directory, counters, reserved: 0, is_signed: false };
        self.write(&query, &decision, &circumstances, reply);
        if let Some(SignedRequest { judgement: Ok(mut signer), .. }) = signed {
            signer.sign(reply, asker.now);
        }
        Verdict::Reply(decision.rcode)
    }

    fn allows(&self, client: IpAddr) -> bool {
        self.allowed.is_empty()
            || self.allowed.iter().any(|network| network.contains(client))
            || self.may_transfer(client)
    }

    fn may_transfer(&self, client: IpAddr) -> bool {
        self.transferable.iter().any(|network| network.contains(client))
    }

    fn decide_transfer(
        &self,
        query: &Query<'_>,
        message: &[u8],
        name: &[u8],
        &Circumstances { asker, directory, is_signed, .. }: &Circumstances<'_>,
    ) -> Result<(), Refusal> {
        let lacks_signature = !is_signed && !self.keys.is_empty();
        if lacks_signature || !self.may_transfer(asker.address) {
            return Err(Refusal { rcode: Rcode::REFUSED, error: None });
        }
        request::decide(query, message, name, asker.transport, &self.zones, directory)
    }

    pub(super) fn write(
        &self,
        query: &Query<'_>,
        decision: &Decision<'_>,
        circumstances: &Circumstances<'_>,
        reply: &mut Vec<u8>,
    ) {
        let &Circumstances { asker, directory, counters, reserved, .. } = circumstances;
        let Query { header, question, edns } = query;
        let longest = longest_reply(asker.transport, *edns).saturating_sub(reserved);
        let room = longest.saturating_sub(question.end());
        let told = (decision.rcode, decision.error);
        let opt = edns.map(|edns| self.opt(edns, told, asker, directory).within(room));
        let limit = longest.saturating_sub(opt.as_ref().map_or(0, Opt::len));
        let flags = decision.flags | self.recursion_available();
        let wire = Some(question.wire);
        let mut written = Reply::start(reply, limit, *header, flags, decision.rcode, wire);
        written.class = question.qclass;
        // What is told of the server itself is as of now.
        written.ttl = if question.qclass == CLASS_CH { 0 } else { self.ttl };
        let rotation = usize::try_from(counters.queries).unwrap_or_default();
        let context = RecordContext { question, directory, rotation };
        if decision.content.write(context, &mut written) == Err(Full) {
            written.truncate(question.wire.len());
        }
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
    }

    /// Clears `reply` and writes one that has no records but OPT.
    pub(super) fn write_bare(
        &self,
        header: Header,
        rcode: Rcode,
        question: Option<&[u8]>,
        opt: Option<Opt>,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let flags = self.recursion_available();
        let mut written = Reply::start(reply, UDP_WITHOUT_EDNS, header, flags, rcode, question);
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
        Verdict::Reply(rcode)
    }

    pub(super) fn recursion_available(&self) -> u16 {
        match self.out_of_zone {
            OutOfZone::Refuse => 0,
            OutOfZone::Forward => flag::RA,
        }
    }

    /// Decides on a cookie that comes without a question (RFC 7873 §5.4).
    fn confirm(&self, cookie: Request, asker: Asker) -> Decision<'static> {
        if !self.allows(asker.address) {
            return Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited));
        }
        let is_good = cookie.server == ServerPart::Absent
            || self.secret.is_own(&cookie, asker.address, asker.now as u32);
        Decision::failure(if is_good { Rcode::NOERROR } else { Rcode::BADCOOKIE }, None)
    }

    /// Decides on a query, whose name this is. `None`: it is for other servers.
    fn decide<'a>(
        &'a self,
        query: &Query<'_>,
        name: &[u8],
        directory: &'a Directory,
        counters: &Counters,
    ) -> Option<Decision<'a>> {
        let Query { question, edns, .. } = query;
        if edns.is_some_and(|edns| edns.version > 0) {
            return Some(Decision::failure(Rcode::BADVERS, None));
        }
        if question.qclass == CLASS_CH {
            return Some(match chaos::content(name, question.qtype, directory, counters) {
                Some(content) => Decision::authoritative(Rcode::NOERROR, content, None),
                None => Decision::failure(Rcode::REFUSED, None),
            });
        }
        if question.qclass != CLASS_IN {
            return Some(Decision::failure(Rcode::REFUSED, None));
        }
        let Some(zone) = self.zones.of(name) else {
            return self.decide_out_of_zone(name, question.qtype, directory);
        };
        if let Some(error) = unusable(directory) {
            return Some(Decision::failure(Rcode::SERVFAIL, Some(error)));
        }
        let found = if zone.network.is_some() {
            content::of_reverse_name(name, question, zone, directory)
        } else {
            content::of_name(name, question, zone, directory)
        };
        if directory.freshness() == Freshness::Incomplete
            && content::needs_all_names(name, &found, directory)
        {
            return Some(Decision::failure(Rcode::SERVFAIL, Some(ExtendedError::NotReady)));
        }
        let (rcode, content) = found;
        let error = match stale(directory) {
            Some(_) if rcode == Rcode::NXDOMAIN => Some(ExtendedError::StaleNxdomainAnswer),
            error => error,
        };
        Some(Decision::authoritative(rcode, content, error))
    }

    /// Decides on a name outside of all zones: the reverse one of an address that is known here, or
    /// none of ours.
    fn decide_out_of_zone<'a>(
        &'a self,
        name: &[u8],
        qtype: u16,
        directory: &'a Directory,
    ) -> Option<Decision<'a>> {
        let own = self.zones.of(directory.pattern().zone().as_bytes());
        let known = reverse::address(name).and_then(|address| directory.names_of(address));
        match (known.zip(own), self.out_of_zone) {
            (Some((names, zone)), _) => Some(match unusable(directory) {
                Some(error) => Decision::failure(Rcode::SERVFAIL, Some(error)),
                None => {
                    let content = content::of_address(names, qtype, zone);
                    Decision::authoritative(Rcode::NOERROR, content, stale(directory))
                }
            }),
            (None, OutOfZone::Refuse) => {
                let error = Some(ExtendedError::NotAuthoritative);
                Some(Decision::failure(Rcode::REFUSED, error))
            }
            (None, OutOfZone::Forward) => None,
        }
    }

    /// The OPT record of a reply that says this.
    pub(super) fn opt(
        &self,
        edns: Edns,
        (rcode, error): (Rcode, Option<ExtendedError>),
        asker: Asker,
        directory: &Directory,
    ) -> Opt {
        let bake = |cookie: Request| {
            (cookie.client, self.secret.server_part(&cookie, asker.address, asker.now as u32))
        };
        Opt {
            name: if edns.wants_nsid { directory.own_name() } else { None },
            cookie: edns.cookie.map(bake),
            error,
            ..Opt::bare(edns, rcode)
        }
    }
}

/// Returns the reason why nothing can be said of the names that are answered for.
fn unusable(directory: &Directory) -> Option<ExtendedError> {
    match directory.freshness() {
        Freshness::Empty => Some(ExtendedError::NotReady),
        Freshness::Expired => Some(ExtendedError::NoReachableAuthority),
        Freshness::Incomplete | Freshness::Synced | Freshness::Stale => None,
    }
}

fn stale(directory: &Directory) -> Option<ExtendedError> {
    let is_stale = matches!(directory.freshness(), Freshness::Incomplete | Freshness::Stale);
    is_stale.then_some(ExtendedError::StaleAnswer)
}

/// Returns the most octets that a reply of ours may have.
pub(super) fn longest_reply(transport: Transport, edns: Option<Edns>) -> usize {
    match transport {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp => longest_datagram(edns).min(usize::from(UDP_WITH_EDNS)),
    }
}

#[cfg(test)]
#[path = "answer_tests/mod.rs"]
mod tests;
