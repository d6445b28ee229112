//! What is known of each slot, found by its number.
//!
//! The slots lie in pieces, which two tables share for as long as neither changes them: a copy costs
//! next to nothing, and then what differs. To grow moves none of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pattern::SlotId;

/// The slots of a piece: fewer cost more for the piece itself, more for a copy where one slot differs.
const PIECE: usize = 32;

type Piece<T> = [Option<T>; PIECE];

/// Slots, and something for each that is there.
#[derive(Clone, Debug)]
pub(super) struct SlotTable<T> {
    /// The most pieces below.
    most: usize,
    /// Those with the slots up to the limit, as far as the highest that was ever there.
    below: Vec<Option<Arc<Piece<T>>>>,
    /// Those with the slots beyond, which other nodes may use, by their numbers; kept apart so that
    /// one stray key with a huge number costs one piece.
    above: BTreeMap<u32, Arc<Piece<T>>>,
}

impl<T: Copy> SlotTable<T> {
    /// Without any; `limit` is the highest slot that is expected.
    pub(super) fn new(limit: u32) -> Self {
        let most = (limit as usize).div_ceil(PIECE);
        SlotTable { most, below: Vec::new(), above: BTreeMap::new() }
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&T> {
        let (number, offset) = place_of(id);
        let piece = match self.below.get(number as usize) {
            Some(piece) => piece.as_ref(),
            None => self.above.get(&number),
        };
        piece?.get(offset)?.as_ref()
    }

    /// Puts something at a slot, and returns what was there.
    pub(super) fn insert(&mut self, id: SlotId, value: T) -> Option<T> {
        let (number, offset) = place_of(id);
        let empty = || Arc::new([None; PIECE]);
        let index = number as usize;
        let piece = if index < self.most {
            if self.below.len() <= index {
                self.below.resize(index + 1, None);
            }
            self.below[index].get_or_insert_with(empty)
        } else {
            self.above.entry(number).or_insert_with(empty)
        };
        Arc::make_mut(piece).get_mut(offset)?.replace(value)
    }

    /// Takes away what is at a slot.
    pub(super) fn remove(&mut self, id: SlotId) -> Option<T> {
        self.get(id)?;
        let (number, offset) = place_of(id);
        let below = self.below.get_mut(number as usize);
        let is_above = below.is_none();
        let piece = match below {
            Some(piece) => piece.as_mut(),
            None => self.above.get_mut(&number),
        };
        let piece = Arc::make_mut(piece?);
        let removed = piece.get_mut(offset)?.take();
        if piece.iter().all(Option::is_none) {
            if is_above {
                self.above.remove(&number);
            } else if let Some(piece) = self.below.get_mut(number as usize) {
                *piece = None;
            }
        }
        removed
    }

    /// All from a slot on, lowest first.
    pub(super) fn iter_from(&self, first: SlotId) -> impl Iterator<Item = (SlotId, &T)> {
        let (number, _) = place_of(first);
        let below = self.below.get(number as usize..).unwrap_or_default();
        let below =
            (number..).zip(below).filter_map(|(number, piece)| Some((number, piece.as_ref()?)));
        let above = self.above.range(number..).map(|(number, piece)| (*number, piece));
        let slots = below.chain(above).flat_map(|(number, piece)| {
            let indices = number as usize * PIECE..;
            indices.zip(piece.iter()).filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
        });
        let slots = slots.skip_while(move |(index, _)| *index < first.index());
        slots.filter_map(|(index, value)| Some((SlotId::from_index(index)?, value)))
    }

    /// Forgets a piece, to drop many a little at a time. Returns how many slots it had; `None`: there
    /// is none left.
    pub(super) fn forget_piece(&mut self) -> Option<usize> {
        while self.below.pop_if(|piece| piece.is_none()).is_some() {}
        let above = || self.above.pop_last().map(|(_, piece)| piece);
        let piece = self.below.pop().flatten().or_else(above)?;
        Some(piece.iter().flatten().count())
    }
}

/// The number of a slot's piece, and the slot's place in it.
fn place_of(id: SlotId) -> (u32, usize) {
    let index = id.index();
    // The index is less than 2^32.
    ((index / PIECE) as u32, index % PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::Chance;

    #[test]
    fn a_copy_shares_what_is_alike_and_neither_sees_what_the_other_changes() {
        let mut chance = Chance(4);
        let mut tables = [SlotTable::new(100), SlotTable::new(100)];
        let mut models = [BTreeMap::new(), BTreeMap::new()];
        for round in 0..20_000 {
            if round % 500 == 0 {
                tables[1] = tables[0].clone();
                models[1] = models[0].clone();
            }
            let which = chance.below(2) as usize;
            let (table, model) = (&mut tables[which], &mut models[which]);
            let Some(id) = SlotId::new(1 + chance.below(200)) else { continue };
            match chance.below(2) {
                0 => assert_eq!(table.insert(id, round), model.insert(id, round)),
                _ => assert_eq!(table.remove(id), model.remove(&id)),
            }
            assert_eq!(table.get(id), model.get(&id));
            let Some(first) = SlotId::new(1 + chance.below(200)) else { continue };
            let known = model.range(first..).map(|(id, value)| (*id, value));
            assert!(table.iter_from(first).eq(known));
        }
        let mut copy = tables[0].clone();
        assert!(copy.below.iter().zip(&tables[0].below).all(|(one, other)| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }));
        let forgotten: usize = std::iter::from_fn(|| copy.forget_piece()).sum();
        assert_eq!((forgotten, copy.iter_from(SlotId::FIRST).count()), (models[0].len(), 0));
    }

    #[test]
    fn a_huge_number_costs_one_piece_and_one_that_goes_none() {
        let mut table = SlotTable::new(1_000_000);
        let highest = SlotId::new(u32::MAX).expect("not 0");
        for id in [SlotId::FIRST, highest] {
            table.insert(id, 1);
        }
        assert_eq!((table.below.len(), table.above.len()), (1, 1));
        assert_eq!(table.iter_from(highest).map(|(id, _)| id).collect::<Vec<_>>(), [highest]);
        for id in [SlotId::FIRST, highest] {
            assert_eq!(table.remove(id), Some(1));
        }
        assert!(table.below.iter().all(Option::is_none) && table.above.is_empty());
    }
}
