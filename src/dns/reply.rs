//! Writing a reply, record by record, within the length that the client takes.

use super::edns;
use super::query::{Header, Question};
use super::wire::{CLASS_IN, HEADER, POINTER, POINTER_TO_QUESTION, Rcode, UDP_WITHOUT_EDNS, flag};

/// The octets before the length of OPT's options: owner, type, payload, response code and flags.
const BEFORE_OPTIONS: usize = 9;

/// The octets of a record before its data: a pointer to its owner, type, class, TTL and length.
pub(super) const RECORD_HEAD: usize = 12;

/// The section of a record, by the offset of its count in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// The records that were asked for.
    Answer = 6,
    /// The start of the zone.
    Authority = 8,
    /// Records that may be of use.
    Additional = 10,
}

/// The owner of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// The question's name.
    Question,
    /// The name that stands at this offset of the message. Past 16,383 no pointer reaches it, and
    /// the record counts as one that does not fit.
    At(usize),
}

/// A record did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A reply that is being written.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    octets: &'a mut Vec<u8>,
    /// The most octets that it may have.
    limit: usize,
    /// That of its records.
    pub(super) class: u16,
    /// That of its records, in seconds.
    pub(super) ttl: u32,
}

impl<'a> Reply<'a> {
    /// Clears the octets and writes the header, and the question if it is known.
    pub(super) fn start(
        octets: &'a mut Vec<u8>,
        limit: usize,
        header: Header,
        flags: u16,
        rcode: Rcode,
        question: Option<&[u8]>,
    ) -> Self {
        octets.clear();
        // RD and CD are of queries: in a message of another kind the same bits may mean something else.
        let echoed = if header.is_query() { flag::RD | flag::CD } else { flag::OPCODE };
        let echoed = header.flags & echoed;
        let flags = flag::QR | echoed | flags | u16::from(rcode.value() & 0x0f);
        let ([id_high, id_low], [high, low]) = (header.id.to_be_bytes(), flags.to_be_bytes());
        let questions = u8::from(question.is_some());
        octets.extend_from_slice(&[id_high, id_low, high, low, 0, questions, 0, 0, 0, 0, 0, 0]);
        if let Some(question) = question {
            octets.extend_from_slice(question);
        }
        Reply { octets, limit, class: CLASS_IN, ttl: 0 }
    }

    /// The number of octets written so far.
    pub(super) fn length(&self) -> usize {
        self.octets.len()
    }

    /// Appends an answer of the question's name, as [`Reply::record`] does.
    pub(super) fn answer(
        &mut self,
        rrtype: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        self.record(Section::Answer, Owner::Question, rrtype, write)
    }

    /// Appends a record whose data `write` appends; leaves everything as it was if it does not fit.
    #[inline]
    pub(super) fn record(
        &mut self,
        section: Section,
        owner: Owner,
        rrtype: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        let start = self.length();
        let head = self.head(owner, rrtype, 0)?;
        self.octets.extend_from_slice(&head);
        self.data(start, section, write)
    }

    /// Appends an answer whose owner `owner` appends, and its data `write`; leaves everything as it was if it
    /// does not fit.
    pub(super) fn answer_of(
        &mut self,
        owner: impl FnOnce(&mut Vec<u8>),
        rrtype: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        let start = self.length();
        owner(self.octets);
        let head = self.head_after_owner(rrtype, 0);
        self.octets.extend_from_slice(&head);
        self.data(start, Section::Answer, write)
    }

    /// Appends the data of the record that begins at `start`.
    fn data(
        &mut self,
        start: usize,
        section: Section,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        let data = self.length();
        write(self.octets);
        let length = u16::try_from(self.length() - data).unwrap_or(u16::MAX);
        if self.length() > self.limit {
            self.octets.truncate(start);
            return Err(Full);
        }
        if let Some(place) = self.octets.get_mut(data - 2..data) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self.count(section, 1);
        Ok(())
    }

    /// Appends a record with an address, the same at once.
    pub(super) fn address<const N: usize>(
        &mut self,
        section: Section,
        owner: Owner,
        rrtype: u16,
        address: [u8; N],
    ) -> Result<(), Full> {
        let length = u16::try_from(N).map_err(|_| Full)?;
        let head = self.head(owner, rrtype, length)?;
        if self.length() + head.len() + N > self.limit {
            return Err(Full);
        }
        self.octets.extend_from_slice(&head);
        self.octets.extend_from_slice(&address);
        self.count(section, 1);
        Ok(())
    }

    /// Whether so many octets more would fit.
    pub(super) fn has_room_for(&self, octets: usize) -> bool {
        self.limit.checked_sub(self.length()).is_some_and(|room| octets <= room)
    }

