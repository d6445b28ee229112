//! The addresses of one family that the slots of a pattern publish, and the slots of each.
//!
//! All of them lie in one piece, each once, so that the answer for the whole group is a walk over
//! that piece. What is asked and what is changed costs the same however many there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::pattern::SlotId;

/// The parts of the table. Each grows by itself, so that no change moves more than one of them: with
/// 100,000 addresses that is less than 100 µs, where a table in one piece took several ms at times.
const SHARDS: usize = 64;

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
pub(super) struct Published {
    /// Its index among the distinct addresses.
    index: usize,
    /// The lowest slot that publishes it, and the others in order. Mostly there is none, and a list
    /// without any asks for no memory.
    first: SlotId,
    others: Vec<SlotId>,
}

impl Published {
    /// The number of slots that publish it.
    pub(super) fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// The slots that publish it, lowest first.
    pub(super) fn slots(&self) -> impl Iterator<Item = SlotId> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// Addresses of `N` octets, and who publishes them.
#[derive(Clone, Debug)]
pub(super) struct AddressSet<const N: usize> {
    /// All addresses, each once (RFC 2181 §5), in the order in which they came, but that the last
    /// takes the place of one that goes.
    distinct: Vec<[u8; N]>,
    shards: [Shard<N>; SHARDS],
}

impl<const N: usize> AddressSet<N> {
    pub(super) fn new() -> Self {
        AddressSet { distinct: Vec::new(), shards: std::array::from_fn(|_| Shard::default()) }
    }

    pub(super) fn distinct(&self) -> &[[u8; N]] {
        &self.distinct
    }

    pub(super) fn get(&self, address: [u8; N]) -> Option<&Published> {
        self.shards[shard_of(address)].get(&address)
    }

    pub(super) fn insert(&mut self, address: [u8; N], mut id: SlotId) {
        let published = self.shards[shard_of(address)].entry(address).or_insert_with(|| {
            self.distinct.push(address);
            Published { index: self.distinct.len() - 1, first: id, others: Vec::new() }
        });
        if id < published.first {
            std::mem::swap(&mut id, &mut published.first);
        }
        if id != published.first
            && let Err(at) = published.others.binary_search(&id)
        {
            published.others.insert(at, id);
        }
    }

    pub(super) fn remove(&mut self, address: [u8; N], id: SlotId) {
        let Entry::Occupied(mut entry) = self.shards[shard_of(address)].entry(address) else {
            return;
        };
        let Published { first, others, .. } = entry.get_mut();
        if id != *first {
            if let Ok(at) = others.binary_search(&id) {
                others.remove(at);
            }
            return;
        }
        if !others.is_empty() {
            *first = others.remove(0);
            return;
        }
        let index = entry.remove().index;
        self.distinct.swap_remove(index);
        let Some(moved) = self.distinct.get(index) else { return };
        if let Some(published) = self.shards[shard_of(*moved)].get_mut(moved) {
            published.index = index;
        }
    }

    /// Forgets who publishes an address, to drop a large set a little at a time; `false`: there is
    /// none left. Nothing but this may be asked of the set from now on.
    pub(super) fn forget_one(&mut self) -> bool {
        self.shards.iter_mut().any(|shard| {
            let address = shard.keys().next().copied();
            address.is_some_and(|address| shard.remove(&address).is_some())
        })
    }
}

/// By bits of the hash that the part itself does not look at.
fn shard_of<const N: usize>(address: [u8; N]) -> usize {
    let hash = BuildHasherDefault::<AddressHasher>::default().hash_one(address);
    (hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::Chance;
    use std::collections::{BTreeMap, BTreeSet};

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
                let known = model.get(&address).into_iter().flatten().copied();
                let told = set.get(address).into_iter().flat_map(Published::slots);
                assert!(told.eq(known), "{address:?}");
            }
            let mut distinct = set.distinct().to_vec();
            distinct.sort_unstable();
            assert!(distinct.iter().eq(model.keys()), "{most}");
            for (index, address) in set.distinct().iter().enumerate() {
                assert_eq!(set.shards[shard_of(*address)][address].index, index, "{address:?}");
            }
            assert_eq!((0..).take_while(|_| set.forget_one()).count(), model.len());
        }
    }

    #[test]
    fn addresses_that_follow_one_another_are_spread_over_the_table() {
        fn distinct_ends<const N: usize>(address: impl Fn(u32) -> [u8; N]) -> usize {
            let hash = BuildHasherDefault::<AddressHasher>::default();
            let ends = (0..4096).map(|number| hash.hash_one(address(number)) % 4096);
            let shards: BTreeSet<_> = (0..4096).map(|number| shard_of(address(number))).collect();
            assert_eq!(shards.len(), SHARDS);
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
