//! Whether a reply is the right one.

use support::dns::message::{Data, lowered};
use support::dns::{Message, Record};

use super::expected::{Expected, Records, expect};
use super::generator::State;
use super::model::{Model, Outcome};
use super::shape::Shape;

/// The replies to one query.
#[derive(Clone, Copy)]
pub struct Replies<'a> {
    pub udp: &'a [u8],
    pub tcp: &'a [u8],
}

/// What happened, in a word, and the cookie that was given.
pub struct Checked {
    pub what: String,
    pub cookie: Option<Vec<u8>>,
}

/// Fails, and says why, if the condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}

pub fn check(
    model: &Model,
    query: &[u8],
    state: State,
    replies: Option<Replies<'_>>,
) -> Result<Checked, String> {
    let Some(shape) = Shape::read(query) else {
        ensure!(replies.is_none(), "answered, though it is no query");
        return Ok(Checked { what: "dropped".to_owned(), cookie: None });
    };
    let replies = replies.ok_or("not answered")?;
    let read = |octets| Message::read(octets).map_err(|why| format!("the reply: {why}"));
    let (udp, tcp) = (read(replies.udp)?, read(replies.tcp)?);
    let cookie = option(&tcp, 10);
    let expected = expect(model, &shape, state, cookie.as_deref());
    for (octets, message) in [(replies.udp, &udp), (replies.tcp, &tcp)] {
        check_header(query, &shape, octets, message, &expected)?;
        check_opt(&shape, message, &expected)?;
    }
    check_records(model, &tcp, &expected)?;
    check_lengths(&shape, replies, &udp, &tcp)?;
    let truncated = if udp.is_truncated() { ", truncated" } else { "" };
    Ok(Checked { what: format!("{}{truncated}", rcode_name(&udp)), cookie })
}

fn rcode_name(reply: &Message) -> &'static str {
    match reply.rcode() {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        _ => "another",
    }
}

fn option(message: &Message, code: u16) -> Option<Vec<u8>> {
    let options = &message.opt.as_ref()?.options;
    options.iter().find(|(other, _)| *other == code).map(|(_, option)| option.clone())
}

fn check_header(
    query: &[u8],
    shape: &Shape,
    octets: &[u8],
    reply: &Message,
    expected: &Expected<'_>,
) -> Result<(), String> {
    let rcode = reply.rcode();
    ensure!(rcode == expected.rcode, "{rcode}, expected {}", expected.rcode);
    ensure!(octets[..2] == query[..2], "another ID");
    ensure!(reply.flags & 0x8000 != 0, "no response");
    ensure!(reply.flags >> 11 & 0x0f == u16::from(shape.opcode), "another opcode");
    let is_authoritative = reply.flags & 0x0400 != 0;
    ensure!(is_authoritative == expected.is_authoritative, "AA is {is_authoritative}");
    // Of queries alone.
    let [rd, cd] = if shape.opcode == 0 { [query[2] & 1, query[3] & 0x10] } else { [0, 0] };
    ensure!(octets[2] & 1 == rd, "RD is {}", octets[2] & 1);
    ensure!(octets[3] & 0xf0 == cd, "RA, Z, AD or CD");
    match &expected.question {
        None => ensure!(reply.questions.is_empty(), "a question that was not asked"),
        Some(question) => {
            let end = shape.question.as_ref().map_or(0, |(_, end)| *end);
            ensure!(octets.get(12..end) == query.get(12..end), "the question is changed");
            ensure!(reply.questions == [question.clone()], "another question");
        }
    }
    Ok(())
}

fn check_opt(shape: &Shape, reply: &Message, expected: &Expected<'_>) -> Result<(), String> {
    let (asked, answered) = (&shape.opt, &reply.opt);
    ensure!(asked.is_some() == answered.is_some(), "OPT is there: {}", answered.is_some());
    let (Some(asked), Some(answered)) = (asked, answered) else { return Ok(()) };
    ensure!(answered.version == 0, "EDNS version {}", answered.version);
    ensure!(answered.payload == 1232, "payload {}", answered.payload);
    ensure!(answered.is_dnssec_ok() == asked.is_dnssec_ok(), "DO is not echoed");
    ensure!(answered.flags & 0x7fff == 0, "flags of EDNS {:x}", answered.flags);
    let mut options = answered.options.clone();
    for (code, data) in &mut options {
        if *code == 10 && data.len() == 24 {
            data.truncate(8);
        }
    }
    ensure!(options == expected.options, "options {options:?}, expected {:?}", expected.options);
    Ok(())
}

