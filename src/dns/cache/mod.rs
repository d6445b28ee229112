//! Replies of other servers that are kept for a while, and answered from.
//!
//! A reply is good for the least of its TTLs, one that denies something for what its SOA says (RFC 2308).
//! What is not good any more is still there, to be answered from where no server answers (RFC 8767). A
//! failure is remembered for a second (RFC 9520 §3.2). Nothing is fetched before it is asked for.

mod lifetime;
mod table;

use std::time::{Duration, Instant};

use super::edns;
use super::exchange::Asker;
use super::hop::{options_of, read_query};
use super::query::Query;
use super::relayed::{RelayedReply, RelayedSource, Ttls};
use super::responder::Responder;
use super::wire::{ExtendedError, HEADER, Rcode, flag, option, u16_at};
use crate::cluster::Directory;
use lifetime::lifetime;
pub(super) use lifetime::read_ttl;
use table::{KeptReply, KeptTable};

/// How long what is not good any more may be answered from (RFC 8767 §5 has one to three days).
const LONGEST_STALE: Duration = Duration::from_secs(86_400);

/// How long servers are not asked again for that, and its TTL in seconds (RFC 8767 §5).
const STALE_TIME: Duration = Duration::from_secs(30);
const STALE_TTL: u32 = 30;

/// How long a failure is remembered, in seconds.
const FAILURE_TIME: u32 = 1;

/// The longest key: a name, the type and the flags.
const LONGEST_KEY: usize = 260;

/// Replies that are kept.
#[derive(Debug)]
pub struct Cache(KeptTable);

/// What is asked: for the same, the same reply is good.
struct Key {
    octets: [u8; LONGEST_KEY],
    length: usize,
}

impl Key {
    fn of(query: &Query<'_>) -> Key {
        // The octets of lengths are none of letters.
        let name = query.question.wire_name().iter().map(u8::to_ascii_lowercase);
        let dnssec_ok = query.edns.is_some_and(|edns| edns.flags & flag::DO != 0);
        let [high, low] = query.question.qtype.to_be_bytes();
        // RD and CD do not share an octet.
        let [rd, cd] = (query.header.flags & (flag::RD | flag::CD)).to_be_bytes();
        let mut key = Key { octets: [0; LONGEST_KEY], length: 0 };
        let octets = name.chain([high, low, rd | cd, u8::from(dnssec_ok)]);
        for (place, octet) in key.octets.iter_mut().zip(octets) {
            *place = octet;
            key.length += 1;
        }
        key
    }

    fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl Cache {
    /// One that takes so many octets at most.
    pub fn new(octets: usize) -> Cache {
        Cache(KeptTable::new(octets))
    }

    /// The octets that it takes.
    pub fn octets(&self) -> usize {
        self.0.octets()
    }

    /// The number of replies.
    pub fn entries(&self) -> usize {
        self.0.entries()
    }

    /// Keeps the reply to a query, if that is to be kept.
    pub fn keep(&mut self, query: &[u8], reply: &[u8], now: Instant) {
        let Some(query) = read_query(query) else { return };
        let Some(reply) = RelayedReply::read(reply).filter(|reply| !reply.has_subnet) else {
            return;
        };
        let RelayedReply { mut message, rcode, .. } = reply;
        let key = Key::of(&query);
        let Some((lifetime, ttl_places)) = lifetime(&message, rcode) else {
            // What is told now, if for this once, is newer than what was kept (RFC 8767 §4).
            let is_told = matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
                && u16_at(&message, 2).is_some_and(|flags| flags & flag::TC == 0);
            if is_told {
                self.0.remove(key.as_bytes());
            }
            return;
        };
        // Nobody has authority for what is remembered.
        if let Some(flags) = message.get_mut(2) {
            *flags &= !(flag::AA >> 8) as u8;
        }
        let (message, ttl_places) = (message.into(), ttl_places.into());
        let entry =
            KeptReply { message, ttl_places, rcode, stored_at: now, lifetime, stale_until: None };
        self.0.put(key.as_bytes(), entry);
    }

    /// Remembers for a moment that no server could answer a query.
    pub fn keep_failure(&mut self, query: &[u8], now: Instant) {
        let Some(query) = read_query(query) else { return };
        let mut message = vec![0; HEADER];
        let flags = flag::QR | flag::RA | query.header.flags & (flag::RD | flag::CD);
        message[2..4].copy_from_slice(&(flags | u16::from(Rcode::SERVFAIL.value())).to_be_bytes());
        message[5] = 1;
        message.extend_from_slice(query.question.wire);
        let (rcode, lifetime) = (Rcode::SERVFAIL, FAILURE_TIME);
        let (message, ttl_places) = (message.into(), Box::default());
        let entry =
            KeptReply { message, ttl_places, rcode, stored_at: now, lifetime, stale_until: None };
        self.0.put(Key::of(&query).as_bytes(), entry);
    }

    /// Takes what is kept of a zone, in lower case with the final dot, for not good any more: other servers
    /// are to be asked now.
    pub fn outdate(&mut self, zone: &str, now: Instant) {
        let zone = wire_name(zone);
        for (_, entry) in self.0.entries_mut().filter(|(key, _)| is_below(key, &zone)) {
            entry.lifetime = entry.lifetime.min(entry.age(now));
            entry.stale_until = None;
        }
    }

    /// Has a query answered for a while from what is kept although that is not good any more, for no server answers
    /// it. `false`: there is nothing.
    pub fn spare_servers(&mut self, query: &[u8], now: Instant) -> bool {
        let Some(query) = read_query(query) else { return false };
        let Some(entry) = self.stale(&Key::of(&query), now) else { return false };
        entry.stale_until = Some(now + STALE_TIME);
        true
    }

    /// Whether there is a reply that can be answered from if no server answers.
    pub fn has_stale(&mut self, query: &[u8], now: Instant) -> bool {
        let Some(query) = read_query(query) else { return false };
        self.stale(&Key::of(&query), now).is_some()
    }

    fn stale(&mut self, key: &Key, now: Instant) -> Option<&mut KeptReply> {
        let entry = self.0.get(key.as_bytes())?;
        let end = Duration::from_secs(entry.lifetime.into()) + LONGEST_STALE;
        let age = now.saturating_duration_since(entry.stored_at);
        (entry.rcode != Rcode::SERVFAIL && age < end).then_some(entry)
    }
}

impl KeptReply {
    fn age(&self, now: Instant) -> u32 {
        let age = now.saturating_duration_since(self.stored_at).as_secs();
        u32::try_from(age).unwrap_or(u32::MAX)
    }

