//! What the headers of replies tell of etcd's history: whether it is the one that was heard of before.
//!
//! Another cluster has another ID. In a backup that was restored, revisions and the log's terms begin lower than
//! they were; so a reply from no member that fell behind never shows less than one before it. What cannot be
//! told by this: a backup that is written to until it is past both. Its log is shorter still, see
//! [`super::position`], which is looked at whenever a watch is opened.

use crate::etcd::ResponseHeader;

/// The kind of a call, by who may answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Only a member that is not behind (linearizable).
    Present,
    /// Any member, as far as it has got.
    Local,
}

/// The most that was told of etcd's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    cluster_id: u64,
    revision: i64,
    raft_term: u64,
}

impl Heard {
    /// The same after a change of this revision was told.
    pub(super) fn changed_at(self, revision: i64) -> Heard {
        Heard { revision: revision.max(self.revision), ..self }
    }

    /// What a first reply tells.
    pub(super) fn first(header: &ResponseHeader, reading: Reading) -> Heard {
        let none = Heard { cluster_id: header.cluster_id, revision: 0, raft_term: 0 };
        none.and(header, reading)
    }

    /// The same after a reply of the same history.
    pub(super) fn and(self, header: &ResponseHeader, reading: Reading) -> Heard {
        if reading == Reading::Local {
            return self;
        }
        let ResponseHeader { revision, raft_term, .. } = *header;
        Heard {
            revision: revision.max(self.revision),
            raft_term: raft_term.max(self.raft_term),
            ..self
        }
    }

    /// Whether the log is in a later term than this.
    pub(super) fn is_past(&self, raft_term: u64) -> bool {
        self.raft_term > raft_term
    }

    /// Says why a reply is of another history; `None`: it need not be.
    pub(super) fn contradiction(
        &self,
        header: &ResponseHeader,
        reading: Reading,
    ) -> Option<String> {
        let (now, then) = (header.cluster_id, self.cluster_id);
        if now != then {
            return Some(format!("cluster {now:x} answers, no more {then:x}"));
        }
        let (revision, term) = (header.revision, header.raft_term);
        if reading == Reading::Local {
            None
        } else if revision < self.revision {
            Some(format!("etcd is at revision {revision}, and was at {}", self.revision))
        } else if term < self.raft_term {
            Some(format!("etcd's log is in term {term}, and was in {}", self.raft_term))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_less_than_before_is_another_history() {
        let header = |cluster_id, revision, raft_term| ResponseHeader {
            cluster_id,
            revision,
            raft_term,
            member_id: 1,
        };
        let heard = Heard::first(&header(7, 100, 3), Reading::Present);
        let table = [
            (header(7, 100, 3), false, false),
            (header(7, 101, 4), false, false),
            // From a member that fell behind; else of a backup.
            (header(7, 99, 3), true, false),
            (header(7, 100, 2), true, false),
            (header(8, 100, 3), true, true),
            (header(8, 900, 9), true, true),
        ];
        for (next, at_present, local) in table {
            let differs = |reading| heard.contradiction(&next, reading).is_some();
            assert_eq!((differs(Reading::Present), differs(Reading::Local)), (at_present, local));
        }
        // What a member says that fell behind is no measure.
        let first = Heard::first(&header(7, 100, 3), Reading::Local);
        assert_eq!(first.contradiction(&header(7, 90, 2), Reading::Present), None);
        let later = heard.and(&header(7, 200, 9), Reading::Local);
        assert_eq!(later, heard);
        let later = heard.and(&header(7, 200, 9), Reading::Present);
        assert!(later.contradiction(&header(7, 199, 9), Reading::Present).is_some());
    }
}
