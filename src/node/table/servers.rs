//! Who may have the table.

use std::net::{IpAddr, SocketAddr};

use crate::cluster::{Record, SlotId, by_rendezvous};
use crate::etcd::{Etcd, RangeReply, read_keys};
use crate::node::session::Session;
use crate::node::{Host, Result, TableServer};

/// The highest slot whose node is asked, however many watch.
const HIGHEST_SERVER: u32 = 4096;

/// The most nodes that are asked.
const MOST_TABLE_SERVERS: usize = 64;

/// The slots that are read at once, and the number of nodes that are enough: many who start together all read some.
const SLOTS_AT_ONCE: usize = 4;
const ENOUGH_SERVERS: usize = 3;

/// The port of a node that tells none (RFC 1035 §4.2).
const DEFAULT_PORT: u16 = 53;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Those who may have the table, the best first: as the directory knows them, if it knows all names or enough of
    /// them, else as etcd does.
    pub(super) fn find_servers(&mut self) -> Result<Vec<TableServer>> {
        let found = std::mem::take(&mut self.table.found);
        match self.enough_servers() {
            Some(known) => Ok(known),
            None if found.len() >= ENOUGH_SERVERS => Ok(found),
            None => self.read_servers(),
        }
    }

    /// Those that the directory knows, if they are enough.
    fn enough_servers(&self) -> Option<Vec<TableServer>> {
        let knows_all = self.turn.is_none() && self.missing.is_none();
        let known = self.known_servers();
        // Where many start they were read a moment ago, and to read them once more would keep etcd from naming the others.
        let half = (self.settings.watchers / 2) as usize;
        (known.len() >= if knows_all { 1 } else { half.max(ENOUGH_SERVERS) }).then_some(known)
    }

    /// The slots that are to be read for [`Self::find_servers`]: none, where those that are known are enough.
    pub(super) fn servers_to_read(&self) -> Vec<SlotId> {
        if !self.will_take_table() || self.enough_servers().is_some() {
            return Vec::new();
        }
        let mut slots = self.watching_slots();
        slots.truncate(SLOTS_AT_ONCE);
        slots
    }

    /// The slots of those who watch, the best first.
    fn watching_slots(&self) -> Vec<SlotId> {
        let highest = self.settings.watchers.min(HIGHEST_SERVER);
        self.in_order((1..=highest).filter_map(SlotId::new))
    }

    /// Those of whom what was read tells where they are.
    pub(super) fn servers_of(
        &self,
        read: impl IntoIterator<Item = (SlotId, RangeReply)>,
    ) -> Vec<TableServer> {
        let read = read.into_iter().filter_map(|(slot, range)| {
            let record = Record::parse(&range.kvs.first()?.value).ok()?;
            server(slot, &record, self.record.as_ref())
        });
        read.collect()
    }

    /// Those that the directory knows.
    pub(super) fn known_servers(&self) -> Vec<TableServer> {
        let (watchers, own) = (self.settings.watchers.min(HIGHEST_SERVER), self.record);
        let mut known: Vec<(SlotId, Record)> = self.host.directory(|directory| {
            let slots = directory.slots().take_while(|(slot, _)| slot.get() <= watchers);
            slots.filter_map(|(slot, record)| Some((slot, *record?))).collect()
        });
        let mut servers = Vec::new();
        for slot in self.in_order(known.iter().map(|(slot, _)| *slot)) {
            let at = known.iter().position(|(known, _)| *known == slot);
            let record = at.map(|at| known.swap_remove(at).1);
            servers.extend(record.and_then(|record| server(slot, &record, own.as_ref())));
        }
        servers.truncate(MOST_TABLE_SERVERS);
        servers
    }

    /// Those that etcd knows: a few of the best, where there are many, and with each look a few others. And those that were
    /// known before, where nobody else has their slot.
    pub(super) fn look_for_servers(&mut self) -> Result<Vec<TableServer>> {
        self.table.looks = self.table.looks.wrapping_add(1);
        let mut servers = self.read_servers()?;
        let is_new = |known: &&TableServer| !servers.iter().any(|found| found.slot == known.slot);
        let others: Vec<TableServer> = self.table.servers.iter().filter(is_new).copied().collect();
        servers.extend(others);
        servers.truncate(MOST_TABLE_SERVERS);
        Ok(servers)
    }

    /// Those that etcd knows: a few, where there are many.
    fn read_servers(&mut self) -> Result<Vec<TableServer>> {
        let (mut servers, mut slots) = (Vec::new(), self.watching_slots());
        let first = self.table.looks as usize * SLOTS_AT_ONCE;
        let first = first.checked_rem(slots.len()).unwrap_or_default();
        slots.rotate_left(first);
        for slots in slots.chunks(SLOTS_AT_ONCE) {
            let keys = slots.iter().map(|slot| self.settings.keyspace.key(*slot)).collect();
            let replies = self.ask(|client| read_keys(client, keys))?;
            servers.extend(self.servers_of(slots.iter().copied().zip(replies)));
            if servers.len() >= ENOUGH_SERVERS {
                break;
            }
        }
        Ok(servers)
    }

    fn in_order(&self, slots: impl IntoIterator<Item = SlotId>) -> Vec<SlotId> {
        let own = self.membership.held().map(|claimed| self.name(claimed)).unwrap_or_default();
        by_rendezvous(own.as_bytes(), slots)
    }
}

