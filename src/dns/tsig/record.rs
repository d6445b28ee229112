//! The TSIG record on the wire (RFC 8945 §4.2), and a message without it.

use crate::dns::edns::RawRecord;
use crate::dns::query::records_start;
use crate::dns::wire::{
    CLASS_ANY, HEADER, LONGEST_LABEL, LONGEST_NAME, POINTER, rrtype, skip_name, u16_at,
};

/// Where the header counts the additional records.
const ADDITIONAL_COUNT: usize = 10;

/// The octets of the record's head after its owner: type, class, TTL and length.
const HEAD_LEN: usize = 10;

/// Those of its fields that have a fixed length: time, fudge, length of the MAC, ID, error, and length of
/// what is added.
const FIXED_LEN: usize = 16;

/// The error in a TSIG record of a reply (§4.2, "TSIG Error").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TsigError {
    /// The MAC is not that of the message.
    BadSig = 16,
    /// No such key is known.
    BadKey = 17,
    /// The clocks are too far apart, or the message is an old one.
    BadTime = 18,
    /// The MAC has fewer octets than the server wants.
    BadTrunc = 22,
}

impl TsigError {
    /// By its number; `None` for no error, and one that is not known here.
    pub(super) fn new(value: u16) -> Option<TsigError> {
        let known = [TsigError::BadSig, TsigError::BadKey, TsigError::BadTime, TsigError::BadTrunc];
        known.into_iter().find(|error| *error as u16 == value)
    }
}

/// A message with more than one TSIG record, with one that is not the last record, or one that cannot be
/// read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedTsig;

/// The record, but for its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TsigRecord {
    /// The name of the key, uncompressed and in lower case.
    pub(super) name: Vec<u8>,
    /// The name of the algorithm, likewise.
    pub(super) algorithm: Vec<u8>,
    /// The time of the signature, in seconds since 1970: 48 bits.
    pub(super) time: u64,
    /// How far that may be from the reader's time, in seconds.
    pub(super) fudge: u16,
    pub(super) mac: Vec<u8>,
    /// The ID that the message was signed with; a forwarder may have changed it since.
    pub(super) original_id: u16,
    pub(super) error: u16,
    /// With BADTIME, the server's time.
    pub(super) other: Vec<u8>,
}

impl TsigRecord {
    /// Takes a message apart: what is before the record, with one additional record less in the header,
    /// and the record. `None`: it has none.
    ///
    /// # Errors
    /// When there is one that is not in its place, or is malformed (FORMERR, §5.2).
    pub(super) fn split(message: &[u8]) -> Result<Option<(Vec<u8>, TsigRecord)>, MalformedTsig> {
        let mut at = records_start(message).ok_or(MalformedTsig)?;
        let [answers, authorities, additional] =
            [6, 8, ADDITIONAL_COUNT].map(|offset| u16_at(message, offset).map_or(0, u32::from));
        let all = answers + authorities + additional;
        for number in 1..=all {
            let start = at;
            let record = RawRecord::read(message, start).ok_or(MalformedTsig)?;
            at = record.end;
            if record.rrtype != rrtype::TSIG {
                continue;
            }
            if number < all || additional == 0 || at != message.len() {
                return Err(MalformedTsig);
            }
            let tsig = TsigRecord::read(message, start, record.data).ok_or(MalformedTsig)?;
            let mut rest = message.get(..start).unwrap_or_default().to_vec();
            count_additional(&mut rest, |count| count.saturating_sub(1));
            return Ok(Some((rest, tsig)));
        }
        Ok(None)
    }

    fn read(message: &[u8], start: usize, data: usize) -> Option<TsigRecord> {
        let name = canonical_name(message, start)?;
        let mut head = Cursor { message, at: data - HEAD_LEN + 2 };
        if (head.number()?, head.number()?, head.number()?) != (CLASS_ANY, 0, 0) {
            return None;
        }
        let algorithm = canonical_name(message, data)?;
        let mut rest = Cursor { message, at: skip_name(message, data)? };
        // It must not be compressed (RFC 3597 §4).
        if rest.at - data != algorithm.len() {
            return None;
        }
        let time = [rest.number()?, rest.number()?, rest.number()?];
        let time = time.into_iter().fold(0, |time, part| time << 16 | u64::from(part));
        let fudge = rest.number()?;
        let mac = rest.sized()?;
        let (original_id, error) = (rest.number()?, rest.number()?);
        let other = rest.sized()?;
        let is_whole = rest.at == message.len();
        is_whole.then_some(TsigRecord {
            name,
            algorithm,
            time,
            fudge,
            mac,
            original_id,
            error,
            other,
        })
    }

