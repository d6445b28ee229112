//! The stream of a transfer, read message by message.

use std::ops::Range;
use std::sync::Arc;

use super::error::TransferError;
use super::names::read_name;
use super::records::{self, Fate};
use super::request::TransferRequest;
use super::zones::TransferZones;
use crate::cluster::{NodePlace, TransferredChange};
use crate::dns::TableProof;
use crate::dns::named_service;
use crate::dns::query::Question;
use crate::dns::reply_options::ReplyOptions;
use crate::dns::wire::{CLASS_IN, HEADER, Rcode, array_at, flag, rrtype, u16_at};

/// The octets of a record between its owner and its data: type, class, TTL and length.
const RECORD_FIXED: usize = 10;

/// What a transfer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferContent {
    /// The whole zone: what is not told of is not there.
    Whole,
    /// What changed since the serial that was given.
    Changes,
    /// Nothing: the serial that was given is the server's.
    UpToDate,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferState {
    /// More messages follow.
    More,
    /// That was the last one.
    End,
}

/// How far the stream of records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamPhase {
    /// Nothing came yet.
    Start,
    /// The first SOA came, and what follows says what this is.
    Undecided,
    /// The records of the whole zone come.
    Whole,
    /// What goes comes, up to the SOA of the next serial.
    Going,
    /// What comes with this serial comes.
    Coming(u32),
    /// All came.
    End,
}

/// Reads one transfer of one zone.
#[derive(Debug)]
pub struct TransferReader {
    zones: Arc<TransferZones>,
    zone: String,
    request: TransferRequest,
    id: u16,
    phase: StreamPhase,
    /// That of the server's zone, once the first SOA came.
    serial: u32,
    content: Option<TransferContent>,
    options: ReplyOptions,
    has_first: bool,
    /// How many may still come.
    records_left: u64,
    /// The name of the latest record, its places, and what was told of it so far.
    name: Vec<u8>,
    places: Vec<NodePlace>,
    /// Which service of these it is the name of, such as `http/tcp`; `None`: of none.
    service: Option<String>,
    change: TransferredChange,
    /// Room for the name that is being read.
    next_name: Vec<u8>,
}

impl TransferReader {
    /// One for the replies to a request with this ID for a zone, whose name is one of
    /// [`TransferZones::names`].
    pub fn new(zones: Arc<TransferZones>, zone: &str, request: TransferRequest, id: u16) -> Self {
        TransferReader {
            records_left: zones.most_records(),
            zones,
            zone: zone.to_owned(),
            request,
            id,
            phase: StreamPhase::Start,
            serial: 0,
            content: None,
            options: ReplyOptions::default(),
            has_first: false,
            name: Vec::new(),
            places: Vec::new(),
            service: None,
            change: TransferredChange::default(),
            next_name: Vec::new(),
        }
    }

    /// What the transfer is; `None`: what came so far does not say.
    pub fn content(&self) -> Option<TransferContent> {
        self.content
    }

    /// The serial of the server's zone, once anything came.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// How far the server's table was known to be etcd's when it began to send; `None`: it does not say.
    pub fn table_proof(&self) -> Option<TableProof> {
        self.options.table_proof
    }

    /// Whether the server says that it is out of step with etcd.
    pub fn is_stale(&self) -> bool {
        self.options.is_stale
    }

    /// Reads the next message, and appends what it changes. Only past the last message that is to be used, and
    /// only if there was no error.
    ///
    /// # Errors
    /// See [`TransferError`]. The rest of the stream is of no use then.
    pub fn read(
        &mut self,
        message: &[u8],
        changes: &mut Vec<(NodePlace, TransferredChange)>,
    ) -> Result<TransferState, TransferError> {
        let mut at = self.read_head(message)?;
        let [answers, others, additional] =
            [6, 8, 10].map(|place| u16_at(message, place).unwrap_or_default());
        self.name.clear();
        for _ in 0..answers {
            at = self.read_record(message, at, changes)?;
        }
        self.flush(changes);
        let end =
            skip_rest(message, at, u32::from(others) + u32::from(additional), |_, _| Some(()));
        if end != Some(message.len()) {
            return Err(TransferError::Malformed);
        }
        match (self.phase, answers) {
            (StreamPhase::Start, _) | (_, 0) => Err(TransferError::Contradiction),
            (StreamPhase::End, _) => Ok(TransferState::End),
            // One SOA alone is all of the reply to who has nothing older (RFC 1995 §2).
            (StreamPhase::Undecided, _) if self.request == TransferRequest::Since(self.serial) => {
                (self.phase, self.content) = (StreamPhase::End, Some(TransferContent::UpToDate));
                Ok(TransferState::End)
            }
            (StreamPhase::Undecided, _) if !self.is_newer_than_held() => Err(TransferError::Older),
            _ => Ok(TransferState::More),
        }
    }

