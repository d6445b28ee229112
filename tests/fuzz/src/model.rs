//! What a directory ought to know, in the plainest way: for each range a map from keys to values.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use idetcd::cluster::{Applied, KeyRange, Keyspace, Names, PublishedNode, Record, SlotId};

/// Everything that was told.
pub struct Model(Vec<Followed>);

/// One range, and what is in it.
struct Followed {
    prefix: Vec<u8>,
    names: Names,
    range: KeyRange,
    keys: BTreeMap<Vec<u8>, Known>,
}

struct Known {
    /// `None`: the key is no name of these.
    id: Option<SlotId>,
    /// The key is the drain of this slot.
    drained: Option<SlotId>,
    /// `None`: the value is not a record.
    record: Option<Record>,
    is_ready: bool,
    mod_revision: i64,
}

/// The lease that a key hangs on, of two.
pub fn lease(mod_revision: i64) -> i64 {
    mod_revision & 1
}

impl Model {
    pub fn new(keyspace: &Keyspace) -> Self {
        let followed = keyspace.names().zip(keyspace.ranges()).map(|(names, range)| Followed {
            prefix: keyspace.prefix.as_bytes().to_vec(),
            names,
            range,
            keys: BTreeMap::new(),
        });
        Model(followed.collect())
    }

    pub fn apply(
        &mut self,
        range: usize,
        key: &[u8],
        value: Option<&[u8]>,
        mod_revision: i64,
    ) -> Applied {
        let Some(followed) = self.0.get_mut(range) else { return Applied::Ignored };
        let (first, end) = &followed.range;
        if !(first.as_slice() <= key && key < end.as_slice()) {
            return Applied::Ignored;
        }
        if followed.keys.get(key).is_some_and(|known| known.mod_revision >= mod_revision) {
            return Applied::Ignored;
        }
        let name = &key[followed.prefix.len()..];
        let (id, drained) = (followed.id_of(name), followed.drained_by(name));
        let read = value.map(|value| PublishedNode::parse(value, mod_revision));
        let before = match &read {
            None => followed.keys.remove(key),
            Some(read) => {
                let record = read.as_ref().ok().map(|node| node.record);
                let is_ready = read.as_ref().is_ok_and(|node| node.is_ready);
                let known = Known { id, drained, record, is_ready, mod_revision };
                followed.keys.insert(key.to_vec(), known)
            }
        };
        match read {
            _ if id.is_none() && drained.is_none() => Applied::Ignored,
            None if before.is_none() => Applied::Ignored,
            Some(_) if drained.is_some() => Applied::Changed,
            Some(Err(error)) => Applied::Unusable(error),
            _ => Applied::Changed,
        }
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|followed| followed.named().len()).sum()
    }

    /// A name of several ranges once, as the first of them has it.
    pub fn records(&self) -> Vec<(Vec<u8>, Record)> {
        let mut told = HashSet::new();
        let mut records = self.records_of_ranges();
        records.retain(|(name, _)| told.insert(name.clone()));
        records
    }

    fn records_of_ranges(&self) -> Vec<(Vec<u8>, Record)> {
        let all = self.0.iter().flat_map(Followed::named);
        all.filter_map(|(_, name, known)| Some((name, known.record?))).collect()
    }

    pub fn slots(&self) -> Vec<(SlotId, Option<Record>)> {
        let own = self.0.iter().take(1).flat_map(Followed::named);
        own.map(|(id, _, known)| (id, known.record)).collect()
    }

    pub fn standings(&self) -> Vec<(usize, i64)> {
        let newest = |followed: &Followed| {
            followed.keys.values().map(|known| known.mod_revision).max().unwrap_or(0)
        };
        self.0.iter().map(|followed| (followed.keys.len(), newest(followed))).collect()
    }

    /// The first range that has the name tells.
    pub fn record(&self, name: &[u8]) -> Option<Record> {
        let mut all = self.0.iter().flat_map(Followed::named);
        all.find(|(_, other, _)| other == name).and_then(|(_, _, known)| known.record)
    }

    pub fn group(&self, name: &[u8]) -> Option<Vec<(SlotId, Record)>> {
        let is_group =
            |names: &Names| matches!(names, Names::Numbered(_)) && names.group().as_bytes() == name;
        let followed = self.0.iter().find(|followed| is_group(&followed.names))?;
        let nodes = followed.named().into_iter();
        let nodes =
            nodes.filter(|(id, _, known)| known.is_ready && !followed.is_drained(*id, known));
        Some(nodes.filter_map(|(id, _, known)| Some((id, known.record?))).collect())
    }

    /// Whether a group or a record lies below a name.
    pub fn has_below(&self, name: &[u8]) -> bool {
        let below = [b".", name].concat();
        let numbered = self.0.iter().filter(|f| matches!(f.names, Names::Numbered(_)));
        let mut groups = numbered.map(|followed| followed.names.group().into_bytes());
        groups.any(|group| group.ends_with(&below))
            || self.records_of_ranges().iter().any(|(other, _)| other.ends_with(&below))
    }

    pub fn names_of(&self, address: IpAddr) -> Vec<Vec<u8>> {
        let publishes = |record: &Record| {
            record.ipv4.map(IpAddr::from) == Some(address)
                || record.ipv6.map(IpAddr::from) == Some(address)
        };
        let mut names = Vec::new();
        for (name, record) in self.records_of_ranges() {
            if publishes(&record) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The key of a name whose value is no record, with its revision.
    pub fn unusable(&self, name: &[u8]) -> Vec<(Vec<u8>, i64)> {
        let named = self.0.iter().flat_map(|followed| {
            let named = followed.named().into_iter();
            named.map(|(_, other, known)| (followed.prefix.clone(), other, known))
        });
        named
            .filter(|(_, other, known)| other == name && known.record.is_none())
            .map(|(prefix, name, known)| ([prefix, name].concat(), known.mod_revision))
            .collect()
    }
}

impl Followed {
    /// Those keys that are names, by slot.
    fn named(&self) -> Vec<(SlotId, Vec<u8>, &Known)> {
        let named = self
            .keys
            .iter()
            .filter_map(|(key, known)| Some((known.id?, key[self.prefix.len()..].to_vec(), known)));
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(id, ..)| *id);
        named
    }

    /// Whether there is a drain of this slot on the lease of what is there.
    fn is_drained(&self, id: SlotId, node: &Known) -> bool {
        self.keys.values().any(|known| {
            known.drained == Some(id) && lease(known.mod_revision) == lease(node.mod_revision)
        })
    }

    /// The slot whose drain this is: a name, but for a colon before its number.
    fn drained_by(&self, name: &[u8]) -> Option<SlotId> {
        let Names::Numbered(pattern) = &self.names else { return None };
        let at = pattern.range().0.len() - 1;
        if name.get(at) != Some(&b':') {
            return None;
        }
        self.id_of(&[&name[..at], &name[at + 1..]].concat())
    }

    /// The slot that is called so: of all numbers that can be read there the one whose name it is.
    fn id_of(&self, name: &[u8]) -> Option<SlotId> {
        let pattern = match &self.names {
            Names::Single(single) => return (single.as_bytes() == name).then_some(SlotId::FIRST),
            Names::Numbered(pattern) => pattern,
        };
        let digits = name.get(pattern.range().0.len() - 1..)?;
        let readable = (1..=digits.len()).map_while(|end| {
            std::str::from_utf8(&digits[..end]).ok()?.parse().ok().map(SlotId::new)
        });
        readable.flatten().find(|id| pattern.name(*id).as_bytes() == name)
    }
}
