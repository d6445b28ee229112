//! The place of a node in the queue, as far as it was told: who is ahead of it, and waits.
//!
//! A ticket of a node that has a name counts for nobody, whether it was put late, or a name with its addresses is
//! there from before, as in a backup that was restored. It counts again when that name goes, for then its node
//! waits for one like all others.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::overtake::Overtaking;
use crate::cluster::{Keyspace, Record, SlotId};
use crate::etcd::{EventKind, WatchReply};

/// What a node knows of the queue.
pub(super) struct QueuePlace {
    /// Its own ticket.
    ticket: Vec<u8>,
    /// The tickets ahead of it, and the slot that holds the record of that node, if one does.
    ahead: HashMap<Vec<u8>, Option<SlotId>>,
    /// The same by the slot.
    named: HashMap<SlotId, Vec<u8>>,
    /// The revision up to which it is known who left.
    pub(super) left: i64,
    /// Whether its own ticket left as well.
    pub(super) is_gone: bool,
    pub(super) overtaking: Overtaking,
}

impl QueuePlace {
    /// The place of this ticket, with these ahead as of a revision.
    pub(super) fn new(
        ticket: Vec<u8>,
        ahead: HashSet<Vec<u8>>,
        left: i64,
        now: Instant,
    ) -> QueuePlace {
        QueuePlace {
            ticket,
            ahead: ahead.into_iter().map(|ticket| (ticket, None)).collect(),
            named: HashMap::new(),
            left,
            is_gone: false,
            overtaking: Overtaking::new(now),
        }
    }

    /// How many wait ahead of it.
    pub(super) fn rank(&self) -> usize {
        self.ahead.len() - self.named.len()
    }

    /// Takes note of what a slot holds. Returns whether somebody ahead has a name by that.
    pub(super) fn see(
        &mut self,
        slot: SlotId,
        record: Option<&Record>,
        keyspace: &Keyspace,
    ) -> bool {
        if let Some(place) = self.named.remove(&slot).and_then(|ticket| self.ahead.get_mut(&ticket))
        {
            *place = None;
        }
        let Some(ticket) = record.map(|record| keyspace.ticket(record)) else { return false };
        let Some(place @ None) = self.ahead.get_mut(&ticket) else { return false };
        *place = Some(slot);
        self.named.insert(slot, ticket);
        true
    }

    /// Takes in who left the queue, which is the range after those of names. Who claimed a name left it in the same
    /// transaction, of which two watches tell one after the other: between them its rank would count twice.
    pub(super) fn heed(&mut self, reply: &WatchReply, keyspace: &Keyspace, now: Instant) {
        let names = keyspace.ranges().len();
        for event in &reply.events {
            let kv = &event.kv;
            let has_moved = if reply.range == names {
                self.left = self.left.max(kv.mod_revision);
                self.is_gone |= kv.key == self.ticket;
                self.leave(&kv.key)
            } else if reply.range == 0
                && let Some(slot) = keyspace.slot_of(&kv.key)
            {
                let is_put = event.kind == EventKind::Put;
                let record = Record::parse(&kv.value).ok().filter(|_| is_put);
                self.see(slot, record.as_ref(), keyspace)
            } else {
                false
            };
            if has_moved {
                self.overtaking.moved(now);
            }
        }
    }

    /// Returns whether it was ahead.
    fn leave(&mut self, ticket: &[u8]) -> bool {
        let slot = self.ahead.remove(ticket);
        if let Some(Some(slot)) = slot {
            self.named.remove(&slot);
        }
        slot.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Pattern;
    use crate::etcd::{Event, KeyValue, LeaseId, ResponseHeader};

    fn keyspace() -> Keyspace {
        Keyspace::new(Pattern::parse("w{{.ID}}.tf.local.", 9).expect("a pattern"), 9)
    }

    fn record(number: u8) -> Record {
        let text = format!(r#"{{"ipv4":"10.0.0.{number}","port":"53"}}"#);
        Record::parse(text.as_bytes()).expect("a record")
    }

    const NAMES: usize = 0;
    const QUEUE: usize = 1;

    /// The place of a node with four ahead of it.
    fn behind_four(keyspace: &Keyspace) -> QueuePlace {
        let ticket = |number| keyspace.ticket(&record(number));
        QueuePlace::new(ticket(9), (1..=4).map(ticket).collect(), 7, Instant::now())
    }

    /// What a watch tells of a key: this record, or that there is none any more.
    fn told(range: usize, key: Vec<u8>, record: Option<Record>) -> WatchReply {
        let value = record.map(|record| record.value(None).into_bytes());
        let kind = if value.is_some() { EventKind::Put } else { EventKind::Delete };
        let value = value.unwrap_or_default();
        let kv = KeyValue { key, value, create_revision: 0, mod_revision: 8, lease: LeaseId(1) };
        let (header, events) = (ResponseHeader::default(), vec![Event { kind, kv }]);
        WatchReply { header, range, events, complete: true }
    }

    #[test]
    fn who_has_a_name_counts_for_nobody_until_that_is_gone() {
        let keyspace = keyspace();
        let slot = |number| SlotId::new(number).expect("not zero");
        let mut place = behind_four(&keyspace);
        let mut tell = |number, of: Option<u8>, rank| {
            let reply = told(NAMES, keyspace.key(slot(number)), of.map(record));
            place.heed(&reply, &keyspace, Instant::now());
            assert_eq!(place.rank(), rank, "slot {number}: {of:?}");
        };
        // Of one of them, of somebody else, none.
        tell(1, Some(1), 3);
        tell(2, Some(8), 3);
        tell(3, None, 3);
        // It has a second name; then the first goes, and whether it waits is not clear: it counts.
        tell(4, Some(1), 3);
        tell(1, None, 4);
        // A name that goes from one of them to another.
        tell(5, Some(2), 3);
        tell(5, Some(3), 3);
        tell(5, None, 4);
    }

    #[test]
    fn who_claims_a_name_leaves_once_whatever_is_told_first() {
        let keyspace = keyspace();
        let key = keyspace.key(SlotId::new(5).expect("not zero"));
        let name = || told(NAMES, key.clone(), Some(record(3)));
        let ticket = || told(QUEUE, keyspace.ticket(&record(3)), None);
        for replies in [[name(), ticket()], [ticket(), name()]] {
            let mut place = behind_four(&keyspace);
            for reply in replies {
                place.heed(&reply, &keyspace, Instant::now());
                assert_eq!(place.rank(), 3, "{reply:?}");
            }
            place.heed(&told(NAMES, key.clone(), None), &keyspace, Instant::now());
            assert_eq!((place.rank(), place.left, place.is_gone), (3, 8, false));
            let own = told(QUEUE, keyspace.ticket(&record(9)), None);
            place.heed(&own, &keyspace, Instant::now());
            assert!(place.is_gone);
        }
    }
}
