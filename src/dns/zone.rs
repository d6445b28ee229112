//! The zones that are answered for with authority, and which of them a name belongs to.

use super::reply::push_name;
use super::wire::LONGEST_NAME;
use crate::cluster::Keyspace;

/// The octets after the question's name on the wire: the root's, type and class.
const AFTER_NAME: usize = 5;

/// The times after which a secondary server would look again and would give up, in seconds. There is no
/// zone transfer, so nobody does; the values are sane for a zone that changes every minute.
const REFRESH: u32 = 60;
const RETRY: u32 = 10;
const EXPIRE: u32 = 86_400;

/// One zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// Its name, in lower case with the final dot.
    pub(super) name: String,
    /// Its name server on the wire: the group of its nodes.
    pub(super) server: Vec<u8>,
    /// The data of its SOA record (RFC 1035 §3.3.13) before the serial.
    before_serial: Vec<u8>,
    after_serial: [u8; 16],
}

impl Zone {
    /// `ttl` is that of all answers, in seconds, and so that of negative ones (RFC 2308 §5).
    fn new(name: &str, server: &str, ttl: u32) -> Zone {
        let (mut server_wire, mut after_serial) = (Vec::new(), [0; 16]);
        push_name(server, &mut server_wire);
        let mut before_serial = server_wire.clone();
        let hostmaster = format!("hostmaster.{name}");
        // A zone with a name of nearly 255 octets has no room for another label.
        let has_room = hostmaster.len() < LONGEST_NAME;
        push_name(if has_room { &hostmaster } else { name }, &mut before_serial);
        for (place, time) in after_serial.chunks_mut(4).zip([REFRESH, RETRY, EXPIRE, ttl]) {
            place.copy_from_slice(&time.to_be_bytes());
        }
        Zone { name: name.to_owned(), server: server_wire, before_serial, after_serial }
    }

    /// Returns the offset of the zone's name in a message whose question ends with it.
    pub(super) fn offset(&self, question_end: usize) -> usize {
        // In text with the final dot a name is one octet shorter than on the wire.
        question_end.saturating_sub(self.name.len() + AFTER_NAME)
    }

    /// Appends the data of the zone's SOA.
    pub(super) fn push_soa(&self, revision: i64, octets: &mut Vec<u8>) {
        octets.extend_from_slice(&self.before_serial);
        // The serial is etcd's revision modulo 2^32: it grows with every change (RFC 1982).
        let [_, _, _, _, serial @ ..] = revision.to_be_bytes();
        octets.extend_from_slice(&serial);
        octets.extend_from_slice(&self.after_serial);
    }
}

/// The zones of a cluster's names.
#[derive(Clone, Debug)]
pub(super) struct Zones(Vec<Zone>);

impl Zones {
    /// The zone of each pattern, and each plain name that is in none of them.
    pub(super) fn new(keyspace: &Keyspace, ttl: u32) -> Zones {
        let mut zones = Zones(Vec::new());
        let mut names: Vec<_> = keyspace.names().collect();
        // Patterns first: a plain name inside of a pattern's zone is part of that.
        names.sort_by_key(|names| names.zone() == names.group());
        for names in names {
            let is_known = zones.0.iter().any(|zone| zone.name == names.zone());
            let is_inside =
                names.zone() == names.group() && zones.of(names.zone().as_bytes()).is_some();
            if !is_known && !is_inside {
                zones.0.push(Zone::new(names.zone(), &names.group(), ttl));
            }
        }
        // The longest first, so that the first match is the closest.
        zones.0.sort_by_key(|zone| std::cmp::Reverse(zone.name.len()));
        zones
    }

    /// The zone that a name in lower case with the final dot belongs to.
    pub(super) fn of(&self, name: &[u8]) -> Option<&Zone> {
        self.0.iter().find(|zone| {
            let above = name.strip_suffix(zone.name.as_bytes());
            above.is_some_and(|above| above.is_empty() || above.ends_with(b"."))
        })
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
        let zones = Zones::new(&keyspace, 5);
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
