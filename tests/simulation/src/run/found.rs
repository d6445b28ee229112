//! Seeds that found something: with the repair taken out they fail, and they are to find nothing.

use std::time::Duration;

use super::Settings;
use crate::faults::kind::FaultKind;
use crate::faults::plan::Wanted;

/// A seed with its settings, and what it found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// How long it is to be run, in seconds of simulated time.
    pub seconds: u64,
    /// The number of nodes; `None`: as the seed has it.
    pub nodes: Option<usize>,
    /// Whether many nodes live for long, on long leases.
    pub is_long: bool,
    /// Whether leases are the longer the more names there are.
    pub has_auto_leases: bool,
    /// The kinds of faults; none: as the seed has it.
    pub faults: &'static [FaultKind],
    /// The kinds of faults that it leaves out, where the seed has the choice: they came later, and would make
    /// another run of it.
    pub without: &'static [FaultKind],
    /// The highest slot whose node watches all names for the others; 0: all nodes do.
    pub watchers: u32,
    /// What it found once.
    pub what: &'static str,
}

impl Found {
    /// How it is run.
    pub fn settings(&self) -> Settings {
        let faults = (!self.faults.is_empty()).then(|| self.faults.to_vec());
        Settings {
            wanted: Wanted {
                without: if faults.is_none() { self.without.to_vec() } else { Vec::new() },
                faults,
                nodes: self.nodes,
                is_long: self.is_long,
                // They are drawn by themselves.
                watchers: Some(self.watchers),
                has_auto_leases: self.has_auto_leases,
                // They came later.
                has_moves: Some(false),
                ..Wanted::default()
            },
            time: Duration::from_secs(self.seconds),
            ..Settings::default()
        }
    }
}

/// A row as most are.
const ROW: Found = Found {
    seed: 0,
    seconds: 0,
    nodes: None,
    is_long: false,
    has_auto_leases: false,
    faults: &[],
    without: &[FaultKind::RebootElsewhere, FaultKind::Drain, FaultKind::Unready],
    watchers: 0,
    what: "",
};

/// Processes and machines that end or stand still, and changes by hand.
const REBOOTS_AND_HANDS: &[FaultKind] = &[
    FaultKind::KillNode,
    FaultKind::Reboot,
    FaultKind::RevokeLease,
    FaultKind::DeleteKey,
    FaultKind::FreezeNode,
    FaultKind::Suspend,
];

