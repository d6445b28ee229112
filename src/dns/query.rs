//! Reading a query, in place.

use super::cookie::Request;
use super::edns::{self, Edns, Unread};
use super::wire::{HEADER, LONGEST_LABEL, LONGEST_NAME, Rcode, flag};
use super::wire::{skip_name, u16_at};

/// The header of a message that wants a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message's ID.
    pub id: u16,
    /// The flags as they came.
    pub flags: u16,
}

impl Header {
    /// `None` for what must not be answered: fewer than 12 octets, or a response.
    pub fn read(message: &[u8]) -> Option<Header> {
        message.get(..HEADER)?;
        let header = Header { id: u16_at(message, 0)?, flags: u16_at(message, 2)? };
        (header.flags & flag::QR == 0).then_some(header)
    }

    /// Whether the opcode is QUERY.
    pub fn is_query(&self) -> bool {
        self.flags & flag::OPCODE == 0
    }
}

/// The name that was asked for, lower-cased, as text with the final dot. An octet that does not
/// stand for itself in such text is replaced, so that no name looks like another.
#[derive(Debug)]
pub struct Name {
    text: [u8; LONGEST_NAME + 1],
    length: usize,
}

impl Name {
    /// The text; `.` for the root.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }

    /// Folds a whole, uncompressed name. On the wire each label has its length before it, so that in
    /// the text a dot stands where the next length does, and all octets but those can be folded at
    /// once.
    fn fold(&mut self, wire: &[u8]) {
        self.length = wire.len().saturating_sub(1).clamp(1, LONGEST_NAME);
        for (place, octet) in self.text.iter_mut().zip(wire.get(1..).unwrap_or_default()) {
            // A dot within a label must not read as the end of one.
            *place = if *octet == b'.' { 0xff } else { octet.to_ascii_lowercase() };
        }
        // Of the root's name this is all.
        self.text[self.length - 1] = b'.';
        let mut end = 0;
        while let Some(label @ 1..) = wire.get(end) {
            end += 1 + usize::from(*label);
            if let Some(place) = self.text.get_mut(end - 1) {
                *place = b'.';
            }
        }
    }
}

/// No name yet.
impl Default for Name {
    fn default() -> Self {
        Name { text: [0; LONGEST_NAME + 1], length: 0 }
    }
}

/// The length of the uncompressed name that a message begins with, on the wire.
fn name_length(message: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*message.get(at)?);
        if length == 0 {
            return Some(at + 1);
        }
        if length > LONGEST_LABEL || at + length + 2 > LONGEST_NAME {
            return None;
        }
        at += 1 + length;
    }
}

/// The one question of a query.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name, type and class as they came, to be echoed.
    pub wire: &'a [u8],
    /// The type.
    pub qtype: u16,
    /// The class.
    pub qclass: u16,
}

impl<'a> Question<'a> {
    /// The name, to be looked up or compared.
    pub fn name(&self) -> Name {
        let mut name = Name::default();
        self.read_name(&mut name);
        name
    }

    /// Reads the name into its place, for each query: it is large, and copied where it is returned.
    pub fn read_name(&self, name: &mut Name) {
        name.fold(self.wire_name());
    }

    /// The name as it came, uncompressed.
    pub fn wire_name(&self) -> &'a [u8] {
        self.wire.get(..self.wire.len().saturating_sub(4)).unwrap_or_default()
    }

    /// Returns the offset at which the records begin.
    pub fn end(&self) -> usize {
        HEADER + self.wire.len()
    }

    /// The first question of a message; `None` if it is malformed. A compression pointer is: there
    /// is nothing before the question that it could point to.
    pub fn read(message: &'a [u8]) -> Option<Question<'a>> {
        let at = HEADER + name_length(message.get(HEADER..)?)?;
        Some(Question {
            wire: message.get(HEADER..at + 4)?,
            qtype: u16_at(message, at)?,
            qclass: u16_at(message, at + 2)?,
        })
    }
}

/// A query that can be answered: header, question and OPT.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The header.
    pub header: Header,
    /// The one question.
    pub question: Question<'a>,
    /// Its OPT record; `None`: it has none.
    pub edns: Option<Edns>,
}

