//! A reader of messages that shares no code with the server.
//!
//! Records are read by simple-dns. It refuses to read types and classes of questions that it does
//! not know, hides the flags of EDNS, and does not mind octets that are left over: header,
//! questions, OPT and the bounds of all records are read here.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::RData;
use simple_dns::{Name, Packet, ResourceRecord};

use super::octets::Octets;

/// A name, label by label.
pub type Labels = Vec<Vec<u8>>;

/// A whole message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u16,
    pub flags: u16,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    /// But for OPT.
    pub additional: Vec<Record>,
    pub opt: Option<Opt>,
}

/// What is asked, letter by letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub name: Labels,
    pub rrtype: u16,
    pub class: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub owner: Labels,
    pub class: u16,
    pub ttl: u32,
    pub data: Data,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// Priority, weight and port, and the target.
    Srv([u16; 3], Labels),
    Ptr(Labels),
    Ns(Labels),
    /// MNAME, RNAME, serial, refresh, retry, expire, minimum.
    Soa(Labels, Labels, [u32; 5]),
    Hinfo(String, String),
    /// All strings in one.
    Txt(String),
    /// Of a type that the server does not answer with by itself.
    Other(u16),
}

/// An OPT record (RFC 6891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    pub payload: u16,
    /// The upper part of the response code.
    pub rcode: u8,
    pub version: u8,
    pub flags: u16,
    pub options: Vec<(u16, Vec<u8>)>,
}

/// The flag of EDNS by which signatures are asked for.
const DNSSEC_OK: u16 = 0x8000;

impl Opt {
    /// Of an OPT record's class, TTL and data.
    pub fn read(class: u16, ttl: u32, data: &[u8]) -> Option<Opt> {
        let [rcode, version, high, low] = ttl.to_be_bytes();
        let (mut rest, mut options) = (Octets(data), Vec::new());
        while !rest.is_empty() {
            let (code, length) = (rest.number()?, rest.number()?);
            options.push((code, rest.take(usize::from(length))?.to_vec()));
        }
        let flags = u16::from_be_bytes([high, low]);
        Some(Opt { payload: class, rcode, version, flags, options })
    }

    pub fn is_dnssec_ok(&self) -> bool {
        self.flags & DNSSEC_OK != 0
    }
}

impl Message {
    /// Reads a message to its last octet.
    pub fn read(octets: &[u8]) -> Result<Message, String> {
        let mut legible = octets.to_vec();
        let frame = Frame::read(octets, &mut legible).ok_or("cut off, or ill-formed")?;
        let packet = Packet::parse(&legible).map_err(|error| error.to_string())?;
        let records = |section: &[ResourceRecord<'_>]| section.iter().map(record).collect();
        Ok(Message {
            id: frame.id,
            flags: frame.flags,
            questions: frame.questions,
            answers: records(&packet.answers),
            authority: records(&packet.name_servers),
            additional: records(&packet.additional_records),
            opt: frame.opt,
        })
    }

    /// The response code with its upper part, where there is one.
    pub fn rcode(&self) -> u16 {
        self.flags & 0x0f | self.opt.as_ref().map_or(0, |opt| u16::from(opt.rcode) << 4)
    }

    pub fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub fn has_records(&self) -> bool {
        ![&self.answers, &self.authority, &self.additional].into_iter().all(Vec::is_empty)
    }
}

/// What simple-dns does not read, or does not tell.
struct Frame {
    id: u16,
    flags: u16,
    questions: Vec<Question>,
    opt: Option<Opt>,
}

impl Frame {
    /// Makes a copy of the message legible for simple-dns: with no flags, and questions of a type
    /// and a class that it knows.
    fn read(octets: &[u8], copy: &mut [u8]) -> Option<Frame> {
        let mut rest = Octets(octets);
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = rest.number()?;
        }
        let [id, flags, count, sections @ ..] = numbers;
        copy[2..4].fill(0);
        let (mut questions, mut opt) = (Vec::new(), None);
        for _ in 0..count {
            let (name, has_pointer) = rest.name()?;
            let at = octets.len() - rest.0.len();
            questions.push(Question { name, rrtype: rest.number()?, class: rest.number()? });
            copy[at..at + 4].copy_from_slice(&[0, 1, 0, 1]);
            if has_pointer {
                return None;
            }
        }
        for (section, count) in sections.into_iter().enumerate() {
            for _ in 0..count {
                rest.name()?;
                let (rrtype, class) = (rest.number()?, rest.number()?);
                let ttl = rest.take(4)?.try_into().map(u32::from_be_bytes).ok()?;
                let length = rest.number()?;
                let data = rest.take(usize::from(length))?;
                is_whole(rrtype, data)?;
                if rrtype == 41 {
                    let is_lone = section == 2 && opt.is_none();
                    opt = is_lone.then(|| Opt::read(class, ttl, data))?;
                    opt.as_ref()?;
                }
            }
        }
        rest.is_empty().then_some(Frame { id, flags, questions, opt })
    }
}

