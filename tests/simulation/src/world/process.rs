//! A process, and the node and the machine that it runs on, as the world keeps them.

use std::net::Ipv4Addr;

use idetcd::cluster::{Directory, Freshness, Record, SlotId};

use super::baton::Course;
use super::clock::Clock;
use super::scene::NodeSpec;
use super::surroundings::Surroundings;
use super::tables::{Serving, Turns};
use crate::model::{Time, WatchId};

/// The number of a process: none is given twice.
pub type ProcessId = usize;

/// A machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Its clock.
    pub clock: Clock,
    /// Its address towards etcd.
    pub address: Ipv4Addr,
    /// Whether it is suspended: nothing runs but the clock.
    pub is_suspended: bool,
    /// How often it was started anew.
    pub boots: u32,
}

/// A node: what is to run, and what does.
#[derive(Debug)]
pub struct Node {
    /// How it is set up.
    pub spec: NodeSpec,
    /// The address that it publishes if that is given.
    pub given: Ipv4Addr,
    /// Whether it is to run: it is started again then when it ends.
    pub is_wanted: bool,
    /// The process that runs.
    pub process: Option<ProcessId>,
    /// How often it was started.
    pub starts: u64,
    /// The slot that it had last, as its disk remembers it.
    pub last_slot: Option<SlotId>,
    /// What the node of the plugin published that it replaces.
    pub replaced: Option<Record>,
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// For a time only.
    Time,
    /// For a reply.
    Reply,
    /// For changes.
    Changes(WatchId),
}

/// A process that lives.
pub struct Process {
    /// The node that it is.
    pub node: usize,
    /// What it sees of the world.
    pub around: Surroundings,
    /// Its stack.
    pub course: Box<dyn Course>,
    /// What it waits for.
    pub waits: Waits,
    /// Which of its waits this is.
    pub turn: u64,
    /// Whether it is frozen (`SIGSTOP`).
    pub is_frozen: bool,
    /// Whether what it waits for came while it could not run.
    pub is_due: bool,
    /// The watches that it has.
    pub watches: Vec<WatchId>,
    /// What its program runs under, as far as the judges know.
    pub runs_under: Option<SlotId>,
    /// When its program is to be looked after, as far as the agenda knows.
    pub program_at: Option<Time>,
    /// How its directory looked last.
    pub looks: Looks,
    /// How its directory looked, and how often etcd had changed, when it was right for good.
    pub up_to_date_at: Option<(Looks, u64)>,
    /// What it has for those who take its table.
    pub serving: Serving,
    /// When it goes on with the table that it takes itself.
    pub table: Turns,
}

/// What tells whether a directory changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    revision: i64,
    names: usize,
    full_syncs: u64,
    freshness: Option<Freshness>,
}

impl Looks {
    /// Of a directory that was filled anew so many times.
    pub fn of(directory: &Directory, full_syncs: u64) -> Looks {
        let (revision, names) = (directory.revision(), directory.len());
        Looks { revision, names, full_syncs, freshness: Some(directory.freshness()) }
    }

    /// Whether it said that it is in sync.
    pub fn is_synced(&self) -> bool {
        self.freshness == Some(Freshness::Synced)
    }
}