    /// Reads header, question and OPT. Returns where the records begin.
    fn read_head(&mut self, message: &[u8]) -> Result<usize, TransferError> {
        let malformed = TransferError::Malformed;
        let (id, flags) = (u16_at(message, 0), u16_at(message, 2));
        let (id, flags) = id.zip(flags).ok_or(malformed)?;
        let is_response = flags & (flag::QR | flag::OPCODE | flag::TC) == flag::QR;
        if id != self.id || !is_response {
            return Err(TransferError::OtherMessage);
        }
        let questions = u16_at(message, 4).ok_or(malformed)?;
        let question = match questions {
            0 => None,
            1 => Some(Question::read(message).ok_or(malformed)?),
            _ => return Err(malformed),
        };
        let at = question.map_or(HEADER, |question| question.end());
        let records: u32 =
            [6, 8, 10].into_iter().filter_map(|place| u16_at(message, place)).map(u32::from).sum();
        let options = read_options(message, at, records).ok_or(malformed)?;
        let rcode = Rcode::new((flags & 0x0f) as u8 | options.rcode_bits << 4);
        TransferError::of(rcode, options.is_stale)?;
        let is_ours = question.is_none_or(|question| {
            let is_zone = question.name().as_bytes() == self.zone.as_bytes();
            is_zone && question.qtype == self.request.qtype() && question.qclass == CLASS_IN
        });
        if !is_ours || (question.is_none() && !self.has_first) {
            return Err(TransferError::OtherQuestion);
        }
        self.options.is_stale |= options.is_stale;
        if !self.has_first {
            self.options.table_proof = options.table_proof;
        }
        self.has_first = true;
        Ok(at)
    }

    /// Reads the record at an offset. Returns where the next one begins.
    fn read_record(
        &mut self,
        message: &[u8],
        at: usize,
        changes: &mut Vec<(NodePlace, TransferredChange)>,
    ) -> Result<usize, TransferError> {
        self.records_left = self.records_left.checked_sub(1).ok_or(TransferError::TooLong)?;
        let malformed = TransferError::Malformed;
        let fixed = read_name(message, at, &mut self.next_name).ok_or(malformed)?;
        let ReplyRecord { rrtype, class, data, .. } =
            ReplyRecord::read(message, fixed).ok_or(malformed)?;
        if class != CLASS_IN {
            return Err(TransferError::Contradiction);
        }
        let end = data.end;
        if rrtype == rrtype::SOA {
            self.flush(changes);
            self.name.clear();
            if self.next_name != self.zone.as_bytes() {
                return Err(TransferError::OtherZone);
            }
            let serial = records::serial(message, data).ok_or(malformed)?;
            self.phase = self.after_soa(serial)?;
            return Ok(end);
        }
        let fate = match self.phase {
            StreamPhase::Start | StreamPhase::End => return Err(TransferError::Contradiction),
            StreamPhase::Undecided => {
                self.phase = StreamPhase::Whole;
                self.content = Some(TransferContent::Whole);
                Fate::Comes
            }
            StreamPhase::Whole | StreamPhase::Coming(_) => Fate::Comes,
            StreamPhase::Going => Fate::Goes,
        };
        if self.name != self.next_name {
            self.flush(changes);
            std::mem::swap(&mut self.name, &mut self.next_name);
            self.places.clear();
            self.service = None;
            self.places.extend(self.zones.places(&self.zone, &self.name));
            if let Some((service, owner)) = named_service::parts(&self.name)
                && self.places.is_empty()
            {
                self.service = Some(service);
                self.places.extend(self.zones.places(&self.zone, owner));
            }
        }
        if !self.places.is_empty() {
            let data = message.get(data).unwrap_or_default();
            let change = match &self.service {
                None => records::change(rrtype, data, fate),
                Some(service) => records::service_change(service, rrtype, data, fate),
            };
            let change = change.map_err(|_| malformed)?;
            self.change.follow_up(change);
        }
        Ok(end)
    }

