//! What the names say, in a form that is slow and plain.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use support::dns::message::{Data, Labels};

use super::generator::State;

#[derive(Clone, Debug)]
pub struct Node {
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Option<Ipv6Addr>,
    pub port: Option<u16>,
}

impl Node {
    /// As it stands in etcd.
    pub fn json(&self) -> String {
        let mut fields = Vec::new();
        fields.extend(self.ipv4.map(|ip| format!(r#""ipv4":"{ip}""#)));
        fields.extend(self.ipv6.map(|ip| format!(r#""ipv6":"{ip}""#)));
        fields.extend(self.port.map(|port| format!(r#""port":"{port}""#)));
        format!("{{{}}}", fields.join(","))
    }

    fn data(&self, name: &Labels) -> Vec<(u16, Data)> {
        let mut data = self.addresses();
        data.extend(self.port.map(|port| (33, Data::Srv([0, 0, port], name.clone()))));
        data
    }

    pub fn addresses(&self) -> Vec<(u16, Data)> {
        let ipv4 = self.ipv4.map(|ip| (1, Data::A(ip)));
        ipv4.into_iter().chain(self.ipv6.map(|ip| (28, Data::Aaaa(ip)))).collect()
    }
}

/// What a name of the class IN stands for.
#[derive(Debug)]
pub struct Outcome<'a> {
    pub rcode: u8,
    pub error: Option<u16>,
    pub answers: Vec<&'a Data>,
    /// Whose SOA denies it.
    pub denied_by: Option<(Labels, Data)>,
}

/// All names are in lower case.
pub struct Model {
    pub ttl: u32,
    /// What is answered in place of every record (RFC 8482).
    any: Data,
    serial: u32,
    /// Each zone, and its server.
    zones: Vec<(Labels, Labels)>,
    /// The sorted data of each name.
    names: BTreeMap<Labels, Vec<(u16, Data)>>,
    /// Names with data, and those above them within their zones.
    existing: BTreeSet<Labels>,
    /// Names that stand for all nodes, and those of single ones.
    groups: BTreeSet<Labels>,
    pub nodes: BTreeMap<Labels, Node>,
}

pub fn labels(name: &str) -> Labels {
    name.split('.')
        .filter(|label| !label.is_empty())
        .map(|label| label.as_bytes().to_vec())
        .collect()
}

fn is_within(name: &[Vec<u8>], zone: &[Vec<u8>]) -> bool {
    name.ends_with(zone)
}

impl Model {
    pub fn new(
        patterns: &[&str],
        records: &[(usize, String, Node)],
        ttl: u32,
        revision: i64,
    ) -> Model {
        let mut model = Model {
            ttl,
            any: Data::Hinfo("RFC8482".to_owned(), String::new()),
            serial: revision as u32,
            zones: Vec::new(),
            names: BTreeMap::new(),
            existing: BTreeSet::new(),
            groups: BTreeSet::new(),
            nodes: BTreeMap::new(),
        };
        for (index, pattern) in patterns.iter().enumerate() {
            model.add(pattern, records.iter().filter(|(range, ..)| *range == index));
        }
        for data in model.names.values_mut() {
            data.sort();
            data.dedup();
        }
        let all: Vec<Labels> = model.names.keys().cloned().collect();
        for name in all {
            let zone = model.zone(&name).map_or(name.len(), |(zone, _)| zone.len());
            for above in 0..=name.len() - zone {
                model.existing.insert(name[above..].to_vec());
            }
        }
        model
    }

    fn add<'a>(&mut self, pattern: &str, records: impl Iterator<Item = &'a (usize, String, Node)>) {
        // The group is the pattern without its number, the zone what follows the label with it.
        let (before, after) = match (pattern.find("{{"), pattern.find("}}")) {
            (Some(open), Some(close)) => (&pattern[..open], &pattern[close + 2..]),
            _ => ("", pattern),
        };
        let group = labels(&format!("{before}{after}"));
        let is_pattern = after != pattern;
        let zone = if is_pattern { labels(after) } else { group.clone() };
        self.zones.push((zone.clone(), group.clone()));
        let soa = self.soa(&zone, &group);
        self.names
            .entry(zone.clone())
            .or_default()
            .extend([(6, soa), (2, Data::Ns(group.clone()))]);
        self.names.entry(group.clone()).or_default();
        self.groups.insert(group.clone());
        for (_, name, node) in records {
            let name = labels(name);
            self.names.entry(name.clone()).or_default().extend(node.data(&name));
            if is_pattern {
                self.names.entry(group.clone()).or_default().extend(node.data(&name));
            }
            for (_, address) in node.addresses() {
                self.add_reverse(&address, &name);
            }
            self.nodes.insert(name, node.clone());
        }
    }

    /// An address has a zone of its own, served by the nodes of the first one.
    fn add_reverse(&mut self, address: &Data, name: &Labels) {
        let reverse = match address {
            Data::A(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
            }
            Data::Aaaa(ip) => {
                let digits = format!("{:032x}", u128::from(*ip));
                digits.chars().rev().flat_map(|digit| [digit, '.']).collect::<String>()
                    + "ip6.arpa."
            }
            _ => return,
        };
        let (zone, server) = self.own_zone().clone();
        let soa = self.soa(&zone, &server);
        let data = self.names.entry(labels(&reverse)).or_default();
        data.extend([(12, Data::Ptr(name.clone())), (2, Data::Ns(server)), (6, soa)]);
    }

    fn soa(&self, zone: &Labels, server: &Labels) -> Data {
        let rname = [labels("hostmaster"), zone.clone()].concat();
        Data::Soa(server.clone(), rname, [self.serial, 60, 10, 86_400, self.ttl])
    }

    /// That of the pattern to claim from.
    fn own_zone(&self) -> &(Labels, Labels) {
        &self.zones[0]
    }

    /// The closest zone.
    fn zone(&self, name: &[Vec<u8>]) -> Option<&(Labels, Labels)> {
        let all = self.zones.iter().filter(|(zone, _)| is_within(name, zone));
        all.max_by_key(|(zone, _)| zone.len())
    }

    /// What is answered to a question of the class IN.
    pub fn look_up(&self, name: &Labels, rrtype: u16, state: State) -> Outcome<'_> {
        let failure = |rcode, error| Outcome { rcode, error, answers: Vec::new(), denied_by: None };
        if matches!(rrtype, 251 | 252) {
            return failure(5, None);
        }
        let zone = self.zone(name);
        let data = self.names.get(name);
        let is_known = zone.is_some() || data.is_some() && state != State::Empty;
        if !is_known {
            return failure(5, Some(20));
        }
        match state {
            State::Empty => return failure(2, Some(14)),
            State::Expired => return failure(2, Some(22)),
            State::Incomplete | State::Synced | State::Stale => {}
        }
        let exists = data.is_some() || self.existing.contains(name);
        let answers: Vec<&Data> = match (rrtype, data) {
            (255, Some(_)) => vec![&self.any],
            (_, data) => {
                let data = data.into_iter().flatten();
                data.filter(|(other, _)| *other == rrtype).map(|(_, data)| data).collect()
            }
        };
        let is_of_zone = matches!(rrtype, 2 | 6 | 255) && !answers.is_empty();
        let rests_on_all =
            !exists || self.groups.contains(name) && !self.nodes.contains_key(name) && !is_of_zone;
        if state == State::Incomplete && rests_on_all {
            return failure(2, Some(14));
        }
        let stale = if exists { 3 } else { 19 };
        let (owner, (apex, server)) = match zone {
            Some(zone) => (&zone.0, zone),
            None => (name, self.own_zone()),
        };
        Outcome {
            rcode: if exists { 0 } else { 3 },
            error: matches!(state, State::Incomplete | State::Stale).then_some(stale),
            denied_by: answers.is_empty().then(|| (owner.clone(), self.soa(apex, server))),
            answers,
        }
    }
}
