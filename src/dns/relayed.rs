//! The reply of another server as the client gets it: under its ID, in its spelling, with an OPT record of
//! ours if it sent one, and no longer than it takes.

use super::answer::longest_reply;
use super::cache::read_ttl;
use super::exchange::Asker;
use super::hop::{RawReply, options_of, push_option, read_query};
use super::query::{Query, Question};
use super::relay::hand_on;
use super::reply::cut_short;
use super::responder::Responder;
use super::wire::{ExtendedError, HEADER, Rcode, flag, option, skip_name, u16_at};
use crate::cluster::Directory;

/// Where the length of the options stands in OPT.
const OPTIONS_LENGTH: usize = 9;

/// A reply without what belongs to the hop from which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayedReply {
    /// The message without OPT.
    pub message: Vec<u8>,
    /// The whole response code.
    pub rcode: Rcode,
    /// The options that go on: extended errors (RFC 8914), and the client subnet.
    options: Vec<u8>,
    /// Whether it is for some clients alone (RFC 7871 §7.3).
    pub has_subnet: bool,
}

impl RelayedReply {
    /// `None`: it is malformed.
    pub fn read(reply: &[u8]) -> Option<RelayedReply> {
        let raw = RawReply::read(reply)?;
        let mut message = reply.get(..raw.end)?.to_vec();
        for (place, count) in message.get_mut(6..HEADER)?.chunks_exact_mut(2).zip(raw.counts) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        let mut options = Vec::new();
        let mut has_subnet = false;
        for (code, data) in options_of(raw.opt) {
            has_subnet |= code == option::CLIENT_SUBNET;
            if matches!(code, option::EDE | option::CLIENT_SUBNET) {
                push_option(code, data, &mut options);
            }
        }
        Some(RelayedReply { message, rcode: raw.rcode(), options, has_subnet })
    }
}

/// What becomes of the TTLs of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ttls {
    /// They are less by so many seconds.
    Less(u32),
    /// They are all this.
    All(u32),
}

/// What the reply to a client is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct RelayedSource<'a> {
    /// The message of another server without OPT, and its whole response code.
    pub(super) message: &'a [u8],
    pub(super) rcode: Rcode,
    /// The options of OPT that go on.
    pub(super) options: &'a [u8],
    /// Where the TTLs stand that change, and how.
    pub(super) ttl_places: &'a [u16],
    pub(super) ttls: Ttls,
    /// What there is to tell beside.
    pub(super) error: Option<ExtendedError>,
}

impl Responder {
    /// Makes the reply to a client of a server's.
    pub fn relay(
        &self,
        reply: &[u8],
        query: &[u8],
        asker: Asker,
        directory: &Directory,
    ) -> Vec<u8> {
        match (read_query(query), RelayedReply::read(reply)) {
            (Some(query), Some(relayed)) => {
                let mut written = Vec::with_capacity(relayed.message.len() + 64);
                let RelayedReply { message, rcode, options, .. } = &relayed;
                let source = RelayedSource {
                    message,
                    rcode: *rcode,
                    options,
                    ttl_places: &[],
                    ttls: Ttls::Less(0),
                    error: None,
                };
                self.write_relayed(&source, &query, asker, directory, &mut written);
                written
            }
            // It is signed for the server, and so is its reply.
            _ => {
                let mut reply = reply.to_vec();
                hand_on(&mut reply, query, asker.transport, asker.reserved());
                reply
            }
        }
    }

    /// Clears `reply` and writes the message of another server, without OPT, as the reply to a query.
    pub(super) fn write_relayed(
        &self,
        source: &RelayedSource<'_>,
        query: &Query<'_>,
        asker: Asker,
        directory: &Directory,
        reply: &mut Vec<u8>,
    ) {
        let RelayedSource { message, rcode, options, ttl_places, ttls, error } = source;
        let Query { header, question, edns } = query;
        reply.clear();
        reply.extend_from_slice(message);
        for at in ttl_places.iter().map(|at| usize::from(*at)) {
            let ttl = match ttls {
                Ttls::Less(seconds) => read_ttl(reply, at).unwrap_or(0).saturating_sub(*seconds),
                Ttls::All(ttl) => *ttl,
            };
            if let Some(place) = reply.get_mut(at..at + 4) {
                place.copy_from_slice(&ttl.to_be_bytes());
            }
        }
        spell(reply, question);
        let wants_ad =
            header.flags & flag::AD != 0 || edns.is_some_and(|it| it.flags & flag::DO != 0);
        let mut flags = u16_at(reply, 2).unwrap_or(0);
        flags &= if wants_ad { u16::MAX } else { !flag::AD };
        if edns.is_none() && rcode.value() > 0x0f {
            // Its number would be cut off, and mean something else.
            flags = flags & !0x0f | u16::from(Rcode::SERVFAIL.value());
        }
        if let Some(place) = reply.get_mut(..4) {
            place[..2].copy_from_slice(&header.id.to_be_bytes());
            place[2..].copy_from_slice(&flags.to_be_bytes());
        }
        if let Some(edns) = edns {
            let start = reply.len();
            self.opt(*edns, (*rcode, *error), asker, directory).write(reply);
            reply.extend_from_slice(options);
            let length = u16_at(reply, start + OPTIONS_LENGTH).unwrap_or(0);
            let more = u16::try_from(options.len()).unwrap_or(0);
            put_u16(reply, start + OPTIONS_LENGTH, length.saturating_add(more));
            let additional = u16_at(reply, 10).unwrap_or(0);
            put_u16(reply, 10, additional.saturating_add(1));
        }
        let longest = longest_reply(asker.transport, *edns);
        if reply.len() + asker.reserved() > longest {
            cut_short(reply);
        }
    }
}

fn put_u16(octets: &mut [u8], at: usize, number: u16) {
    if let Some(place) = octets.get_mut(at..at + 2) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

/// Gives the question back as it was asked, and the owners of records that repeat its name.
fn spell(reply: &mut [u8], question: &Question<'_>) {
    let end = question.end();
    let is_there = u16_at(reply, 4) == Some(1);
    let Some(place) = reply.get_mut(HEADER..end).filter(|_| is_there) else { return };
    place.copy_from_slice(question.wire);
    let records = [6, 8, 10].map(|at| u16_at(reply, at).map_or(0, u32::from)).iter().sum::<u32>();
    let name = question.wire_name();
    let mut at = end;
    for _ in 0..records {
        let Some(owner_end) = skip_name(reply, at) else { return };
        if let Some(owner) = reply.get_mut(at..owner_end)
            && owner.eq_ignore_ascii_case(name)
        {
            owner.copy_from_slice(name);
        }
        let Some(length) = u16_at(reply, owner_end + 8) else { return };
        at = owner_end + 10 + usize::from(length);
    }
}

#[cfg(test)]
#[path = "relayed_tests.rs"]
mod tests;
