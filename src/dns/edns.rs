//! What a query says in its OPT record (RFC 6891).
//!
//! Whoever sends OPT gets one back, in error replies too (§6.1.1), so what is found of it outlives
//! a message that is malformed elsewhere.

use super::cookie::Shown;
use super::octets::{array_at, skip_name, u16_at};
use super::wire::{UDP_WITHOUT_EDNS, option, rrtype};

/// The head of an option: code and length.
const OPTION: usize = 4;

/// What the OPT record of a query says (RFC 6891 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The longest message that the client takes over UDP.
    pub payload: u16,
    /// The version of EDNS. Options of a version that is not known here are not read.
    pub version: u8,
    /// The flags; only DO has a meaning.
    pub flags: u16,
    /// Whether the server's identifier is asked for (RFC 5001).
    pub wants_nsid: bool,
    /// The cookie (RFC 7873).
    pub cookie: Option<Shown>,
}

/// The records are not as the header's counts and their own lengths say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// OPT, where it was found all the same.
    pub edns: Option<Edns>,
}

/// Reads the records that begin at an offset, after the questions, for OPT among them.
///
/// # Errors
/// When a record is cut off or malformed, OPT stands twice or elsewhere than among the additional
/// records, its owner is not the root, its options are malformed, or octets are left over.
pub fn read(message: &[u8], mut at: usize) -> Result<Option<Edns>, Malformed> {
    let [answers, authorities, additional] =
        [6, 8, 10].map(|offset| u16_at(message, offset).map_or(0, u32::from));
    let other = answers + authorities;
    let mut edns = None;
    for number in 0..other + additional {
        let record = Record::read(message, at).ok_or(Malformed { edns })?;
        at = record.end;
        if record.rrtype != rrtype::OPT {
            continue;
        }
        if number < other || !record.owner_is_root || edns.is_some() {
            return Err(Malformed { edns: edns.or(Some(record.edns)) });
        }
        let bare = Some(record.edns);
        edns = Some(record.with_options(message).ok_or(Malformed { edns: bare })?);
    }
    if at != message.len() {
        return Err(Malformed { edns });
    }
    Ok(edns)
}

/// The longest message that a client takes over UDP (RFC 6891 §6.2.5).
pub fn longest_datagram(edns: Option<Edns>) -> usize {
    edns.map_or(0, |edns| usize::from(edns.payload)).max(UDP_WITHOUT_EDNS)
}

/// The octets of the OPT record of a reply, whose records begin at an offset; none where there is
/// no OPT.
pub(super) fn opt_of(reply: &[u8], mut at: usize) -> &[u8] {
    while let Some(record) = Record::read(reply, at) {
        if record.rrtype == rrtype::OPT && record.owner_is_root {
            return reply.get(at..record.end).unwrap_or_default();
        }
        at = record.end;
    }
    &[]
}

/// One record, as far as it matters here.
struct Record {
    owner_is_root: bool,
    rrtype: u16,
    /// Without its options.
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
        if edns.version > 0 {
            return Some(edns);
        }
        let mut at = self.data;
        while at < self.end {
            let (code, length) = (u16_at(message, at)?, u16_at(message, at + 2)?);
            let data = message.get(at + OPTION..at + OPTION + usize::from(length))?;
            at += OPTION + usize::from(length);
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
