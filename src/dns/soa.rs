//! The SOA record of the zone (RFC 1035 §3.3.13), prepared but for its owner and serial.

use super::wire::{CLASS_IN, POINTER, rrtype};

/// When a secondary server would look again, and when it would give up, in seconds. There is no
/// zone transfer, so nobody does; the values are sane for a zone that changes every minute.
const REFRESH: u32 = 60;
const RETRY: u32 = 10;
const EXPIRE: u32 = 86_400;

/// The SOA of a zone: MNAME is the group of its nodes, all of which are its servers; the minimum,
/// which is the TTL of negative answers (RFC 2308 §5), is the TTL of all answers.
#[derive(Clone, Debug)]
pub struct Soa {
    /// Type, class, TTL, length, MNAME, RNAME.
    head: Vec<u8>,
    /// All after the serial.
    tail: [u8; 16],
}

impl Soa {
    /// `zone` and `mname` are names as text with the final dot.
    pub fn new(zone: &str, mname: &str, ttl: u32) -> Soa {
        let mut names = Vec::new();
        push_name(&mut names, mname);
        push_name(&mut names, &format!("hostmaster.{zone}"));
        let length = u16::try_from(names.len() + 20).unwrap_or(u16::MAX);
        let mut head = Vec::new();
        head.extend(rrtype::SOA.to_be_bytes());
        head.extend(CLASS_IN.to_be_bytes());
        head.extend(ttl.to_be_bytes());
        head.extend(length.to_be_bytes());
        head.extend(names);
        let mut tail = [0; 16];
        for (place, value) in tail.chunks_exact_mut(4).zip([REFRESH, RETRY, EXPIRE, ttl]) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        Soa { head, tail }
    }

    /// Writes the record; `owner` is the offset in the message where the zone's name stands.
    pub fn write(&self, owner: usize, revision: i64, reply: &mut Vec<u8>) {
        let offset = u16::try_from(owner).unwrap_or(u16::MAX) & !POINTER;
        reply.extend_from_slice(&(POINTER | offset).to_be_bytes());
        reply.extend_from_slice(&self.head);
        // The serial is etcd's revision modulo 2^32: it grows with every change (RFC 1982).
        let [_, _, _, _, serial @ ..] = revision.to_be_bytes();
        reply.extend_from_slice(&serial);
        reply.extend_from_slice(&self.tail);
    }
}

fn push_name(wire: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        wire.extend(label.bytes());
    }
    wire.push(0);
}