    /// The octets that [`TsigRecord::append`] adds.
    pub(super) fn len(&self) -> usize {
        let variable = [&self.name, &self.algorithm, &self.mac, &self.other];
        HEAD_LEN + FIXED_LEN + variable.iter().map(|part| part.len()).sum::<usize>()
    }

    /// Appends the record to a message, whose ID it is signed with, and counts it.
    pub(super) fn append(&self, message: &mut Vec<u8>) {
        let original_id = u16_at(message, 0).unwrap_or(self.original_id);
        message.extend_from_slice(&self.name);
        message.extend_from_slice(&rrtype::TSIG.to_be_bytes());
        message.extend_from_slice(&CLASS_ANY.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        push_sized(message, |data| {
            data.extend_from_slice(&self.algorithm);
            data.extend_from_slice(&self.timers());
            push_sized(data, |mac| mac.extend_from_slice(&self.mac));
            data.extend_from_slice(&original_id.to_be_bytes());
            data.extend_from_slice(&self.error.to_be_bytes());
            push_sized(data, |other| other.extend_from_slice(&self.other));
        });
        count_additional(message, |count| count.saturating_add(1));
    }

    /// Time and fudge, as they are signed in each message of a stream (§5.3.1).
    pub(super) fn timers(&self) -> [u8; 8] {
        let [_, _, time @ ..] = self.time.to_be_bytes();
        let mut timers = [0; 8];
        timers[..6].copy_from_slice(&time);
        timers[6..].copy_from_slice(&self.fudge.to_be_bytes());
        timers
    }

    /// All that is signed of the record (§4.3.3).
    pub(super) fn variables(&self) -> Vec<u8> {
        let mut octets = self.name.clone();
        octets.extend_from_slice(&CLASS_ANY.to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&self.algorithm);
        octets.extend_from_slice(&self.timers());
        octets.extend_from_slice(&self.error.to_be_bytes());
        push_sized(&mut octets, |other| other.extend_from_slice(&self.other));
        octets
    }
}

/// Appends what `write` appends with its length before it, in 16 bits.
fn push_sized(octets: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    octets.extend_from_slice(&[0; 2]);
    let start = octets.len();
    write(octets);
    let length = u16::try_from(octets.len() - start).unwrap_or(u16::MAX);
    if let Some(place) = octets.get_mut(start - 2..start) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn count_additional(message: &mut [u8], change: impl FnOnce(u16) -> u16) {
    let count = change(u16_at(message, ADDITIONAL_COUNT).unwrap_or(0));
    if let Some(place) = message.get_mut(ADDITIONAL_COUNT..HEADER) {
        place.copy_from_slice(&count.to_be_bytes());
    }
}

/// The name that begins here, uncompressed and in lower case. `None`: it is malformed.
fn canonical_name(message: &[u8], start: usize) -> Option<Vec<u8>> {
    let (mut name, mut at) = (Vec::new(), start);
    // A pointer leads before the name, or the part of it, that it stands in: so this comes to an end.
    let mut before = start;
    loop {
        let length = *message.get(at)?;
        if length >> 6 == 0b11 {
            at = usize::from(u16_at(message, at)? & !POINTER);
            if at >= before {
                return None;
            }
            before = at;
            continue;
        }
        let label = message.get(at..at + 1 + usize::from(length))?;
        if usize::from(length) > LONGEST_LABEL || name.len() + label.len() > LONGEST_NAME {
            return None;
        }
        name.extend(label.iter().map(u8::to_ascii_lowercase));
        at += label.len();
        if length == 0 {
            return Some(name);
        }
    }
}

/// A place in a message.
struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The number of 16 bits here.
    fn number(&mut self) -> Option<u16> {
        let number = u16_at(self.message, self.at)?;
        self.at += 2;
        Some(number)
    }

    /// The octets here that have their length before them.
    fn sized(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(self.number()?);
        let octets = self.message.get(self.at..self.at + length)?.to_vec();
        self.at += length;
        Some(octets)
    }
}