/// Checks the whole reply, that over TCP.
fn check_records(model: &Model, reply: &Message, expected: &Expected<'_>) -> Result<(), String> {
    match &expected.records {
        Records::None => {
            ensure!(!reply.has_records(), "records, expected none");
            Ok(())
        }
        Records::Of(outcome) => {
            check_answers(model, reply, outcome)?;
            check_authority(model, reply, outcome)?;
            check_additional(model, reply)
        }
        Records::Texts(text) => {
            ensure!(reply.authority.is_empty() && reply.additional.is_empty(), "more than texts");
            let is_text = |record: &Record| {
                record.class == 3 && record.ttl == 0 && matches!(record.data, Data::Txt(_))
            };
            ensure!(!reply.answers.is_empty() && reply.answers.iter().all(is_text), "no texts");
            let Some(text) = text else { return Ok(()) };
            let texts: Vec<_> = reply.answers.iter().map(|record| &record.data).collect();
            ensure!(texts == [&Data::Txt(text.clone())], "{texts:?}, expected {text}");
            Ok(())
        }
    }
}

fn check_answers(model: &Model, reply: &Message, outcome: &Outcome<'_>) -> Result<(), String> {
    let asked = &reply.questions[0];
    let mut data = Vec::new();
    for record in &reply.answers {
        ensure!(record.owner == asked.name, "the owner of {record:?}");
        ensure!(record.class == 1 && record.ttl == model.ttl, "{record:?}");
        data.push(record.data.clone().lowered());
    }
    data.sort();
    ensure!(data.iter().eq(outcome.answers.iter().copied()), "{data:?}, expected {outcome:?}");
    Ok(())
}

fn check_authority(model: &Model, reply: &Message, outcome: &Outcome<'_>) -> Result<(), String> {
    let Some((zone, soa)) = &outcome.denied_by else {
        ensure!(reply.authority.is_empty(), "authority records, expected none");
        return Ok(());
    };
    let [record] = reply.authority.as_slice() else { return Err("no SOA".to_owned()) };
    ensure!(record.data.clone().lowered() == *soa, "{record:?}, expected {soa:?}");
    ensure!(record.class == 1 && record.ttl == model.ttl, "{record:?}");
    ensure!(lowered(&record.owner) == *zone, "the SOA of {:?}, expected {zone:?}", record.owner);
    ensure!(reply.questions[0].name.ends_with(&record.owner), "{:?} is no end", record.owner);
    Ok(())
}

/// The addresses of all targets, in the order of the targets.
fn check_additional(model: &Model, reply: &Message) -> Result<(), String> {
    let mut expected = Vec::new();
    for answer in &reply.answers {
        if let Data::Srv(_, target) = &answer.data {
            let target = lowered(target);
            let addresses = model.nodes.get(&target).map(|node| node.addresses());
            let addresses = addresses.ok_or("a target that does not exist")?;
            expected.extend(addresses.into_iter().map(|(_, data)| (target.clone(), data)));
        }
    }
    let is_plain = |record: &Record| record.class == 1 && record.ttl == model.ttl;
    ensure!(reply.additional.iter().all(is_plain), "{:?}", reply.additional);
    let found = reply.additional.iter().map(|r| (lowered(&r.owner), r.data.clone().lowered()));
    let found: Vec<_> = found.collect();
    ensure!(found == expected, "additional {found:?}, expected {expected:?}");
    Ok(())
}

/// TC is set exactly if what must be told does not fit; of the rest as much is there as fits.
fn check_lengths(
    shape: &Shape,
    replies: Replies<'_>,
    udp: &Message,
    tcp: &Message,
) -> Result<(), String> {
    let limit = shape.opt.as_ref().map_or(512, |opt| usize::from(opt.payload.clamp(512, 1232)));
    let (length, whole) = (replies.udp.len(), replies.tcp.len());
    ensure!(length <= limit, "{length} octets, {limit} at most");
    ensure!(!tcp.is_truncated(), "truncated over TCP");
    // Pointer, type, class, TTL, length; address.
    let size = |record: &Record| 12 + if matches!(record.data, Data::A(_)) { 4 } else { 16 };
    let spare: usize = tcp.additional.iter().map(size).sum();
    let is_truncated = udp.is_truncated();
    ensure!(is_truncated == (whole - spare > limit), "TC is {is_truncated}, {whole} octets");
    if is_truncated {
        ensure!(!udp.has_records(), "records in a truncated reply");
        return Ok(());
    }
    ensure!(udp.answers == tcp.answers && udp.authority == tcp.authority, "not as over TCP");
    ensure!(tcp.additional.starts_with(&udp.additional), "additional not as over TCP");
    if let Some(next) = tcp.additional.get(udp.additional.len()) {
        ensure!(length + size(next) > limit, "{next:?} would have fitted");
    }
    Ok(())
}
