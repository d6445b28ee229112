//! Which free slot is whose: the lowest for the first in the queue, the next for the second, and so on.

use super::ticket::{LatestSlots, Ticket};
use crate::cluster::SlotId;

/// From how many new slots on they are presumed rather than read, which costs etcd far more than
/// the claim.
const PRESUMED_FROM: usize = 64;

/// The slot that a rank leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeSlot {
    /// The free slot that is ours to claim.
    Slot(SlotId),
    /// There are free slots, but as many nodes are ahead.
    Behind,
    /// Every slot up to the limit is taken.
    Full,
}

/// The free slot number `rank` (0 = the lowest), given the taken ones in any order.
pub fn free_slot(rank: usize, taken: impl Iterator<Item = SlotId>, limit: u32) -> FreeSlot {
    let mut taken: Vec<u32> = taken.map(SlotId::get).filter(|number| *number <= limit).collect();
    taken.sort_unstable();
    taken.dedup();
    if taken.len() == usize::try_from(limit).unwrap_or(usize::MAX) {
        return FreeSlot::Full;
    }
    let mut taken = taken.into_iter().peekable();
    let mut free = (1..=limit).filter(|number| taken.next_if_eq(number).is_none());
    free.nth(rank).and_then(SlotId::new).map_or(FreeSlot::Behind, FreeSlot::Slot)
}

/// The slot that a ticket leads to when many nodes start together: the slots that were taken since
/// `known` are taken to be the lowest that were free, as they are where everybody takes those.
/// `known_keys` counts all keys that were there then. `None` where so few are new that they can be read: then they
/// have to be. If it is wrong, the claim fails, or a lower slot stays free for the next one.
pub(super) fn presumed(
    ticket: &Ticket,
    known: &[SlotId],
    known_keys: usize,
    limit: u32,
) -> Option<SlotId> {
    let created =
        ticket.keys.checked_sub(known_keys).filter(|created| *created >= PRESUMED_FROM)?;
    match free_slot(ticket.rank.checked_add(created)?, known.iter().copied(), limit) {
        FreeSlot::Slot(slot) => Some(slot),
        FreeSlot::Behind | FreeSlot::Full => None,
    }
}

/// The slots that were taken when a ticket was, given those that were at a revision, and those that became free
/// meanwhile. `None`: those that changed last are not all that were taken since that revision.
pub(super) fn taken_since(
    latest: &LatestSlots,
    known: &[SlotId],
    seen: i64,
) -> Option<Vec<SlotId>> {
    if seen < latest.past {
        return None;
    }
    let mut taken = [known, &latest.slots].concat();
    taken.sort_unstable();
    taken.dedup();
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u32) -> SlotId {
        SlotId::new(number).expect("not zero")
    }

    #[test]
    fn the_rank_counts_free_slots_from_the_lowest() {
        let table: [(usize, &[u32], u32, FreeSlot); 9] = [
            (0, &[], 5, FreeSlot::Slot(slot(1))),
            (4, &[], 5, FreeSlot::Slot(slot(5))),
            (5, &[], 5, FreeSlot::Behind),
            (0, &[1, 2, 3], 5, FreeSlot::Slot(slot(4))),
            (1, &[3, 1], 5, FreeSlot::Slot(slot(4))),
            (2, &[1, 3], 5, FreeSlot::Slot(slot(5))),
            (3, &[1, 3], 5, FreeSlot::Behind),
            (0, &[1, 2, 3, 4, 5, 9], 5, FreeSlot::Full),
            (0, &[9, 7], 1, FreeSlot::Slot(slot(1))),
        ];
        for (rank, taken, limit, wanted) in table {
            let found = free_slot(rank, taken.iter().map(|number| slot(*number)), limit);
            assert_eq!(found, wanted, "rank {rank}, taken {taken:?}, limit {limit}");
        }
    }

    #[test]
    fn where_many_start_the_new_slots_are_presumed_the_lowest() {
        type Row = (usize, usize, &'static [u32], Option<u32>);
        let table: [Row; 8] = [
            (0, 64, &[], Some(65)),
            (7, 64, &[], Some(72)),
            // Two were known, one of them in between, and then one above.
            (0, 66, &[1, 10], Some(67)),
            (0, 66, &[1, 100], Some(66)),
            (0, 66, &[1, 62], Some(67)),
            // So few that they can be read; fewer than before; more than there are.
            (0, 65, &[1, 2], None),
            (0, 1, &[1, 2], None),
            (0, 200, &[], None),
        ];
        for (rank, keys, known, wanted) in table {
            let known: Vec<SlotId> = known.iter().map(|number| slot(*number)).collect();
            let ticket = Ticket { rank, cluster_id: 7, revision: 9, keys, newest: 9 };
            let found = presumed(&ticket, &known, known.len(), 200);
            assert_eq!(found, wanted.map(slot), "{ticket:?}, known {known:?}");
        }
    }

    #[test]
    fn what_was_taken_since_is_told_by_what_changed_last_where_that_reaches_back_so_far() {
        let slots = |numbers: &[u32]| numbers.iter().map(|number| slot(*number)).collect();
        let (known, newest): (Vec<SlotId>, _) = (slots(&[1, 2, 5]), slots(&[3, 5]));
        let latest = LatestSlots { newest: 9, slots: newest, past: 6 };
        for (seen, wanted) in
            [(5, None), (6, Some(slots(&[1, 2, 3, 5]))), (9, Some(slots(&[1, 2, 3, 5])))]
        {
            assert_eq!(taken_since(&latest, &known, seen), wanted, "seen up to {seen}");
        }
    }
}
