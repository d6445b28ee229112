//! The OPT record (RFC 6891): that of a query, and ours at the end of the reply.
//!
//! Whoever sends OPT gets one back, in error replies too (§6.1.1), so what is found of it outlives
//! a message that is malformed elsewhere.

use super::cookie::{CLIENT, Request, SERVER};
use super::table_proof::{TABLE_PROOF, TableProof};
use super::wire::{
    ExtendedError, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS, array_at, flag, option, rrtype,
    skip_name, u16_at,
};

/// The head of an option: code and length.
pub(super) const OPTION: usize = 4;

/// Our OPT record without its options.
pub(super) const OPT_HEAD: usize = 11;

/// The OPT record of a query (RFC 6891 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The longest message that the client takes over UDP.
    pub payload: u16,
    /// The version of EDNS. Options of a version that is not known here are not read.
    pub version: u8,
    /// The flags; only DO has a meaning.
    pub flags: u16,
    /// True where the server's identifier is asked for (RFC 5001).
    pub wants_nsid: bool,
    /// True where it is asked how far the table is known to be etcd's.
    pub wants_table_proof: bool,
    /// The cookie (RFC 7873).
    pub cookie: Option<Request>,
}

/// The reason why the records were not read to their end, and OPT, where it was found all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// They are not as the header's counts and their own lengths say.
    Malformed(Option<Edns>),
    /// There is a TSIG record: what is before it can be read once that is taken off.
    Signed(Option<Edns>),
}

impl Unread {
    /// OPT.
    pub fn edns(self) -> Option<Edns> {
        let (Unread::Malformed(edns) | Unread::Signed(edns)) = self;
        edns
    }
}

/// Reads the records that begin at an offset, after the questions, for OPT among them.
///
/// # Errors
/// When a record is cut off or malformed, OPT stands twice or elsewhere than among the additional
/// records, its owner is not the root, its options are malformed, or octets are left over; and when the
/// message is signed.
#[inline]
pub fn read(message: &[u8], at: usize) -> Result<Option<Edns>, Unread> {
    let has_none = at == message.len() && array_at(message, 6) == Some([0; 6]);
    if has_none { Ok(None) } else { read_some(message, at) }
}

/// The same where there are records, or octets left over. Mostly there is one record, OPT.
#[inline(never)]
fn read_some(message: &[u8], at: usize) -> Result<Option<Edns>, Unread> {
    if array_at(message, 6) == Some([0, 0, 0, 0, 0, 1])
        // The root, and the type.
        && array_at(message, at) == Some([0, 0, rrtype::OPT.to_be_bytes()[1]])
        && let Some(record) = RawRecord::read_after_owner(message, at, at + 1)
        && record.end == message.len()
        && let Some(edns) = record.with_options(message)
    {
        return Ok(Some(edns));
    }
    read_all(message, at)
}

/// The same of any records, for messages of which little is expected: no time is lost on their being as
/// mostly.
///
/// # Errors
/// As [`read`].
#[inline(never)]
pub(super) fn read_all(message: &[u8], mut at: usize) -> Result<Option<Edns>, Unread> {
    let [answers, authorities, additional] =
        [6, 8, 10].map(|offset| u16_at(message, offset).map_or(0, u32::from));
    let other = answers + authorities;
    let mut edns = None;
    for number in 0..other + additional {
        let record = RawRecord::read(message, at).ok_or(Unread::Malformed(edns))?;
        at = record.end;
        if record.rrtype != rrtype::OPT {
            if record.rrtype == rrtype::TSIG {
                return Err(Unread::Signed(edns));
            }
            continue;
        }
        if number < other || !record.owner_is_root || edns.is_some() {
            return Err(Unread::Malformed(edns.or(Some(record.edns))));
        }
        let bare = Some(record.edns);
        edns = Some(record.with_options(message).ok_or(Unread::Malformed(bare))?);
    }
    if at != message.len() {
        return Err(Unread::Malformed(edns));
    }
    Ok(edns)
}

/// Returns the longest message that a client takes over UDP (RFC 6891 §6.2.5).
pub fn longest_datagram(edns: Option<Edns>) -> usize {
    edns.map_or(0, |edns| usize::from(edns.payload)).max(UDP_WITHOUT_EDNS)
}

/// The octets of the OPT record of a reply, whose records begin at an offset; none where there is
/// no OPT.
pub(super) fn opt_of(reply: &[u8], mut at: usize) -> &[u8] {
    while let Some(record) = RawRecord::read(reply, at) {
        if record.rrtype == rrtype::OPT && record.owner_is_root {
            return reply.get(at..record.end).unwrap_or_default();
        }
        at = record.end;
    }
    &[]
}

