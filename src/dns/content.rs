//! The records that a name stands for, and how they are written.

use std::net::IpAddr;

use super::group;
use super::records::{self, RecordContext};
use super::reply::{Full, Owner, RECORD_HEAD, Reply, Section, push_name, push_name_by, push_text};
use super::wire::{CLASS_CH, HEADER, POINTER_TO_QUESTION, Rcode, rrtype};
use super::zone::Zone;
use crate::cluster::{Directory, Record, Slots};

/// The data of the HINFO record that answers ANY: CPU `RFC8482`, OS empty (RFC 8482 §4.2).
const HINFO_RFC8482: &[u8] = b"\x07RFC8482\x00";

/// The octets of the shortest name that is published: two labels of one octet, and the root.
const SHORTEST_NAME: usize = 5;

/// The records of a reply.
pub(super) enum Content<'a> {
    /// None.
    Empty,
    /// The address of a node, or its place: A, AAAA or SRV.
    Node(&'a Record, u16),
    /// The same of all nodes of a group.
    Group(&'a Slots, u16),
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

/// The owner of a SOA record: where its zone begins.
#[derive(Clone, Copy)]
pub(super) enum Apex<'a> {
    /// At the zone's name, which ends the question's.
    Zone(&'a Zone),
    /// At the question's name, that of an address: what is above it is somebody else's. Its servers
    /// are those of this zone.
    Address(&'a Zone),
}

/// Returns what a name of a zone stands for, with the response code.
pub(super) fn of_name<'a>(
    name: &[u8],
    qtype: u16,
    zone: &'a Zone,
    directory: &'a Directory,
) -> (Rcode, Content<'a>) {
    let record = directory.record(name);
    if let Some(record) = record.filter(|record| records::has(record, qtype)) {
        return (Rcode::NOERROR, Content::Node(record, qtype));
    }
    let is_apex = name == zone.name.as_bytes();
    let content = match (qtype, record, directory.group(name)) {
        (rrtype::SOA, ..) if is_apex => Content::Soa(Apex::Zone(zone)),
        (rrtype::NS, ..) if is_apex => Content::NameServer(zone),
        (rrtype::ANY, record, group) if is_apex || record.is_some() || group.is_some() => {
            Content::Hinfo
        }
        (_, None, Some(group)) if group::has(group, qtype) => Content::Group(group, qtype),
        (_, record, group) => {
            let exists = is_apex || record.is_some() || group.is_some();
            let rcode =
                if exists || directory.has_below(name) { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            return (rcode, Content::Negative(Apex::Zone(zone)));
        }
    };
    (Rcode::NOERROR, content)
}

/// Returns what the reverse name of a known address stands for: a zone of its own.
pub(super) fn of_address<'a>(address: IpAddr, qtype: u16, zone: &'a Zone) -> Content<'a> {
    match qtype {
        rrtype::PTR => Content::Names(address),
        rrtype::SOA => Content::Soa(Apex::Address(zone)),
        rrtype::NS => Content::NameServer(zone),
        rrtype::ANY => Content::Hinfo,
        _ => Content::Negative(Apex::Address(zone)),
    }
}

impl Content<'_> {
    /// Writes the records. What is only of use, and no answer, is left out where it does not fit.
    pub(super) fn write(
        &self,
        context: RecordContext<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Full> {
        let ttl = context.ttl;
        let soa = |apex: Apex<'_>, octets: &mut Vec<u8>| {
            let (zone, owner) = match apex {
                Apex::Zone(zone) => (zone, zone.offset(HEADER + context.question.wire.len())),
                Apex::Address(zone) => (zone, HEADER),
            };
            zone.write_soa(owner, context.directory.revision(), octets);
        };
        match self {
            Content::Empty => Ok(()),
            Content::Node(record, rrtype::SRV) => {
                let name = context.question.wire_name();
                records::write_srv(record, ttl, reply, |octets| octets.extend_from_slice(name))?;
                let _ = records::write_addresses(record, Owner::Question, ttl, reply);
                Ok(())
            }
            Content::Node(record, rrtype) => records::write_address(
                record,
                *rrtype,
                Section::Answer,
                Owner::Question,
                ttl,
                reply,
            ),
            Content::Group(group, rrtype) => group::write(group, *rrtype, context, reply),
            Content::Names(address) => write_names(*address, context, reply),
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

/// Writes the PTR records of an address.
fn write_names(
    address: IpAddr,
    context: RecordContext<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    let least = context.directory.least_names_of(address);
    if !reply.has_room_for(least.saturating_mul(RECORD_HEAD + SHORTEST_NAME)) {
        return Err(Full);
    }
    for (names, id) in context.directory.names_of(address) {
        reply.record(Section::Answer, Owner::Question, rrtype::PTR, context.ttl, |octets| {
            push_name_by(octets, |text| names.push_name(id, text));
        })?;
    }
    Ok(())
}

/// Appends a TXT record of the class CHAOS with TTL 0: it is as of now.
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
