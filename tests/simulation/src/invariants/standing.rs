//! What those who judge know of each process.

use std::collections::BTreeSet;
use std::time::Duration;

use idetcd::cluster::{Record, SerialBase, SlotId};

use super::load;
use crate::model::{Time, WatchId};

/// What a process says of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The slot.
    pub slot: SlotId,
    /// The fencing token.
    pub token: i64,
    /// What is published there.
    pub record: Record,
    /// When the lease runs out by its own clock, in true time.
    pub valid_until: Time,
}

/// A process, as the judges know it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The node that it is.
    pub node: usize,
    /// Its limit. `None`: the plugin, whose names are its own business.
    pub limit: Option<u32>,
    /// What its earlier lives are known by, and those of clones; `None`: nothing.
    pub mark: Option<String>,
    /// What it publishes.
    pub record: Record,
    /// Whether it is ready.
    pub is_ready: bool,
    /// What it published before, or would have.
    pub earlier: Vec<Record>,
    /// When what it publishes changed last.
    pub moved_at: Time,
    /// The time to live of its lease.
    pub lease_ttl: Duration,
    /// How far it may be behind etcd without saying so.
    pub max_lag: Duration,
    /// After which a reply is late, so that it asks again whether what it tells is so still.
    pub reply_after: Duration,
    /// When it was started.
    pub started: Time,
    /// Since when it runs without standing still; `None`: it stands still.
    pub runs_since: Option<Time>,
    /// Since when it is to stop; `None`: it is not.
    pub stopping_since: Option<Time>,
    /// When its directory was in sync last, as far as somebody looked.
    pub synced_at: Time,
    /// When it asked what it waits for now.
    pub asked_at: Option<Time>,
    /// When it asked what was answered or given up last.
    pub asked_last: Option<Time>,
    /// The watches that have something for it that does not arrive.
    pub stuck: BTreeSet<WatchId>,
    /// Until when it waited for the reply to what it asked while something was wrong.
    pub was_held_up_until: Time,
    /// The name that it says it owns.
    pub owned: Option<Told>,
    /// Since when it owns that.
    pub owned_since: Time,
    /// The slot that it owned last.
    pub last_slot: Option<SlotId>,
    /// Since when it is without a name.
    pub without_since: Time,
    /// What a node of the plugin published that ran here until now, where that tells this host alone.
    pub replaces: Option<Record>,
    /// Whether it takes the table of another process where its slot is high enough.
    pub may_take_table: bool,
    /// Whether it takes the table of another process.
    pub takes_table: bool,
    /// The number of restored backups when it read everything last.
    pub epoch: u64,
    /// How often it had read everything by then.
    pub full_syncs: u64,
    /// The serial of its zones; `None`: it has read nothing yet.
    pub serial: Option<u32>,
    /// The base of that which etcd is known not to have, and since when; `None`: it has it, as far as is known.
    pub unstored_since: Option<(SerialBase, Time)>,
    pub(super) load: load::Window,
}

impl Standing {
    /// What it publishes, and did before.
    pub(super) fn records(&self) -> Vec<Record> {
        self.earlier.iter().chain([&self.record]).copied().collect()
    }
}
