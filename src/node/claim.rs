//! Claiming a slot: take a ticket, then compare and swap.
//!
//! The ticket's rank says which of the free slots is ours, so nodes that start together go for
//! different slots and the names come out dense. Safety never rests on the ranks: the claim
//! itself compares, and fails if the slot was taken meanwhile.

use crate::cluster::{Pattern, Record, SlotId};
use crate::etcd::{Client, Compare, Error, LeaseId, Op, OpReply, Order, Range, Txn, TxnReply};

/// A slot that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The slot.
    pub slot: SlotId,
    /// The revision that created the key: grows with every new owner, so it serves as a fencing
    /// token.
    pub create_revision: i64,
    /// The revision that put our record there.
    pub mod_revision: i64,
}

/// A slot that holds our record, as it was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The slot.
    pub claimed: Claimed,
    /// What the record hangs on: our lease, or that of an earlier life.
    pub lease: LeaseId,
}

/// The outcome of taking a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The free slot that is ours to claim.
    Slot(SlotId),
    /// There are free slots, but as many nodes are ahead.
    Behind,
    /// Every slot up to the limit is taken.
    Full,
}

/// What a claim needs to know of this node.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The names to claim from.
    pub pattern: &'a Pattern,
    /// The highest slot to claim.
    pub limit: u32,
    /// What to publish.
    pub record: &'a Record,
    /// What the ticket and the record hang on.
    pub lease: LeaseId,
}

/// The keys of all slots of a pattern: the first, and the one after the last.
pub fn slot_keys(pattern: &Pattern) -> (Vec<u8>, Vec<u8>) {
    (pattern.first_key().into_bytes(), pattern.end_key().into_bytes())
}

/// The keys of all tickets: from the prefix to the octet that follows its `#`.
pub fn queue_keys(pattern: &Pattern) -> (Vec<u8>, Vec<u8>) {
    let prefix = pattern.queue_prefix().into_bytes();
    let mut end = prefix.clone();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    (prefix, end)
}

impl Claimant<'_> {
    fn ticket(&self) -> Vec<u8> {
        format!("{}{}", self.pattern.queue_prefix(), self.record.ticket()).into_bytes()
    }

    fn put(&self, slot: SlotId) -> Op {
        Op::Put {
            key: self.pattern.name(slot).into_bytes(),
            value: self.record.to_json().into_bytes(),
            lease: Some(self.lease),
        }
    }

    /// Looks whether `slot` holds this very record now, and on which lease.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn find_own(&self, client: &mut Client, slot: SlotId) -> Result<Option<Own>, Error> {
        let reply = client.range(&Range::new(self.pattern.name(slot), None))?;
        let own =
            reply.kvs.first().filter(|kv| Record::parse(&kv.value).as_ref() == Ok(self.record));
        Ok(own.map(|kv| Own {
            claimed: Claimed {
                slot,
                create_revision: kv.create_revision,
                mod_revision: kv.mod_revision,
            },
            lease: kv.lease,
        }))
    }

    /// Puts the record of a slot on our lease, if nobody changed it since it was looked at.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn take_over(&self, client: &mut Client, own: Own) -> Result<Option<Claimed>, Error> {
        let key = self.pattern.name(own.claimed.slot).into_bytes();
        let txn = Txn {
            compare: vec![Compare::ModRevision { key, revision: own.claimed.mod_revision }],
            success: vec![self.put(own.claimed.slot)],
            failure: Vec::new(),
        };
        let reply = client.txn(&txn)?;
        let claimed = Claimed { mod_revision: reply.header.revision, ..own.claimed };
        Ok(reply.succeeded.then_some(claimed))
    }

    /// Puts this node into the queue and finds its place there, in one transaction.
    ///
    /// # Errors
    /// Those of the call to etcd.
    pub fn take_ticket(&self, client: &mut Client) -> Result<Place, Error> {
        let ticket = self.ticket();
        let (first, end) = queue_keys(self.pattern);
        let (first_slot, end_slot) = slot_keys(self.pattern);
        let queue = Range::new(first, Some(end));
        let slots = Range { keys_only: true, ..Range::new(first_slot, Some(end_slot)) };
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
        Ok(self.place(&reply, &ticket))
    }

    fn place(&self, reply: &TxnReply, ticket: &[u8]) -> Place {
        let ranges: Vec<_> = reply
            .responses
            .iter()
            .filter_map(|response| match response {
                OpReply::Range(range) => Some(range),
                _ => None,
            })
            .collect();
        let [queue, slots] = ranges.as_slice() else { return Place::Behind };
        let rank = if reply.succeeded {
            usize::try_from(queue.count).unwrap_or(usize::MAX)
        } else {
            let ahead = queue.kvs.iter().position(|kv| kv.key == ticket);
            ahead.unwrap_or(queue.kvs.len())
        };
        let taken = slots.kvs.iter().filter_map(|kv| self.pattern.slot_of(&kv.key));
        place(rank, taken, self.limit)
    }

    /// Claims a slot if its key does not exist, and gives the ticket back in the same transaction.
    ///
    /// # Errors
    /// Those of the call to etcd. If its reply was lost, [`Claimant::find_own`] tells.
    pub fn claim(&self, client: &mut Client, slot: SlotId) -> Result<Option<Claimed>, Error> {
        let key = self.pattern.name(slot).into_bytes();
        let txn = Txn {
            compare: vec![Compare::CreateRevision { key, revision: 0 }],
            success: vec![self.put(slot), Op::DeleteRange { key: self.ticket(), range_end: None }],
            failure: Vec::new(),
        };
        let reply = client.txn(&txn)?;
        let revision = reply.header.revision;
        let claimed = Claimed { slot, create_revision: revision, mod_revision: revision };
        Ok(reply.succeeded.then_some(claimed))
    }
}

/// The free slot number `rank` (0 = the lowest), given the taken ones in any order.
fn place(rank: usize, taken: impl Iterator<Item = SlotId>, limit: u32) -> Place {
    let mut taken: Vec<u32> = taken.map(SlotId::get).filter(|number| *number <= limit).collect();
    taken.sort_unstable();
    taken.dedup();
    let free = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(taken.len());
    if free == 0 {
        return Place::Full;
    }
    if rank >= free {
        return Place::Behind;
    }
    let mut taken = taken.into_iter().peekable();
    let mut ahead = rank;
    for number in 1..=limit {
        if taken.next_if_eq(&number).is_some() {
            continue;
        }
        if ahead == 0 {
            return SlotId::new(number).map_or(Place::Behind, Place::Slot);
        }
        ahead -= 1;
    }
    Place::Behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u32) -> SlotId {
        SlotId::new(number).expect("not zero")
    }

    #[test]
    fn the_rank_counts_free_slots_from_the_lowest() {
        let table: [(usize, &[u32], u32, Place); 9] = [
            (0, &[], 5, Place::Slot(slot(1))),
            (4, &[], 5, Place::Slot(slot(5))),
            (5, &[], 5, Place::Behind),
            (0, &[1, 2, 3], 5, Place::Slot(slot(4))),
            (1, &[3, 1], 5, Place::Slot(slot(4))),
            (2, &[1, 3], 5, Place::Slot(slot(5))),
            (3, &[1, 3], 5, Place::Behind),
            (0, &[1, 2, 3, 4, 5, 9], 5, Place::Full),
            (0, &[9, 7], 1, Place::Slot(slot(1))),
        ];
        for (rank, taken, limit, wanted) in table {
            let found = place(rank, taken.iter().map(|number| slot(*number)), limit);
            assert_eq!(found, wanted, "rank {rank}, taken {taken:?}, limit {limit}");
        }
    }
}
