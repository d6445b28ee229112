//! The decision on who asks for a zone.

use crate::cluster::{Directory, Freshness};
use crate::dns::exchange::{Asker, Transport};
use crate::dns::query::{Query, Question};
use crate::dns::wire::{
    CLASS_IN, ExtendedError, HEADER, Rcode, array_at, rrtype, skip_name, u16_at,
};
use crate::dns::zone::Zones;

/// Why a zone is not transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dns) struct Refusal {
    pub(in crate::dns) rcode: Rcode,
    pub(in crate::dns) error: Option<ExtendedError>,
}

/// Whether a query asks for a zone.
pub(in crate::dns) fn is_transfer(query: &Query<'_>) -> bool {
    let Query { question, edns, .. } = query;
    matches!(question.qtype, rrtype::AXFR | rrtype::IXFR)
        && question.qclass == CLASS_IN
        && edns.is_none_or(|edns| edns.version == 0)
}

/// Whether the client is a node, as far as its address tells: the nodes take the table from each other.
pub(in crate::dns) fn is_node(client: Asker, directory: &Directory) -> bool {
    directory.names_of(client.address).is_some()
}

/// Whether a message asks for a zone, as far as its first question tells.
pub fn asks_for_zone(message: &[u8]) -> bool {
    let question = Question::read(message);
    question.is_some_and(|it| matches!(it.qtype, rrtype::AXFR | rrtype::IXFR))
}

/// Decides on the request of one who may have the zones, for the zone of this name.
///
/// # Errors
/// NOTAUTH for a name that is not that of a zone here, FORMERR for AXFR in a datagram (RFC 5936 §4.2
/// leaves that undefined) and IXFR without a SOA, SERVFAIL while not all names are known, and to another node that
/// asks for all while they may have changed: it would read them in vain.
pub(in crate::dns) fn decide(
    query: &Query<'_>,
    message: &[u8],
    name: &[u8],
    transport: Transport,
    zones: &Zones,
    directory: &Directory,
) -> Result<(), Refusal> {
    let refusal = |rcode, error| Err(Refusal { rcode, error });
    let is_whole = query.question.qtype == rrtype::AXFR;
    let is_malformed = match (is_whole, transport) {
        (true, Transport::Udp) => true,
        (true, Transport::Tcp) => false,
        (false, _) => serial_of(message, &query.question).is_none(),
    };
    if is_malformed {
        return refusal(Rcode::FORMERR, None);
    }
    if zones.index_of(name).is_none() {
        return refusal(Rcode::NOTAUTH, Some(ExtendedError::NotAuthoritative));
    }
    let is_node = query.edns.is_some_and(|edns| edns.wants_table_proof);
    match directory.freshness() {
        Freshness::Stale if is_whole && is_node => {
            refusal(Rcode::SERVFAIL, Some(ExtendedError::StaleAnswer))
        }
        Freshness::Synced | Freshness::Stale => Ok(()),
        Freshness::Empty | Freshness::Incomplete => {
            refusal(Rcode::SERVFAIL, Some(ExtendedError::NotReady))
        }
        Freshness::Expired => refusal(Rcode::SERVFAIL, Some(ExtendedError::NoReachableAuthority)),
    }
}

/// The serial that who asks for changes has: that of the SOA among the authority (RFC 1995 §3).
pub(super) fn serial_of(message: &[u8], question: &Question<'_>) -> Option<u32> {
    let [answers, authorities] = [6, 8].map(|at| u16_at(message, at));
    if (answers, authorities) != (Some(0), Some(1)) {
        return None;
    }
    let owner_end = skip_name(message, HEADER + question.wire.len())?;
    if u16_at(message, owner_end)? != rrtype::SOA {
        return None;
    }
    // After type, class, TTL and length.
    let mname_end = skip_name(message, owner_end + 10)?;
    let rname_end = skip_name(message, mname_end)?;
    array_at(message, rname_end).map(u32::from_be_bytes)
}
