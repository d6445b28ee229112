//! Claiming a slot: one compare-and-swap decides.
//!
//! It puts the record at the slot's key if there is no such key; of several nodes that try, one
//! succeeds. The ticket and its rank (see [`super::ticket`]) only say which slot to try: the first in the queue
//! tries the lowest that is free, the second the next, so nodes that start together go for different slots and the
//! names come out dense. A wrong rank costs another attempt, and never makes two owners.

use super::full_sync::range_of;
use super::state::Claimed;
use crate::cluster::{Details, Keyspace, NodeId, Record, SlotId};
use crate::etcd::{Compare, Equal, Error, Etcd, KeyValue, LeaseId, Op, Range, Txn, read_key};

/// A slot that was just taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) claimed: Claimed,
    /// How many others were in the queue then.
    pub(super) queue_length: usize,
}

/// What became of a put under a condition.
#[derive(Debug)]
pub(super) enum ClaimAttempt {
    /// The slot is ours.
    Taken(Taken),
    /// It is not, by a put of this revision; 0: nothing is there any more.
    Refused(i64),
}

impl ClaimAttempt {
    fn taken(self) -> Option<Taken> {
        match self {
            ClaimAttempt::Taken(taken) => Some(taken),
            ClaimAttempt::Refused(_) => None,
        }
    }
}

/// A key that holds our record, put by whomever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnRecord {
    /// The slot, as if the put that left it so had been a claim.
    pub(super) claimed: Claimed,
    /// The lease that it hangs on; 0: none.
    pub(super) lease: LeaseId,
    /// The node that put it, if it says which.
    pub(super) node_id: Option<NodeId>,
    /// The record by which it was found.
    pub(super) record: Record,
}

/// This node as a claim needs to know it.
#[derive(Clone, Copy)]
pub(super) struct Claimant<'a> {
    pub(super) keyspace: &'a Keyspace,
    /// What to publish.
    pub(super) record: &'a Record,
    /// Who publishes it, where that is known.
    pub(super) node_id: Option<&'a NodeId>,
    /// Whether it says that it is ready.
    pub(super) is_ready: bool,
    /// What it tells besides.
    pub(super) details: &'a Details,
    /// What the ticket and the record hang on.
    pub(super) lease: LeaseId,
}

impl OwnRecord {
    /// What a slot holds, which is this record.
    fn at(slot: SlotId, kv: &KeyValue, record: Record) -> OwnRecord {
        let (claimed, node_id) = (Claimed::at(slot, kv.mod_revision), NodeId::of(&kv.value));
        OwnRecord { claimed, lease: kv.lease, node_id, record }
    }
}

