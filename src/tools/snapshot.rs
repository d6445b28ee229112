//! The names as etcd has them at one moment, and those among them that are this host's.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::cluster::{Keyspace, Names, Record, RecordError, SlotId};
use crate::etcd::{Error, Etcd, GatewayClient, KeyValue, LeaseId, Range};

/// The content of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyContent {
    /// A node.
    Record(Record),
    /// A value that is not a record: nobody can have this name.
    Unusable(RecordError),
    /// The key is none of the names, although it begins alike.
    Stray,
}

/// The owner of a name, as seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The one node on this host.
    Mine,
    /// One of several nodes on this host.
    Here,
    /// A node elsewhere, or nobody.
    Others,
}

/// A key of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// The place in [`Keyspace::names`] of those that it belongs to.
    pub names: usize,
    /// Its slot, if it has one.
    pub slot: Option<SlotId>,
    /// The name: the key without the prefix.
    pub name: String,
    /// Its content.
    pub content: KeyContent,
    /// The lease that it hangs on; 0: none.
    pub lease: LeaseId,
    /// The fencing token: grows with each new owner.
    pub create_revision: i64,
    /// Its owner.
    pub whose: Whose,
}

impl KeyEntry {
    /// The record, where there is one.
    pub fn record(&self) -> Option<&Record> {
        match &self.content {
            KeyContent::Record(record) => Some(record),
            KeyContent::Unusable(_) | KeyContent::Stray => None,
        }
    }
}

/// All keys of a cluster at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The revision.
    pub revision: i64,
    /// By pattern and slot; strays come last, by name.
    pub entries: Vec<KeyEntry>,
}

/// Reads all names at one revision.
///
/// # Errors
/// Those of the calls to etcd.
pub fn read(client: &mut GatewayClient, keyspace: &Keyspace) -> Result<Snapshot, Error> {
    let mut kvs = Vec::new();
    let mut revision = 0;
    for (first, end) in keyspace.ranges() {
        let range = Range { revision, ..Range::new(first, Some(end)) };
        revision = client.range_pages(range, |page| kvs.extend(page))?.revision;
    }
    Ok(Snapshot { revision, entries: sorted(&kvs, keyspace) })
}

/// Patterns may begin alike, so a key may have been read twice, and be a stray in one range and a
/// name in another.
fn sorted(kvs: &[KeyValue], keyspace: &Keyspace) -> Vec<KeyEntry> {
    let all: Vec<Names> = keyspace.names().collect();
    let mut seen = HashSet::new();
    let new = kvs.iter().filter(|kv| seen.insert(&kv.key));
    let mut entries: Vec<KeyEntry> = new.filter_map(|kv| entry(kv, keyspace, &all)).collect();
    entries.sort_by(|one, two| {
        let place =
            |entry: &KeyEntry| (entry.content == KeyContent::Stray, entry.names, entry.slot);
        place(one).cmp(&place(two)).then_with(|| one.name.cmp(&two.name))
    });
    entries
}

fn entry(kv: &KeyValue, keyspace: &Keyspace, all: &[Names]) -> Option<KeyEntry> {
    let name = keyspace.name_of(&kv.key)?;
    let owner = all.iter().enumerate().find(|(_, names)| names.slot_of(name).is_some());
    let content = match (owner, Record::parse(&kv.value)) {
        (None, _) => KeyContent::Stray,
        (Some(_), Ok(record)) => KeyContent::Record(record),
        (Some(_), Err(error)) => KeyContent::Unusable(error),
    };
    Some(KeyEntry {
        names: owner.map_or(0, |(index, _)| index),
        slot: owner.and_then(|(_, names)| names.pattern()?.slot_of(name)),
        name: String::from_utf8_lossy(name).into_owned(),
        content,
        lease: kv.lease,
        create_revision: kv.create_revision,
        whose: Whose::Others,
    })
}

impl Snapshot {
    /// Notes which names are this host's: those whose every address is its own, and whose port is
    /// `port`, where that is given. What all hosts have alike, such as 127.0.0.1, tells nothing, so
    /// it must not be in `own`.
    pub fn find_mine(&mut self, own: &[IpAddr], port: Option<u16>) {
        let is_here = |entry: &KeyEntry| {
            entry.record().is_some_and(|record| {
                let addresses = [record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from)];
                let is_port = port.is_none() || record.port == port;
                is_port && addresses.into_iter().flatten().all(|address| own.contains(&address))
            })
        };
        let mut here: Vec<&mut KeyEntry> = self.entries.iter_mut().filter(|e| is_here(e)).collect();
        let whose = if here.len() == 1 { Whose::Mine } else { Whose::Here };
        for entry in &mut here {
            entry.whose = whose;
        }
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
