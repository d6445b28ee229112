//! `idetcd drain` and `idetcd undrain`: take a node out of its group by hand, and let it in again.
//!
//! What is written is a key of its own: that of the node is only compared. It is put on the lease of the node,
//! so that it goes with that.

use super::session::heard;
use super::table;
use crate::cluster::{Drain, DrainReason, Keyspace, Record, SlotId};
use crate::connect::Connect;
use crate::etcd::{
    Compare, Equal, Etcd, GatewayClient, KeyValue, LeaseId, Op, Range, RangeReply, Txn,
};
use crate::failure::Failure;
use crate::options::Options;
use crate::server::Shared;

/// The attempts, each because a key changed between the look at it and the change.
const DRAIN_ATTEMPTS: u32 = 5;

/// The keys of a slot.
struct SlotKeys {
    name: String,
    node: Vec<u8>,
    drain: Vec<u8>,
}

impl SlotKeys {
    fn of(slot: SlotId, keyspace: &Keyspace) -> SlotKeys {
        let name = keyspace.pattern.name(slot);
        SlotKeys { name, node: keyspace.key(slot), drain: keyspace.drain(slot) }
    }

    /// What stands at the name, and its drain, at one moment.
    fn read(
        &self,
        client: &mut GatewayClient,
        place: &Shared,
    ) -> Result<(Option<KeyValue>, Option<KeyValue>), Failure> {
        let range = |key: &Vec<u8>| Op::Range(Range::new(key.clone(), None));
        let success = vec![range(&self.node), range(&self.drain)];
        let reply = heard(place, client.txn(&Txn { success, ..Txn::default() }))?;
        let mut found =
            reply.ranges.into_iter().map(|RangeReply { kvs, .. }| kvs.into_iter().next());
        Ok((found.next().flatten(), found.next().flatten()))
    }

    fn changes_too_often(&self) -> Failure {
        Failure::new(format!("{} changes again and again; try again", self.name))
    }
}

/// Drains the node of a slot, for as long as it lives.
pub(super) fn drain(
    slot: SlotId,
    reason: Option<&DrainReason>,
    options: &Options,
    place: &Shared,
) -> Result<(), Failure> {
    let mut client = Connect::prepare(&options.connect)?.client(place);
    let keys = SlotKeys::of(slot, &options.node.keyspace);
    let name = &keys.name;
    let value = Drain { reason: reason.cloned() }.value().into_bytes();
    for _ in 0..DRAIN_ATTEMPTS {
        let (node, drained) = keys.read(&mut client, place)?;
        let Some(node) = node else {
            return Err(Failure::new(format!("{name} is nobody's: there is nothing to drain")));
        };
        let Ok(record) = Record::parse(&node.value) else {
            return Err(Failure::new(format!("{name} holds no record: there is nothing to drain")));
        };
        if node.lease == LeaseId(0) {
            return Err(Failure::new(format!(
                "{name} is {record}, put by hand, on no lease, so that a drain would not end; take it away \
                 instead: idetcd release"
            )));
        }
        if drained.is_some_and(|it| it.lease == node.lease && it.value == value) {
            return table::write(&format!("{name} is drained already\n"));
        }
        // Nothing but this life of the node: another one has another lease.
        let is_same = [Equal::Lease(node.lease), Equal::CreateRevision(node.create_revision)];
        let put = Op::Put { key: keys.drain.clone(), value: value.clone(), lease: node.lease };
        let txn = Txn {
            compare: is_same.map(|to| Compare { key: keys.node.clone(), to }).to_vec(),
            success: vec![put],
            failure: Vec::new(),
        };
        match client.txn(&txn) {
            Ok(reply) if reply.succeeded => {
                return table::write(&format!("drained {name}, which is {record}\n"));
            }
            Ok(_) => {}
            // The lease, which ended meanwhile.
            Err(error) if error.is_not_found() => {}
            Err(error) => return heard(place, Err(error)),
        }
    }
    Err(keys.changes_too_often())
}

/// Ends the drain of a slot.
pub(super) fn undrain(slot: SlotId, options: &Options, place: &Shared) -> Result<(), Failure> {
    let mut client = Connect::prepare(&options.connect)?.client(place);
    let keys = SlotKeys::of(slot, &options.node.keyspace);
    let name = &keys.name;
    for _ in 0..DRAIN_ATTEMPTS {
        let drained = match keys.read(&mut client, place)? {
            (_, Some(drained)) => drained,
            (None, None) => {
                return Err(Failure::new(format!("{name} is nobody's, and so not drained")));
            }
            (Some(_), None) => return Err(Failure::new(format!("{name} is not drained"))),
        };
        let key = keys.drain.clone();
        let txn = Txn {
            compare: vec![Compare {
                key: key.clone(),
                to: Equal::ModRevision(drained.mod_revision),
            }],
            success: vec![Op::Delete(key)],
            failure: Vec::new(),
        };
        if heard(place, client.txn(&txn))?.succeeded {
            return table::write(&format!("{name} is drained no more\n"));
        }
    }
    Err(keys.changes_too_often())
}
