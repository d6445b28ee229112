//! How far etcd has got, as its log tells it: what a backup that was restored does not have.
//!
//! A backup holds keys and revisions, and begins a log (Raft) of its own: at term 1 and with a few
//! entries. In one history each new revision takes one entry of the log at least, and many entries
//! make none (leases, elections, members). So *entries less revisions* never shrinks, and falls by all of the
//! history when a backup is restored, however much is written after that. Of two backups that are restored within the
//! time of one full sync the logs are equally short, so that the second is noticed by its keys alone.

use crate::etcd::Status;

/// A point in one history of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The term of the log.
    term: u64,
    /// The entries of the log, less the revisions.
    surplus: i64,
}

impl Position {
    /// The least that was reached at this revision, which was read from etcd after the status, from no member
    /// that fell behind.
    pub(super) fn reached(status: &Status, revision: i64) -> Position {
        let entries = i64::try_from(status.raft_index).unwrap_or(i64::MAX);
        Position { term: status.raft_term, surplus: entries.saturating_sub(revision) }
    }

    /// Returns whether this is in another history than what a member tells that is not behind: that has
    /// got less far.
    pub(super) fn is_past(&self, status: &Status) -> bool {
        // The member reads its revision first, so this is the most that it has reached.
        let now = Position::reached(status, status.header.revision);
        now.term < self.term || now.surplus < self.surplus
    }

    /// The one of two points of one history that has got further.
    pub(super) fn further(self, other: Position) -> Position {
        Position { term: self.term.max(other.term), surplus: self.surplus.max(other.surplus) }
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
    fn what_was_reached_is_kept() {
        let (one, two) = (Position::reached(&status(3, 9, 9), 2), Position { term: 2, surplus: 8 });
        assert_eq!(one.further(two), Position { term: 3, surplus: 8 });
        let most = Position::reached(&status(u64::MAX, u64::MAX, i64::MIN), i64::MIN);
        assert_eq!(most.surplus, i64::MAX);
    }
}
