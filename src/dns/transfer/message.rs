//! One message of a transfer, record by record.

use std::net::IpAddr;
use std::sync::Arc;

use super::walk::Taker;
use super::zone_record::{ZoneContent, ZoneRecord};
use crate::cluster::{NodePlace, Slots};
use crate::dns::edns::Opt;
use crate::dns::named_service::push_labels;
use crate::dns::node_name::NodeName;
use crate::dns::records::push_srv;
use crate::dns::reply::{Full, Reply, push_name_by, push_text};
use crate::dns::reverse::push_reverse_name;
use crate::dns::wire::{POINTER, rrtype};

/// A message that is being written.
pub(super) struct ZoneMessage<'a> {
    content: ZoneContent<'a>,
    reply: Reply<'a>,
    /// Beyond so many octets no further node is begun.
    full_at: usize,
    zone: Vec<u8>,
    /// Where the zone's name stands for the first time.
    zone_at: Option<usize>,
    /// Of each range.
    names: Vec<NodeName<'a>>,
    /// Whose name was written last, and where.
    last: Option<(OwnerKey, usize)>,
    pub(super) records: usize,
    /// A record did not fit.
    pub(super) is_overfull: bool,
}

/// The owner of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OwnerKey {
    Zone,
    Node(NodePlace),
    Group(usize),
    /// A named service of a node or of the group of a range.
    Service(Arc<str>, Result<NodePlace, usize>),
    Address(IpAddr),
}

impl<'a> ZoneMessage<'a> {
    pub(super) fn new(content: ZoneContent<'a>, reply: Reply<'a>, full_at: usize) -> Self {
        let mut zone = Vec::new();
        push_name_by(&mut zone, |text| text.extend_from_slice(content.zone.name.as_bytes()));
        let names = |slots: &'a Slots| NodeName::new(&slots.names);
        let names = content.directory.ranges().iter().map(names).collect();
        ZoneMessage {
            content,
            reply,
            full_at,
            zone,
            zone_at: None,
            names,
            last: None,
            records: 0,
            is_overfull: false,
        }
    }

    /// Writes the zone's SOA as it is at a serial.
    pub(super) fn soa(&mut self, serial: u32) {
        let zone = self.content.zone;
        self.put(OwnerKey::Zone, rrtype::SOA, |octets, _| zone.push_soa(serial, octets));
    }

    /// Writes the zone's NS.
    pub(super) fn ns(&mut self) {
        let zone = self.content.zone;
        let write = |octets: &mut Vec<u8>, _: &[NodeName<'_>]| {
            octets.extend_from_slice(&zone.server);
        };
        self.put(OwnerKey::Zone, rrtype::NS, write);
    }

    /// Writes records from an index on while there is room. Returns the index of the next; `None`: there are no
    /// more.
    pub(super) fn take_from(&mut self, records: &[ZoneRecord], first: usize) -> Option<usize> {
        let rest = records.get(first..).unwrap_or_default();
        let taken = rest.iter().take_while(|record| {
            let has_room = self.has_room();
            if has_room {
                self.take((*record).clone());
            }
            has_room
        });
        let next = first + taken.count();
        (next < records.len()).then_some(next)
    }

    /// Adds the OPT record.
    pub(super) fn finish(mut self, opt: Option<&Opt>) {
        if let Some(opt) = opt {
            self.reply.append_opt(|octets| opt.write(octets));
        }
    }

    fn put_address(&mut self, owner: OwnerKey, address: IpAddr) {
        match address {
            IpAddr::V4(ip) => {
                self.put(owner, rrtype::A, |octets, _| octets.extend_from_slice(&ip.octets()));
            }
            IpAddr::V6(ip) => {
                self.put(owner, rrtype::AAAA, |octets, _| octets.extend_from_slice(&ip.octets()));
            }
        }
    }

    fn put_service(&mut self, owner: OwnerKey, place: NodePlace, port: u16) {
        self.put(owner, rrtype::SRV, |octets, names| {
            push_srv(port, octets);
            push_node(names, place, octets);
        });
    }

