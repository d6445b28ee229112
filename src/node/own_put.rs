//! A put of the own key that is ahead of what the watch told. The directory has it at once, in place of what stood
//! there; where etcd's history is compared as of before, that is what it has.

use crate::cluster::{Entry, KeyVersion, Latest};

/// The own key as it was before it was put.
#[derive(Debug)]
pub(super) struct OwnPut {
    key: Vec<u8>,
    /// The revision of the put.
    revision: i64,
    before: KeyVersion,
}

impl OwnPut {
    /// A put of this revision, where changes were seen up to another one; `None`: nothing stood there. One after
    /// another that is ahead is ahead of the same.
    pub(super) fn new(
        former: Option<OwnPut>,
        (key, before): (&[u8], Option<KeyVersion>),
        revision: i64,
        seen: i64,
    ) -> Option<OwnPut> {
        match former {
            Some(former) if former.key == key && former.revision > seen => {
                Some(OwnPut { revision, ..former })
            }
            _ => Some(OwnPut { key: key.to_vec(), revision, before: before? }),
        }
    }

    /// Leaves the own key out of what etcd had at a revision, which the directory cannot have any more, if it is
    /// as the directory had it.
    pub(super) fn leave_out_of(&self, latest: &mut Latest<'_>, at: i64) {
        let (before, _) = self.before;
        if at >= self.revision || before > at {
            return;
        }
        let is_own = |entry: &Entry<'_>| entry.key == self.key;
        match latest.entries.iter().position(is_own) {
            Some(index) => {
                let is_as_before =
                    |it: &Entry<'_>| (it.mod_revision, it.fingerprint) == self.before;
                if latest.entries.get(index).is_some_and(is_as_before) {
                    latest.entries.swap_remove(index);
                    latest.keys = latest.keys.saturating_sub(1);
                }
            }
            None if before <= latest.after => latest.keys = latest.keys.saturating_sub(1),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &[u8], mod_revision: i64, fingerprint: u64) -> Entry<'_> {
        Entry { key, value: Some(b""), mod_revision, fingerprint }
    }

    #[test]
    fn only_what_stood_there_is_left_out_and_only_as_of_before() {
        let own = |before| OwnPut::new(None, (b"w1", before), 20, 10);
        assert!(own(None).is_none(), "a new key");
        // What stood there, what etcd had, at which revision, past which all is told; and what is left.
        let table = [
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w1", 7, 1)], 10, 0, (1, 1)),
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w1", 7, 1)], 20, 0, (2, 2)),
            // Another version of it, or none, is of another history.
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w1", 7, 3)], 10, 0, (2, 2)),
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w1", 8, 1)], 10, 0, (2, 2)),
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w3", 7, 1)], 10, 6, (2, 2)),
            // It is not among those that changed last.
            (Some((7, 1)), vec![entry(b"w2", 9, 2), entry(b"w3", 8, 1)], 10, 7, (1, 2)),
            // It came after what was seen.
            (Some((12, 1)), vec![entry(b"w2", 9, 2), entry(b"w3", 8, 1)], 10, 7, (2, 2)),
        ];
        for (row, (before, entries, at, after, wanted)) in table.into_iter().enumerate() {
            let keys = entries.len();
            let mut latest = Latest { keys, after, has_values: true, entries };
            own(before).expect("a put").leave_out_of(&mut latest, at);
            assert_eq!((latest.keys, latest.entries.len()), wanted, "row {row}");
        }
    }

    #[test]
    fn a_further_put_is_ahead_of_what_the_first_one_was() {
        for (seen, wanted) in [(10, (7, 1)), (20, (20, 2))] {
            let first = OwnPut::new(None, (b"w1", Some((7, 1))), 20, 10);
            let second = OwnPut::new(first, (b"w1", Some((20, 2))), 30, seen);
            let second = second.expect("a put");
            assert_eq!((second.before, second.revision), (wanted, 30), "{seen}");
        }
        let other = OwnPut::new(None, (b"w1", Some((7, 1))), 20, 10);
        let own = OwnPut::new(other, (b"w2", Some((5, 2))), 30, 10).expect("a put");
        assert_eq!(own.before, (5, 2));
    }
}
