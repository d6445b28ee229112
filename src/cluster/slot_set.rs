//! A set of slots, with a bit for each.

use std::collections::BTreeSet;

use super::pattern::SlotId;

/// Some of the slots.
#[derive(Clone, Debug)]
pub(super) struct SlotSet {
    limit: u32,
    /// Bits of the slots up to the limit, as far as the highest that was ever there.
    words: Vec<u64>,
    /// Slots above the limit: one huge number is to cost no memory.
    above: BTreeSet<SlotId>,
    len: usize,
}

impl SlotSet {
    /// Without any; `limit` is the highest slot that is expected.
    pub(super) fn new(limit: u32) -> Self {
        SlotSet { limit, words: Vec::new(), above: BTreeSet::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, id: SlotId) -> bool {
        let (word, bit) = place_of(id);
        if id.get() > self.limit {
            return self.above.contains(&id);
        }
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn insert(&mut self, id: SlotId) {
        if self.contains(id) {
            return;
        }
        self.len += 1;
        if id.get() > self.limit {
            self.above.insert(id);
            return;
        }
        let (word, bit) = place_of(id);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub(super) fn remove(&mut self, id: SlotId) {
        if !self.contains(id) {
            return;
        }
        self.len -= 1;
        let (word, bit) = place_of(id);
        match self.words.get_mut(word).filter(|_| id.get() <= self.limit) {
            Some(word) => *word &= !bit,
            None => _ = self.above.remove(&id),
        }
    }

    /// All of them, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = SlotId> {
        let words = self.words.iter().zip((0..).step_by(u64::BITS as usize));
        let below = words.flat_map(|(word, first)| {
            let lowest_first =
                std::iter::successors(Some(*word), |rest| Some(rest & rest.wrapping_sub(1)));
            let bits = lowest_first.take_while(|rest| *rest != 0).map(u64::trailing_zeros);
            bits.filter_map(move |bit| SlotId::from_index(first + bit as usize))
        });
        below.chain(self.above.iter().copied())
    }
}

/// The word of a slot, and its bit there.
fn place_of(id: SlotId) -> (usize, u64) {
    let bits = u64::BITS as usize;
    (id.index() / bits, 1 << (id.index() % bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::Chance;

    #[test]
    fn after_any_changes_it_has_what_a_plain_set_has() {
        let mut chance = Chance(3);
        let (mut set, mut model) = (SlotSet::new(150), BTreeSet::new());
        for _ in 0..20_000 {
            let Some(id) = SlotId::new(1 + chance.below(200)) else { continue };
            match chance.below(2) {
                0 => {
                    set.insert(id);
                    model.insert(id);
                }
                _ => {
                    set.remove(id);
                    model.remove(&id);
                }
            }
            assert_eq!((set.len(), set.contains(id)), (model.len(), model.contains(&id)));
        }
        assert!(set.iter().eq(model.iter().copied()));
        set.insert(SlotId::new(u32::MAX).expect("not 0"));
        assert!(set.words.len() <= 3 && set.iter().count() == model.len() + 1);
    }
}
