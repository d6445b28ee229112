//! The names as etcd has them at one moment, and those among them that are this host's.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::{
    Drain, Keyspace, Names, NamesRead, PublishedNode, Record, RecordError, SlotId,
};
use crate::etcd::{Error, GatewayClient, KeyValue, LeaseId, Pages, Range};
use crate::host::terminal::ProgressLine;
use crate::node::Host;
use crate::server::Shared;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyContent {
    /// A node, with the drain that counts for it.
    Node(PublishedNode),
    /// A value that is not a record: nobody can have this name.
    Unusable(RecordError),
    /// The key is none of the names, although it begins alike.
    Stray,
}

/// The owner of a name, as seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The one node on this host.
    Mine,
    /// One of several nodes on this host.
    Here,
    /// A node elsewhere, or nobody.
    Others,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyEntry {
    /// The place in [`Keyspace::names`] of those that it belongs to.
    pub(super) names: usize,
    /// Its slot, if it has one.
    pub(super) slot: Option<SlotId>,
    /// The key without the prefix.
    pub(super) name: String,
    pub(super) content: KeyContent,
    /// The lease that it hangs on; 0: none.
    pub(super) lease: LeaseId,
    /// The revision at which the key came to be.
    pub(super) create_revision: i64,
    pub(super) whose: Whose,
}

impl KeyEntry {
    pub(super) fn node(&self) -> Option<&PublishedNode> {
        if let KeyContent::Node(node) = &self.content { Some(node) } else { None }
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.node().map(|node| &node.record)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let both = |record: &Record| [record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from)];
        self.record().map(both).into_iter().flatten().flatten()
    }
}

/// All keys of a cluster at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) revision: i64,
    /// By pattern and slot; strays come last, by name.
    pub(super) entries: Vec<KeyEntry>,
}

/// Reads all names at one revision, and says on a terminal how far it is.
pub(super) fn read(
    client: &mut GatewayClient,
    keyspace: &Keyspace,
    place: &Shared,
) -> Result<Snapshot, Error> {
    let mut line = ProgressLine::new(place.now());
    let mut kvs = Vec::new();
    let mut revision = 0;
    for (first, end) in keyspace.ranges() {
        let mut pages = Pages::new(Range { revision, ..Range::new(first, Some(end)) });
        while let Some(page) = pages.next(client)? {
            kvs.extend(page);
            let of = pages.left().map(|left| kvs.len() + left);
            let reading = NamesRead { names: kvs.len(), of };
            line.show(|| reading.to_string(), None, place.now());
        }
        revision = pages.header().unwrap_or_default().revision;
    }
    Ok(Snapshot { revision, entries: sorted(&kvs, keyspace) })
}

/// Patterns may begin alike, so a key may have been read twice, and be a stray in one range and a
/// name in another.
fn sorted(kvs: &[KeyValue], keyspace: &Keyspace) -> Vec<KeyEntry> {
    let all: Vec<Names> = keyspace.names().collect();
    let mut seen = HashSet::new();
    let new: Vec<&KeyValue> = kvs.iter().filter(|kv| seen.insert(&kv.key)).collect();
    let drained_slot = |kv: &KeyValue| {
        let name = keyspace.name_of(&kv.key)?;
        let slots =
            all.iter().enumerate().map(|(of, names)| Some((of, names.drained_slot_of(name)?)));
        slots.flatten().next()
    };
    let drains: HashMap<(usize, SlotId), &KeyValue> =
        new.iter().filter_map(|kv| Some((drained_slot(kv)?, *kv))).collect();
    let is_serial_base = |kv: &KeyValue| kv.key == keyspace.serial_base();
    let others = new.iter().filter(|kv| drained_slot(kv).is_none() && !is_serial_base(kv));
    let mut entries: Vec<KeyEntry> = others.filter_map(|kv| entry(kv, keyspace, &all)).collect();
    for entry in &mut entries {
        let KeyContent::Node(node) = &mut entry.content else { continue };
        let drain = entry.slot.and_then(|slot| drains.get(&(entry.names, slot)));
        let drain = drain.filter(|drain| drain.lease == entry.lease);
        node.drain = drain.map(|drain| Arc::new(Drain::parse(&drain.value)));
    }
    entries.sort_by_cached_key(|entry| {
        (entry.content == KeyContent::Stray, entry.names, entry.slot, entry.name.clone())
    });
    entries
}

fn entry(kv: &KeyValue, keyspace: &Keyspace, all: &[Names]) -> Option<KeyEntry> {
    let name = keyspace.name_of(&kv.key)?;
    let owner = all.iter().enumerate().find(|(_, names)| names.slot_of(name).is_some());
    let content = match (owner, PublishedNode::parse(&kv.value, kv.mod_revision)) {
        (None, _) => KeyContent::Stray,
        (Some(_), Ok(node)) => KeyContent::Node(node),
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
    pub(super) fn find_mine(&mut self, own: &[IpAddr], port: Option<u16>) {
        let is_here = |entry: &KeyEntry| {
            let is_port = |record: &Record| port.is_none() || record.port == port;
            entry.record().is_some_and(is_port) && entry.addresses().all(|ip| own.contains(&ip))
        };
        let mut here: Vec<&mut KeyEntry> = self.entries.iter_mut().filter(|e| is_here(e)).collect();
        let whose = if here.len() == 1 { Whose::Mine } else { Whose::Here };
        here.iter_mut().for_each(|entry| entry.whose = whose);
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
