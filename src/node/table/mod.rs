//! The table of all names, taken from another node.
//!
//! Slots 1 to `--watchers` watch all names in etcd. A node with a higher one, and without a job, has the [`Host`] take
//! the table from one of those, and follows in etcd its own name alone: its key, its drain, its lease. What the
//! directory is worth is then the host's to say, which knows how fresh the other node's table is. Contact with etcd
//! may come and go meanwhile: nothing is read anew for that, only the own name is confirmed.
//!
//! ```text
//!  named ──▶ taken ── no node has a table for long ──▶ etcd is watched
//!              ▲                                          │ after a while
//!              └── one has told all names ──── tried ◀────┘
//! ```
//!
//! Where many lose the table at once they do not all turn to etcd at once: see [`patience`]. While it is tried, etcd is
//! watched as before, until all names came from the other node: then [`Directory::reading`] is another one, and nothing
//! that a watch tells is applied any more.
//!
//! The own name is told by the own watch. What the table tells of it is only held against that: where it is
//! something else, and later, the watch is silent, and the key is read.
//!
//! [`Directory::reading`]: crate::cluster::Directory::reading
//! [`Host`]: super::Host

mod follow;
mod leave;
mod own_name;
mod patience;
mod servers;
mod start;

use std::time::{Duration, Instant};

use super::TableServer;
use super::state::{History, Turn};
use crate::cluster::SlotId;
use patience::LostTable;

/// How etcd is watched before the table is tried again: at first, and at most, each time twice as long. And up to as
/// long again, by chance.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LAST_RETRY: Duration = Duration::from_secs(64);

/// What is done with the table of another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TableStage {
    /// Nothing: etcd is watched, or will be.
    #[default]
    Unused,
    /// It is asked for, and etcd is watched until it came.
    Tried,
    /// It is asked for, or there; all that is followed of etcd is the own name.
    Taken,
}

/// Where this node stood in following etcd when it turned to the nodes that have the table.
#[derive(Debug, Default)]
struct Before {
    history: Option<History>,
    turn: Option<Turn>,
    missing: Option<i64>,
}

/// What a session knows of taking the table.
#[derive(Debug, Default)]
pub(super) struct TableUse {
    stage: TableStage,
    /// The nodes that are asked, and those that were read to be asked soon.
    servers: Vec<TableServer>,
    found: Vec<TableServer>,
    /// How often it was looked in etcd who may have the table.
    looks: u32,
    /// The number of the directory's reading when they were.
    reading: u32,
    /// Of use until all names come.
    before: Before,
    /// That no node has a table, since when there is none.
    lost: Option<LostTable>,
    /// When the directory was last known to be etcd's by the table.
    proven_at: Option<Instant>,
    /// When to look at the table next, and what was seen of the directory.
    look_at: Option<Instant>,
    changes: u64,
    /// Other slots with the own record, which do not hang on the own lease.
    foreign: Vec<SlotId>,
    /// The revision at which the own key was read.
    confirmed_at: i64,
    /// Whether another history of etcd was found since.
    has_seen_restore: bool,
    /// When to try again; `None`: it was not tried for this name.
    retry_at: Option<Instant>,
    failures: u32,
}

impl TableUse {
    /// Whether the table is taken, or will be once it came: then etcd is not followed.
    pub(super) fn is_taken(&self) -> bool {
        self.stage == TableStage::Taken
    }

    /// Whether other nodes are asked for it.
    pub(super) fn is_asked_for(&self) -> bool {
        self.stage != TableStage::Unused
    }

    /// Nothing is to be concluded from how long there has been no table: without etcd nobody has one.
    pub(super) fn forgive(&mut self) {
        self.lost = None;
    }

    /// Another history of etcd was found.
    pub(super) fn note_restore(&mut self) {
        self.has_seen_restore = true;
    }

    /// Tries again later, by this chance.
    fn retry_later(&mut self, now: Instant, fraction: f64) {
        let pause = FIRST_RETRY.saturating_mul(1 << self.failures.min(8)).min(LAST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + pause.mul_f64(1.0 + fraction));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_later_and_later_and_every_minute_or_two_at_least() {
        let (now, mut table) = (Instant::now(), TableUse::default());
        let mut pauses = Vec::new();
        for _ in 0..40 {
            table.retry_later(now, 0.5);
            pauses.push(table.retry_at.expect("a time").duration_since(now).as_secs());
        }
        assert_eq!(pauses[..5], [6, 12, 24, 48, 96]);
        assert!(pauses[5..].iter().all(|pause| *pause == 96), "{pauses:?}");
    }
}
