//! The zones that are answered for with authority, and which of them a name belongs to.

use std::net::IpAddr;

use simple_dns::rdata::{NS, RData, SOA};
use simple_dns::{CLASS, Name as DomainName, Packet, ResourceRecord, SimpleDnsError};

use super::forwarding::is_within;
use super::wire::HEADER;
use crate::cluster::{Keyspace, ReverseNetwork};

/// The octets after the question's name on the wire: the root's, type and class.
const AFTER_NAME: usize = 5;

/// The times after which a secondary server looks again and after which it gives up, in seconds: sane for a
/// zone that changes every minute.
const REFRESH: i32 = 60;
const RETRY: i32 = 10;
const EXPIRE: i32 = 86_400;

/// One zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// Its name, in lower case with the final dot.
    pub(super) name: String,
    /// The data of its NS record: the group of its nodes, all of which are its servers.
    pub(super) server: Vec<u8>,
    /// The addresses whose names these are; `None`: they are names of nodes.
    pub(super) network: Option<ReverseNetwork>,
    /// The data of its SOA record (RFC 1035 §3.3.13), but for the serial.
    soa: Vec<u8>,
}

/// Where the serial begins, from the end of a SOA record's data: five numbers of 32 bits.
const FROM_SERIAL: usize = 20;

/// The octets before the data of a record that a message holds alone: its owner, the root, and type,
/// class, TTL and length.
const BEFORE_DATA: usize = HEADER + 11;

/// The data of a record on the wire.
fn data_of(data: RData<'_>) -> Result<Vec<u8>, SimpleDnsError> {
    let mut message = Packet::new_reply(0);
    message.answers.push(ResourceRecord::new(DomainName::new(".")?, CLASS::IN, 0, data));
    Ok(message.build_bytes_vec()?.get(BEFORE_DATA..).unwrap_or_default().to_vec())
}

impl Zone {
    /// `ttl` is that of all answers, in seconds, and so that of negative ones (RFC 2308 §5).
    fn new(name: &str, server: &str, ttl: u32) -> Result<Zone, SimpleDnsError> {
        let (mname, hostmaster) = (DomainName::new(server)?, format!("hostmaster.{name}"));
        // A zone with a name of nearly 255 octets has no room for another label.
        let rname = DomainName::new(&hostmaster).or_else(|_| DomainName::new(name))?;
        let server = data_of(RData::NS(NS(mname.clone())))?;
        let (serial, refresh, retry, expire, minimum) = (0, REFRESH, RETRY, EXPIRE, ttl);
        let soa = SOA { mname, rname, serial, refresh, retry, expire, minimum };
        Ok(Zone { name: name.to_owned(), server, network: None, soa: data_of(RData::SOA(soa))? })
    }

    /// Returns the offset of the zone's name in a message whose question ends with it.
    pub(super) fn offset(&self, question_end: usize) -> usize {
        // In text with the final dot a name is one octet shorter than on the wire.
        question_end.saturating_sub(self.name.len() + AFTER_NAME)
    }

    /// Appends the data of the zone's SOA.
    pub(super) fn push_soa(&self, serial: u32, octets: &mut Vec<u8>) {
        octets.extend_from_slice(&self.soa);
        let from_serial = octets.len().saturating_sub(FROM_SERIAL);
        let serial = serial.to_be_bytes();
        if let Some(place) = octets.get_mut(from_serial..from_serial + serial.len()) {
            place.copy_from_slice(&serial);
        }
    }
}

/// The zones of a cluster's names.
#[derive(Clone, Debug)]
pub(super) struct Zones(Vec<Zone>);

impl Zones {
    /// The zone of each pattern, and each plain name that is in none of them.
    ///
    /// # Errors
    /// When a name cannot be written as a domain name.
    pub(super) fn new(keyspace: &Keyspace, ttl: u32) -> Result<Zones, SimpleDnsError> {
        let mut zones = Zones(Vec::new());
        let mut names: Vec<_> = keyspace.names().collect();
        // Patterns first: a plain name inside of a pattern's zone is part of that.
        names.sort_by_key(|names| names.zone() == names.group());
        for names in names {
            let is_known = zones.0.iter().any(|zone| zone.name == names.zone());
            let is_inside =
                names.zone() == names.group() && zones.of(names.zone().as_bytes()).is_some();
            if !is_known && !is_inside {
                zones.0.push(Zone::new(names.zone(), &names.group(), ttl)?);
            }
        }
        zones.sort();
        Ok(zones)
    }

    /// Adds the zones of reverse names. Their servers are those of this pattern, whose TTL is theirs.
    ///
    /// # Errors
    /// When a name cannot be written as a domain name.
    pub(super) fn add_reverse(
        &mut self,
        networks: &[ReverseNetwork],
        server: &str,
        ttl: u32,
    ) -> Result<(), SimpleDnsError> {
        for network in networks {
            let zone = Zone::new(&network.zone(), server, ttl)?;
            if self.0.iter().all(|known| known.name != zone.name) {
                self.0.push(Zone { network: Some(*network), ..zone });
            }
        }
        self.sort();
        Ok(())
    }

    /// The names of the zones, in lower case with the final dot.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|zone| zone.name.as_str())
    }

    /// The longest first, so that the first match is the closest.
    fn sort(&mut self) {
        self.0.sort_by_key(|zone| std::cmp::Reverse(zone.name.len()));
    }

    /// The zone that a name in lower case with the final dot belongs to.
    pub(super) fn of(&self, name: &[u8]) -> Option<&Zone> {
        self.0.iter().find(|zone| is_within(name, &zone.name))
    }

    /// The closest zone that the reverse name of an address is in.
    pub(super) fn of_address(&self, address: IpAddr) -> Option<&Zone> {
        self.0.iter().find(|zone| zone.network.is_some_and(|network| network.contains(address)))
    }

    /// The index of the zone of this name.
    pub(super) fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|zone| zone.name.as_bytes() == name)
    }

    /// All of them, by index.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.0.iter()
    }

    /// The zone with an index.
    pub(super) fn get(&self, index: usize) -> Option<&Zone> {
        self.0.get(index)
    }

    /// Whether a zone begins below a name.
    pub(super) fn has_below(&self, name: &str) -> bool {
        self.0.iter().any(|zone| zone.name.strip_suffix(name).is_some_and(|it| it.ends_with('.')))
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
