//! Writing a reply, record by record, within the length that the client takes.

use super::edns;
use super::query::{Header, Question};
use super::wire::{
    CLASS_IN, HEADER, LONGEST_LABEL, POINTER, POINTER_TO_QUESTION, Rcode, UDP_WITHOUT_EDNS, flag,
};

/// What stands before the length of OPT's options: owner, type, payload, response code and flags.
const OPT_HEAD: usize = 9;

/// The section of a record, by the offset of its count in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer = 6,
    /// Where the zone begins.
    Authority = 8,
    /// What may be of use.
    Additional = 10,
}

/// The owner of a record.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// The question's name.
    Question,
    /// The name that stands at this offset of the message. Past 16,383 no pointer reaches it, and
    /// the record counts as one that does not fit.
    At(usize),
}

/// A record did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A reply that is being written.
#[derive(Debug)]
pub struct Reply<'a> {
    octets: &'a mut Vec<u8>,
    /// What may not be exceeded.
    limit: usize,
}

impl<'a> Reply<'a> {
    /// Clears the octets and writes the header, and the question if it is known.
    pub fn start(
        octets: &'a mut Vec<u8>,
        limit: usize,
        header: Header,
        flags: u16,
        rcode: Rcode,
        question: Option<&[u8]>,
    ) -> Self {
        octets.clear();
        let echoed = header.flags & (flag::OPCODE | flag::RD | flag::CD);
        let flags = flag::QR | echoed | flags | u16::from(rcode.value() & 0x0f);
        let ([id_high, id_low], [high, low]) = (header.id.to_be_bytes(), flags.to_be_bytes());
        let questions = u8::from(question.is_some());
        octets.extend_from_slice(&[id_high, id_low, high, low, 0, questions, 0, 0, 0, 0, 0, 0]);
        octets.extend_from_slice(question.unwrap_or_default());
        Reply { octets, limit }
    }

    /// How long it is now.
    fn length(&self) -> usize {
        self.octets.len()
    }

    /// Appends a record whose data `write` appends; leaves everything as it was if it does not fit.
    pub fn record(
        &mut self,
        section: Section,
        owner: Owner,
        rrtype: u16,
        ttl: u32,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        let start = self.length();
        let head = head(owner, rrtype, ttl, 0)?;
        self.octets.extend_from_slice(&head);
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
        self.count(section);
        Ok(())
    }

    /// Appends a record with an address, the same at once.
    pub fn address<const N: usize>(
        &mut self,
        section: Section,
        owner: Owner,
        rrtype: u16,
        ttl: u32,
        address: [u8; N],
    ) -> Result<(), Full> {
        let length = u16::try_from(N).map_err(|_| Full)?;
        let head = head(owner, rrtype, ttl, length)?;
        if self.length() + head.len() + N > self.limit {
            return Err(Full);
        }
        self.octets.extend_from_slice(&head);
        self.octets.extend_from_slice(&address);
        self.count(section);
        Ok(())
    }

    /// Appends a record that is written in full by `write`.
    pub fn ready_record(
        &mut self,
        section: Section,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Full> {
        let start = self.length();
        write(self.octets);
        if self.length() > self.limit {
            self.octets.truncate(start);
            return Err(Full);
        }
        self.count(section);
        Ok(())
    }

    fn count(&mut self, section: Section) {
        let at = section as usize;
        if let Some([high, low]) = self.octets.get(at..at + 2) {
            let count = u16::from_be_bytes([*high, *low]).wrapping_add(1);
            self.octets[at..at + 2].copy_from_slice(&count.to_be_bytes());
        }
    }

    /// Appends an OPT record for which room was left.
    pub fn append_opt(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.octets);
        self.count(Section::Additional);
    }

    /// Takes all records back and says that there are more than fit (RFC 2181 §9).
    pub fn truncate(&mut self, question: usize) {
        self.octets.truncate(HEADER + question);
        if let Some(header) = self.octets.get_mut(..HEADER) {
            header[2] |= flag::TC.to_be_bytes()[0];
            header[6..].fill(0);
        }
    }
}

/// Owner, type, class, TTL and length of a record.
fn head(owner: Owner, rrtype: u16, ttl: u32, length: u16) -> Result<[u8; 12], Full> {
    let pointer = match owner {
        Owner::Question => POINTER_TO_QUESTION,
        Owner::At(offset) => match u16::try_from(offset) {
            Ok(offset) if offset & POINTER == 0 => POINTER | offset,
            _ => return Err(Full),
        },
    };
    let mut head = [0; 12];
    head[..2].copy_from_slice(&pointer.to_be_bytes());
    head[2..4].copy_from_slice(&rrtype.to_be_bytes());
    head[4..6].copy_from_slice(&CLASS_IN.to_be_bytes());
    head[6..10].copy_from_slice(&ttl.to_be_bytes());
    head[10..].copy_from_slice(&length.to_be_bytes());
    Ok(head)
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
    let mut reply = Reply { octets, limit: usize::MAX };
    reply.truncate(question);
    let room = UDP_WITHOUT_EDNS.saturating_sub(reply.length());
    match opt.get(..OPT_HEAD) {
        None => {}
        Some(_) if opt.len() <= room => reply.append_opt(|octets| octets.extend_from_slice(&opt)),
        Some(head) => {
            reply.append_opt(|octets| octets.extend_from_slice(&[head, &[0, 0]].concat()))
        }
    }
}

/// Appends a name, uncompressed; it must have its final dot.
pub fn push_name(name: &str, octets: &mut Vec<u8>) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let length = label.len().min(LONGEST_LABEL);
        octets.push(u8::try_from(length).unwrap_or_default());
        octets.extend_from_slice(label.as_bytes().get(..length).unwrap_or_default());
    }
    octets.push(0);
}

/// Appends a text as character strings of at most 255 octets (RFC 1035 §3.3.14).
pub fn push_text(text: &str, octets: &mut Vec<u8>) {
    for part in text.as_bytes().chunks(255) {
        octets.push(u8::try_from(part.len()).unwrap_or_default());
        octets.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_whose_owner_no_pointer_reaches_is_left_out() {
        let header = Header { id: 1, flags: 0 };
        let mut octets = Vec::new();
        let mut reply = Reply::start(&mut octets, 512, header, 0, Rcode::NOERROR, None);
        let mut record = |at| reply.record(Section::Additional, Owner::At(at), 1, 0, |_| ());
        for offset in [0x4000, 0x7fff, 0xbfff, 0xc000, 0xffff, 0x1_0000] {
            assert_eq!(record(offset), Err(Full), "{offset:#x}");
        }
        assert_eq!(record(0x3fff), Ok(()));
        assert_eq!((octets.len(), &octets[HEADER..HEADER + 2]), (24, &[0xff, 0xff][..]));
    }
}
