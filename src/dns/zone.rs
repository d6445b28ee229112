//! The zones that are answered for with authority, and which of them a name belongs to.

use simple_dns::SimpleDnsError;

use super::soa::Soa;
use crate::cluster::Keyspace;

/// What follows the question's name on the wire: the root's octet, type and class.
const AFTER_NAME: usize = 5;

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
    /// Where the zone's name stands, at the end of a question of which that is the end.
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
