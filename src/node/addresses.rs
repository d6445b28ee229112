//! What a session knows of the addresses of its host: what was found of them, what was put, and on which lease.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::NodeSettings;
use super::address::{AddressError, Publication};
use super::network::HostNetwork;
use crate::cluster::Record;
use crate::etcd::LeaseId;

/// The records that are remembered: one is put for each change of addresses.
const MOST_RECORDS: usize = 16;

/// The time in which the connections of an address that is gone are found to be broken.
const CHANGE_TIME: Duration = Duration::from_secs(1);

/// What a session knows of the addresses of its host.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// What was found last.
    publication: Option<Publication>,
    /// The network, and the source address towards etcd, that what is published was found in.
    pub(super) published: Option<(Arc<HostNetwork>, Option<IpAddr>)>,
    /// The latest records that were put on that lease, or may have been.
    put: VecDeque<Record>,
    /// The lease that something of the present record hangs on, or may yet.
    pub(super) lease: Option<LeaseId>,
    /// The network that was seen last, and when it became that; `None` for the time: it was heeded.
    seen: Option<(Arc<HostNetwork>, Option<Instant>)>,
    /// Since when there has been nothing to publish.
    pub(super) gone_since: Option<Instant>,
    /// Until when nothing is published, for etcd refused that.
    pub(super) refused_until: Option<Instant>,
    /// Whether it was logged that the system does not tell its addresses.
    is_refusal_logged: bool,
}

impl Addresses {
    /// Finds what to publish.
    pub(super) fn find(
        &mut self,
        settings: &NodeSettings,
        network: &HostNetwork,
        source: Option<IpAddr>,
    ) -> Result<Record, AddressError> {
        let found = Publication::find(settings, network, source, self.publication.as_ref())?;
        if let Err(why) = &network.interfaces
            && !self.is_refusal_logged
            && settings.finds_addresses()
        {
            log::warn!(
                "this system does not tell its addresses: {why}; what is published is the source \
                 address towards etcd, {}, and what others there are is given by --ipv4 and --ipv6",
                found.record
            );
            self.is_refusal_logged = true;
        }
        Ok(self.publication.insert(found).record)
    }

    /// Takes note that a record is put, on this lease.
    pub(super) fn note_put(&mut self, record: Record, lease: Option<LeaseId>) {
        if self.lease != lease {
            self.put.clear();
            self.lease = lease;
        }
        if !self.put.contains(&record) {
            self.put.truncate(MOST_RECORDS - 1);
            self.put.push_front(record);
        }
    }

    /// Takes note that what was put went to another lease.
    pub(super) fn move_to(&mut self, lease: LeaseId) {
        self.lease = Some(lease);
    }

    /// The records that were put on this lease.
    pub(super) fn put_on(&self, lease: LeaseId) -> Vec<Record> {
        if self.lease == Some(lease) { self.put.iter().copied().collect() } else { Vec::new() }
    }

    /// The records that were put on the lease that this node's is put on now.
    pub(super) fn put(&self) -> impl Iterator<Item = &Record> {
        self.put.iter()
    }

    /// Takes note of the network as it is now.
    pub(super) fn see(&mut self, network: &Arc<HostNetwork>, now: Instant) {
        match &self.seen {
            Some((seen, _)) if Arc::ptr_eq(seen, network) => {}
            seen => self.seen = Some((network.clone(), seen.is_some().then_some(now))),
        }
    }

    /// Returns whether this is the network that was seen last.
    pub(super) fn has_seen(&self, network: &Arc<HostNetwork>) -> bool {
        self.seen.as_ref().is_some_and(|(seen, _)| Arc::ptr_eq(seen, network))
    }

    /// Returns, once for each change of the network, whether a failure now may be due to it: connections
    /// end with the address that they are from.
    pub(super) fn explain_failure(&mut self, now: Instant) -> bool {
        let changed_at = self.seen.as_mut().and_then(|(_, changed_at)| changed_at.take());
        changed_at.is_some_and(|at| now < at + CHANGE_TIME)
    }

    /// Returns whether all is published that there is in this network, with this source address.
    pub(super) fn are_published(&self, network: &Arc<HostNetwork>, source: Option<IpAddr>) -> bool {
        let published = self.published.as_ref();
        published.is_some_and(|(seen, from)| Arc::ptr_eq(seen, network) && *from == source)
    }
}
