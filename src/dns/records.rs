//! The records of one node.

use std::net::IpAddr;

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
    pub(super) ttl: u32,
    /// The number of the query: each begins a group with another node.
    pub(super) rotation: usize,
}

/// Whether a node has a record of this type.
pub(super) fn has(record: &Record, qtype: u16) -> bool {
    match qtype {
        rrtype::SRV => record.port.is_some(),
        _ => address(record, qtype).is_some(),
    }
}

/// Returns the address of this type.
fn address(record: &Record, rrtype: u16) -> Option<IpAddr> {
    match rrtype {
        rrtype::A => record.ipv4.map(IpAddr::from),
        rrtype::AAAA => record.ipv6.map(IpAddr::from),
        _ => None,
    }
}

/// Writes the node's record of this type, if it has such an address.
pub(super) fn write_address(
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

/// Writes both addresses, as a help.
pub(super) fn write_addresses(
    record: &Record,
    owner: Owner,
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Result<(), Full> {
    write_address(record, rrtype::A, Section::Additional, owner, ttl, reply)?;
    write_address(record, rrtype::AAAA, Section::Additional, owner, ttl, reply)
}

/// Writes the record that says where a node's service is, if it has a port. The target, which
/// `target` appends, is not compressed (RFC 2782).
pub(super) fn write_srv(
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
