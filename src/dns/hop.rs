//! A query on its way to another server, and what comes back: what crosses a forwarder, and what
//! belongs to each hop alone.
//!
//! OPT is hop by hop (RFC 6891 §6.2.6), so the one that is sent is ours: our payload, a cookie of our own
//! (RFC 7873), and of the client's only DO and, where that is wanted, the client subnet (RFC 7871). The
//! name is sent in a spelling that is drawn for each attempt, and a reply is believed only if it has that
//! very spelling: who forges one has to guess it beside the ID and the port. What is not as it should be,
//! but may still come from the server, is doubtful: it is asked once more over TCP, where nobody else
//! can put in a word, and what it says there is believed.

use super::edns::{self, OPT_HEAD, OPTION, RawRecord};
use super::query::{Header, Query, Question};
use super::relay::{ReplyClass, classify, with_id};
use super::wire::{HEADER, Rcode, UDP_WITH_EDNS, array_at, flag, option, rrtype, u16_at};

/// The length of our own part of a cookie.
const CLIENT_COOKIE: usize = 8;

/// The lengths that a server's part of a cookie may have (RFC 7873 §4).
const SERVER_COOKIE: std::ops::RangeInclusive<usize> = 8..=32;

/// How a server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Our part of the cookie, and the server's, empty before the first reply; `None`: without OPT.
    pub cookie: Option<([u8; CLIENT_COOKIE], Vec<u8>)>,
    /// Whether the name is sent in a random spelling, which the reply has to have.
    pub has_random_case: bool,
    /// Whether the client subnet of a query goes on.
    pub passes_subnet: bool,
}

impl Hop {
    /// Without OPT, in small letters.
    pub const PLAIN: Hop = Hop { cookie: None, has_random_case: false, passes_subnet: false };
}

/// What makes a reply doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The name is spelt otherwise.
    Spelling,
    /// There is no cookie, though the server is known to send them.
    NoCookie,
}

/// What a message is to a query that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopVerdict {
    /// No reply to it: forged, late or malformed.
    Stray,
    /// It may be one.
    Doubtful(Doubt),
    /// The server does not know OPT: it is to be asked without.
    NoEdns,
    /// The server wants its new cookie (RFC 7873 §5.3).
    BadCookie,
    /// A reply by which the server says that it cannot, so that another one may.
    Refusal,
    /// The reply.
    Reply,
}

/// The query that is sent for a client's. One that cannot be read is signed for the server, and goes on as
/// it is (RFC 8945 §5.5). `draw` draws numbers that nobody can guess.
pub fn query_for(query: &[u8], hop: &Hop, id: u16, draw: &mut dyn FnMut() -> u64) -> Vec<u8> {
    let Some(Query { header, question, edns }) = read_query(query) else {
        return with_id(query, id);
    };
    let flags = header.flags & (flag::RD | flag::CD) | flag::AD;
    let mut sent = Vec::with_capacity(query.len() + OPT_HEAD + 2 * OPTION + 40);
    for part in [id, flags, 1, 0, 0, u16::from(hop.cookie.is_some())] {
        sent.extend_from_slice(&part.to_be_bytes());
    }
    sent.extend_from_slice(question.wire);
    let name = sent.get_mut(HEADER..HEADER + question.wire_name().len()).unwrap_or_default();
    let (mut bits, mut left) = (0, 0);
    for letter in name.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
        if left == 0 && hop.has_random_case {
            (bits, left) = (draw(), u64::BITS);
        }
        *letter = letter.to_ascii_lowercase() ^ (bits as u8 & 1) << 5;
        (bits, left) = (bits >> 1, left.saturating_sub(1));
    }
    let Some((client, server)) = &hop.cookie else { return sent };
    let mut options = Vec::new();
    push_option(option::COOKIE, &[client, server.as_slice()].concat(), &mut options);
    if hop.passes_subnet {
        let opt = edns::opt_of(query, question.end());
        let subnet = options_of(opt).find(|(code, _)| *code == option::CLIENT_SUBNET);
        subnet.into_iter().for_each(|(code, data)| push_option(code, data, &mut options));
    }
    let dnssec_ok = edns.map_or(0, |edns| edns.flags & flag::DO);
    let length = u16::try_from(options.len()).unwrap_or(u16::MAX);
    // The root, and then type, payload, extended code and version, flags, length.
    sent.push(0);
    for part in [rrtype::OPT, UDP_WITH_EDNS, 0, dnssec_ok, length] {
        sent.extend_from_slice(&part.to_be_bytes());
    }
    sent.extend_from_slice(&options);
    sent
}

/// Reads a query that this server can put in its own words.
pub fn read_query(query: &[u8]) -> Option<Query<'_>> {
    Query::read(query, Header::read(query)?).ok()
}

