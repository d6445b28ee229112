//! The addresses of one family that the slots of a pattern publish, and the slots of each.
//!
//! All of them lie in one piece, each once, so that the answer for the whole group is a walk over
//! that piece. What is asked and what is changed costs the same however many there are.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::pattern::SlotId;

/// The parts of the table. Each grows by itself, so that no change moves more than one of them: with
/// 100,000 addresses that is less than 100 µs, where a table in one piece took several ms at times.
const SHARDS: usize = 64;

/// A part of the table.
type Shard<const N: usize> = HashMap<[u8; N], Published, BuildHasherDefault<AddressHasher>>;

/// An odd number whose bits are as good as random: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of an address, without a key: what strangers ask for is only looked up, and whoever may
/// write into etcd has other ways to slow the nodes down.
#[derive(Clone, Copy, Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, octets: &[u8]) {
        for part in octets.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            // Both halves of the product: a difference in the highest bits, as addresses have it
            // that follow one another, shows in the upper half alone.
            let product = u128::from(self.0 ^ u64::from_le_bytes(word)) * u128::from(MULTIPLIER);
            self.0 = product as u64 ^ (product >> 64) as u64;
        }
    }

    /// The length, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    /// The table looks at the lowest bits and at the highest.
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// An address that is published.
#[derive(Clone, Debug)]
struct Published {
    /// Its index among the distinct addresses.
    index: usize,
    by: Publishers,
}

/// The slots that publish an address.
#[derive(Clone, Debug)]
enum Publishers {
    One(SlotId),
    /// Two at least.
    #[expect(clippy::box_collection, reason = "hardly any address has them, all would have room")]
    Several(Box<BTreeSet<SlotId>>),
}

/// Addresses of `N` octets, and who publishes them.
#[derive(Clone, Debug)]
pub(super) struct AddressSet<const N: usize> {
    distinct: Vec<[u8; N]>,
    shards: Vec<Shard<N>>,
}

impl<const N: usize> AddressSet<N> {
    /// An empty set.
    pub(super) fn new() -> Self {
        AddressSet { distinct: Vec::new(), shards: vec![Shard::default(); SHARDS] }
    }

    /// Returns all addresses, each once (RFC 2181 §5), in the order in which they came, but that the
    /// last takes the place of one that goes.
    pub(super) fn distinct(&self) -> &[[u8; N]] {
        &self.distinct
    }

    /// Returns how many slots publish an address.
    pub(super) fn publishers(&self, address: [u8; N]) -> usize {
        match self.published(&address).map(|published| &published.by) {
            None => 0,
            Some(Publishers::One(_)) => 1,
            Some(Publishers::Several(ids)) => ids.len(),
        }
    }

    /// Tells the slots that publish an address, lowest first, until one fails.
    pub(super) fn try_publishers<E>(
        &self,
        address: [u8; N],
        mut tell: impl FnMut(SlotId) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.published(&address).map(|published| &published.by) {
            None => Ok(()),
            Some(Publishers::One(id)) => tell(*id),
            Some(Publishers::Several(ids)) => ids.iter().try_for_each(|id| tell(*id)),
        }
    }

    fn published(&self, address: &[u8; N]) -> Option<&Published> {
        self.shards.get(shard_of(address))?.get(address)
    }

    /// Notes that a slot publishes an address.
    pub(super) fn insert(&mut self, address: [u8; N], id: SlotId) {
        let Some(shard) = self.shards.get_mut(shard_of(&address)) else { return };
        match shard.entry(address) {
            Entry::Vacant(vacant) => {
                vacant.insert(Published { index: self.distinct.len(), by: Publishers::One(id) });
                self.distinct.push(address);
            }
            Entry::Occupied(mut occupied) => occupied.get_mut().by.insert(id),
        }
    }

    /// Notes that a slot publishes an address no more.
    pub(super) fn remove(&mut self, address: [u8; N], id: SlotId) {
        let Some(shard) = self.shards.get_mut(shard_of(&address)) else { return };
        let Entry::Occupied(mut occupied) = shard.entry(address) else { return };
        if occupied.get_mut().by.remove(id) {
            return;
        }
        let index = occupied.remove().index;
        if index < self.distinct.len() {
            self.distinct.swap_remove(index);
        }
        let Some(moved) = self.distinct.get(index) else { return };
        let shard = self.shards.get_mut(shard_of(moved));
        if let Some(published) = shard.and_then(|shard| shard.get_mut(moved)) {
            published.index = index;
        }
    }

