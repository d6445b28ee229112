//! A place in the queue of those who want a slot, and what there was to see when it was taken: by it a node knows which slot
//! to try. Wrong knowledge costs another attempt, and no more.

use std::collections::HashSet;

use super::claim::Claimant;
use super::full_sync::{newest_of, range_of};
use super::sync::latest_of;
use crate::cluster::{RangeDigest, SlotId};
use crate::etcd::{
    Compare, Equal, Error, ErrorKind, Etcd, KeyValue, Op, Order, Pages, Range, RangeReply, Txn,
};

/// A ticket, and what there was to see when it was taken.
#[derive(Debug)]
pub(super) struct Ticket {
    /// How many were ahead in the queue.
    pub(super) rank: usize,
    /// The cluster that took it.
    pub(super) cluster_id: u64,
    /// The revision at which it was put.
    pub(super) revision: i64,
    /// The number of the slots' keys then.
    pub(super) keys: usize,
    /// The revision of their last change, or until that is known one that is not before it.
    pub(super) newest: i64,
}

/// The slots that changed last when a ticket was taken.
#[derive(Debug)]
pub(super) struct LatestSlots {
    /// The revision of the last change; 0: there are none.
    pub(super) newest: i64,
    /// The slots, at most [`NEWEST`].
    pub(super) slots: Vec<SlotId>,
    /// The revision past which all that changed are among those, and are there still.
    pub(super) past: i64,
}

/// Those ahead of this node in the queue.
pub(super) struct Ahead {
    pub(super) tickets: HashSet<Vec<u8>>,
    /// The revision at which that was so.
    pub(super) revision: i64,
}

/// The number of slots that are asked for of those that changed last.
const NEWEST: i64 = 16;

impl Claimant<'_> {
    /// Puts this node into the queue and finds its place there, in one transaction. The slots are counted alone: for those
    /// that changed last etcd looks at each of them, while it carries nothing else out.
    pub fn take_ticket(&self, client: &mut impl Etcd) -> Result<Ticket, Error> {
        let ticket = self.keyspace.ticket(self.record);
        let queue = range_of(&self.keyspace.queue());
        let slots = Op::Range(Range { count_only: true, ..range_of(&self.keyspace.slots()) });
        let put = Op::Put { key: ticket.clone(), value: Vec::new(), lease: self.lease };
        let reply = client.txn(&Txn {
            compare: vec![Compare { key: ticket.clone(), to: Equal::CreateRevision(0) }],
            success: vec![
                Op::Range(Range { count_only: true, ..queue.clone() }),
                put.clone(),
                slots.clone(),
            ],
            // Our ticket stands there already: it keeps its place under the new lease.
            failure: vec![
                put,
                Op::Range(Range { keys_only: true, order: Order::CreateRevision, ..queue }),
                slots,
            ],
        })?;
        let [queue, slots] = &reply.ranges[..] else {
            let what = "a transaction without its two ranges";
            return Err(Error::new(ErrorKind::Malformed, client.endpoint(), what));
        };
        let place = queue.kvs.iter().position(|kv| kv.key == ticket).unwrap_or(queue.kvs.len());
        Ok(Ticket {
            rank: if reply.succeeded { queue.count } else { place },
            cluster_id: reply.header.cluster_id,
            revision: reply.header.revision,
            keys: slots.count,
            newest: reply.header.revision,
        })
    }

    /// The slots that had changed last at a revision.
    pub fn latest_slots(
        &self,
        client: &mut impl Etcd,
        revision: i64,
    ) -> Result<LatestSlots, Error> {
        let newest = newest_of(&self.keyspace.slots());
        let range = Range { keys_only: true, limit: NEWEST, revision, ..newest };
        let reply = client.range(&range)?;
        Ok(LatestSlots {
            newest: digest(&reply).newest,
            slots: self.slots_of(&reply.kvs).collect(),
            past: latest_of(&reply, false).after,
        })
    }

    fn slots_of(&self, kvs: &[KeyValue]) -> impl Iterator<Item = SlotId> {
        kvs.iter().filter_map(|kv| self.keyspace.slot_of(&kv.key))
    }

    /// The slots that were taken at a revision.
    pub fn taken(&self, client: &mut impl Etcd, revision: i64) -> Result<Vec<SlotId>, Error> {
        let range = Range { keys_only: true, revision, ..range_of(&self.keyspace.slots()) };
        let mut taken = Vec::new();
        Pages::read_all(client, range, |kvs| taken.extend(self.slots_of(&kvs)))?;
        Ok(taken)
    }

    /// Looks who is ahead in the queue now. `None`: our own ticket is gone.
    pub fn look_at_queue(&self, client: &mut impl Etcd) -> Result<Option<Ahead>, Error> {
        let ticket = self.keyspace.ticket(self.record);
        let order = Order::CreateRevision;
        let reply =
            client.range(&Range { keys_only: true, order, ..range_of(&self.keyspace.queue()) })?;
        let place = reply.kvs.iter().position(|kv| kv.key == ticket);
        Ok(place.map(|place| Ahead {
            tickets: reply.kvs.into_iter().take(place).map(|kv| kv.key).collect(),
            revision: reply.header.revision,
        }))
    }
}

/// What a range had that was asked for with the newest first.
pub(super) fn digest(range: &RangeReply) -> RangeDigest {
    let newest = range.kvs.first().map_or(0, |kv| kv.mod_revision);
    RangeDigest { keys: range.count, newest }
}