/// Where the node of a slot is asked: at an address of the family that this node has as well, if there is one. `None`:
/// that is where this node is.
fn server(slot: SlotId, record: &Record, own: Option<&Record>) -> Option<TableServer> {
    let has_ipv4 = own.is_none_or(|own| own.ipv4.is_some());
    let (ipv4, ipv6) = (record.ipv4.map(IpAddr::V4), record.ipv6.map(IpAddr::V6));
    let address = if has_ipv4 { ipv4.or(ipv6) } else { ipv6.or(ipv4) }?;
    let port_of = |record: &Record| record.port.unwrap_or(DEFAULT_PORT);
    let is_own = |own: &Record| {
        let is_own_address =
            own.ipv4.map(IpAddr::V4) == Some(address) || own.ipv6.map(IpAddr::V6) == Some(address);
        is_own_address && port_of(own) == port_of(record)
    };
    let server = TableServer { slot, address: SocketAddr::new(address, port_of(record)) };
    (!own.is_some_and(is_own)).then_some(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ipv4: Option<&str>, ipv6: Option<&str>, port: Option<u16>) -> Record {
        let parse = |text: &str| text.parse().expect("an address");
        let ipv6 = ipv6.map(|text| text.parse().expect("an address"));
        Record { ipv4: ipv4.map(parse), ipv6, port }
    }

    #[test]
    fn a_node_is_asked_where_this_one_can_reach_it_and_never_at_its_own_address() {
        let (four, six) = (Some("10.0.0.1"), Some("fd00::1"));
        let own_four = record(Some("10.0.0.9"), None, Some(53));
        let own_six = record(None, Some("fd00::9"), Some(53));
        let table = [
            (record(four, six, Some(5353)), own_four, Some("10.0.0.1:5353")),
            (record(four, six, Some(5353)), own_six, Some("[fd00::1]:5353")),
            // A node of the plugin tells no port.
            (record(four, None, None), own_six, Some("10.0.0.1:53")),
            (record(None, six, None), own_four, Some("[fd00::1]:53")),
            (own_four, own_four, None),
            (record(Some("10.0.0.9"), None, Some(54)), own_four, Some("10.0.0.9:54")),
        ];
        for (record, own, wanted) in table {
            let found = server(SlotId::FIRST, &record, Some(&own));
            let found = found.map(|server| server.address.to_string());
            assert_eq!(found.as_deref(), wanted, "{record} for {own}");
        }
    }
}
