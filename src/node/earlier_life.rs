//! A name that this node had in an earlier life, with addresses that are not all the same now: after a
//! reboot an address of IPv6 comes seconds later than one of IPv4, or another one was added, or all are others.
//!
//! Where an address is the same, the earlier life is over: what it was bound to is bound to us. Where none is,
//! that is likely only: a clone of this machine has its ID as well, and lives. Then the lease has to tell
//! (see [`super::same_addresses`]).

use super::claim::{Claimant, OwnRecord, Taken};
use super::own_mark::OwnMark;
use super::session::Session;
use super::state::Membership;
use super::{Host, Result};
use crate::cluster::{Record, SlotId};
use crate::etcd::Etcd;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Takes over a name whose record is of an earlier life of this node and has an address and the port
    /// in common with what it would publish now.
    pub(super) fn reclaim_with_other_addresses(
        &mut self,
        claimant: Claimant<'_>,
    ) -> Result<Option<Taken>> {
        let slots: Vec<SlotId> = self.host.directory(|directory| {
            let near = directory.slots().filter(|(slot, record)| {
                record.is_some_and(|record| is_near(record, claimant.record))
                    && slot.get() <= claimant.keyspace.limit
            });
            near.map(|(slot, _)| slot).collect()
        });
        for slot in slots {
            let found = self.ask(|client| claimant.find_earlier_life(client, slot))?;
            let Some(found) = found else { continue };
            if let Some(taken) = self.take_over(claimant, &found)? {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// What records of earlier lives are known by; `None`: there can be none, or nothing tells.
    pub(super) fn own_mark(&self) -> Option<OwnMark> {
        let node_id = self.settings.node_id.clone()?;
        let is_newcomer = self.membership == Membership::Newcomer;
        is_newcomer.then(|| OwnMark::new(node_id, self.settings.port))
    }

    /// Finds the name that this node may have had with none of its present addresses.
    pub(super) fn find_elsewhere(&mut self, claimant: Claimant<'_>) -> Result<Option<OwnRecord>> {
        let marked = self.marked.clone();
        let [slot] = marked[..] else {
            if let (Some(id), names @ 2..) = (claimant.node_id, marked.len()) {
                log::warn!(
                    "{names} names are of nodes with this node's ID, {id}, so it does not tell which one this \
                     node had: give each node its own --node-id"
                );
                self.marked.clear();
            }
            return Ok(None);
        };
        if slot.get() > claimant.keyspace.limit {
            return Ok(None);
        }
        let found = self.ask(|client| claimant.find_earlier_life(client, slot))?;
        // What has an address in common was tried, and changed meanwhile.
        let is_elsewhere = |found: &OwnRecord| {
            found.record != *claimant.record && !is_near(&found.record, claimant.record)
        };
        Ok(found.filter(is_elsewhere))
    }
}

/// Returns whether records differ, but have an address and the port in common.
fn is_near(one: &Record, other: &Record) -> bool {
    let is_same_ipv4 = one.ipv4.is_some() && one.ipv4 == other.ipv4;
    let is_same_ipv6 = one.ipv6.is_some() && one.ipv6 == other.ipv6;
    one != other && one.port == other.port && (is_same_ipv4 || is_same_ipv6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_near_that_have_an_address_and_the_port_in_common() {
        let record = |ipv4: &str, ipv6: &str, port| Record {
            ipv4: ipv4.parse().ok(),
            ipv6: ipv6.parse().ok(),
            port: Some(port),
        };
        let own = record("10.0.0.1", "fd00::1", 53);
        for (other, wanted) in [
            (record("10.0.0.1", "", 53), true),
            (record("", "fd00::1", 53), true),
            (record("10.0.0.1", "fd00::2", 53), true),
            (own, false),
            (record("10.0.0.1", "", 54), false),
            (record("10.0.0.2", "", 53), false),
            (record("10.0.0.2", "fd00::2", 53), false),
        ] {
            assert_eq!(is_near(&own, &other), wanted, "{other}");
            assert_eq!(is_near(&other, &own), wanted, "{other}");
        }
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|ipv4| record(ipv4, "", 53));
        assert!(!is_near(&one, &other), "no IPv6 is nothing in common");
    }
}
