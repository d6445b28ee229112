//! How long what must hold may take to hold.

use std::collections::BTreeSet;
use std::time::Duration;

use super::invariant::Invariant;

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The overlap of two owners after a change by hand, once both can hear of it.
    pub by_hand: Duration,
    /// How far a directory in sync may be behind while nothing is wrong with network and etcd.
    pub behind: Duration,
    /// How much more than its longest lag (`--max-lag`) it may be behind whatever is wrong.
    pub beyond_lag: Duration,
    /// How long a name may be free while somebody waits.
    pub free: Duration,
    /// How much longer that is while another name holds the addresses of who waits.
    pub own_address: Duration,
    /// How long after the last fault all directories are right.
    pub settled: Duration,
    /// How old the changes may be that they do not have yet then.
    pub told: Duration,
    /// How much longer all of that may take for a node that takes the table of another one, where all who have it are
    /// silent: until it turns to etcd.
    pub table: Duration,
    /// And how much longer for each name that there is.
    pub table_a_name: Duration,
    /// How long a name may have the old addresses of its owner.
    pub published: Duration,
    /// The most requests of a node in ten seconds.
    pub requests: u32,
    /// What is not judged.
    pub ignored: BTreeSet<Invariant>,
}

impl Bounds {
    /// The same where each exchange with etcd takes this long: to be named and in sync takes two
    /// dozen of them.
    pub fn with_round_trip(mut self, round_trip: Duration) -> Bounds {
        let more = round_trip * 24;
        self.published += more;
        for bound in
            [&mut self.by_hand, &mut self.behind, &mut self.free, &mut self.settled, &mut self.told]
        {
            *bound += more;
        }
        self
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            by_hand: Duration::from_secs(10),
            behind: Duration::from_secs(10),
            beyond_lag: Duration::from_millis(500),
            free: Duration::from_secs(10),
            own_address: Duration::from_secs(70),
            settled: Duration::from_secs(12),
            told: Duration::from_secs(2),
            table: Duration::from_secs(3),
            table_a_name: Duration::from_millis(20),
            published: Duration::from_secs(2),
            requests: 200,
            ignored: BTreeSet::new(),
        }
    }
}
