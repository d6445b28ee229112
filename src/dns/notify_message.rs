//! Telling other servers that a zone has changed (NOTIFY, RFC 1996): the message, and which messages
//! answer it.

use super::reply::push_name_by;
use super::responder::Responder;
use super::wire::{CLASS_IN, HEADER, POINTER_TO_QUESTION, Rcode, flag, rrtype, u16_at};

/// The opcode, in its bits (RFC 1996 §3.1).
pub(super) const NOTIFY: u16 = 4 << 11;

impl Responder {
    /// The names of all zones, in an order that stays.
    pub fn zone_names(&self) -> impl Iterator<Item = &str> {
        self.zones.iter().map(|zone| zone.name.as_str())
    }

    /// Makes the message that says that a zone, by its place among the names, has this serial; its ID is 0.
    /// `None`: there is no such zone.
    pub fn notify(&self, zone: usize, serial: u32) -> Option<Vec<u8>> {
        let zone = self.zones.get(zone)?;
        let [flags_high, flags_low] = (NOTIFY | flag::AA).to_be_bytes();
        let mut message = vec![0, 0, flags_high, flags_low, 0, 1, 0, 1, 0, 0, 0, 0];
        push_name_by(&mut message, |text| text.extend_from_slice(zone.name.as_bytes()));
        message.extend_from_slice(&rrtype::SOA.to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        // The SOA is a hint, which spares the other server a query where it knows that serial (§3.7).
        message.extend_from_slice(&POINTER_TO_QUESTION.to_be_bytes());
        message.extend_from_slice(&rrtype::SOA.to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        message.extend_from_slice(&self.ttl.to_be_bytes());
        let mut data = Vec::new();
        zone.push_soa(serial, &mut data);
        message.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        message.extend_from_slice(&data);
        Some(message)
    }
}

/// The response code of a reply to a NOTIFY message as it was sent; `None`: it is none.
pub fn notify_answer(reply: &[u8], message: &[u8]) -> Option<Rcode> {
    let flags = u16_at(reply, 2)?;
    let is_reply = flags & flag::QR != 0 && flags & flag::OPCODE == NOTIFY;
    if !is_reply || reply.get(..2) != message.get(..2) {
        return None;
    }
    // The question comes back, but for who cannot read it.
    let question = message.get(HEADER..)?;
    let theirs = reply.get(HEADER..)?;
    let length = super::query::Question::read(message)?.wire.len();
    let is_same = match u16_at(reply, 4)? {
        0 => true,
        1 => theirs.get(..length)?.eq_ignore_ascii_case(question.get(..length)?),
        _ => false,
    };
    is_same.then_some(Rcode::new((flags & 0x0f) as u8))
}

#[cfg(test)]
#[path = "notify_message_tests.rs"]
mod tests;