impl Claimant<'_> {
    /// Looks whether `slot` holds our record now: ours, or that of an earlier life, or of somebody
    /// else with our addresses. What hangs on our lease is ours, whatever it says.
    pub fn find_own(
        &self,
        client: &mut impl Etcd,
        slot: SlotId,
    ) -> Result<Option<OwnRecord>, Error> {
        self.find(client, slot, self.record)
    }

    /// Looks whether `slot` holds this record now, or something that hangs on our lease.
    pub fn find(
        &self,
        client: &mut impl Etcd,
        slot: SlotId,
        record: &Record,
    ) -> Result<Option<OwnRecord>, Error> {
        let reply = read_key(client, self.keyspace.key(slot))?;
        let found = reply.kvs.first().filter(|kv| says(kv, record) || kv.lease == self.lease);
        Ok(found.map(|kv| OwnRecord::at(slot, kv, *record)))
    }

    /// Looks whether `slot` holds a record that this node put in an earlier life, whatever it says.
    pub fn find_earlier_life(
        &self,
        client: &mut impl Etcd,
        slot: SlotId,
    ) -> Result<Option<OwnRecord>, Error> {
        let reply = client.range(&Range::new(self.keyspace.key(slot), None))?;
        let found = reply.kvs.first();
        let found =
            found.and_then(|kv| Some(OwnRecord::at(slot, kv, Record::parse(&kv.value).ok()?)));
        Ok(found.filter(|found| self.is_earlier_life(found) && found.lease != self.lease))
    }

    /// Looks whether `slot` holds a record that says nothing of its node, not put by this life.
    pub fn find_unmarked(
        &self,
        client: &mut impl Etcd,
        slot: SlotId,
    ) -> Result<Option<OwnRecord>, Error> {
        let reply = read_key(client, self.keyspace.key(slot))?;
        let found = reply.kvs.first();
        let found =
            found.and_then(|kv| Some(OwnRecord::at(slot, kv, Record::parse(&kv.value).ok()?)));
        Ok(found.filter(|found| found.node_id.is_none() && found.lease != self.lease))
    }

    /// Returns whether it was this node that put a record, in an earlier life. That is over: our
    /// sockets are bound, or whoever gave the node its ID says so.
    pub fn is_earlier_life(&self, found: &OwnRecord) -> bool {
        self.node_id.is_some() && found.node_id.as_ref() == self.node_id
    }

    /// Claims a slot if its key does not exist, and gives the ticket back in the same transaction.
    /// If that fails, it may have been carried out, or may be later: by etcd or the network it may
    /// be held up as long as they like.
    pub fn claim(&self, client: &mut impl Etcd, slot: SlotId) -> Result<Option<Taken>, Error> {
        Ok(self.try_claim(client, slot)?.taken())
    }

    /// The same, and says what is in the way.
    pub fn try_claim(&self, client: &mut impl Etcd, slot: SlotId) -> Result<ClaimAttempt, Error> {
        self.put_if(client, slot, Equal::CreateRevision(0))
    }

    /// Puts the record of a slot on our lease, if nobody changed it since it was looked at.
    pub fn take_over(&self, client: &mut impl Etcd, own: Claimed) -> Result<Option<Taken>, Error> {
        Ok(self.put_if(client, own.slot, Equal::ModRevision(own.mod_revision))?.taken())
    }

    /// The put and the end of the ticket, under a condition on the slot. A call that was carried out
    /// twice, because its first reply was lost, fails the second time: so look what stands there then.
    fn put_if(
        &self,
        client: &mut impl Etcd,
        slot: SlotId,
        condition: Equal,
    ) -> Result<ClaimAttempt, Error> {
        let key = self.keyspace.key(slot);
        let value =
            self.record.value_with(self.node_id, self.is_ready, self.details, None).into_bytes();
        let reply = client.txn(&Txn {
            compare: vec![Compare { key: key.clone(), to: condition }],
            success: vec![
                Op::Put { key: key.clone(), value: value.clone(), lease: self.lease },
                Op::Delete(self.keyspace.ticket(self.record)),
                Op::Range(Range { count_only: true, ..range_of(&self.keyspace.queue()) }),
            ],
            failure: vec![Op::Range(Range::new(key, None))],
        })?;
        let Some(range) = reply.ranges.first() else { return Ok(ClaimAttempt::Refused(0)) };
        if reply.succeeded {
            let claimed = Claimed::at(slot, reply.header.revision);
            return Ok(ClaimAttempt::Taken(Taken { claimed, queue_length: range.count }));
        }
        let Some(kv) = range.kvs.first() else { return Ok(ClaimAttempt::Refused(0)) };
        if kv.lease == self.lease && kv.value == value {
            let claimed = Claimed::at(slot, kv.mod_revision);
            return Ok(ClaimAttempt::Taken(Taken { claimed, queue_length: 0 }));
        }
        if kv.lease == self.lease && condition == Equal::CreateRevision(0) {
            // What this node published before its addresses changed, or whether it is ready: so a restored
            // backup has it.
            return self.put_if(client, slot, Equal::ModRevision(kv.mod_revision));
        }
        Ok(ClaimAttempt::Refused(kv.mod_revision))
    }

    /// Gives back a slot that a claim of ours took whose reply never came, if it is still ours.
    pub fn give_back(&self, client: &mut impl Etcd, slot: SlotId) -> Result<bool, Error> {
        delete_if_on(client, self.keyspace.key(slot), self.lease)
    }
}

/// Returns whether this is the record at a key.
fn says(kv: &KeyValue, record: &Record) -> bool {
    Record::parse(&kv.value).as_ref() == Ok(record)
}

/// Deletes a key if it hangs on this lease. Returns whether it did.
pub(super) fn delete_if_on(
    client: &mut impl Etcd,
    key: Vec<u8>,
    lease: LeaseId,
) -> Result<bool, Error> {
    let txn = Txn {
        compare: vec![Compare { key: key.clone(), to: Equal::Lease(lease) }],
        success: vec![Op::Delete(key)],
        failure: Vec::new(),
    };
    Ok(client.txn(&txn)?.succeeded)
}
