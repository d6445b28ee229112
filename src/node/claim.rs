//! Claiming a slot: one compare-and-swap decides.
//!
//! It puts the record at the slot's key if there is no such key; of several nodes that try, one
//! succeeds. The ticket and its rank only say which slot to try: the first in the queue tries the lowest
//! that is free, the second the next, so nodes that start together go for different slots and the
//! names come out dense. A wrong rank costs another attempt, and never makes two owners.

use super::state::Claimed;
use crate::cluster::{Keyspace, RangeDigest, Record, SlotId};
use crate::etcd::{
    Compare, Error, Etcd, KeyValue, LeaseId, Op, OpReply, Order, Range, RangeReply, Txn, TxnReply,
};

/// A slot that holds our record, as it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The slot.
    pub claimed: Claimed,
    /// What the record hangs on: our lease, or that of an earlier life.
    pub lease: LeaseId,
}

/// A slot that was just taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The slot.
    pub claimed: Claimed,
    /// How many others were in the queue then.
    pub queue_length: usize,
}

/// A ticket, and what there was to see when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// How many were ahead in the queue.
    pub rank: usize,
    /// The revision at which it was put.
    pub revision: i64,
    /// The keys of the slots then.
    pub slots: RangeDigest,
    /// The slots among those that changed last, at most [`NEWEST`].
    pub newest: Vec<SlotId>,
}

/// The number of slots that a ticket has of those that changed last.
pub const NEWEST: usize = 16;

/// This node as a claim needs to know it.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// Where the names lie in etcd, and how many there are.
    pub keyspace: &'a Keyspace,
    /// What to publish.
    pub record: &'a Record,
    /// What the ticket and the record hang on.
    pub lease: LeaseId,
}

/// The place of this node in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The tickets of those ahead; `None`: our own ticket is gone.
    pub ahead: Option<Vec<Vec<u8>>>,
    /// The revision at which that was so.
    pub revision: i64,
}

