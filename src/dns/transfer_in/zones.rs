//! The zones to transfer, and the nodes whose names are in them.

use std::sync::Arc;

use simple_dns::SimpleDnsError;

use crate::cluster::{Keyspace, MOST_DETAILS, Names, NodePlace};
use crate::dns::zone::Zones;

/// Records of a zone, beside those of its nodes: room for SOAs, and for clusters that are larger elsewhere.
const SPARE_RECORDS: u64 = 65_536;

/// Records of each node, its part in those of the group included: addresses, SRV and TXT, and of each of its
/// services and of all that it tells; and as many again, for where it changes, what goes is told as well.
const RECORDS_OF_NODE: u64 = 2 * (8 + 3 * MOST_DETAILS as u64);

/// Names beside those up to the limit: other nodes may have another one.
const SPARE_NAMES: usize = 1024;

/// The zones that a keyspace's names are in.
#[derive(Clone, Debug)]
pub struct TransferZones {
    pub(super) keyspace: Arc<Keyspace>,
    /// In the order of [`Keyspace::ranges`].
    ranges: Vec<Names>,
    zones: Zones,
}

impl TransferZones {
    /// Those of the pattern and of all other names.
    ///
    /// # Errors
    /// When a name cannot be written as a domain name.
    pub fn new(keyspace: Arc<Keyspace>) -> Result<TransferZones, SimpleDnsError> {
        let zones = Zones::new(&keyspace, 0)?;
        Ok(TransferZones { ranges: keyspace.names().collect(), keyspace, zones })
    }

    /// Their names, in lower case with the final dot, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.zones.names()
    }

    /// The places that a name of a zone has. None: it is not that of a node, or is in another zone.
    pub(super) fn places<'a>(
        &'a self,
        zone: &'a str,
        name: &'a [u8],
    ) -> impl Iterator<Item = NodePlace> + 'a {
        let places = (0..).zip(&self.ranges).filter_map(move |(range, names)| {
            Some(NodePlace { range, slot: names.slot_of(name)? })
        });
        places.filter(move |_| self.zones.of(name).is_some_and(|closest| closest.name == zone))
    }

    /// The most records of a transfer.
    pub(super) fn most_records(&self) -> u64 {
        let nodes = u64::from(self.keyspace.limit) * self.ranges.len() as u64;
        SPARE_RECORDS + nodes * RECORDS_OF_NODE
    }

    /// The most names that are taken.
    pub(super) fn most_names(&self) -> usize {
        let nodes = (self.keyspace.limit as usize).saturating_mul(self.ranges.len());
        nodes.saturating_mul(2).saturating_add(SPARE_NAMES)
    }
}