    /// What is written of it now; `None`: it is not good any more.
    fn source(&self, now: Instant) -> Option<RelayedSource<'_>> {
        let age = self.age(now);
        if age < self.lifetime {
            let error = (self.rcode == Rcode::SERVFAIL).then_some(ExtendedError::CachedError);
            return Some(self.source_with(Ttls::Less(age), error));
        }
        let is_stale = self.stale_until.is_some_and(|until| now < until);
        is_stale.then(|| self.stale_source())
    }

    fn stale_source(&self) -> RelayedSource<'_> {
        let error = match self.rcode {
            Rcode::NXDOMAIN => ExtendedError::StaleNxdomainAnswer,
            _ => ExtendedError::StaleAnswer,
        };
        self.source_with(Ttls::All(STALE_TTL), Some(error))
    }

    fn source_with(&self, ttls: Ttls, error: Option<ExtendedError>) -> RelayedSource<'_> {
        let KeptReply { message, ttl_places, rcode, .. } = self;
        RelayedSource { message, rcode: *rcode, options: &[], ttl_places, ttls, error }
    }
}

impl Responder {
    /// Clears `reply` and writes the one that is kept for a query; `None`: there is none that is good.
    pub fn answer_kept(
        &self,
        query: &[u8],
        asker: Asker,
        directory: &Directory,
        cache: &mut Cache,
        now: Instant,
        reply: &mut Vec<u8>,
    ) -> Option<Rcode> {
        let query = read_query(query)?;
        let source = cache.0.get(Key::of(&query).as_bytes())?.source(now)?;
        self.write_relayed(&source, &query, asker, directory, reply);
        Some(source.rcode)
    }

    /// Makes a reply of what is kept, be it good or not, since no server answered; `None`: there is nothing.
    pub fn answer_stale(
        &self,
        query: &[u8],
        asker: Asker,
        directory: &Directory,
        cache: &mut Cache,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let query = read_query(query)?;
        let entry = cache.stale(&Key::of(&query), now)?;
        let source = entry.source(now).unwrap_or_else(|| entry.stale_source());
        let mut reply = Vec::new();
        self.write_relayed(&source, &query, asker, directory, &mut reply);
        Some(reply)
    }
}

/// Whether the reply to one query is good for another as well.
pub fn have_same_answer(query: &[u8], other: &[u8]) -> bool {
    let (Some(query), Some(other)) = (read_query(query), read_query(other)) else { return false };
    Key::of(&query).as_bytes() == Key::of(&other).as_bytes()
}

/// A name as it stands in a message: lengths and labels.
fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> =
        labels.flat_map(|it| [&[it.len() as u8], it.as_bytes()].concat()).collect();
    wire.push(0);
    wire
}

/// Whether a name, with something behind it, is that of a zone or below it.
fn is_below(mut name: &[u8], zone: &[u8]) -> bool {
    while !name.starts_with(zone) {
        let next = name.first().filter(|length| **length > 0).map(|it| usize::from(*it) + 1);
        let Some(rest) = next.and_then(|next| name.get(next..)) else { return false };
        name = rest;
    }
    true
}

/// Whether a query says for which network the answer is to be (RFC 7871).
pub fn has_subnet(query: &[u8]) -> bool {
    let Some(Query { question, edns: Some(_), .. }) = read_query(query) else { return false };
    let opt = edns::opt_of(query, question.end());
    options_of(opt).any(|(code, _)| code == option::CLIENT_SUBNET)
}

#[cfg(test)]
mod tests;
