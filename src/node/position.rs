//! How far etcd has got, as its log tells it: what a backup that was restored does not have.
//!
//! A backup holds keys and revisions, and begins a log (Raft) of its own: at term 1 and with a few
//! entries. In one history each new revision takes one entry of the log at least, and many entries
//! make none (leases, elections, members). So *entries less revisions* never shrinks, and falls by all of the
//! history when a backup is restored, however much is written after that. Of two backups that are restored one after
//! the other the logs may be equally short. But in one term only one member leads, and what was read while names were
//! read is proven otherwise: see [`super::witness`].

use crate::etcd::Status;

/// A point in one history of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The term of the log.
    term: u64,
    /// The entries of the log, less the revisions.
    surplus: i64,
    /// The member that led in that term; 0: that is not known.
    leader: u64,
}

impl Position {
    /// The least that was reached at this revision, which was read from etcd after the status, from no member
    /// that fell behind.
    pub(super) fn reached(status: &Status, revision: i64) -> Position {
        let entries = i64::try_from(status.raft_index).unwrap_or(i64::MAX);
        let surplus = entries.saturating_sub(revision);
        Position { term: status.raft_term, surplus, leader: status.leader }
    }

    /// Returns whether this is in another history than what a member tells that is not behind: that has
    /// got less far, or another member leads in the same term. A member that hears of a new leader before its
    /// term may say so as well, for a moment.
    pub(super) fn is_past(&self, status: &Status) -> bool {
        // The member reads its revision first, so this is the most that it has reached.
        let now = Position::reached(status, status.header.revision);
        let is_led_otherwise = now.term == self.term
            && self.leader != 0
            && now.leader != 0
            && now.leader != self.leader;
        now.term < self.term || now.surplus < self.surplus || is_led_otherwise
    }

    /// The one of two points of one history that has got further.
    pub(super) fn further(self, other: Position) -> Position {
        let later = if other.term < self.term || other.leader == 0 { self } else { other };
        let leader = if later.term < self.term.max(other.term) { 0 } else { later.leader };
        Position {
            term: self.term.max(other.term),
            surplus: self.surplus.max(other.surplus),
            leader,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::ResponseHeader;

    fn status(raft_term: u64, raft_index: u64, revision: i64) -> Status {
        let header = ResponseHeader { revision, ..ResponseHeader::default() };
        let (version, leader, errors) = (String::new(), 1, Vec::new());
        Status { header, version, leader, raft_index, raft_term, errors }
    }

    #[test]
    fn a_log_that_has_got_less_far_is_of_another_history() {
        let seen = Position::reached(&status(3, 120, 99), 100);
        let table = [
            // Nothing happened; a write; a lease; an election.
            ((3, 120, 100), false),
            ((3, 121, 101), false),
            ((3, 121, 100), false),
            ((4, 122, 100), false),
            // A backup of revision 90: as it begins, and once it is past all that was seen.
            ((2, 5, 90), true),
            ((2, 15, 100), true),
            ((9, 500, 585), true),
            // The log of one that was restored before, and is again.
            ((2, 120, 100), true),
            ((3, 119, 100), true),
        ];
        for ((term, index, revision), wanted) in table {
            let now = status(term, index, revision);
            assert_eq!(seen.is_past(&now), wanted, "{now:?}");
        }
    }

    #[test]
    fn another_leader_in_the_same_term_is_of_another_history() {
        let seen = Position::reached(&status(3, 120, 99), 100);
        for (leader, raft_term, wanted) in
            [(1, 3, false), (2, 3, true), (0, 3, false), (2, 4, false)]
        {
            let now = Status { leader, ..status(raft_term, 150, 110) };
            assert_eq!(seen.is_past(&now), wanted, "{now:?}");
        }
        let unled = Position::reached(&Status { leader: 0, ..status(3, 120, 99) }, 100);
        assert!(!unled.is_past(&status(3, 150, 110)));
    }

    #[test]
    fn what_was_reached_is_kept() {
        let one = Position::reached(&status(3, 9, 9), 2);
        let at = |term, leader| Position { term, surplus: 8, leader };
        let table = [
            (at(2, 5), at(3, 1)),
            (at(3, 5), at(3, 5)),
            (at(3, 0), at(3, 1)),
            (at(4, 5), at(4, 5)),
            (at(4, 0), at(4, 0)),
        ];
        for (other, wanted) in table {
            assert_eq!(one.further(other), wanted, "{other:?}");
        }
        let most = Position::reached(&status(u64::MAX, u64::MAX, i64::MIN), i64::MIN);
        assert_eq!(most.surplus, i64::MAX);
    }
}
