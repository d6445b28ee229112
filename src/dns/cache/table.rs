//! What is kept, by key, within so many octets: what was least recently asked for gives way.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crate::dns::wire::Rcode;

/// No slot.
const NONE: u32 = u32::MAX;

/// What an entry takes beside its octets: its slot, once more for the room into which the table grows, and
/// what the allocator adds to three pieces of memory.
const OVERHEAD: usize = 2 * size_of::<Slot>() + 3 * 16;

/// The octets of the table for each bucket, and the most buckets.
const PER_BUCKET: usize = 512;
const MOST_BUCKETS: usize = 1 << 18;

/// One reply.
#[derive(Debug)]
pub(super) struct KeptReply {
    pub(super) message: Box<[u8]>,
    /// Where the TTLs stand in it.
    pub(super) ttl_places: Box<[u16]>,
    pub(super) rcode: Rcode,
    pub(super) stored_at: Instant,
    /// For how long it is good, in seconds.
    pub(super) lifetime: u32,
    /// Until when it is answered from although it is not good any more, because no server answers.
    pub(super) stale_until: Option<Instant>,
}

#[derive(Debug)]
struct Slot {
    key: Box<[u8]>,
    /// `None`: the slot is free.
    entry: Option<KeptReply>,
    bucket: usize,
    /// The next one in the same bucket, or the next free one.
    next: u32,
    newer: u32,
    older: u32,
}

/// A hash table in whose buckets slots are chained, and a list of them by their last use.
#[derive(Debug)]
pub(super) struct KeptTable {
    hasher: RandomState,
    buckets: Box<[u32]>,
    slots: Vec<Slot>,
    free: u32,
    newest: u32,
    oldest: u32,
    bound: usize,
    octets: usize,
    entries: usize,
}

impl KeptTable {
    /// One that never takes more than so many octets.
    pub(super) fn new(bound: usize) -> KeptTable {
        let buckets = (bound / PER_BUCKET).next_power_of_two().min(MOST_BUCKETS);
        KeptTable {
            hasher: RandomState::new(),
            buckets: vec![NONE; buckets].into(),
            slots: Vec::new(),
            free: NONE,
            newest: NONE,
            oldest: NONE,
            bound,
            octets: buckets * size_of::<u32>(),
            entries: 0,
        }
    }

    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// All entries, by key.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = (&[u8], &mut KeptReply)> {
        self.slots.iter_mut().filter_map(|slot| Some((&*slot.key, slot.entry.as_mut()?)))
    }

    /// The entry of a key, which counts as used.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<&mut KeptReply> {
        let index = self.find(key, self.bucket_of(key))?;
        if self.newest != index {
            self.unlink(index);
            self.link(index);
        }
        self.slot(index)?.entry.as_mut()
    }

    /// Puts an entry in the place of any other of the same key; it may be too large to be kept.
    pub(super) fn put(&mut self, key: &[u8], entry: KeptReply) {
        self.remove(key);
        let size = size_of_entry(key, &entry);
        if size + self.buckets.len() * size_of::<u32>() > self.bound {
            return;
        }
        while self.octets + size > self.bound && self.oldest != NONE {
            self.remove_slot(self.oldest);
        }
        let bucket = self.bucket_of(key);
        let next = self.buckets.get(bucket).copied().unwrap_or(NONE);
        let slot =
            Slot { key: key.into(), entry: Some(entry), bucket, next, newer: NONE, older: NONE };
        let index = match self.slot(self.free).map(|free| free.next) {
            Some(next_free) => {
                let index = std::mem::replace(&mut self.free, next_free);
                if let Some(place) = self.slot(index) {
                    *place = slot;
                }
                index
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
            }
        };
        if let Some(head) = self.buckets.get_mut(bucket) {
            *head = index;
        }
        self.link(index);
        self.octets += size;
        self.entries += 1;
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(index) = self.find(key, self.bucket_of(key)) {
            self.remove_slot(index);
        }
    }

    fn bucket_of(&self, key: &[u8]) -> usize {
        // Their number is a power of two.
        self.hasher.hash_one(key) as usize & (self.buckets.len() - 1)
    }

    fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index as usize)
    }

    fn find(&self, key: &[u8], bucket: usize) -> Option<u32> {
        let mut index = *self.buckets.get(bucket)?;
        loop {
            let slot = self.slots.get(index as usize)?;
            if *slot.key == *key {
                return Some(index);
            }
            index = slot.next;
        }
    }

    fn remove_slot(&mut self, index: u32) {
        self.unlink(index);
        let free = self.free;
        let Some(slot) = self.slot(index) else { return };
        let Some(entry) = slot.entry.take() else { return };
        let key = std::mem::take(&mut slot.key);
        let (bucket, next) = (slot.bucket, std::mem::replace(&mut slot.next, free));
        self.octets = self.octets.saturating_sub(size_of_entry(&key, &entry));
        self.entries = self.entries.saturating_sub(1);
        self.free = index;
        if self.buckets.get(bucket) == Some(&index) {
            self.buckets[bucket] = next;
            return;
        }
        let mut before = self.buckets.get(bucket).copied().unwrap_or(NONE);
        while let Some(slot) = self.slot(before) {
            if slot.next == index {
                slot.next = next;
                return;
            }
            before = slot.next;
        }
    }

    /// Takes a slot out of the list by last use.
    fn unlink(&mut self, index: u32) {
        let Some((newer, older)) = self.slot(index).map(|slot| (slot.newer, slot.older)) else {
            return;
        };
        match self.slot(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slot(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Makes a slot the one that was used last.
    fn link(&mut self, index: u32) {
        let newest = std::mem::replace(&mut self.newest, index);
        if let Some(slot) = self.slot(index) {
            (slot.newer, slot.older) = (NONE, newest);
        }
        match self.slot(newest) {
            Some(slot) => slot.newer = index,
            None => self.oldest = index,
        }
    }
}

fn size_of_entry(key: &[u8], entry: &KeptReply) -> usize {
    key.len() + entry.message.len() + size_of_val(&*entry.ttl_places) + OVERHEAD
}