/// All of them.
pub const FOUND: &[Found] = &[
    Found {
        seed: 207,
        seconds: 40,
        what: "a take-over went on with the token of the earlier life",
        ..ROW
    },
    Found {
        seed: 2,
        seconds: 40,
        what: "another host with the same address took a name over at once, and its owner lived on",
        ..ROW
    },
    Found {
        seed: 2,
        seconds: 615,
        what: "a watch that tells nothing is believed: no proof that nothing is missed",
        ..ROW
    },
    Found {
        seed: 12,
        seconds: 220,
        faults: &[
            FaultKind::Restore,
            FaultKind::RestoreOther,
            FaultKind::KillHalf,
            FaultKind::DeleteKey,
            FaultKind::Storm,
        ],
        what: "replies of another history are taken for those of this one",
        ..ROW
    },
    Found {
        seed: 14,
        seconds: 585,
        faults: &[
            FaultKind::Restore,
            FaultKind::KillHalf,
            FaultKind::KillNode,
            FaultKind::Storm,
            FaultKind::StopNode,
        ],
        what: "a backup that is restored between the full sync and the watch: no position from before",
        ..ROW
    },
    Found {
        seed: 2,
        seconds: 155,
        what: "long pauses though etcd answers, after a lease that is gone or another history",
        ..ROW
    },
    Found {
        seed: 14,
        seconds: 165,
        what: "a call that outlasts what the directory can be believed for",
        ..ROW
    },
    Found {
        seed: 1,
        seconds: 540,
        faults: &[
            FaultKind::StopNode,
            FaultKind::Suspend,
            FaultKind::CutMachine,
            FaultKind::DeleteKey,
        ],
        what: "in sync while the name is released, which may be long after the watch ended",
        ..ROW
    },
    Found {
        seed: 137,
        seconds: 12,
        what: "names that nobody takes, for those ahead may not: no overtaking",
        ..ROW
    },
    Found {
        seed: 1126,
        seconds: 300,
        faults: &[FaultKind::ChangeAddress, FaultKind::Refuse, FaultKind::CutLink],
        what: "a ticket of former addresses: the record stored before the lease of the old one is revoked",
        ..ROW
    },
    Found {
        seed: 35,
        seconds: 56,
        nodes: Some(45),
        what: "a herd that is in sync before it knows the names of those that started with it",
        ..ROW
    },
    Found {
        seed: 105,
        seconds: 720,
        what: "old addresses under the own lease and revision, of a backup that was restored twice",
        ..ROW
    },
    Found {
        seed: 487,
        seconds: 720,
        what: "a ticket of former addresses that a backup brought back",
        ..ROW
    },
    Found {
        seed: 811,
        seconds: 25,
        what: "who is stopped in the middle of a take-over leaves the lease of its earlier life, and the name with it",
        ..ROW
    },
    Found {
        seed: 299,
        seconds: 535,
        faults: &[
            FaultKind::RebootElsewhere,
            FaultKind::KillNode,
            FaultKind::StopNode,
            FaultKind::ChangeAddress,
        ],
        what: "an own record that was put again hides a deletion: what etcd held before is compared without it",
        ..ROW
    },
    Found {
        seed: 75,
        seconds: 365,
        faults: &[
            FaultKind::Storm,
            FaultKind::KillHalf,
            FaultKind::CutOneWay,
            FaultKind::DeleteKey,
        ],
        what: "a take-over that was carried out, deleted, and tried again, forgets the lease of the earlier life",
        ..ROW
    },
    Found {
        seed: 99,
        seconds: 275,
        faults: &[
            FaultKind::CutLink,
            FaultKind::CutOneWay,
            FaultKind::FreezeMember,
            FaultKind::DeleteKey,
            FaultKind::RevokeLease,
            FaultKind::MuteMember,
        ],
        what: "a claim whose reply comes seconds late, when the name was deleted and is another's",
        ..ROW
    },
    Found {
        seed: 711,
        seconds: 92,
        faults: REBOOTS_AND_HANDS,
        what: "a process that is frozen while it claims, and believes it when it goes on",
        ..ROW
    },
    Found {
        seed: 180,
        seconds: 415,
        faults: REBOOTS_AND_HANDS,
        what: "calls of one that queues, cut off because what its former watch proved gets old",
        ..ROW
    },
    Found {
        seed: 346,
        seconds: 365,
        nodes: Some(45),
        what: "one that reads all names anew, while they change faster than it reads",
        ..ROW
    },
    Found {
        seed: 949,
        seconds: 75,
        faults: REBOOTS_AND_HANDS,
        what: "one that waits beside a free name, while those of 1,541 change faster than it reads",
        ..ROW
    },
    Found {
        seed: 20,
        seconds: 70_830,
        is_long: true,
        what: "pages of one history mixed with those of another: two restores within a full sync",
        ..ROW
    },
    Found {
        seed: 507,
        seconds: 336,
        faults: &[FaultKind::Restore],
        what: "the same beside a thousand names",
        ..ROW
    },
    Found {
        seed: 94,
        seconds: 32_350,
        is_long: true,
        what: "a node that waits beside its own record under a former lease of its own",
        ..ROW
    },
    Found {
        seed: 2104,
        seconds: 210,
        faults: &[
            FaultKind::Restore,
            FaultKind::RestoreOther,
            FaultKind::DeleteKey,
            FaultKind::RevokeLease,
            FaultKind::ChangeAddress,
        ],
        what: "a ticket of former addresses, in a backup, of a node that waits with another one",
        ..ROW
    },
    Found {
        seed: 26,
        seconds: 465,
        faults: &[FaultKind::Refuse, FaultKind::KillNode],
        what: "a former lease that lives on, for its user was unknown for a moment when it was revoked",
        ..ROW
    },
    Found {
        seed: 276,
        seconds: 50_365,
        is_long: true,
        what: "all who wait thought themselves at the front: a restored backup had their names, whose leases ran out",
        ..ROW
    },
    Found {
        seed: 38,
        seconds: 55_270,
        is_long: true,
        what: "two restores of young histories, the second of them unheard of: the own name was told to be gone by a read alone",
        ..ROW
    },
    Found {
        seed: 2070,
        seconds: 72_625,
        is_long: true,
        without: &[],
        what: "a drain whose lease lived on counted for the next owner, whose lease was alike in 12 bits",
        ..ROW
    },
    Found {
        seed: 3085,
        seconds: 8690,
        is_long: true,
        without: &[],
        what: "those who take free names after an outage look ever more seldom whether the others have theirs",
        ..ROW
    },
    Found {
        seed: 5082,
        seconds: 70,
        is_long: true,
        without: &[],
        what: "one that is named does not learn the others' names while more and more wait in the queue for leases to end",
        ..ROW
    },
    Found {
        seed: 200,
        seconds: 220,
        has_auto_leases: true,
        without: &[],
        what: "the judge held against a node that ended a lease with nothing on it, which a backup had brought back",
        ..ROW
    },
    Found {
        seed: 273,
        seconds: 155,
        watchers: 2,
        without: &[],
        what: "a lease of a history that is gone, asked for again and again where all names are another node's to tell",
        ..ROW
    },
    Found {
        seed: 300,
        seconds: 390,
        watchers: 3,
        without: &[],
        what: "in sync by the table of another node, and cut off from the own name in etcd, which was another's",
        ..ROW
    },
    Found {
        seed: 1166,
        seconds: 112,
        watchers: 2,
        without: &[],
        what: "nodes with later names took the table from each other in a circle, at the addresses of their earlier ones",
        ..ROW
    },
];
