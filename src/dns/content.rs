//! What a name stands for, and the records that say so.

use std::collections::HashSet;
use std::net::IpAddr;

use super::query::Question;
use super::reply::{Full, Owner, Reply, Section, push_name, push_text};
use super::wire::{CLASS_CH, HEADER, POINTER_TO_QUESTION, Rcode, rrtype};
use super::zone::Zone;
use crate::cluster::{Directory, Pattern, Record};

/// The data of the HINFO record that answers ANY: CPU `RFC8482`, OS empty (RFC 8482 §4.2).
const HINFO_RFC8482: &[u8] = b"\x07RFC8482\x00";

/// Of SRV (RFC 2782): all nodes are alike.
const PRIORITY_AND_WEIGHT: [u8; 4] = [0; 4];

/// The records of a reply.
pub(super) enum Content<'a> {
    /// None.
    Empty,
    /// The address of a node, or its place: A, AAAA or SRV.
    Node(&'a Record, u16),
    /// The same of all nodes of a group.
    Group(&'a [u8], &'a Pattern, u16),
    /// The names of an address.
    Names(IpAddr),
    /// ANY (RFC 8482).
    Hinfo,
    /// Texts, in the class CHAOS.
    Texts(Vec<String>),
    /// The zone's SOA in the answer section.
    Soa(Apex<'a>),
    /// The zone's name server: the group of its nodes.
    NameServer(&'a Zone),
    /// The zone's SOA in the authority section: there is no such name, or no such type.
    Negative(Apex<'a>),
}

/// Where the SOA's zone begins.
#[derive(Clone, Copy)]
pub(super) enum Apex<'a> {
    /// At the zone's name, which ends the question's.
    Zone(&'a Zone),
    /// At the question's name, that of an address: what is above it is somebody else's. Its servers
    /// are those of this zone.
    Address(&'a Zone),
}

/// What the records are written with.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) directory: &'a Directory,
    pub(super) ttl: u32,
    /// Whom a group begins with.
    pub(super) rotation: usize,
}

/// What a name of a zone stands for.
pub(super) fn of_name<'a>(
    name: &'a [u8],
    qtype: u16,
    zone: &'a Zone,
    directory: &'a Directory,
) -> (Rcode, Content<'a>) {
    let record = directory.record(name);
    if let Some(record) = record.filter(|record| has(record, qtype)) {
        return (Rcode::NOERROR, Content::Node(record, qtype));
    }
    let is_apex = name == zone.name.as_bytes();
    let content = match (qtype, record, directory.group_pattern(name)) {
        (rrtype::SOA, ..) if is_apex => Content::Soa(Apex::Zone(zone)),
        (rrtype::NS, ..) if is_apex => Content::NameServer(zone),
        (rrtype::ANY, record, group) if is_apex || record.is_some() || group.is_some() => {
            Content::Hinfo
        }
        (_, None, Some(pattern)) if group_has(name, qtype, directory) => {
            Content::Group(name, pattern, qtype)
        }
        (_, record, group) => {
            let exists = is_apex || record.is_some() || group.is_some();
            let rcode =
                if exists || directory.has_below(name) { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            return (rcode, Content::Negative(Apex::Zone(zone)));
        }
    };
    (Rcode::NOERROR, content)
}

/// What the reverse name of a known address stands for: a zone of its own.
pub(super) fn of_address<'a>(address: IpAddr, qtype: u16, zone: &'a Zone) -> Content<'a> {
    match qtype {
        rrtype::PTR => Content::Names(address),
        rrtype::SOA => Content::Soa(Apex::Address(zone)),
        rrtype::NS => Content::NameServer(zone),
        rrtype::ANY => Content::Hinfo,
        _ => Content::Negative(Apex::Address(zone)),
    }
}

fn has(record: &Record, qtype: u16) -> bool {
    match qtype {
        rrtype::SRV => record.port.is_some(),
        _ => address(record, qtype).is_some(),
    }
}

/// The address of this type.
fn address(record: &Record, rrtype: u16) -> Option<IpAddr> {
    match rrtype {
        rrtype::A => record.ipv4.map(IpAddr::from),
        rrtype::AAAA => record.ipv6.map(IpAddr::from),
        _ => None,
    }
}

fn group_has(name: &[u8], qtype: u16, directory: &Directory) -> bool {
    let mut nodes = directory.group(name, 0).into_iter().flatten();
    nodes.any(|(_, record)| has(record, qtype))
}

impl Content<'_> {
    /// Writes the records. What is only of use, and no answer, is left out where it does not fit.
    pub(super) fn write(&self, frame: Frame<'_>, reply: &mut Reply<'_>) -> Result<(), Full> {
        let ttl = frame.ttl;
        let soa = |apex: Apex<'_>, octets: &mut Vec<u8>| {
            let (zone, owner) = match apex {
                Apex::Zone(zone) => (zone, zone.offset(HEADER + frame.question.wire.len())),
                Apex::Address(zone) => (zone, HEADER),
            };
            zone.write_soa(owner, frame.directory.revision(), octets);
        };
        match self {
            Content::Empty => Ok(()),
            Content::Node(record, rrtype::SRV) => {
                let name = frame.question.wire_name();
                write_srv(record, ttl, reply, |octets| octets.extend_from_slice(name))?;
                let _ = write_addresses(record, Owner::Question, ttl, reply);
                Ok(())
            }
            Content::Node(record, rrtype) => {
                write_address(record, *rrtype, Section::Answer, Owner::Question, ttl, reply)
            }
            Content::Group(name, pattern, rrtype::SRV) => {
                write_group_srv(name, pattern, frame, reply)
            }
            Content::Group(name, _, rrtype) => {
                let nodes = frame.directory.group(name, frame.rotation).into_iter().flatten();
                let mut told = HashSet::new();
                for (_, record) in nodes.filter(|(_, record)| has(record, *rrtype)) {
                    // Several nodes at one address make one record (RFC 2181 §5).
                    if told.insert(address(record, *rrtype)) {
                        let (section, owner) = (Section::Answer, Owner::Question);
                        write_address(record, *rrtype, section, owner, ttl, reply)?;
                    }
                }
                Ok(())
            }
            Content::Names(address) => {
                for name in frame.directory.names_of(*address) {
                    let write = |octets: &mut Vec<u8>| push_name(&name, octets);
                    reply.record(Section::Answer, Owner::Question, rrtype::PTR, ttl, write)?;
                }
                Ok(())
            }
            Content::Hinfo => {
                let write = |octets: &mut Vec<u8>| octets.extend_from_slice(HINFO_RFC8482);
                reply.record(Section::Answer, Owner::Question, rrtype::HINFO, ttl, write)
            }
            Content::Texts(texts) => {
                for text in texts {
                    reply.ready_record(Section::Answer, |octets| push_chaos_text(text, octets))?;
                }
                Ok(())
            }
            Content::Soa(apex) => reply.ready_record(Section::Answer, |octets| soa(*apex, octets)),
            Content::NameServer(zone) => {
                let write = |octets: &mut Vec<u8>| push_name(&zone.server, octets);
                reply.record(Section::Answer, Owner::Question, rrtype::NS, ttl, write)
            }
            Content::Negative(apex) => {
                reply.ready_record(Section::Authority, |octets| soa(*apex, octets))
            }
        }
    }
}