    fn put(
        &mut self,
        owner: OwnerKey,
        rrtype: u16,
        write: impl FnOnce(&mut Vec<u8>, &[NodeName<'a>]),
    ) {
        let ZoneMessage { content, reply, zone, zone_at, names, last, .. } = self;
        let start = reply.length();
        let (zone_before, last_before) = (*zone_at, last.clone());
        let push_owner = |octets: &mut Vec<u8>| match last {
            Some((same, at)) if *same == owner => push_pointer(*at, octets),
            _ => {
                push_full_name(*content, names, &owner, octets);
                *last = Some((owner, start));
                // Of the name of the zone, which ends it, a pointer does, if it is here already.
                let zone_starts = octets.len().saturating_sub(zone.len());
                match *zone_at {
                    Some(at) => {
                        octets.truncate(zone_starts);
                        push_pointer(at, octets);
                    }
                    None => *zone_at = Some(zone_starts),
                }
            }
        };
        match reply.answer_of(push_owner, rrtype, |octets| write(octets, names)) {
            Ok(()) => self.records += 1,
            Err(Full) => {
                (self.zone_at, self.last) = (zone_before, last_before);
                self.is_overfull = true;
            }
        }
    }
}

impl Taker for ZoneMessage<'_> {
    fn has_room(&self) -> bool {
        !self.is_overfull && self.reply.length() < self.full_at
    }

    fn take(&mut self, record: ZoneRecord) {
        match record {
            ZoneRecord::NodeAddress(place, address) => {
                self.put_address(OwnerKey::Node(place), address);
            }
            ZoneRecord::NodeService(place, port) => {
                self.put_service(OwnerKey::Node(place), place, port);
            }
            ZoneRecord::NodeText(place, text) => {
                self.put(OwnerKey::Node(place), rrtype::TXT, |octets, _| push_text(&text, octets));
            }
            ZoneRecord::GroupAddress(range, address) => {
                self.put_address(OwnerKey::Group(range), address);
            }
            ZoneRecord::GroupService(place, port) => {
                self.put_service(OwnerKey::Group(place.range), place, port);
            }
            ZoneRecord::NodeNamedService(place, key, port) => {
                self.put_service(OwnerKey::Service(key, Ok(place)), place, port);
            }
            ZoneRecord::GroupNamedService(range, key, slot, port) => {
                let place = NodePlace { range, slot };
                self.put_service(OwnerKey::Service(key, Err(range)), place, port);
            }
            ZoneRecord::Pointer(place, address) => {
                self.put(OwnerKey::Address(address), rrtype::PTR, |octets, names| {
                    push_node(names, place, octets);
                });
            }
        }
    }
}

fn push_node(names: &[NodeName<'_>], place: NodePlace, octets: &mut Vec<u8>) {
    if let Some(name) = names.get(place.range) {
        name.write(place.slot, octets);
    }
}

fn push_full_name(
    content: ZoneContent<'_>,
    names: &[NodeName<'_>],
    owner: &OwnerKey,
    octets: &mut Vec<u8>,
) {
    let text = |text: &str, octets: &mut Vec<u8>| {
        push_name_by(octets, |place| place.extend_from_slice(text.as_bytes()));
    };
    match owner {
        OwnerKey::Zone => text(&content.zone.name, octets),
        OwnerKey::Node(place) => push_node(names, *place, octets),
        OwnerKey::Group(range) => {
            let group = content.directory.ranges().get(*range).and_then(Slots::group);
            text(group.unwrap_or(&content.zone.name), octets);
        }
        OwnerKey::Service(key, whose) => {
            push_labels(key, octets);
            let whose = match whose {
                Ok(place) => OwnerKey::Node(*place),
                Err(range) => OwnerKey::Group(*range),
            };
            push_full_name(content, names, &whose, octets);
        }
        OwnerKey::Address(address) => {
            push_name_by(octets, |place| push_reverse_name(*address, place));
        }
    }
}

/// Appends a pointer to a name that stands where pointers reach: messages of transfers are no longer.
fn push_pointer(at: usize, octets: &mut Vec<u8>) {
    let offset = u16::try_from(at).unwrap_or_default();
    octets.extend_from_slice(&(POINTER | offset).to_be_bytes());
}
