//! The records of one node.

use super::query::Question;
use super::reply::{Full, Owner, Reply, Section};
use super::wire::rrtype;
use crate::cluster::{Directory, Record};

/// Of SRV (RFC 2782): all nodes are alike.
const PRIORITY_AND_WEIGHT: [u8; 4] = [0; 4];

/// The circumstances in which records are written.
#[derive(Clone, Copy)]
pub(super) struct RecordContext<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) directory: &'a Directory,
    /// The number of the query: each begins a group with another node.
    pub(super) rotation: usize,
}

/// Whether a node has a record of this type.
pub(super) fn has(record: &Record, qtype: u16) -> bool {
    match qtype {
        rrtype::A => record.ipv4.is_some(),
        rrtype::AAAA => record.ipv6.is_some(),
        rrtype::SRV => record.port.is_some(),
        _ => false,
    }
}

/// Writes the node's record of this type, if it has such an address.
pub(super) fn write_address(
    record: &Record,
    rrtype: u16,
    section: Section,
    owner: Owner,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    match (rrtype, record.ipv4, record.ipv6) {
        (rrtype::A, Some(ip), _) => reply.address(section, owner, rrtype, ip.octets()),
        (rrtype::AAAA, _, Some(ip)) => reply.address(section, owner, rrtype, ip.octets()),
        _ => Ok(()),
    }
}

/// Writes both addresses, as a help.
pub(super) fn write_addresses(
    record: &Record,
    owner: Owner,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    write_address(record, rrtype::A, Section::Additional, owner, reply)?;
    write_address(record, rrtype::AAAA, Section::Additional, owner, reply)
}

/// Writes the record that says where a node's service is, if it has a port. The target, which
/// `target` appends, is not compressed (RFC 2782).
pub(super) fn write_srv(
    record: &Record,
    reply: &mut Reply<'_>,
    target: impl FnOnce(&mut Vec<u8>),
) -> Result<(), Full> {
    let Some(port) = record.port else { return Ok(()) };
    reply.answer(rrtype::SRV, |octets| {
        push_srv(port, octets);
        target(octets);
    })
}

/// Appends the data of SRV but for the target.
pub(super) fn push_srv(port: u16, octets: &mut Vec<u8>) {
    octets.extend_from_slice(&PRIORITY_AND_WEIGHT);
    octets.extend_from_slice(&port.to_be_bytes());
}
