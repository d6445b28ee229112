//! The SOA record of the zone (RFC 1035 §3.3.13), prepared but for its owner and serial.

use simple_dns::rdata::{RData, SOA};
use simple_dns::{CLASS, Name, Packet, ResourceRecord, SimpleDnsError};

use super::wire::{HEADER, POINTER};

/// When a secondary server would look again, and when it would give up, in seconds. There is no
/// zone transfer, so nobody does; the values are sane for a zone that changes every minute.
const REFRESH: i32 = 60;
const RETRY: i32 = 10;
const EXPIRE: i32 = 86_400;

/// The octets of the record from the serial to the end: five numbers of 32 bits.
const FROM_SERIAL: usize = 20;

/// The SOA of a zone: MNAME is the group of its nodes, all of which are its servers; the minimum,
/// which is the TTL of negative answers (RFC 2308 §5), is the TTL of all answers.
#[derive(Clone, Debug)]
pub struct Soa {
    /// Type, class, TTL, length, MNAME, RNAME.
    before_serial: Vec<u8>,
    after_serial: Vec<u8>,
}

impl Soa {
    /// `zone` and `mname` are names as text with the final dot; `ttl` is in seconds.
    ///
    /// # Errors
    /// When one of them is no domain name.
    pub fn new(zone: &str, mname: &str, ttl: u32) -> Result<Soa, SimpleDnsError> {
        let hostmaster = format!("hostmaster.{zone}");
        let data = SOA {
            mname: Name::new(mname)?,
            // A zone with a name of nearly 255 octets has no room for another label.
            rname: Name::new(&hostmaster).or_else(|_| Name::new(zone))?,
            serial: 0,
            refresh: REFRESH,
            retry: RETRY,
            expire: EXPIRE,
            minimum: ttl,
        };
        let mut message = Packet::new_reply(0);
        let root = Name::new(".")?;
        message.answers.push(ResourceRecord::new(root, CLASS::IN, ttl, RData::SOA(data)));
        let message = message.build_bytes_vec()?;
        // The owner is the root here, one octet; the pointer that replaces it comes with the reply.
        let record = message.get(HEADER + 1..).unwrap_or_default();
        let (before_serial, from_serial) =
            record.split_at_checked(record.len().saturating_sub(FROM_SERIAL)).unwrap_or_default();
        Ok(Soa {
            before_serial: before_serial.to_vec(),
            after_serial: from_serial.get(4..).unwrap_or_default().to_vec(),
        })
    }

    /// Writes the record; `owner` is the offset in the message where the zone's name stands.
    pub fn write(&self, owner: usize, revision: i64, reply: &mut Vec<u8>) {
        let offset = u16::try_from(owner).unwrap_or(u16::MAX) & !POINTER;
        reply.extend_from_slice(&(POINTER | offset).to_be_bytes());
        reply.extend_from_slice(&self.before_serial);
        // The serial is etcd's revision modulo 2^32: it grows with every change (RFC 1982).
        let [_, _, _, _, serial @ ..] = revision.to_be_bytes();
        reply.extend_from_slice(&serial);
        reply.extend_from_slice(&self.after_serial);
    }
}