/// Checks that data ends where its fields do.
fn is_whole(rrtype: u16, data: &[u8]) -> Option<()> {
    let mut rest = Octets(data);
    match rrtype {
        1 => drop(rest.take(4)?),
        2 | 12 => drop(rest.name()?),
        6 => {
            rest.name()?;
            rest.name()?;
            rest.take(20)?;
        }
        13 => {
            rest.string()?;
            rest.string()?;
        }
        28 => drop(rest.take(16)?),
        33 => {
            rest.take(6)?;
            rest.name()?;
        }
        _ => return Some(()),
    }
    rest.is_empty().then_some(())
}

fn record(record: &ResourceRecord<'_>) -> Record {
    // The uppermost bit belongs to the class, but where DNS is multicast.
    let class = u16::from(record.class) | u16::from(record.cache_flush) << 15;
    Record { owner: labels(&record.name), class, ttl: record.ttl, data: data(&record.rdata) }
}

fn labels(name: &Name<'_>) -> Labels {
    name.as_bytes().map(<[u8]>::to_vec).collect()
}

fn data(rdata: &RData<'_>) -> Data {
    match rdata {
        RData::A(a) => Data::A(a.address.into()),
        RData::AAAA(aaaa) => Data::Aaaa(aaaa.address.into()),
        RData::SRV(srv) => Data::Srv([srv.priority, srv.weight, srv.port], labels(&srv.target)),
        RData::PTR(ptr) => Data::Ptr(labels(ptr)),
        RData::NS(ns) => Data::Ns(labels(ns)),
        RData::SOA(soa) => {
            let times = [soa.refresh, soa.retry, soa.expire].map(i32::cast_unsigned);
            let numbers = [soa.serial, times[0], times[1], times[2], soa.minimum];
            Data::Soa(labels(&soa.mname), labels(&soa.rname), numbers)
        }
        RData::HINFO(hinfo) => Data::Hinfo(hinfo.cpu.to_string(), hinfo.os.to_string()),
        RData::TXT(txt) => String::try_from(txt.clone()).map_or(Data::Other(16), Data::Txt),
        other => Data::Other(other.type_code().into()),
    }
}

pub fn lowered(name: &[Vec<u8>]) -> Labels {
    name.iter().map(|label| label.to_ascii_lowercase()).collect()
}

impl Data {
    /// The same with all names in lower case.
    pub fn lowered(self) -> Data {
        match self {
            Data::Srv(numbers, target) => Data::Srv(numbers, lowered(&target)),
            Data::Ptr(name) => Data::Ptr(lowered(&name)),
            Data::Ns(name) => Data::Ns(lowered(&name)),
            Data::Soa(mname, rname, numbers) => {
                Data::Soa(lowered(&mname), lowered(&rname), numbers)
            }
            other => other,
        }
    }
}

/// An address alone, and of SOA the server and the TTL of what does not exist.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::A(address) => address.fmt(f),
            Data::Aaaa(address) => address.fmt(f),
            Data::Soa(mname, _, numbers) => {
                let mname = mname.iter().map(|label| String::from_utf8_lossy(label));
                let mname = mname.collect::<Vec<_>>().join(".");
                write!(f, "SOA {mname} {}", numbers[4])
            }
            other => write!(f, "{other:?}"),
        }
    }
}