fn write_address(
    record: &Record,
    rrtype: u16,
    section: Section,
    owner: Owner,
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    match address(record, rrtype) {
        Some(IpAddr::V4(ip)) => reply.address(section, owner, rrtype, ttl, ip.octets()),
        Some(IpAddr::V6(ip)) => reply.address(section, owner, rrtype, ttl, ip.octets()),
        None => Ok(()),
    }
}

/// Both addresses, as a help.
fn write_addresses(
    record: &Record,
    owner: Owner,
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    write_address(record, rrtype::A, Section::Additional, owner, ttl, reply)?;
    write_address(record, rrtype::AAAA, Section::Additional, owner, ttl, reply)
}

/// The target is not compressed (RFC 2782).
fn write_srv(
    record: &Record,
    ttl: u32,
    reply: &mut Reply<'_>,
    target: impl FnOnce(&mut Vec<u8>),
) -> Result<(), Full> {
    let Some(port) = record.port else { return Ok(()) };
    reply.record(Section::Answer, Owner::Question, rrtype::SRV, ttl, |octets| {
        octets.extend_from_slice(&PRIORITY_AND_WEIGHT);
        octets.extend_from_slice(&port.to_be_bytes());
        target(octets);
    })
}

fn write_group_srv(
    name: &[u8],
    pattern: &Pattern,
    frame: Frame<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    let nodes = || {
        let nodes = frame.directory.group(name, frame.rotation).into_iter().flatten();
        nodes.filter(|(_, record)| record.port.is_some())
    };
    let mut targets = Vec::new();
    for (slot, record) in nodes() {
        write_srv(record, frame.ttl, reply, |octets| {
            targets.push(octets.len());
            push_name(&pattern.name(slot), octets);
        })?;
    }
    for ((_, record), target) in nodes().zip(targets) {
        if write_addresses(record, Owner::At(target), frame.ttl, reply).is_err() {
            break;
        }
    }
    Ok(())
}

/// A TXT record of the class CHAOS with TTL 0: it is as of now.
fn push_chaos_text(text: &str, octets: &mut Vec<u8>) {
    octets.extend_from_slice(&POINTER_TO_QUESTION.to_be_bytes());
    octets.extend_from_slice(&rrtype::TXT.to_be_bytes());
    octets.extend_from_slice(&CLASS_CH.to_be_bytes());
    octets.extend_from_slice(&[0; 4]);
    let length = octets.len();
    octets.extend_from_slice(&[0, 0]);
    push_text(text, octets);
    let data = u16::try_from(octets.len() - length - 2).unwrap_or(u16::MAX);
    if let Some(place) = octets.get_mut(length..length + 2) {
        place.copy_from_slice(&data.to_be_bytes());
    }
}
