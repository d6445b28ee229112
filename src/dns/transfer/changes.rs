//! What changed in a zone between two revisions, condensed (RFC 1995 §5): whatever lay between, what was and is
//! no more, and what is and was not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::zone_record::{ZoneContent, ZoneRecord};
use crate::cluster::{NodePlace, PublishedBefore, PublishedNode, Record, Slots};

/// The records that go and those that come, with those of one name and type together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ZoneChanges {
    pub(super) deleted: Vec<ZoneRecord>,
    pub(super) added: Vec<ZoneRecord>,
}

/// A slot that changed.
struct NodeChange<'a> {
    place: NodePlace,
    slots: &'a Slots,
    before: Option<PublishedNode>,
    after: Option<PublishedNode>,
}

impl ZoneChanges {
    /// What changed up to the content; `before` is what each slot published that changed since. `None`: a
    /// change that lets a whole group come or go, for a node has its name.
    pub(super) fn new(content: ZoneContent<'_>, before: PublishedBefore) -> Option<ZoneChanges> {
        let directory = content.directory;
        let change = |(place, before): (NodePlace, Option<PublishedNode>)| {
            let slots = directory.ranges().get(place.range).filter(|it| content.may_hold(it))?;
            Some(NodeChange { place, slots, before, after: directory.published(place) })
        };
        let changes: Vec<NodeChange<'_>> = before.into_iter().filter_map(change).collect();
        let mut records = ZoneChanges::default();
        for change in &changes {
            if content.is_group_name(change.place, change.slots) {
                return None;
            }
            let is_checked = content.is_checked(change.place.range, change.slots);
            if !is_checked || content.tells(change.place, change.slots) {
                records.add_node(content, change);
            }
        }
        for range in changes.chunk_by(|one, other| one.place.range == other.place.range) {
            if let [NodeChange { place, slots, .. }, ..] = range
                && content.group(place.range, slots).is_some()
            {
                records.add_group(place.range, slots, range);
            }
        }
        records.deleted.sort_unstable();
        records.added.sort_unstable();
        Some(records)
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.deleted.len() + self.added.len()
    }

    fn add_node(&mut self, content: ZoneContent<'_>, change: &NodeChange<'_>) {
        let records = |node: &Option<PublishedNode>| -> Vec<ZoneRecord> {
            node.iter().flat_map(|node| content.of_node(change.place, node)).collect()
        };
        self.add_difference(&records(&change.before), &records(&change.after));
    }

    /// What the group gains and loses by changes of its nodes. An address that several of them have comes with
    /// the first and goes with the last.
    fn add_group(&mut self, range: usize, slots: &Slots, changes: &[NodeChange<'_>]) {
        let mut counts: BTreeMap<IpAddr, (usize, usize)> = BTreeMap::new();
        for NodeChange { place, before, after, .. } in changes {
            self.add_difference(
                service(*place, before).as_slice(),
                service(*place, after).as_slice(),
            );
            self.add_difference(&named(*place, before), &named(*place, after));
            addresses(before).for_each(|address| counts.entry(address).or_default().0 += 1);
            addresses(after).for_each(|address| counts.entry(address).or_default().1 += 1);
        }
        for (address, (before, after)) in counts {
            let now = slots.count_in_group(address);
            let then = (now + before).saturating_sub(after);
            match (then, now) {
                (0, 1..) => self.added.push(ZoneRecord::GroupAddress(range, address)),
                (1.., 0) => self.deleted.push(ZoneRecord::GroupAddress(range, address)),
                _ => {}
            }
        }
    }

    fn add_difference(&mut self, before: &[ZoneRecord], after: &[ZoneRecord]) {
        self.deleted.extend(before.iter().filter(|it| !after.contains(it)).cloned());
        self.added.extend(after.iter().filter(|it| !before.contains(it)).cloned());
    }
}

fn in_group(node: &Option<PublishedNode>) -> Option<Record> {
    node.as_ref().filter(|node| node.is_in_group()).map(|node| node.record)
}

/// The addresses that a group has by a node.
fn addresses(node: &Option<PublishedNode>) -> impl Iterator<Item = IpAddr> + use<> {
    let record = in_group(node).unwrap_or_default();
    record.ipv4.map(IpAddr::from).into_iter().chain(record.ipv6.map(IpAddr::from))
}

/// The named services that a group has by a node.
fn named(place: NodePlace, node: &Option<PublishedNode>) -> Vec<ZoneRecord> {
    let node = node.as_ref().filter(|node| node.is_in_group());
    let services = node.and_then(|node| node.details.as_ref()).into_iter();
    let services = services.flat_map(|details| details.services());
    let NodePlace { range, slot } = place;
    services
        .map(|(key, port)| ZoneRecord::GroupNamedService(range, key.into(), slot, port))
        .collect()
}

/// The place of a service that a group has by a node.
fn service(place: NodePlace, node: &Option<PublishedNode>) -> Option<ZoneRecord> {
    in_group(node)?.port.map(|port| ZoneRecord::GroupService(place, port))
}
