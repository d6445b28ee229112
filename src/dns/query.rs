//! Reading a query, in place: header, question, and the OPT record.

use super::cookie::Shown;
use super::wire::{
    HEADER, LONGEST_LABEL, LONGEST_NAME, Rcode, UDP_WITHOUT_EDNS, flag, option, rrtype,
};

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

    /// Reads the labels of an uncompressed name, and says how long it is on the wire. On the wire
    /// each label has its length before it, so that in the text a dot stands where the next length
    /// does, and all octets but those can be folded at once.
    fn read(message: &[u8]) -> Option<(Name, usize)> {
        let mut name = Name { text: [0; LONGEST_NAME + 1], length: 0 };
        let mut at = 0;
        loop {
            let length = usize::from(*message.get(at)?);
            if length == 0 {
                break;
            }
            if length > LONGEST_LABEL || at + length + 2 > LONGEST_NAME {
                return None;
            }
            at += 1 + length;
        }
        name.length = at.max(1);
        let (wire, text) = (message.get(1..=at)?, name.text.get_mut(..at)?);
        for (place, octet) in text.iter_mut().zip(wire) {
            // A dot within a label must not read as the end of one.
            *place = if *octet == b'.' { 0xff } else { octet.to_ascii_lowercase() };
        }
        let mut end = 0;
        while end < at {
            end += 1 + usize::from(*message.get(end)?);
            if let Some(place) = name.text.get_mut(end - 1) {
                *place = b'.';
            }
        }
        if at == 0 {
            name.text[0] = b'.';
        }
        Some((name, at + 1))
    }
}

/// The one question of a query.
#[derive(Debug)]
pub struct Question<'a> {
    /// Name, type and class as they came, to be echoed.
    pub wire: &'a [u8],
    /// The name.
    pub name: Name,
    /// The type.
    pub qtype: u16,
    /// The class.
    pub qclass: u16,
}

impl<'a> Question<'a> {
    /// The name as it came, uncompressed.
    pub fn wire_name(&self) -> &'a [u8] {
        self.wire.get(..self.wire.len().saturating_sub(4)).unwrap_or_default()
    }

    /// The first question of a message; `None` if it is malformed. A compression pointer is: there
    /// is nothing before the question that it could point to.
    pub fn read(message: &'a [u8]) -> Option<Question<'a>> {
        let (name, length) = Name::read(message.get(HEADER..)?)?;
        let at = HEADER + length;
        Some(Question {
            wire: message.get(HEADER..at + 4)?,
            name,
            qtype: u16_at(message, at)?,
            qclass: u16_at(message, at + 2)?,
        })
    }
}

/// A query that can be answered: header, question and OPT.
#[derive(Debug)]
pub struct Query<'a> {
    /// The header.
    pub header: Header,
    /// The one question.
    pub question: Question<'a>,
    /// What its OPT record says; `None`: it has none.
    pub edns: Option<Edns>,
}

impl<'a> Query<'a> {
    /// Reads what follows the header.
    ///
    /// # Errors
    /// The response code that says what is wrong: NOTIMP or FORMERR.
    pub fn read(message: &'a [u8], header: Header) -> Result<Query<'a>, Rcode> {
        if !header.is_query() {
            return Err(Rcode::NOTIMP);
        }
        if !has_one_question(message) {
            return Err(Rcode::FORMERR);
        }
        let question = Question::read(message).ok_or(Rcode::FORMERR)?;
        let edns = read_edns(message, &question).map_err(|Malformed| Rcode::FORMERR)?;
        Ok(Query { header, question, edns })
    }
}

/// The longest message that a client takes over UDP (RFC 6891 §6.2.5).
pub fn longest_datagram(edns: Option<Edns>) -> usize {
    edns.map_or(0, |edns| usize::from(edns.payload)).max(UDP_WITHOUT_EDNS)
}

/// What the OPT record of a query says (RFC 6891 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The longest message that the client takes over UDP.
    pub payload: u16,
    /// The version of EDNS.
    pub version: u8,
    /// The flags; only DO has a meaning.
    pub flags: u16,
    /// Whether the server's identifier is asked for (RFC 5001).
    pub wants_nsid: bool,
    /// The cookie (RFC 7873).
    pub cookie: Option<Shown>,
}

/// The message is not as its counts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Whether the header says that there is exactly one question.
pub fn has_one_question(message: &[u8]) -> bool {
    u16_at(message, 4) == Some(1)
}

/// Reads the records that follow the question for the OPT record among them.
///
/// # Errors
/// When a record is cut off or malformed, OPT stands twice or elsewhere than among the additional
/// records, or octets are left over.
pub fn read_edns(message: &[u8], question: &Question<'_>) -> Result<Option<Edns>, Malformed> {
    let mut at = HEADER + question.wire.len();
    let count = |offset| u16_at(message, offset).ok_or(Malformed);
    let other = u32::from(count(6)?) + u32::from(count(8)?);
    let additional = u32::from(count(10)?);
    let mut edns = None;
    for number in 0..other + additional {
        let record = Record::read(message, at).ok_or(Malformed)?;
        at = record.end;
        if record.rrtype != rrtype::OPT {
            continue;
        }
        if number < other || !record.owner_is_root || edns.is_some() {
            return Err(Malformed);
        }
        edns = Some(record.with_options(message).ok_or(Malformed)?);
    }
    if at != message.len() {
        return Err(Malformed);
    }
    Ok(edns)
}

/// One record, as far as it matters here.
struct Record {
    owner_is_root: bool,
    rrtype: u16,
    edns: Edns,
    data: usize,
    end: usize,
}

impl Record {
    fn read(message: &[u8], start: usize) -> Option<Record> {
        let name_end = skip_name(message, start)?;
        let [extended_rcode, version, flags_high, flags_low] = array_at(message, name_end + 4)?;
        let _ = extended_rcode;
        let data = name_end + 10;
        let end = data + usize::from(u16_at(message, name_end + 8)?);
        message.get(data..end)?;
        Some(Record {
            owner_is_root: name_end == start + 1,
            rrtype: u16_at(message, name_end)?,
            edns: Edns {
                payload: u16_at(message, name_end + 2)?,
                version,
                flags: u16::from_be_bytes([flags_high, flags_low]),
                wants_nsid: false,
                cookie: None,
            },
            data,
            end,
        })
    }

    /// Reads the options of OPT, which fill it exactly; unknown ones are ignored.
    fn with_options(&self, message: &[u8]) -> Option<Edns> {
        let mut edns = self.edns;
        let mut at = self.data;
        while at < self.end {
            let (code, length) = (u16_at(message, at)?, u16_at(message, at + 2)?);
            let data = message.get(at + 4..at + 4 + usize::from(length))?;
            at += 4 + usize::from(length);
            match code {
                option::NSID => edns.wants_nsid = true,
                // The first one counts (RFC 7873 §5.2).
                option::COOKIE if edns.cookie.is_none() => edns.cookie = Some(Shown::read(data)?),
                _ => {}
            }
        }
        (at == self.end).then_some(edns)
    }
}

fn skip_name(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0b00 if length == 0 => return Some(at + 1),
            0b00 => at += 1 + usize::from(length),
            0b11 => {
                message.get(at + 1)?;
                return Some(at + 2);
            }
            _ => return None,
        }
        if at - start >= LONGEST_NAME {
            return None;
        }
    }
}

fn array_at<const N: usize>(message: &[u8], at: usize) -> Option<[u8; N]> {
    message.get(at..at + N)?.try_into().ok()
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    array_at(message, at).map(u16::from_be_bytes)
}
