//! A transfer that is under way.

use std::sync::Arc;

use super::message::ZoneMessage;
use super::request::serial_of;
use super::walk::{Taker, Walk};
use super::zone_record::ZoneContent;
use crate::cluster::{Directory, Freshness};
use crate::dns::answer::{Responder, longest_reply};
use crate::dns::edns::Opt;
use crate::dns::exchange::Asker;
use crate::dns::query::{Header, Query};
use crate::dns::reply::Reply;
use crate::dns::tsig::{ReplySigner, TsigKey};
use crate::dns::wire::{ExtendedError, Rcode, flag, rrtype};

/// The longest message of a transfer: as far as compression pointers reach (RFC 1035 §4.1.4).
const POINTERS_REACH: usize = 0x4000;

/// The most octets of the records of one node: a name of 255 octets as the owner and as the target, two
/// addresses, or in a reverse zone two such targets.
const LONGEST_NODE: usize = 700;

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferStep {
    /// A message to be sent, and there is more.
    Message,
    /// Nothing to be sent yet.
    Nothing,
    /// The last message.
    Last,
}

/// Where a transfer stands: what it writes next.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The SOA, and whether that is all, since the client has the zone.
    Start,
    /// What a zone has besides its SOA.
    Records(Walk),
    /// The SOA once more.
    End,
    Over,
}

/// A transfer to one client.
#[derive(Debug)]
pub struct Transfer {
    header: Header,
    question: Vec<u8>,
    /// Goes into each message: RFC 5936 §2.2.5 wants it in the first, and BIND's `dig` misses it in the others.
    opt: Option<Opt>,
    /// The longest message that the client takes.
    longest: usize,
    zone: usize,
    directory: Arc<Directory>,
    /// Whether the client has this very zone, or a later one.
    is_known: bool,
    phase: Phase,
    /// What each message is signed by, where the query was signed.
    signer: Option<ReplySigner>,
}

impl Responder {
    /// Begins the transfer that a query asks for, of which [`Responder::answer`] said
    /// [`crate::dns::Verdict::Transfer`]; `directory` is a copy of the one that it was asked with, see
    /// [`super::Views`]. `None`: the query asks for none.
    pub fn transfer(
        &self,
        message: &[u8],
        asker: Asker,
        directory: Arc<Directory>,
    ) -> Option<Transfer> {
        let (unsigned, signer) = self.unsign(message, asker.now).unzip();
        let message = unsigned.as_deref().unwrap_or(message);
        let header = Header::read(message)?;
        let query = Query::read(message, header).ok()?;
        let zone = self.zones.index_of(query.question.name().as_bytes())?;
        let is_stale = directory.freshness() != Freshness::Synced;
        let error = is_stale.then_some(ExtendedError::StaleAnswer);
        let opt = query.edns.map(|edns| self.opt(edns, (Rcode::NOERROR, error), asker, &directory));
        let serial = Some(&query.question).filter(|question| question.qtype == rrtype::IXFR);
        let serial = serial.and_then(|question| serial_of(message, question));
        let is_known = serial.is_some_and(|serial| is_as_new(serial, directory.serial()));
        let question = query.question.wire.to_vec();
        let room = signer.as_ref().map_or(0, ReplySigner::room);
        let longest = longest_reply(asker.transport, query.edns).saturating_sub(room);
        let phase = Phase::Start;
        Some(Transfer { header, question, opt, longest, zone, directory, is_known, phase, signer })
    }
}

/// Whether a serial is the same as another one, or later (RFC 1982 §3.2).
fn is_as_new(serial: u32, other: u32) -> bool {
    serial.wrapping_sub(other) < 1 << 31
}

impl Transfer {
    /// Clears `message` and writes the next one into it, if there is one. `responder` is that which began
    /// the transfer; `now` the time, in seconds since 1970.
    pub fn step(&mut self, responder: &Responder, now: u64, message: &mut Vec<u8>) -> TransferStep {
        let step = self.write(responder, message, self.longest, POINTERS_REACH - LONGEST_NODE);
        if step != TransferStep::Nothing {
            self.sign(now, message);
        }
        step
    }

    fn sign(&mut self, now: u64, message: &mut Vec<u8>) {
        if let Some(signer) = &mut self.signer {
            signer.sign(message, now);
        }
    }

    /// The number of the zone, among [`Responder::zone_names`].
    pub fn zone(&self) -> usize {
        self.zone
    }

    /// The key by which the query was signed.
    pub fn key(&self) -> Option<&Arc<TsigKey>> {
        self.signer.as_ref().map(ReplySigner::key)
    }

    /// Clears `reply` and writes the whole into it, or if the client does not take as much in a datagram, the
    /// SOA alone: it asks again over a connection then (RFC 1995 §2).
    pub fn write_datagram(mut self, responder: &Responder, now: u64, reply: &mut Vec<u8>) {
        let room = self.longest.saturating_sub(self.opt.as_ref().map_or(0, Opt::len));
        let (opt, phase) = (self.opt.clone(), self.phase);
        if self.write(responder, reply, room, usize::MAX) != TransferStep::Last {
            (self.opt, self.phase, self.is_known) = (opt, phase, true);
            self.write(responder, reply, room, usize::MAX);
        }
        self.sign(now, reply);
    }

    fn write(
        &mut self,
        responder: &Responder,
        octets: &mut Vec<u8>,
        longest: usize,
        full_at: usize,
    ) -> TransferStep {
        octets.clear();
        let Responder { zones, ttl, .. } = responder;
        let Some(zone) = zones.get(self.zone) else { return TransferStep::Last };
        let content = ZoneContent { zone, zones, directory: &self.directory };
        let flags = flag::AA | responder.recursion_available();
        let question = Some(self.question.as_slice());
        let mut reply = Reply::start(octets, longest, self.header, flags, Rcode::NOERROR, question);
        reply.ttl = *ttl;
        let mut message = ZoneMessage::new(content, reply, full_at);
        let serial = self.directory.serial();
        let step = loop {
            if !message.has_room() {
                break TransferStep::Message;
            }
            self.phase = match self.phase {
                Phase::Start => {
                    message.soa(serial);
                    if self.is_known {
                        Phase::Over
                    } else {
                        message.ns();
                        Phase::Records(Walk::START)
                    }
                }
                Phase::Records(mut walk) => {
                    let is_through = walk.go_on(content, &mut message);
                    self.phase = if is_through { Phase::End } else { Phase::Records(walk) };
                    if !is_through {
                        break if message.records > 0 {
                            TransferStep::Message
                        } else {
                            TransferStep::Nothing
                        };
                    }
                    Phase::End
                }
                Phase::End => {
                    message.soa(serial);
                    Phase::Over
                }
                Phase::Over if message.is_overfull => break TransferStep::Message,
                Phase::Over => break TransferStep::Last,
            };
        };
        message.finish(self.opt.as_ref());
        step
    }
}
