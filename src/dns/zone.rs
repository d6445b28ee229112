//! The zones that are answered for with authority, which of them a name belongs to, and the SOA
//! record (RFC 1035 §3.3.13) of each, prepared but for its owner and serial.

use simple_dns::rdata::{RData, SOA};
use simple_dns::{CLASS, Name as DomainName, Packet, ResourceRecord, SimpleDnsError};

use super::wire::{HEADER, POINTER};
use crate::cluster::Keyspace;

/// The octets after the question's name on the wire: the root's, type and class.
const AFTER_NAME: usize = 5;

/// The times after which a secondary server would look again and would give up, in seconds. There is no
/// zone transfer, so nobody does; the values are sane for a zone that changes every minute.
const REFRESH: i32 = 60;
const RETRY: i32 = 10;
const EXPIRE: i32 = 86_400;

/// The octets of the record from the serial to the end: five numbers of 32 bits.
const FROM_SERIAL: usize = 20;

/// One zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name, in lower case with the final dot.
    pub name: String,
    /// Its name server: the group of its nodes.
    pub server: String,
    soa: Soa,
}

impl Zone {
    /// Returns the offset of the zone's name in a message whose question ends with it.
    pub fn offset(&self, question_end: usize) -> usize {
        // In text with the final dot a name is one octet shorter than on the wire.
        question_end.saturating_sub(self.name.len() + AFTER_NAME)
    }

    /// Writes the zone's SOA under the name that stands at this offset of the message.
    pub fn write_soa(&self, owner: usize, revision: i64, reply: &mut Vec<u8>) {
        self.soa.write(owner, revision, reply);
    }
}

/// The zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Zones(Vec<Zone>);

impl Zones {
    /// The zone of each pattern, and each plain name that is in none of them.
    ///
    /// # Errors
    /// When a name cannot be written as a domain name.
    pub fn new(keyspace: &Keyspace, ttl: u32) -> Result<Zones, SimpleDnsError> {
        let mut zones = Zones(Vec::new());
        let mut names: Vec<_> = keyspace.names().collect();
        // Patterns first: a plain name inside of a pattern's zone is part of that.
        names.sort_by_key(|names| names.zone() == names.group());
        for names in names {
            let is_known = zones.0.iter().any(|zone| zone.name == names.zone());
            let is_inside =
                names.zone() == names.group() && zones.of(names.zone().as_bytes()).is_some();
            if !is_known && !is_inside {
                let soa = Soa::new(names.zone(), &names.group(), ttl)?;
                zones.0.push(Zone { name: names.zone().to_owned(), server: names.group(), soa });
            }
        }
        // The longest first, so that the first match is the closest.
        zones.0.sort_by_key(|zone| std::cmp::Reverse(zone.name.len()));
        Ok(zones)
    }

    /// The zone that a name in lower case with the final dot belongs to.
    pub fn of(&self, name: &[u8]) -> Option<&Zone> {
        self.0.iter().find(|zone| {
            let above = name.strip_suffix(zone.name.as_bytes());
            above.is_some_and(|above| above.is_empty() || above.ends_with(b"."))
        })
    }
}

/// The SOA of a zone: MNAME is the group of its nodes, all of which are its servers; the minimum,
/// which is the TTL of negative answers (RFC 2308 §5), is the TTL of all answers.
#[derive(Clone, Debug)]
struct Soa {
    /// Type, class, TTL, length, MNAME, RNAME.
    before_serial: Vec<u8>,
    after_serial: Vec<u8>,
}

impl Soa {
    /// `zone` and `mname` are names as text with the final dot; `ttl` is in seconds.
    ///
    /// # Errors
    /// When one of them is no domain name.
    fn new(zone: &str, mname: &str, ttl: u32) -> Result<Soa, SimpleDnsError> {
        let hostmaster = format!("hostmaster.{zone}");
        let data = SOA {
            mname: DomainName::new(mname)?,
            // A zone with a name of nearly 255 octets has no room for another label.
            rname: DomainName::new(&hostmaster).or_else(|_| DomainName::new(zone))?,
            serial: 0,
            refresh: REFRESH,
            retry: RETRY,
            expire: EXPIRE,
            minimum: ttl,
        };
        let mut message = Packet::new_reply(0);
        let root = DomainName::new(".")?;
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
    fn write(&self, owner: usize, revision: i64, reply: &mut Vec<u8>) {
        let offset = u16::try_from(owner).unwrap_or(u16::MAX) & !POINTER;
        reply.extend_from_slice(&(POINTER | offset).to_be_bytes());
        reply.extend_from_slice(&self.before_serial);
        // The serial is etcd's revision modulo 2^32: it grows with every change (RFC 1982).
        let [_, _, _, _, serial @ ..] = revision.to_be_bytes();
        reply.extend_from_slice(&serial);
        reply.extend_from_slice(&self.after_serial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Names, Pattern};

    #[test]
    fn a_name_belongs_to_the_closest_zone() {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
        let resolve =
            ["db.example.com.", "ps{{.ID}}.a.tf.local.", "x.tf.local.", "{{.ID}}.b.", "b."];
        let resolve: Vec<_> =
            resolve.iter().filter_map(|text| Names::parse(text, 5).ok()).collect();
        let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
        let zones = Zones::new(&keyspace, 5).expect("zones");
        let table = [
            ("worker1.tf.local.", Some("tf.local.")),
            ("tf.local.", Some("tf.local.")),
            ("x.tf.local.", Some("tf.local.")),
            ("ps1.a.tf.local.", Some("a.tf.local.")),
            ("aa.tf.local.", Some("tf.local.")),
            ("atf.local.", None),
            ("db.example.com.", Some("db.example.com.")),
            ("example.com.", None),
            ("other.example.com.", None),
            ("1.b.", Some("b.")),
            (".", None),
        ];
        for (name, wanted) in table {
            let zone = zones.of(name.as_bytes()).map(|zone| zone.name.as_str());
            assert_eq!(zone, wanted, "{name}");
        }
    }
}