    /// Appends answers with all these addresses, or none: they are no answer without each other.
    /// All but the address is the same in each, and the room for all of them is taken at once, so
    /// that a record costs hardly more than a copy of it would.
    pub(super) fn addresses<const N: usize>(
        &mut self,
        rrtype: u16,
        addresses: [&[[u8; N]]; 2],
    ) -> Result<(), Full> {
        let head = self.head(Owner::Question, rrtype, u16::try_from(N).map_err(|_| Full)?)?;
        let count: usize = addresses.iter().map(|part| part.len()).sum();
        let length = count.saturating_mul(RECORD_HEAD + N);
        if !self.has_room_for(length) {
            return Err(Full);
        }
        let mut at = self.length();
        self.octets.resize(at + length, 0);
        for part in addresses {
            let end = at + part.len() * (RECORD_HEAD + N);
            let places = self.octets.get_mut(at..end).unwrap_or_default();
            for (place, address) in places.chunks_exact_mut(RECORD_HEAD + N).zip(part) {
                let (place, data) = place.split_at_mut(RECORD_HEAD);
                place.copy_from_slice(&head);
                data.copy_from_slice(address);
            }
            at = end;
        }
        self.count(Section::Answer, u16::try_from(count).map_err(|_| Full)?);
        Ok(())
    }

    /// Returns owner, type, class, TTL and length of a record.
    fn head(&self, owner: Owner, rrtype: u16, length: u16) -> Result<[u8; RECORD_HEAD], Full> {
        let pointer = match owner {
            Owner::Question => POINTER_TO_QUESTION,
            Owner::At(offset) => match u16::try_from(offset) {
                Ok(offset) if offset & POINTER == 0 => POINTER | offset,
                _ => return Err(Full),
            },
        };
        let mut head = [0; RECORD_HEAD];
        head[..2].copy_from_slice(&pointer.to_be_bytes());
        head[2..].copy_from_slice(&self.head_after_owner(rrtype, length));
        Ok(head)
    }

    fn head_after_owner(&self, rrtype: u16, length: u16) -> [u8; RECORD_HEAD - 2] {
        let mut head = [0; RECORD_HEAD - 2];
        head[..2].copy_from_slice(&rrtype.to_be_bytes());
        head[2..4].copy_from_slice(&self.class.to_be_bytes());
        head[4..8].copy_from_slice(&self.ttl.to_be_bytes());
        head[8..].copy_from_slice(&length.to_be_bytes());
        head
    }

    fn count(&mut self, section: Section, records: u16) {
        let at = section as usize;
        if let Some([high, low]) = self.octets.get(at..at + 2) {
            let count = u16::from_be_bytes([*high, *low]).wrapping_add(records);
            self.octets[at..at + 2].copy_from_slice(&count.to_be_bytes());
        }
    }

    /// Appends an OPT record for which room was left.
    pub(super) fn append_opt(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.octets);
        self.count(Section::Additional, 1);
    }

    /// Takes all records back and says that there are more than fit (RFC 2181 §9).
    pub(super) fn truncate(&mut self, question: usize) {
        self.octets.truncate(HEADER + question);
        if let Some(header) = self.octets.get_mut(..HEADER) {
            header[2] |= flag::TC.to_be_bytes()[0];
            header[6..].fill(0);
        }
    }
}

/// Cuts a whole reply down to its question and OPT, and says that there is more. Options that make
/// it longer than everybody takes are left out.
pub fn cut_short(octets: &mut Vec<u8>) {
    let questions = octets.get(5).copied().unwrap_or(0);
    let question = match questions {
        0 => 0,
        _ => Question::read(octets).map_or(0, |question| question.wire.len()),
    };
    let opt = edns::opt_of(octets, HEADER + question).to_vec();
    let mut reply = Reply { octets, limit: usize::MAX, class: CLASS_IN, ttl: 0 };
    reply.truncate(question);
    let room = UDP_WITHOUT_EDNS.saturating_sub(reply.length());
    match opt.get(..BEFORE_OPTIONS) {
        None => {}
        Some(_) if opt.len() <= room => reply.append_opt(|octets| octets.extend_from_slice(&opt)),
        Some(head) => {
            reply.append_opt(|octets| octets.extend_from_slice(&[head, &[0, 0]].concat()))
        }
    }
}

/// Appends a name, uncompressed, whose text is what `write` appends; it must have its final dot, and
/// labels of 63 octets at most.
pub(super) fn push_name_by(octets: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = octets.len();
    // The text stands where the name does but for the length of the first label. Each dot gives way
    // to the length of the label after it; the last one to that of the root, which is none.
    octets.push(b'.');
    write(octets);
    if octets.get(start + 1..) == Some(b".") {
        octets.truncate(start + 1);
    }
    let mut length: u8 = 0;
    for octet in octets.get_mut(start..).unwrap_or_default().iter_mut().rev() {
        if *octet == b'.' {
            *octet = length;
            length = 0;
        } else {
            length = length.saturating_add(1);
        }
    }
}

/// Appends a text as character strings of at most 255 octets (RFC 1035 §3.3.14).
pub(super) fn push_text(text: &str, octets: &mut Vec<u8>) {
    for part in text.as_bytes().chunks(255) {
        octets.push(u8::try_from(part.len()).unwrap_or_default());
        octets.extend_from_slice(part);
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