    /// Forgets a slot that publishes an address, to drop a large set a little at a time; `false`:
    /// there is none left. Nothing but this may be asked of the set from now on.
    pub(super) fn forget_one(&mut self) -> bool {
        while let Some(shard) = self.shards.last_mut() {
            let Some(address) = shard.keys().next().copied() else {
                self.shards.pop();
                continue;
            };
            match shard.get_mut(&address).map(|published| &mut published.by) {
                Some(Publishers::Several(ids)) if ids.len() > 1 => drop(ids.pop_first()),
                _ => drop(shard.remove(&address)),
            }
            return true;
        }
        false
    }
}

impl Publishers {
    fn insert(&mut self, id: SlotId) {
        match self {
            Publishers::One(only) if *only == id => {}
            Publishers::One(only) => {
                *self = Publishers::Several(Box::new(BTreeSet::from([*only, id])));
            }
            Publishers::Several(ids) => {
                ids.insert(id);
            }
        }
    }

    /// Removes a slot. Returns whether one of them still publishes the address.
    fn remove(&mut self, id: SlotId) -> bool {
        match self {
            Publishers::One(only) => *only != id,
            Publishers::Several(ids) => {
                ids.remove(&id);
                if let (1, Some(only)) = (ids.len(), ids.first()) {
                    *self = Publishers::One(*only);
                }
                true
            }
        }
    }
}

/// Addresses of one network, which mostly follow one another, spread evenly.
fn shard_of<const N: usize>(address: &[u8; N]) -> usize {
    usize::from(address.iter().fold(0, |sum, octet| sum ^ octet)) % SHARDS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::BuildHasher;

    use super::*;
    use crate::cluster::testing::Chance;

    #[test]
    fn after_any_changes_it_tells_what_a_plain_map_does() {
        let mut chance = Chance(1);
        // Few addresses, which many share, and many.
        for most in [3, 40, 1000] {
            let mut set = AddressSet::new();
            let mut model: BTreeMap<[u8; 4], BTreeSet<SlotId>> = BTreeMap::new();
            for _ in 0..5000 {
                let [low, high, ..] = chance.below(most).to_le_bytes();
                let address = [10, 0, high, low];
                let Some(id) = SlotId::new(1 + chance.below(20)) else { continue };
                if chance.below(5) < 3 {
                    set.insert(address, id);
                    model.entry(address).or_default().insert(id);
                } else {
                    set.remove(address, id);
                    if let Some(ids) = model.get_mut(&address) {
                        ids.remove(&id);
                    }
                    model.retain(|_, ids| !ids.is_empty());
                }
                let mut ids = Vec::new();
                let told: Result<(), ()> = set.try_publishers(address, |id| {
                    ids.push(id);
                    Ok(())
                });
                let known = model.get(&address);
                assert!(ids.iter().eq(known.into_iter().flatten()), "{address:?}");
                assert_eq!((told, set.publishers(address)), (Ok(()), ids.len()));
            }
            let mut distinct = set.distinct().to_vec();
            distinct.sort_unstable();
            assert!(distinct.iter().eq(model.keys()), "{most}");
            for (index, address) in set.distinct().iter().enumerate() {
                let published = &set.shards[shard_of(address)][address];
                assert_eq!(published.index, index, "{address:?}");
                let is_one = matches!(published.by, Publishers::One(_));
                assert_eq!(is_one, model[address].len() == 1, "{address:?}");
            }
            let all: usize = model.values().map(BTreeSet::len).sum();
            assert_eq!((0..).take_while(|_| set.forget_one()).count(), all);
        }
    }

    #[test]
    fn addresses_that_follow_one_another_are_spread_over_the_table() {
        fn distinct_ends<const N: usize>(address: impl Fn(u32) -> [u8; N]) -> usize {
            let hash = BuildHasherDefault::<AddressHasher>::default();
            let ends = (0..4096).map(|number| hash.hash_one(address(number)) % 4096);
            ends.collect::<BTreeSet<_>>().len()
        }
        // Of random numbers 2,589 would differ.
        assert!(distinct_ends(|number| (0x0a00_0000 + number).to_be_bytes()) > 2400);
        assert!(distinct_ends(|number| (0x0a00_0000 + (number << 8)).to_be_bytes()) > 2400);
        for shift in [0, 16, 40, 64, 96] {
            let address = |number| (0xfd00 << 112 | u128::from(number) << shift).to_be_bytes();
            assert!(distinct_ends(address) > 2400, "{shift}");
        }
    }

    #[test]
    fn what_goes_leaves_its_place_to_the_last() {
        let mut set = AddressSet::new();
        for number in 1..=5 {
            set.insert([number], SlotId::FIRST);
        }
        set.remove([2], SlotId::FIRST);
        assert_eq!(set.distinct(), [[1], [5], [3], [4]]);
        set.remove([4], SlotId::FIRST);
        assert_eq!(set.distinct(), [[1], [5], [3]]);
    }
}
