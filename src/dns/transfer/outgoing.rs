//! A transfer that is under way.

use std::fmt;
use std::sync::Arc;

use super::changes::ZoneChanges;
use super::message::ZoneMessage;
use super::request::serial_of;
use super::walk::{Taker, Walk};
use super::zone_record::ZoneContent;
use crate::cluster::{Directory, Freshness};
use crate::dns::answer::longest_reply;
use crate::dns::edns::Opt;
use crate::dns::exchange::{Asker, Transport};
use crate::dns::query::{Header, Query};
use crate::dns::reply::Reply;
use crate::dns::responder::Responder;
use crate::dns::stats::TransferKind;
use crate::dns::tsig::{ReplySigner, TsigKey};
use crate::dns::wire::{ExtendedError, Rcode, flag, rrtype};

/// The longest message of a transfer: as far as compression pointers reach (RFC 1035 §4.1.4).
const POINTERS_REACH: usize = 0x4000;

/// The most octets of the records of one node: a name of 255 octets as the owner and as the target, two
/// addresses, and two texts, of which the reason of a drain has up to 200 characters of four octets; or in a
/// reverse zone two such targets.
const LONGEST_NODE: usize = 700 + 860;

/// Changes of which some may fit into a datagram: a record has some twenty octets.
const MOST_IN_DATAGRAM: usize = 64;

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

/// What a transfer brings.
#[derive(Debug)]
enum Brought {
    /// The SOA alone: the client has this very zone, or a later one; or it must ask over a connection.
    Soa,
    /// All records.
    Zone,
    /// What changed since this serial.
    Changes(u32, ZoneChanges),
}

/// Where a transfer stands: what it writes next.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The SOA.
    Start,
    /// What a zone has besides its SOA.
    Records(Walk),
    /// What is no more, behind the SOA of then, from so many records on.
    Deleted(usize),
    /// What was not yet, behind the SOA of now.
    Added(usize),
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
    pub(super) opt: Option<Opt>,
    /// The longest message that the client takes.
    longest: usize,
    zone: usize,
    directory: Arc<Directory>,
    brought: Brought,
    phase: Phase,
    /// What each message is signed by, where the query was signed.
    signer: Option<ReplySigner>,
}

impl Responder {
    /// Begins the transfer that a query asks for, of which [`Responder::answer`] said
    /// [`crate::dns::Verdict::Transfer`]; `copy` is one of the directory that it was asked with, see
    /// [`super::Views`]. `None`: the query asks for none.
    pub fn transfer(
        &self,
        message: &[u8],
        asker: Asker,
        directory: &Directory,
        copy: Arc<Directory>,
    ) -> Option<Transfer> {
        let (unsigned, signer) = self.unsign(message, asker.now).unzip();
        let message = unsigned.as_deref().unwrap_or(message);
        let header = Header::read(message)?;
        let query = Query::read(message, header).ok()?;
        let zone = self.zones.index_of(query.question.name().as_bytes())?;
        let is_stale = copy.freshness() != Freshness::Synced;
        let error = is_stale.then_some(ExtendedError::StaleAnswer);
        let opt = query.edns.map(|edns| self.opt(edns, (Rcode::NOERROR, error), asker, &copy));
        let serial = Some(&query.question).filter(|question| question.qtype == rrtype::IXFR);
        let brought = match serial.and_then(|question| serial_of(message, question)) {
            None => Brought::Zone,
            Some(serial) => self.changes_since(serial, zone, asker.transport, (directory, &copy)),
        };
        let question = query.question.wire.to_vec();
        let room = signer.as_ref().map_or(0, ReplySigner::room);
        let longest = longest_reply(asker.transport, query.edns).saturating_sub(room);
        let phase = Phase::Start;
        let directory = copy;
        Some(Transfer { header, question, opt, longest, zone, directory, brought, phase, signer })
    }

    /// What brings a zone up from a serial: the zone itself where the changes are not known, or are more than
    /// that.
    fn changes_since(
        &self,
        serial: u32,
        zone: usize,
        transport: Transport,
        (directory, copy): (&Directory, &Directory),
    ) -> Brought {
        let (Some(revision), Some(zone)) = (copy.revision_of(serial), self.zones.get(zone)) else {
            return Brought::Soa;
        };
        if revision == copy.revision() && directory.changed_since(revision, usize::MAX).is_some() {
            return Brought::Soa;
        }
        let content = ZoneContent { zone, zones: &self.zones, directory: copy };
        let size = content.size();
        // Nobody has us look for many that do not fit into a datagram.
        let most = if transport == Transport::Udp { MOST_IN_DATAGRAM.min(size) } else { size };
        let before = directory.changed_since(revision, most);
        match before.and_then(|before| ZoneChanges::new(content, before)) {
            Some(changes) if changes.len() <= size => Brought::Changes(serial, changes),
            _ => Brought::Zone,
        }
    }
}

/// What is brought, for the log.
impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial = self.directory.serial();
        match &self.brought {
            Brought::Soa => write!(f, "serial {serial}, which is no news"),
            Brought::Zone => write!(f, "the whole zone at serial {serial}"),
            Brought::Changes(since, changes) => {
                write!(f, "{} records from serial {since} to {serial}", changes.len())
            }
        }
    }
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

    /// What it brings.
    pub fn kind(&self) -> TransferKind {
        match self.brought {
            Brought::Zone => TransferKind::Zone,
            Brought::Changes(..) => TransferKind::Changes,
            Brought::Soa => TransferKind::Soa,
        }
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
            (self.opt, self.phase, self.brought) = (opt, phase, Brought::Soa);
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
            let is_over = matches!(self.phase, Phase::Over) && !message.is_overfull;
            if is_over || !message.has_room() {
                break if is_over { TransferStep::Last } else { TransferStep::Message };
            }
            self.phase = match (self.phase, &self.brought) {
                (Phase::Start, brought) => {
                    message.soa(serial);
                    match brought {
                        Brought::Soa => Phase::Over,
                        Brought::Zone => {
                            message.ns();
                            Phase::Records(Walk::START)
                        }
                        Brought::Changes(before, _) => {
                            message.soa(*before);
                            Phase::Deleted(0)
                        }
                    }
                }
                (Phase::Records(mut walk), _) => {
                    if !walk.go_on(content, &mut message) {
                        self.phase = Phase::Records(walk);
                        let is_empty = message.records == 0;
                        break if is_empty { TransferStep::Nothing } else { TransferStep::Message };
                    }
                    Phase::End
                }
                (Phase::Deleted(next), Brought::Changes(_, changes)) => {
                    match message.take_from(&changes.deleted, next) {
                        Some(next) => Phase::Deleted(next),
                        None => {
                            message.soa(serial);
                            Phase::Added(0)
                        }
                    }
                }
                (Phase::Added(next), Brought::Changes(_, changes)) => {
                    message.take_from(&changes.added, next).map_or(Phase::End, Phase::Added)
                }
                (Phase::End | Phase::Over | Phase::Deleted(_) | Phase::Added(_), _) => {
                    message.soa(serial);
                    Phase::Over
                }
            };
        };
        message.finish(self.opt.as_ref());
        step
    }
}
