//! The addresses of one family that the slots of a pattern publish, and the slots of each.
//!
//! All of them lie in one piece, each once, so that the answer for the whole group is a walk over
//! that piece. What is asked and what is changed costs the same however many there are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::index_table::IndexTable;
use super::pattern::SlotId;

/// The parts of the table. Each grows by itself, and is copied by itself where a copy of the set
/// changes, so that no change moves more than one of them: with 100,000 addresses some µs.
const SHARDS: usize = 64;

/// An odd number whose bits are as good as random: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The part of the list that is reserved beyond its end when it grows: one of so many. Doubling would
/// leave up to half of it unused.
const SPARE: usize = 8;

/// An address that is published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published<'a> {
    /// The lowest slot that publishes it, and the others in order. Mostly there is none.
    first: SlotId,
    others: &'a [SlotId],
}

impl<'a> Published<'a> {
    /// The number of slots that publish it.
    pub(super) fn count(self) -> usize {
        1 + self.others.len()
    }

    /// The slots that publish it, lowest first.
    pub(super) fn slots(self) -> impl Iterator<Item = SlotId> + 'a {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// An address that is looked for, with its place in any set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<const N: usize> {
    address: [u8; N],
    shard: usize,
    hash: u32,
}

impl<const N: usize> Sought<N> {
    fn new(address: [u8; N]) -> Self {
        let (shard, hash) = place_of(address);
        Sought { address, shard, hash }
    }
}

/// An address of either family.
#[derive(Clone, Copy, Debug)]
pub(super) enum SoughtAddress {
    V4(Sought<4>),
    V6(Sought<16>),
}

impl From<IpAddr> for SoughtAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(ip) => SoughtAddress::V4(Sought::new(ip.octets())),
            IpAddr::V6(ip) => SoughtAddress::V6(Sought::new(ip.octets())),
        }
    }
}

/// Addresses of `N` octets, and who publishes them. A copy shares what neither changes.
#[derive(Clone, Debug)]
pub(super) struct AddressSet<const N: usize> {
    /// All addresses, each once (RFC 2181 §5), in the order in which they came, but that the last
    /// takes the place of one that goes.
    distinct: Arc<Vec<[u8; N]>>,
    /// The lowest slot that publishes each.
    first: Arc<Vec<SlotId>>,
    shards: Vec<Arc<Shard<N>>>,
}

/// Some of the addresses, by their hashes.
#[derive(Clone, Debug, Default)]
struct Shard<const N: usize> {
    /// Where they are among the distinct ones.
    indices: IndexTable,
    /// The slots that publish them, but the lowest of each, where there are more.
    others: BTreeMap<[u8; N], Vec<SlotId>>,
}

impl<const N: usize> AddressSet<N> {
    pub(super) fn new() -> Self {
        AddressSet {
            distinct: Arc::default(),
            first: Arc::default(),
            shards: vec![Arc::default(); SHARDS],
        }
    }

    pub(super) fn distinct(&self) -> &[[u8; N]] {
        &self.distinct
    }