/// Says what a message is to a query as it was sent, and the server's part of the cookie in it.
pub fn judge(message: &[u8], sent: &[u8], hop: &Hop) -> (HopVerdict, Option<Vec<u8>>) {
    let class = classify(message, sent);
    let Some(reply) = RawReply::read(message).filter(|_| class != ReplyClass::Stray) else {
        return (HopVerdict::Stray, None);
    };
    let theirs = if reply.has_question { Question::read(message) } else { None };
    let is_spelt_so =
        theirs.is_none_or(|it| sent.get(HEADER..).is_some_and(|s| s.starts_with(it.wire)));
    if hop.has_random_case && !is_spelt_so {
        return (HopVerdict::Doubtful(Doubt::Spelling), None);
    }
    let mut fresh = None;
    if let Some((client, known)) = &hop.cookie {
        let cookie = options_of(reply.opt).find(|(code, _)| *code == option::COOKIE);
        match cookie.map(|(_, data)| data.strip_prefix(client)) {
            Some(Some(server)) if SERVER_COOKIE.contains(&server.len()) => {
                fresh = Some(server.to_vec())
            }
            Some(Some([])) => {}
            Some(_) => return (HopVerdict::Stray, None),
            None if known.is_empty() => {}
            None => return (HopVerdict::Doubtful(Doubt::NoCookie), None),
        }
    }
    let is_unread = matches!(reply.rcode(), Rcode::FORMERR | Rcode::NOTIMP) && reply.opt.is_empty();
    let verdict = match class {
        _ if is_unread && hop.cookie.is_some() => HopVerdict::NoEdns,
        _ if reply.rcode() == Rcode::BADCOOKIE && fresh.is_some() => HopVerdict::BadCookie,
        ReplyClass::Refusal => HopVerdict::Refusal,
        _ => HopVerdict::Reply,
    };
    (verdict, fresh)
}

/// The parts of a reply, found without decoding it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawReply<'a> {
    pub(super) has_question: bool,
    /// The octets of OPT; empty: it has none.
    pub(super) opt: &'a [u8],
    /// Where the records behind which OPT stands end, and how many there are: answers, authorities, additional ones.
    pub(super) end: usize,
    pub(super) counts: [u16; 3],
    flags: u16,
}

impl<'a> RawReply<'a> {
    /// `None`: it is malformed. What stands behind OPT is left out: it may be missing. So are all records of one that
    /// was truncated within a record: they are of no use (RFC 2181 §9).
    pub(super) fn read(message: &'a [u8]) -> Option<RawReply<'a>> {
        RawReply::whole(message).or_else(|| RawReply::without_records(message))
    }

    fn without_records(message: &'a [u8]) -> Option<RawReply<'a>> {
        let flags = u16_at(message, 2).filter(|flags| flags & flag::TC != 0)?;
        let end = Question::read(message).filter(|_| u16_at(message, 4) == Some(1))?.end();
        Some(RawReply { has_question: true, opt: &[], end, counts: [0; 3], flags })
    }

    fn whole(message: &'a [u8]) -> Option<RawReply<'a>> {
        let count = |at| u16_at(message, at).map(u32::from);
        let (questions, others, all) =
            (count(4)?, count(6)? + count(8)?, count(6)? + count(8)? + count(10)?);
        let mut at = match questions {
            0 => HEADER,
            1 => Question::read(message)?.end(),
            _ => return None,
        };
        let mut reply = RawReply {
            has_question: questions == 1,
            opt: &[],
            end: 0,
            counts: [u16_at(message, 6)?, u16_at(message, 8)?, u16_at(message, 10)?],
            flags: u16_at(message, 2)?,
        };
        for number in 0..all {
            let record = RawRecord::read(message, at)?;
            if record.rrtype == rrtype::OPT {
                if number < others || !reply.opt.is_empty() {
                    return None;
                }
                reply.opt = message.get(at..record.end)?;
                reply.end = at;
                reply.counts[2] = u16::try_from(number - others).ok()?;
            }
            at = record.end;
        }
        if reply.opt.is_empty() {
            reply.end = at;
        }
        (at == message.len()).then_some(reply)
    }

    /// The whole response code.
    pub(super) fn rcode(&self) -> Rcode {
        let high = self.opt.get(5).copied().unwrap_or(0);
        Rcode::new(high << 4 | (self.flags & 0x0f) as u8)
    }
}

/// The options of OPT, up to the first that is malformed.
pub(super) fn options_of(opt: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = opt.get(OPT_HEAD..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [a, b, c, d] = array_at(rest, 0)?;
        let length = usize::from(u16::from_be_bytes([c, d]));
        let data = rest.get(OPTION..OPTION + length)?;
        rest = rest.get(OPTION + length..)?;
        Some((u16::from_be_bytes([a, b]), data))
    })
}

pub(super) fn push_option(code: u16, data: &[u8], options: &mut Vec<u8>) {
    options.extend_from_slice(&code.to_be_bytes());
    options.extend_from_slice(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    options.extend_from_slice(data);
}

#[cfg(test)]
#[path = "hop_tests.rs"]
mod tests;