/// A message that asks no question, or none that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoQuestion<'a> {
    /// It is signed (RFC 8945): what it asks is read once its TSIG record is taken off.
    Signed,
    /// It asks for nothing but a cookie (RFC 7873 §5.4).
    Cookie(Edns, Request),
    /// Something is wrong with it, and these parts of it go back with that.
    Fault {
        /// FORMERR, NOTIMP or BADVERS.
        rcode: Rcode,
        /// The question as it came, where there is one, and it could be read.
        question: Option<&'a [u8]>,
        /// OPT, where it could be read.
        edns: Option<Edns>,
    },
}

impl<'a> Query<'a> {
    /// The same as [`Query::read`], as a part of whoever calls it: each query would pay for handing it back.
    ///
    /// # Errors
    /// As [`Query::read`].
    #[inline(always)]
    pub(super) fn read_inlined(
        message: &'a [u8],
        header: Header,
    ) -> Result<Query<'a>, NoQuestion<'a>> {
        let question = match (header.is_query(), question_count(message)) {
            (true, 0) => return Err(without_question(message)),
            (true, 1) => Question::read(message),
            _ => None,
        };
        let Some(question) = question else {
            let rcode = if header.is_query() { Rcode::FORMERR } else { Rcode::NOTIMP };
            return Err(unread_question(message, rcode));
        };
        match edns::read(message, question.end()) {
            Ok(edns) => Ok(Query { header, question, edns }),
            Err(Unread::Signed(_)) => Err(NoQuestion::Signed),
            Err(Unread::Malformed(edns)) => {
                let (rcode, question) = (Rcode::FORMERR, Some(question.wire));
                Err(NoQuestion::Fault { rcode, question, edns })
            }
        }
    }

    /// Reads what follows the header.
    ///
    /// # Errors
    /// NOTIMP for another opcode than QUERY; FORMERR for more than one question (RFC 9619 §4), none
    /// without a cookie, and what is malformed; BADVERS for a version of EDNS that is not known and
    /// no question; [`NoQuestion::Signed`] for what is signed, whatever else it is.
    #[inline(never)]
    pub fn read(message: &'a [u8], header: Header) -> Result<Query<'a>, NoQuestion<'a>> {
        Query::read_inlined(message, header)
    }
}

fn without_question<'a>(message: &[u8]) -> NoQuestion<'a> {
    let fault = |rcode, edns| NoQuestion::Fault { rcode, question: None, edns };
    match edns::read(message, HEADER) {
        Ok(Some(edns)) if edns.version > 0 => fault(Rcode::BADVERS, Some(edns)),
        Ok(Some(edns)) => match edns.cookie {
            Some(cookie) => NoQuestion::Cookie(edns, cookie),
            None => fault(Rcode::FORMERR, Some(edns)),
        },
        Ok(None) => fault(Rcode::FORMERR, None),
        Err(Unread::Signed(_)) => NoQuestion::Signed,
        Err(Unread::Malformed(edns)) => fault(Rcode::FORMERR, edns),
    }
}

fn question_count(message: &[u8]) -> u16 {
    u16_at(message, 4).unwrap_or(0)
}

/// Where the records begin, after any number of questions.
pub(super) fn records_start(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    for _ in 0..question_count(message) {
        // Type and class follow the name.
        at = skip_name(message, at)? + 4;
    }
    Some(at)
}

/// What is wrong with a message whose questions are not answered, with its OPT where that can be found.
#[inline(always)]
fn unread_question<'a>(message: &[u8], rcode: Rcode) -> NoQuestion<'a> {
    let read = if rcode == Rcode::NOTIMP { edns::read } else { edns::read_all };
    let edns = match records_start(message).map(|at| read(message, at)) {
        Some(Err(Unread::Signed(_))) => return NoQuestion::Signed,
        Some(Err(Unread::Malformed(edns)) | Ok(edns)) => edns,
        None => None,
    };
    NoQuestion::Fault { rcode, question: None, edns }
}