    #[inline]
    pub(super) fn get(&self, sought: Sought<N>) -> Option<Published<'_>> {
        let Sought { address, shard, hash } = sought;
        let shard = self.shards.get(shard)?;
        let (_, index) = shard.indices.find(hash, is_at(&self.distinct, address))?;
        let first = *self.first.get(index as usize)?;
        let others = shard.others.get(&address).map(Vec::as_slice).unwrap_or_default();
        Some(Published { first, others })
    }

    pub(super) fn insert(&mut self, address: [u8; N], mut id: SlotId) {
        let (shard, hash) = place_of(address);
        let Some(shard) = self.shards.get_mut(shard).map(Arc::make_mut) else { return };
        let Some((_, index)) = shard.indices.find(hash, is_at(&self.distinct, address)) else {
            // Each has a slot, of which there are less than 2^32.
            let index = self.distinct.len() as u32;
            push(Arc::make_mut(&mut self.distinct), address);
            push(Arc::make_mut(&mut self.first), id);
            return shard.indices.insert(index, hash_in(&self.distinct));
        };
        let Some(first) = Arc::make_mut(&mut self.first).get_mut(index as usize) else { return };
        if id < *first {
            std::mem::swap(&mut id, first);
        }
        if id != *first {
            let others = shard.others.entry(address).or_default();
            if let Err(at) = others.binary_search(&id) {
                others.insert(at, id);
            }
        }
    }

    pub(super) fn remove(&mut self, address: [u8; N], id: SlotId) {
        let (shard, hash) = place_of(address);
        let Some(shard) = self.shards.get_mut(shard).map(Arc::make_mut) else { return };
        let Some((place, index)) = shard.indices.find(hash, is_at(&self.distinct, address)) else {
            return;
        };
        let firsts = Arc::make_mut(&mut self.first);
        let Some(first) = firsts.get_mut(index as usize) else { return };
        if let Some(others) = shard.others.get_mut(&address) {
            if id == *first {
                *first = others.remove(0);
            } else if let Ok(at) = others.binary_search(&id) {
                others.remove(at);
            }
            if others.is_empty() {
                shard.others.remove(&address);
            }
            return;
        }
        if id != *first {
            return;
        }
        shard.indices.remove(place, hash_in(&self.distinct));
        firsts.swap_remove(index as usize);
        let distinct = Arc::make_mut(&mut self.distinct);
        distinct.swap_remove(index as usize);
        let last = distinct.len() as u32;
        let Some(moved) = distinct.get(index as usize) else { return };
        let (shard, hash) = place_of(*moved);
        let Some(shard) = self.shards.get_mut(shard).map(Arc::make_mut) else { return };
        if let Some((place, _)) = shard.indices.find(hash, |index| index == last) {
            shard.indices.replace(place, index);
        }
    }

    /// Forgets who publishes some of the addresses, to drop a large set a little at a time; `false`:
    /// there is none left. Nothing but this may be asked of the set from now on.
    pub(super) fn forget_shard(&mut self) -> bool {
        self.shards.pop().is_some()
    }
}

/// Adds something to a list that is mostly as long as it will be.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / SPARE + SPARE);
    }
    list.push(item);
}

/// Whether an index is that of an address.
fn is_at<const N: usize>(distinct: &[[u8; N]], address: [u8; N]) -> impl Fn(u32) -> bool {
    move |index| distinct.get(index as usize) == Some(&address)
}

/// The hash of the address at an index.
fn hash_in<const N: usize>(distinct: &[[u8; N]]) -> impl Fn(u32) -> u32 {
    |index| distinct.get(index as usize).map_or(0, |address| place_of(*address).1)
}

/// The shard of an address, and its hash there. Without a key: what strangers ask for is only looked
/// up, and whoever may write into etcd has other ways to slow the nodes down.
fn place_of<const N: usize>(address: [u8; N]) -> (usize, u32) {
    let (words, rest) = address.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = (!rest.is_empty())
        .then(|| rest.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)));
    let hash = words.chain(rest).fold(0, |hash, word| {
        // Both halves of the product: a difference in the highest bits, as addresses have it
        // that follow one another, shows in the upper half alone.
        let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
        product as u64 ^ (product >> 64) as u64
    });
    // The table looks at the highest bits, which depend on all of these now.
    let hash = hash.wrapping_mul(MULTIPLIER);
    (hash as usize % SHARDS, (hash >> 32) as u32)
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
                let told = set.get(Sought::new(address)).into_iter().flat_map(Published::slots);
                assert!(told.eq(known), "{address:?}");
            }
            let mut distinct = set.distinct().to_vec();
            distinct.sort_unstable();
            assert!(distinct.iter().eq(model.keys()), "{most}");
            for (index, address) in set.distinct().iter().enumerate() {
                let (shard, hash) = place_of(*address);
                let found = set.shards[shard].indices.find(hash, is_at(&set.distinct, *address));
                assert_eq!(found.map(|(_, found)| found as usize), Some(index), "{address:?}");
            }
            assert_eq!((0..).take_while(|_| set.forget_shard()).count(), SHARDS);
        }
    }

    #[test]
    fn addresses_that_follow_one_another_are_spread_over_the_table() {
        fn distinct_ends<const N: usize>(address: impl Fn(u32) -> [u8; N]) -> usize {
            let places = (0..4096).map(|number| place_of(address(number)));
            let shards: BTreeSet<_> = places.clone().map(|(shard, _)| shard).collect();
            assert_eq!(shards.len(), SHARDS);
            let in_shards = places.clone().map(|(shard, hash)| (shard, hash >> 26));
            let in_shards = in_shards.collect::<BTreeSet<_>>().len();
            in_shards.min(places.map(|(_, hash)| hash >> 20).collect::<BTreeSet<_>>().len())
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
