//! A hash table of the indices of a list that lies elsewhere: what is looked for is only there, so that
//! it is kept once. Open addressing, with linear probing.

/// No index: the place is free.
const VACANT: u32 = u32::MAX;

/// The indices, each at the first place that was free from the one that its hash tells.
#[derive(Clone, Debug, Default)]
pub(super) struct IndexTable {
    places: Box<[u32]>,
    used: usize,
}

impl IndexTable {
    /// The place of the index that is looked for, and that index.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let mut place = self.home(hash);
        loop {
            // There is a free place, unless there is none at all.
            let index = *self.places.get(place).filter(|index| **index != VACANT)?;
            if is_it(index) {
                return Some((place, index));
            }
            place = if place + 1 < self.places.len() { place + 1 } else { 0 };
        }
    }

    /// Adds an index that is not there; `hash_of` tells the hash of each.
    pub(super) fn insert(&mut self, index: u32, hash_of: impl Fn(u32) -> u32) {
        self.used += 1;
        // At most five of nine are taken: beyond that, a search that finds nothing may take long.
        if self.used * 9 > self.places.len() * 5 {
            let places = vec![VACANT; self.used * 13 / 6 + 1].into_boxed_slice();
            let old = std::mem::replace(&mut self.places, places);
            for moved in old.into_iter().filter(|index| *index != VACANT) {
                self.take_place(moved, hash_of(moved));
            }
        }
        self.take_place(index, hash_of(index));
    }

    /// Puts another index at the place of one with the same hash.
    pub(super) fn replace(&mut self, place: usize, index: u32) {
        if let Some(at) = self.places.get_mut(place) {
            *at = index;
        }
    }

    /// Frees a place; `hash_of` tells the hash of each index that is there.
    pub(super) fn remove(&mut self, place: usize, hash_of: impl Fn(u32) -> u32) {
        let places = self.places.len();
        if places == 0 {
            return;
        }
        let distance = |from: usize, to: usize| (to + places - from) % places;
        let mut free = place;
        let mut next = (place + 1) % places;
        // What would not be found past the free place moves there, and leaves one itself.
        while let Some(index) = self.places.get(next).copied().filter(|index| *index != VACANT) {
            if distance(self.home(hash_of(index)), next) >= distance(free, next) {
                self.replace(free, index);
                free = next;
            }
            next = (next + 1) % places;
        }
        self.replace(free, VACANT);
        self.used -= 1;
    }

    fn take_place(&mut self, index: u32, hash: u32) {
        let (before, after) = self.places.split_at_mut(self.home(hash));
        let mut around = after.iter_mut().chain(before);
        if let Some(place) = around.find(|place| **place == VACANT) {
            *place = index;
        }
    }

    /// Where the search for a hash begins: the number of places need not be a power of two.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.places.len() as u64) >> 32) as usize
    }
}
