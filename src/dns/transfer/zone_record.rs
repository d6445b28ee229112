//! The records of a zone but for its SOA and NS, and which zone each is in.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::{Directory, NodePlace, PublishedNode, SlotId, Slots};
use crate::dns::standing_text;
use crate::dns::zone::{Zone, Zones};

/// A record, by what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ZoneRecord {
    /// A or AAAA of a node.
    NodeAddress(NodePlace, IpAddr),
    /// SRV of a node.
    NodeService(NodePlace, u16),
    /// SRV of a named service of a node, such as `http/tcp`.
    NodeNamedService(NodePlace, Arc<str>, u16),
    /// TXT of a node: what keeps it out of its group, and what it tells.
    NodeText(NodePlace, Arc<str>),
    /// A or AAAA of the group of the range with this index.
    GroupAddress(usize, IpAddr),
    /// SRV of a group, that is of one of its nodes.
    GroupService(NodePlace, u16),
    /// SRV of a named service of the group of the range with this index.
    GroupNamedService(usize, Arc<str>, SlotId, u16),
    /// PTR of an address, that is of one of its names.
    Pointer(NodePlace, IpAddr),
}

/// A zone, and the directory that it is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZoneContent<'a> {
    pub(super) zone: &'a Zone,
    pub(super) zones: &'a Zones,
    pub(super) directory: &'a Directory,
}

impl<'a> ZoneContent<'a> {
    /// Whether names of a range may be in this zone: else none is.
    pub(super) fn may_hold(&self, slots: &Slots) -> bool {
        let (zone, names) = (self.zone.name.as_str(), slots.names.zone());
        self.zone.network.is_some() || zone.ends_with(names) || names.ends_with(zone)
    }

    /// Whether the name of each node is to be looked at: one may be in a zone further down, or be that of
    /// an earlier range.
    pub(super) fn is_checked(&self, range: usize, slots: &Slots) -> bool {
        let is_of_zone = self.zone.network.is_some() || slots.names.zone() == self.zone.name;
        range > 0 || !is_of_zone || self.zones.has_below(slots.names.zone())
    }

    /// Whether this zone, and this range, tell of a node's name.
    pub(super) fn tells(&self, place: NodePlace, slots: &Slots) -> bool {
        let mut name = Vec::new();
        slots.names.push_name(place.slot, &mut name);
        let is_here = self.zone.network.is_some() || self.is_in_zone(&name);
        is_here && !self.directory.is_told_before(place.range, &name)
    }

    fn is_in_zone(&self, name: &[u8]) -> bool {
        self.zones.of(name).is_some_and(|zone| zone.name == self.zone.name)
    }

    /// The name of the group of a range, if this zone, and this range, tell of it.
    pub(super) fn group(&self, range: usize, slots: &'a Slots) -> Option<&'a str> {
        let group = slots.group()?;
        let is_earlier = |slots: &Slots| slots.group() == Some(group);
        let is_told = self.directory.ranges().iter().take(range).any(is_earlier);
        // A node of that name stands before the group.
        let is_node = self.directory.record(group.as_bytes()).is_some();
        let is_here = self.zone.network.is_none() && self.is_in_zone(group.as_bytes());
        (is_here && !is_told && !is_node).then_some(group)
    }

    /// Whether a node's name is that of a group, which is not told where the node is.
    pub(super) fn is_group_name(&self, place: NodePlace, slots: &Slots) -> bool {
        let mut name = Vec::new();
        slots.names.push_name(place.slot, &mut name);
        let has_name = |slots: &Slots| slots.group().is_some_and(|it| it.as_bytes() == name);
        self.zone.network.is_none() && self.directory.ranges().iter().any(has_name)
    }

    /// About the number of its records.
    pub(super) fn size(&self) -> usize {
        let group = |slots: &Slots| slots.ipv4().len() + slots.ipv6().len() + 2 * slots.ports();
        let groups = match self.zone.network {
            Some(_) => 0,
            None => self.directory.ranges().iter().map(group).sum(),
        };
        self.directory.len() + groups
    }

    /// The records of a node that this zone tells of.
    pub(super) fn of_node(
        &self,
        place: NodePlace,
        node: &PublishedNode,
    ) -> impl Iterator<Item = ZoneRecord> + use<> {
        let record = node.record;
        let (ipv4, ipv6) = (record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from));
        let addresses = [ipv4, ipv6].map(|address| match address {
            Some(address) if self.zone.network.is_none() => {
                Some(ZoneRecord::NodeAddress(place, address))
            }
            Some(address) if self.has_address(address) => Some(ZoneRecord::Pointer(place, address)),
            _ => None,
        });
        let port = record.port.filter(|_| self.zone.network.is_none());
        let service = port.map(|port| ZoneRecord::NodeService(place, port));
        let (mut texts, mut named) = (Vec::new(), Vec::new());
        if self.zone.network.is_none() && !node.is_in_group() {
            texts = standing_text::texts(&node.standing());
        }
        if let Some(details) = node.details.as_ref().filter(|_| self.zone.network.is_none()) {
            texts.extend(details.texts());
            let record =
                |(key, port): (&str, u16)| ZoneRecord::NodeNamedService(place, key.into(), port);
            named.extend(details.services().map(record));
        }
        let texts = texts.into_iter().map(move |text| ZoneRecord::NodeText(place, text.into()));
        addresses.into_iter().flatten().chain(service).chain(texts).chain(named)
    }

    /// Whether the reverse name of an address is in this zone.
    fn has_address(&self, address: IpAddr) -> bool {
        let is_here = self.zone.network.is_some_and(|network| network.contains(address));
        is_here && self.zones.of_address(address).is_some_and(|zone| zone.name == self.zone.name)
    }
}