impl Claimant<'_> {
    fn put(&self, slot: SlotId) -> Op {
        Op::Put {
            key: self.keyspace.key(slot),
            value: self.record.to_json().into_bytes(),
            lease: Some(self.lease),
        }
    }

    fn is_own(&self, kv: &KeyValue) -> bool {
        Record::parse(&kv.value).as_ref() == Ok(self.record)
    }

    /// Looks whether `slot` holds this very record now, and on which lease.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn find_own(&self, client: &mut impl Etcd, slot: SlotId) -> Result<Option<Own>, Error> {
        let reply = client.range(&Range::new(self.keyspace.key(slot), None))?;
        let own = reply.kvs.first().filter(|kv| self.is_own(kv));
        Ok(own.map(|kv| Own { claimed: claimed(slot, kv), lease: kv.lease }))
    }

    /// Puts the record of a slot on our lease, if nobody changed it since it was looked at.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn take_over(&self, client: &mut impl Etcd, own: Own) -> Result<Option<Taken>, Error> {
        let slot = own.claimed.slot;
        let unchanged = Compare::ModRevision {
            key: self.keyspace.key(slot),
            revision: own.claimed.mod_revision,
        };
        let reply = client.txn(&self.put_if(slot, unchanged))?;
        let mod_revision = reply.header.revision;
        Ok(self.outcome(slot, &reply, Claimed { mod_revision, ..own.claimed }))
    }

    /// Gives back a slot that a claim of ours took whose reply never came, if it is still ours.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn give_back(&self, client: &mut impl Etcd, slot: SlotId) -> Result<bool, Error> {
        let key = self.keyspace.key(slot);
        let txn = Txn {
            compare: vec![Compare::Lease { key: key.clone(), lease: self.lease }],
            success: vec![Op::DeleteRange { key, range_end: None }],
            failure: Vec::new(),
        };
        Ok(client.txn(&txn)?.succeeded)
    }

    /// The put and the end of the ticket, under a condition. A call that was carried out twice,
    /// because its first reply was lost, fails the second time: so look what stands there then.
    fn put_if(&self, slot: SlotId, condition: Compare) -> Txn {
        let ticket = self.keyspace.ticket(self.record);
        Txn {
            compare: vec![condition],
            success: vec![
                self.put(slot),
                Op::DeleteRange { key: ticket, range_end: None },
                Op::Range(Range { count_only: true, ..self.queue() }),
            ],
            failure: vec![Op::Range(Range::new(self.keyspace.key(slot), None))],
        }
    }

    fn outcome(&self, slot: SlotId, reply: &TxnReply, success: Claimed) -> Option<Taken> {
        let range = ranges(reply).next()?;
        if reply.succeeded {
            let queue_length = usize::try_from(range.count).unwrap_or(0);
            return Some(Taken { claimed: success, queue_length });
        }
        let kv = range.kvs.first().filter(|kv| kv.lease == self.lease && self.is_own(kv))?;
        Some(Taken { claimed: claimed(slot, kv), queue_length: 0 })
    }

    /// Puts this node into the queue and finds its place there, in one transaction.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn take_ticket(&self, client: &mut impl Etcd) -> Result<Ticket, Error> {
        let ticket = self.keyspace.ticket(self.record);
        let (first_slot, end_slot) = self.keyspace.slots();
        let queue = self.queue();
        let slots = Range {
            keys_only: true,
            order: Order::NewestFirst,
            limit: i64::try_from(NEWEST).unwrap_or(i64::MAX),
            ..Range::new(first_slot, Some(end_slot))
        };
        let put = Op::Put { key: ticket.clone(), value: Vec::new(), lease: Some(self.lease) };
        let txn = Txn {
            compare: vec![Compare::CreateRevision { key: ticket.clone(), revision: 0 }],
            success: vec![
                Op::Range(Range { count_only: true, ..queue.clone() }),
                put.clone(),
                Op::Range(slots.clone()),
            ],
            // Our ticket stands there already: it keeps its place under the new lease.
            failure: vec![
                put,
                Op::Range(Range { keys_only: true, order: Order::CreateRevision, ..queue }),
                Op::Range(slots),
            ],
        };
        let reply = client.txn(&txn)?;
        let [queue, slots] = ranges(&reply).collect::<Vec<_>>()[..] else {
            return Err(client.malformed("a transaction without its two ranges"));
        };
        let rank = if reply.succeeded {
            usize::try_from(queue.count).unwrap_or(usize::MAX)
        } else {
            let ahead = queue.kvs.iter().position(|kv| kv.key == ticket);
            ahead.unwrap_or(queue.kvs.len())
        };
        Ok(Ticket {
            rank,
            revision: reply.header.revision,
            slots: RangeDigest {
                keys: usize::try_from(slots.count).unwrap_or(usize::MAX),
                newest: slots.kvs.iter().map(|kv| kv.mod_revision).max().unwrap_or(0),
            },
            newest: self.slots_of(&slots.kvs).collect(),
        })
    }

    fn slots_of(&self, kvs: &[KeyValue]) -> impl Iterator<Item = SlotId> {
        kvs.iter().filter_map(|kv| self.keyspace.slot_of(&kv.key))
    }

    /// The slots that were taken at a revision.
    ///
    /// # Errors
    /// Those of the calls to etcd.
    pub fn taken(&self, client: &mut impl Etcd, revision: i64) -> Result<Vec<SlotId>, Error> {
        let (first, end) = self.keyspace.slots();
        let range = Range { keys_only: true, revision, ..Range::new(first, Some(end)) };
        let mut taken = Vec::new();
        client.range_pages(range, |kvs| taken.extend(self.slots_of(&kvs)))?;
        Ok(taken)
    }

    /// Returns who is ahead in the queue now.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn look_at_queue(&self, client: &mut impl Etcd) -> Result<Queue, Error> {
        let ticket = self.keyspace.ticket(self.record);
        let order = Order::CreateRevision;
        let reply = client.range(&Range { keys_only: true, order, ..self.queue() })?;
        let place = reply.kvs.iter().position(|kv| kv.key == ticket);
        let ahead = place.map(|place| reply.kvs.into_iter().take(place).map(|kv| kv.key).collect());
        Ok(Queue { ahead, revision: reply.header.revision })
    }

    /// Counts those in the queue now.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn queue_length(&self, client: &mut impl Etcd) -> Result<usize, Error> {
        let reply = client.range(&Range { count_only: true, ..self.queue() })?;
        Ok(usize::try_from(reply.count).unwrap_or(0))
    }

    /// Counts the slots that are taken now, other keys between them included.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn slots_taken(&self, client: &mut impl Etcd) -> Result<usize, Error> {
        let (first, end) = self.keyspace.slots();
        let reply = client.range(&Range { count_only: true, ..Range::new(first, Some(end)) })?;
        Ok(usize::try_from(reply.count).unwrap_or(0))
    }

    fn queue(&self) -> Range {
        let (first, end) = self.keyspace.queue();
        Range::new(first, Some(end))
    }

    /// Claims a slot if its key does not exist, and gives the ticket back in the same transaction.
    ///
    /// # Errors
    /// Those of the call to etcd. It may have been carried out, or may be later: by etcd or the
    /// network it may be held up as long as they like.
    pub fn claim(&self, client: &mut impl Etcd, slot: SlotId) -> Result<Option<Taken>, Error> {
        let absent = Compare::CreateRevision { key: self.keyspace.key(slot), revision: 0 };
        let reply = client.txn(&self.put_if(slot, absent))?;
        let revision = reply.header.revision;
        let success = Claimed { slot, create_revision: revision, mod_revision: revision };
        Ok(self.outcome(slot, &reply, success))
    }
}

fn ranges(reply: &TxnReply) -> impl Iterator<Item = &RangeReply> {
    reply.responses.iter().filter_map(|response| match response {
        OpReply::Range(range) => Some(range),
        _ => None,
    })
}

fn claimed(slot: SlotId, kv: &KeyValue) -> Claimed {
    Claimed { slot, create_revision: kv.create_revision, mod_revision: kv.mod_revision }
}
