//! What a record of a zone says of a node.

use crate::cluster::{Details, TransferredChange};
use crate::dns::standing_text::{self, StandingText};
use crate::dns::wire::{array_at, rrtype, skip_name, u16_at};

/// The octets of SRV before its target, and in it the place of the port.
const TARGET_AT: usize = 6;
const PORT_AT: usize = 4;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It comes.
    Comes,
    /// It goes.
    Goes,
}

impl Fate {
    fn of<T>(self, value: T) -> Option<Option<T>> {
        Some((self == Fate::Comes).then_some(value))
    }
}

/// The record is not as its type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadData;

/// What a record at the name of a node changes of that; nothing by a type that tells nothing of nodes.
pub(super) fn change(rrtype: u16, data: &[u8], fate: Fate) -> Result<TransferredChange, BadData> {
    let mut change = TransferredChange::default();
    match rrtype {
        rrtype::A => {
            let octets: [u8; 4] = data.try_into().map_err(|_| BadData)?;
            change.ipv4 = fate.of(octets.into());
        }
        rrtype::AAAA => {
            let octets: [u8; 16] = data.try_into().map_err(|_| BadData)?;
            change.ipv6 = fate.of(octets.into());
        }
        rrtype::SRV => {
            if data.len() <= TARGET_AT {
                return Err(BadData);
            }
            change.port = fate.of(u16_at(data, PORT_AT).ok_or(BadData)?);
        }
        rrtype::TXT => match standing_text::read(data) {
            Some(StandingText::NotReady) => change.is_ready = Some(fate == Fate::Goes),
            Some(StandingText::Drained(drain)) => change.drain = fate.of(drain),
            Some(StandingText::Detail(key, text)) => {
                change.details.insert(key, (fate == Fate::Comes).then_some(text));
            }
            None => {}
        },
        _ => {}
    }
    Ok(change)
}

/// The same of a record at the name of a service of a node.
pub(super) fn service_change(
    service: &str,
    rrtype: u16,
    data: &[u8],
    fate: Fate,
) -> Result<TransferredChange, BadData> {
    let change = change(rrtype, data, fate)?;
    let mut named = TransferredChange::default();
    if let Some(port) = change.port
        && Details::is_service(service)
    {
        named.details.insert(service.to_owned(), port.map(|port| port.to_string()));
    }
    Ok(named)
}

/// The serial of a SOA, whose data are at these offsets of a message. `None`: they are malformed.
pub(super) fn serial(message: &[u8], data: std::ops::Range<usize>) -> Option<u32> {
    let rname = skip_name(message, data.start)?;
    let numbers = skip_name(message, rname)?;
    // Serial, refresh, retry, expire, minimum.
    (numbers + 20 == data.end).then_some(())?;
    array_at(message, numbers).map(u32::from_be_bytes)
}
