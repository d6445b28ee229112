//! The records that a name stands for, and how they are written.

use std::net::IpAddr;

use super::group;
use super::named_service::{self, FoundService};
use super::query::Question;
use super::records::{self, RecordContext};
use super::reply::{Full, Owner, RECORD_HEAD, Reply, Section, push_name_by, push_text};
use super::reverse::{self, ReverseName};
use super::standing_text;
use super::wire::{Rcode, rrtype};
use super::zone::Zone;
use crate::cluster::{AddressNames, Directory, Record, SlotId, Slots};

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
    Names(AddressNames<'a>),
    /// Those of these addresses that are of this type.
    Addresses(&'a [IpAddr], u16),
    /// Names of an address, in lower case with the final dot.
    HostNames(&'a [Vec<u8>]),
    /// Where the service that the question names is: on this node, or on all of the group.
    Services(&'a Slots, Option<SlotId>),
    /// ANY (RFC 8482).
    Hinfo,
    /// Texts: what a node tells and what keeps it out of its group, and all that is told in the class CHAOS.
    Texts(Vec<String>),
    /// The zone's SOA under this name: the answer, or among the authority, which says that there is
    /// no such name, or no such type.
    Soa(Section, Owner, &'a Zone),
    /// The zone's name server: the group of its nodes.
    NameServer(&'a Zone),
}

/// Returns what a name of a zone stands for, with the response code.
#[inline(always)]
pub(super) fn of_name<'a>(
    name: &[u8],
    question: &Question<'_>,
    zone: &'a Zone,
    directory: &'a Directory,
) -> (Rcode, Content<'a>) {
    let qtype = question.qtype;
    let apex = Owner::At(zone.offset(question.end()));
    let node = directory.node(name);
    let record = node.map(|(record, _)| record);
    if let Some(record) = record.filter(|record| records::has(record, qtype)) {
        return (Rcode::NOERROR, Content::Node(record, qtype));
    }
    if let (rrtype::TXT, Some((_, false))) = (qtype, node) {
        return (Rcode::NOERROR, Content::Texts(texts_of(name, directory)));
    }
    let is_apex = name == zone.name.as_bytes();
    // Whether the name of a node is a group's as well makes no difference.
    let group = if record.is_some() { None } else { directory.group(name) };
    let content = match (qtype, record, group) {
        (rrtype::SOA, ..) if is_apex => Content::Soa(Section::Answer, apex, zone),
        (rrtype::NS, ..) if is_apex => Content::NameServer(zone),
        (rrtype::ANY, record, group) if is_apex || record.is_some() || group.is_some() => {
            Content::Hinfo
        }
        (_, None, Some(group)) if group::has(group, qtype) => Content::Group(group, qtype),
        (_, None, None) if name.first() == Some(&b'_') && !is_apex => {
            return of_service(name, question, zone, directory);
        }
        (_, record, group) => {
            let exists = is_apex || record.is_some() || group.is_some();
            let rcode =
                if exists || directory.has_below(name) { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            return (rcode, Content::Soa(Section::Authority, apex, zone));
        }
    };
    (Rcode::NOERROR, content)
}

/// What a name that begins as that of a service stands for.
#[cold]
#[inline(never)]
fn of_service<'a>(
    name: &[u8],
    question: &Question<'_>,
    zone: &'a Zone,
    directory: &'a Directory,
) -> (Rcode, Content<'a>) {
    let apex = Owner::At(zone.offset(question.end()));
    let found = named_service::find(name, directory);
    let content = match (found, question.qtype) {
        (Some(FoundService::Here(slots, slot)), rrtype::SRV) => Content::Services(slots, slot),
        (Some(_), rrtype::ANY) => Content::Hinfo,
        _ => {
            let exists = found.is_some() || directory.has_below(name);
            let rcode = if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            return (rcode, Content::Soa(Section::Authority, apex, zone));
        }
    };
    (Rcode::NOERROR, content)
}

/// The texts at the name of a node.
#[inline(never)]
fn texts_of(name: &[u8], directory: &Directory) -> Vec<String> {
    let Some((slots, slot)) = directory.holder(name) else { return Vec::new() };
    let details = slots.details(slot).into_iter().flat_map(|details| details.texts());
    standing_text::texts(&slots.standing(slot)).into_iter().chain(details).collect()
}

/// Returns whether what a name stands for rests on there being no other names: that of a group, and all
/// that is denied of what could be a node's.
pub(super) fn needs_all_names(
    name: &[u8],
    (rcode, content): &(Rcode, Content<'_>),
    directory: &Directory,
) -> bool {
    match content {
        Content::Group(..) | Content::Services(..) => true,
        Content::Soa(Section::Authority, ..) => {
            let is_undecided = || {
                let might_be = directory.has_place_for(name) || directory.group(name).is_some();
                might_be && directory.record(name).is_none()
            };
            *rcode == Rcode::NXDOMAIN || is_undecided()
        }
        _ => false,
    }
}

/// Returns what a name of a zone of reverse names stands for, with the response code.
pub(super) fn of_reverse_name<'a>(
    name: &[u8],
    question: &Question<'_>,
    zone: &'a Zone,
    directory: &'a Directory,
) -> (Rcode, Content<'a>) {
    let apex = Owner::At(zone.offset(question.end()));
    let is_apex = name == zone.name.as_bytes();
    let found = reverse::read(name);
    let known = match found {
        Some(ReverseName::Address(address)) => directory.names_of(address),
        Some(ReverseName::Above) | None => None,
    };
    let content = match (question.qtype, known) {
        (rrtype::PTR, Some(names)) => Content::Names(names),
        (rrtype::SOA, _) if is_apex => Content::Soa(Section::Answer, apex, zone),
        (rrtype::NS, _) if is_apex => Content::NameServer(zone),
        (rrtype::ANY, known) if is_apex || known.is_some() => Content::Hinfo,
        // Whether there is an address below a name is not looked up: there may be one at any time.
        (_, known) => {
            let exists = is_apex || known.is_some() || found == Some(ReverseName::Above);
            let rcode = if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            return (rcode, Content::Soa(Section::Authority, apex, zone));
        }
    };
    (Rcode::NOERROR, content)
}

/// Returns what the reverse name of a known address stands for: a zone of its own, for what is above
/// it is somebody else's. Its servers are those of this zone.
pub(super) fn of_address<'a>(names: AddressNames<'a>, qtype: u16, zone: &'a Zone) -> Content<'a> {
    match qtype {
        rrtype::PTR => Content::Names(names),
        rrtype::SOA => Content::Soa(Section::Answer, Owner::Question, zone),
        rrtype::NS => Content::NameServer(zone),
        rrtype::ANY => Content::Hinfo,
        _ => Content::Soa(Section::Authority, Owner::Question, zone),
    }
}

impl Content<'_> {
    /// Writes the records. What is only of use, and no answer, is left out where it does not fit.
    #[inline(always)]
    pub(super) fn write(
        &self,
        context: RecordContext<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), Full> {
        match self {
            Content::Empty => Ok(()),
            Content::Node(record, rrtype::SRV) => {
                let name = context.question.wire_name();
                records::write_srv(record, reply, |octets| octets.extend_from_slice(name))?;
                let _ = records::write_addresses(record, Owner::Question, reply);
                Ok(())
            }
            Content::Node(record, rrtype) => {
                records::write_address(record, *rrtype, Section::Answer, Owner::Question, reply)
            }
            Content::Group(group, rrtype) => group::write(group, *rrtype, context, reply),
            Content::Services(slots, slot) => named_service::write(slots, *slot, context, reply),
            Content::Names(names) => write_names(*names, reply),
            Content::Addresses(addresses, kind) => write_addresses(addresses, *kind, reply),
            Content::HostNames(names) => names.iter().try_for_each(|name| {
                reply.answer(rrtype::PTR, |octets| {
                    push_name_by(octets, |text| text.extend_from_slice(name));
                })
            }),
            Content::Hinfo => {
                reply.answer(rrtype::HINFO, |octets| octets.extend_from_slice(HINFO_RFC8482))
            }
            Content::Texts(texts) => texts
                .iter()
                .try_for_each(|text| reply.answer(rrtype::TXT, |octets| push_text(text, octets))),
            Content::Soa(section, owner, zone) => {
                let serial = context.directory.serial();
                reply.record(*section, *owner, rrtype::SOA, |data| zone.push_soa(serial, data))
            }
            Content::NameServer(zone) => {
                reply.answer(rrtype::NS, |octets| octets.extend_from_slice(&zone.server))
            }
        }
    }
}

#[cold]
fn write_addresses(addresses: &[IpAddr], kind: u16, reply: &mut Reply<'_>) -> Result<(), Full> {
    addresses.iter().try_for_each(|address| match (address, kind) {
        (IpAddr::V4(ip), rrtype::A) => reply.answer(kind, |data| data.extend(ip.octets())),
        (IpAddr::V6(ip), rrtype::AAAA) => reply.answer(kind, |data| data.extend(ip.octets())),
        _ => Ok(()),
    })
}

/// Writes the PTR records of an address.
fn write_names(found: AddressNames<'_>, reply: &mut Reply<'_>) -> Result<(), Full> {
    if !reply.has_room_for(found.least().saturating_mul(RECORD_HEAD + SHORTEST_NAME)) {
        return Err(Full);
    }
    for (names, id) in found.iter() {
        reply.answer(rrtype::PTR, |octets| {
            push_name_by(octets, |text| names.push_name(id, text));
        })?;
    }
    Ok(())
}
