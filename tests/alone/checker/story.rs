//! What happened in a run, as the [judge](super::judge) needs to know it. All times are since its start.

use std::collections::BTreeMap;
use std::time::Duration;

/// One program under one name, from its first word to the end of its connection, which the kernel
/// closes however it ends.
#[derive(Clone, Debug)]
pub struct Life {
    pub node: usize,
    pub pid: i32,
    pub name: String,
    pub token: i64,
    /// How many backups had been restored when it began.
    pub epoch: usize,
    pub opened: Duration,
    /// `None`: it is alive.
    pub closed: Option<Duration>,
    pub accepted: u32,
    pub refused: u32,
    pub last_accepted: Option<Duration>,
}

/// An owner of which writes were accepted after some of a later owner, by their places among the lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Return {
    pub owner: usize,
    pub later_owner: usize,
}

/// What was wrong with a node, or with etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was killed. That is over at once.
    Killed,
    /// It was stopped, its program with it or not.
    Frozen,
    /// It could not reach etcd, or not well, or etcd was not well.
    CutOff,
}

/// From when to when.
#[derive(Clone, Debug)]
pub struct Disturbance {
    /// `None`: all of them.
    pub node: Option<usize>,
    pub trouble: Trouble,
    pub from: Duration,
    /// [`Duration::MAX`]: not over yet.
    pub until: Duration,
}

/// A key that was changed by hand.
#[derive(Clone, Debug)]
pub struct ByHand {
    pub name: String,
    pub from: Duration,
    /// When it was done; where no reply came, the latest time at which it may have been.
    pub until: Duration,
}

/// A backup that was restored.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The revision of the backup: tokens up to this one are in it.
    pub revision: i64,
    /// When the last node was let to it again.
    pub until: Duration,
}

/// A time at which the machine did not run who was ready to run.
#[derive(Clone, Copy, Debug)]
pub struct HoldUp {
    pub at: Duration,
    pub length: Duration,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub lives: Vec<Life>,
    /// With the number of times.
    pub returns: BTreeMap<Return, u32>,
    pub disturbances: Vec<Disturbance>,
    pub by_hand: Vec<ByHand>,
    /// When members of etcd went on that had led, were frozen, and were replaced meanwhile.
    pub deposed: Vec<Duration>,
    pub restores: Vec<Restore>,
    pub hold_ups: Vec<HoldUp>,
    /// How long the program of each node goes on after SIGTERM.
    pub lingers: Vec<Duration>,
    pub end: Duration,
}

impl Story {
    /// The longest hold-up that touches this time.
    pub fn held_up(&self, from: Duration, until: Duration) -> Duration {
        let touching = self.hold_ups.iter().filter(|hold_up| {
            hold_up.at.saturating_sub(hold_up.length) <= until && hold_up.at >= from
        });
        touching.map(|hold_up| hold_up.length).max().unwrap_or_default()
    }
}
