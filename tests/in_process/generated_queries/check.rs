//! Whether a reply is the right one.

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{DNSClass, Name, RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::expected::{Expected, Records, expect};
use super::generator::State;
use super::model::{Data, Labels, Model, Outcome};
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
    let (udp, tcp) = (read(replies.udp)?, read(replies.tcp)?);
    let cookie = option(&tcp, 10);
    let expected = expect(model, query, &shape, state, cookie.as_deref())?;
    for (octets, message) in [(replies.udp, &udp), (replies.tcp, &tcp)] {
        check_header(query, &shape, octets, message, &expected)?;
        check_opt(&shape, message, &expected)?;
    }
    check_records(model, &tcp, &expected)?;
    check_lengths(&shape, replies, &udp, &tcp)?;
    let truncated = if udp.truncation { ", truncated" } else { "" };
    Ok(Checked { what: format!("{}{truncated}", rcode_name(&udp)), cookie })
}

fn rcode_name(reply: &Message) -> &'static str {
    match u16::from(reply.response_code) {
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

/// Reads a reply to its last octet.
fn read(reply: &[u8]) -> Result<Message, String> {
    let mut decoder = BinDecoder::new(reply);
    let message = Message::read(&mut decoder).map_err(|error| format!("the reply: {error}"))?;
    ensure!(decoder.is_empty(), "{} octets after the reply", decoder.len());
    Ok(message)
}

fn option(message: &Message, code: u16) -> Option<Vec<u8>> {
    let options = message.edns.as_ref()?.options().as_ref();
    let option = options.iter().find(|(other, _)| u16::from(*other) == code);
    option.and_then(|(_, option)| Vec::<u8>::try_from(option).ok())
}

fn check_header(
    query: &[u8],
    shape: &Shape,
    octets: &[u8],
    reply: &Message,
    expected: &Expected<'_>,
) -> Result<(), String> {
    let rcode = u16::from(reply.response_code);
    ensure!(rcode == expected.rcode, "{rcode}, expected {}", expected.rcode);
    ensure!(octets[..2] == query[..2], "another ID");
    ensure!(reply.message_type == MessageType::Response, "no response");
    ensure!(u8::from(reply.op_code) == shape.opcode, "another opcode");
    ensure!(reply.authoritative == expected.is_authoritative, "AA is {}", reply.authoritative);
    ensure!(octets[2] & 1 == query[2] & 1, "RD is not echoed");
    ensure!(octets[3] & 0xf0 == query[3] & 0x10, "RA, Z, AD or CD");
    match &expected.question {
        None => ensure!(reply.queries.is_empty(), "a question that was not asked"),
        Some(question) => {
            let end = shape.question_end.unwrap_or(0);
            ensure!(octets.get(12..end) == query.get(12..end), "the question is changed");
            ensure!(reply.queries == [question.clone()], "another question");
        }
    }
    Ok(())
}

fn check_opt(shape: &Shape, reply: &Message, expected: &Expected<'_>) -> Result<(), String> {
    let (asked, answered) = (&shape.opt, &reply.edns);
    ensure!(asked.is_some() == answered.is_some(), "OPT is there: {}", answered.is_some());
    let (Some(asked), Some(answered)) = (asked, answered) else { return Ok(()) };
    ensure!(answered.version() == 0, "EDNS version {}", answered.version());
    ensure!(answered.max_payload() == 1232, "payload {}", answered.max_payload());
    ensure!(answered.flags().dnssec_ok == asked.is_dnssec_ok, "DO is not echoed");
    ensure!(answered.flags().z == 0, "flags of EDNS {:x}", answered.flags().z);
    let options = answered.options().as_ref().iter().map(|(code, option)| {
        let mut data = Vec::<u8>::try_from(option).unwrap_or_default();
        let code = u16::from(*code);
        if code == 10 && data.len() == 24 {
            data.truncate(8);
        }
        (code, data)
    });
    let options: Vec<_> = options.collect();
    ensure!(options == expected.options, "options {options:?}, expected {:?}", expected.options);
    Ok(())
}

/// Checks the whole reply, that over TCP.
fn check_records(model: &Model, reply: &Message, expected: &Expected<'_>) -> Result<(), String> {
    match &expected.records {
        Records::None => {
            ensure!(reply.all_sections().next().is_none(), "records, expected none");
            Ok(())
        }
        Records::Of(outcome) => {
            check_answers(model, reply, outcome)?;
            check_authority(model, reply, outcome)?;
            check_additional(model, reply)
        }
        Records::Texts(text) => {
            ensure!(
                reply.authorities.is_empty() && reply.additionals.is_empty(),
                "more than texts"
            );
            let is_text = |record: &Record| {
                record.dns_class == DNSClass::CH && record.ttl == 0 && data(record).is_some()
            };
            ensure!(!reply.answers.is_empty() && reply.answers.iter().all(is_text), "no texts");
            let Some(text) = text else { return Ok(()) };
            let texts: Vec<_> = reply.answers.iter().filter_map(data).collect();
            ensure!(texts == [Data::Txt(text.clone().into_bytes())], "{texts:?}, expected {text}");
            Ok(())
        }
    }
}

fn check_answers(model: &Model, reply: &Message, outcome: &Outcome<'_>) -> Result<(), String> {
    let asked = &reply.queries[0];
    let mut data = Vec::new();
    for record in &reply.answers {
        ensure!(record.name.eq_case(&asked.name), "the answer's owner is {}", record.name);
        ensure!(record.dns_class == DNSClass::IN && record.ttl == model.ttl, "{record:?}");
        data.push(self::data(record).ok_or_else(|| format!("{record:?}"))?);
    }
    data.sort();
    ensure!(data.iter().eq(outcome.answers.iter().copied()), "{data:?}, expected {outcome:?}");
    Ok(())
}

fn check_authority(model: &Model, reply: &Message, outcome: &Outcome<'_>) -> Result<(), String> {
    let Some((zone, soa)) = &outcome.denied_by else {
        ensure!(reply.authorities.is_empty(), "authority records, expected none");
        return Ok(());
    };
    let [record] = reply.authorities.as_slice() else { return Err("no SOA".to_owned()) };
    ensure!(data(record).as_ref() == Some(soa), "{record:?}, expected {soa:?}");
    ensure!(record.dns_class == DNSClass::IN && record.ttl == model.ttl, "{record:?}");
    ensure!(lowered(&record.name) == *zone, "the SOA of {}, expected {zone:?}", record.name);
    let asked = reply.queries[0].name.iter().rev();
    ensure!(record.name.iter().rev().zip(asked).all(|(a, b)| a == b), "{} is no end", record.name);
    Ok(())
}

/// The addresses of all targets, in the order of the targets.
fn check_additional(model: &Model, reply: &Message) -> Result<(), String> {
    let mut expected = Vec::new();
    for answer in &reply.answers {
        if let Some(Data::Srv(_, target)) = data(answer) {
            let addresses = model.nodes.get(&target).map(|node| node.addresses());
            let addresses = addresses.ok_or("a target that does not exist")?;
            expected.extend(addresses.into_iter().map(|(_, data)| (target.clone(), data)));
        }
    }
    let found = reply.additionals.iter().map(|record| {
        let is_plain = record.dns_class == DNSClass::IN && record.ttl == model.ttl;
        data(record).filter(|_| is_plain).map(|data| (lowered(&record.name), data))
    });
    let found: Option<Vec<_>> = found.collect();
    ensure!(found.as_ref() == Some(&expected), "additional {found:?}, expected {expected:?}");
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
    ensure!(!tcp.truncation, "truncated over TCP");
    // Pointer, type, class, TTL, length; address.
    let size = |record: &Record| 12 + if matches!(record.data, RData::A(_)) { 4 } else { 16 };
    let spare: usize = tcp.additionals.iter().map(size).sum();
    ensure!(udp.truncation == (whole - spare > limit), "TC is {}, {whole} octets", udp.truncation);
    if udp.truncation {
        ensure!(udp.all_sections().next().is_none(), "records in a truncated reply");
        return Ok(());
    }
    ensure!(udp.answers == tcp.answers && udp.authorities == tcp.authorities, "not as over TCP");
    ensure!(tcp.additionals.starts_with(&udp.additionals), "additional not as over TCP");
    if let Some(next) = tcp.additionals.get(udp.additionals.len()) {
        ensure!(length + size(next) > limit, "{next:?} would have fitted");
    }
    Ok(())
}

fn lowered(name: &Name) -> Labels {
    name.iter().map(<[u8]>::to_ascii_lowercase).collect()
}

/// `None` for what is never answered.
fn data(record: &Record) -> Option<Data> {
    match &record.data {
        RData::A(a) => Some(Data::A(a.0)),
        RData::AAAA(aaaa) => Some(Data::Aaaa(aaaa.0)),
        RData::SRV(srv) if (srv.priority, srv.weight) == (0, 0) => {
            Some(Data::Srv(srv.port, lowered(&srv.target)))
        }
        RData::PTR(ptr) => Some(Data::Ptr(lowered(&ptr.0))),
        RData::NS(ns) => Some(Data::Ns(lowered(&ns.0))),
        RData::SOA(soa) => {
            let times = [soa.refresh, soa.retry, soa.expire].map(i32::cast_unsigned);
            let numbers = [soa.serial, times[0], times[1], times[2], soa.minimum];
            Some(Data::Soa(lowered(&soa.mname), lowered(&soa.rname), numbers))
        }
        RData::HINFO(hinfo) if *hinfo.cpu == *b"RFC8482" && hinfo.os.is_empty() => {
            Some(Data::Hinfo)
        }
        RData::TXT(txt) => Some(Data::Txt(txt.txt_data.concat())),
        _ => None,
    }
}