/// One record, as far as it matters here.
pub(super) struct RawRecord {
    owner_is_root: bool,
    pub(super) rrtype: u16,
    /// Without its options.
    edns: Edns,
    /// Where its data begins, and ends.
    pub(super) data: usize,
    pub(super) end: usize,
}

impl RawRecord {
    pub(super) fn read(message: &[u8], start: usize) -> Option<RawRecord> {
        RawRecord::read_after_owner(message, start, skip_name(message, start)?)
    }

    #[inline]
    fn read_after_owner(message: &[u8], start: usize, name_end: usize) -> Option<RawRecord> {
        let [extended_rcode, version, flags_high, flags_low] = array_at(message, name_end + 4)?;
        let _ = extended_rcode;
        let data = name_end + 10;
        let end = data + usize::from(u16_at(message, name_end + 8)?);
        message.get(data..end)?;
        Some(RawRecord {
            owner_is_root: name_end == start + 1,
            rrtype: u16_at(message, name_end)?,
            edns: Edns {
                payload: u16_at(message, name_end + 2)?,
                version,
                flags: u16::from_be_bytes([flags_high, flags_low]),
                wants_nsid: false,
                wants_table_proof: false,
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
                option::TABLE_PROOF => edns.wants_table_proof |= data.is_empty(),
                // The first one counts (RFC 7873 §5.2).
                option::COOKIE if edns.cookie.is_none() => edns.cookie = Some(Request::read(data)?),
                _ => {}
            }
        }
        (at == self.end).then_some(edns)
    }
}

/// The OPT record of a reply.
#[derive(Clone, Debug)]
pub(super) struct Opt {
    pub(super) rcode: Rcode,
    /// DO, where the query has it (RFC 3225 §3).
    pub(super) flags: u16,
    /// This node's name, if it is asked for (RFC 5001).
    pub(super) name: Option<String>,
    pub(super) cookie: Option<([u8; CLIENT], [u8; SERVER])>,
    pub(super) error: Option<ExtendedError>,
    /// How far the table is known to be etcd's, if that is asked for.
    pub(super) table_proof: Option<Box<TableProof>>,
}

impl Opt {
    /// Without options.
    pub(super) fn bare(edns: Edns, rcode: Rcode) -> Opt {
        Opt {
            rcode,
            flags: edns.flags & flag::DO,
            name: None,
            cookie: None,
            error: None,
            table_proof: None,
        }
    }

    fn options_len(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| OPTION + name.len());
        let cookie = self.cookie.map_or(0, |_| OPTION + CLIENT + SERVER);
        let proof = self.table_proof.as_ref().map_or(0, |_| OPTION + TABLE_PROOF);
        name + cookie + self.error.map_or(0, |_| OPTION + 2) + proof
    }

    /// Leaves the name out where it does not fit: a question and a name as long as they can be
    /// exceed 512 octets together.
    pub(super) fn within(self, room: usize) -> Self {
        if self.len() > room { Opt { name: None, ..self } } else { self }
    }

    pub(super) fn len(&self) -> usize {
        OPT_HEAD + self.options_len()
    }

    pub(super) fn write(&self, octets: &mut Vec<u8>) {
        let length = u16::try_from(self.options_len()).unwrap_or(u16::MAX);
        // Owner, type, payload, extended code, version, flags, length.
        let mut head = [0; OPT_HEAD];
        head[1..3].copy_from_slice(&rrtype::OPT.to_be_bytes());
        head[3..5].copy_from_slice(&UDP_WITH_EDNS.to_be_bytes());
        head[5] = self.rcode.value() >> 4;
        head[7..9].copy_from_slice(&self.flags.to_be_bytes());
        head[9..].copy_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(&head);
        if let Some(name) = &self.name {
            push_option(option::NSID, [name.as_bytes(), &[]], octets);
        }
        if let Some((client, server)) = &self.cookie {
            push_option(option::COOKIE, [client, server], octets);
        }
        if let Some(error) = self.error {
            push_option(option::EDE, [&(error as u16).to_be_bytes(), &[]], octets);
        }
        if let Some(proof) = &self.table_proof {
            push_option(option::TABLE_PROOF, [&proof.octets(), &[]], octets);
        }
    }
}

fn push_option(code: u16, data: [&[u8]; 2], octets: &mut Vec<u8>) {
    let length: usize = data.iter().map(|part| part.len()).sum();
    octets.extend_from_slice(&code.to_be_bytes());
    octets.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    for part in data {
        octets.extend_from_slice(part);
    }
}