    /// Where the stream is after a SOA with this serial.
    fn after_soa(&mut self, serial: u32) -> Result<StreamPhase, TransferError> {
        let decide = |content: &mut Option<TransferContent>, decided, phase| {
            *content = Some(decided);
            Ok(phase)
        };
        match self.phase {
            StreamPhase::Start => {
                self.serial = serial;
                match self.request {
                    TransferRequest::Whole => {
                        decide(&mut self.content, TransferContent::Whole, StreamPhase::Whole)
                    }
                    TransferRequest::Soa => {
                        decide(&mut self.content, TransferContent::UpToDate, StreamPhase::End)
                    }
                    TransferRequest::Since(_) => Ok(StreamPhase::Undecided),
                }
            }
            // Before what changed, for the whole may come at the serial that was given: where the server is not certain
            // that the zone was then what it is.
            StreamPhase::Undecided if serial == self.serial => {
                decide(&mut self.content, TransferContent::Whole, StreamPhase::End)
            }
            StreamPhase::Undecided if TransferRequest::Since(serial) == self.request => {
                decide(&mut self.content, TransferContent::Changes, StreamPhase::Going)
            }
            StreamPhase::Whole if serial == self.serial => Ok(StreamPhase::End),
            StreamPhase::Going => Ok(StreamPhase::Coming(serial)),
            StreamPhase::Coming(reached) if reached == serial && serial == self.serial => {
                Ok(StreamPhase::End)
            }
            StreamPhase::Coming(reached) if reached == serial => Ok(StreamPhase::Going),
            _ => Err(TransferError::Contradiction),
        }
    }

    /// Whether the server's serial is newer than the one that was given (RFC 1982 §3.2).
    fn is_newer_than_held(&self) -> bool {
        match self.request {
            TransferRequest::Since(held) => self.serial.wrapping_sub(held).cast_signed() > 0,
            TransferRequest::Whole | TransferRequest::Soa => true,
        }
    }

    /// Appends what was told of the latest name.
    fn flush(&mut self, changes: &mut Vec<(NodePlace, TransferredChange)>) {
        let change = std::mem::take(&mut self.change);
        let Some((last, others)) = self.places.split_last() else { return };
        if change != TransferredChange::default() {
            changes.extend(others.iter().map(|place| (*place, change.clone())));
            changes.push((*last, change));
        }
    }
}

/// A record but for its owner.
struct ReplyRecord {
    rrtype: u16,
    class: u16,
    ttl: [u8; 4],
    data: Range<usize>,
}

impl ReplyRecord {
    /// Reads what follows its owner; `None`: it is cut off.
    fn read(message: &[u8], fixed: usize) -> Option<ReplyRecord> {
        let data = fixed + RECORD_FIXED;
        let end = data + usize::from(u16_at(message, fixed + 8)?);
        message.get(data..end)?;
        Some(ReplyRecord {
            rrtype: u16_at(message, fixed)?,
            class: u16_at(message, fixed + 2)?,
            ttl: array_at(message, fixed + 4)?,
            data: data..end,
        })
    }
}

/// Passes over records. Returns where they end.
fn skip_rest(
    message: &[u8],
    start: usize,
    records: u32,
    mut see: impl FnMut(u32, ReplyRecord) -> Option<()>,
) -> Option<usize> {
    let mut at = start;
    for number in 0..records {
        let record = ReplyRecord::read(message, crate::dns::wire::skip_name(message, at)?)?;
        at = record.data.end;
        see(number, record)?;
    }
    Some(at)
}

/// What OPT says, which stands among the last records.
fn read_options(message: &[u8], start: usize, records: u32) -> Option<ReplyOptions> {
    let mut options = ReplyOptions::default();
    skip_rest(message, start, records, |_, record| {
        if record.rrtype == rrtype::OPT {
            options = ReplyOptions::read(record.ttl, message.get(record.data)?)?;
        }
        Some(())
    })?;
    Some(options)
}

#[cfg(test)]
#[path = "reader_tests/mod.rs"]
mod tests;
