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
    /// The kinds of faults; none: as the seed has it.
    pub faults: &'static [FaultKind],
    /// What it found once.
    pub what: &'static str,
}

impl Found {
    /// How it is run.
    pub fn settings(&self) -> Settings {
        let faults = (!self.faults.is_empty()).then(|| self.faults.to_vec());
        Settings {
            // A kind that came later would make other runs of them.
            wanted: Wanted {
                without: if faults.is_none() {
                    vec![FaultKind::RebootElsewhere]
                } else {
                    Vec::new()
                },
                faults,
                nodes: self.nodes,
                is_long: self.is_long,
                ..Wanted::default()
            },
            time: Duration::from_secs(self.seconds),
            ..Settings::default()
        }
    }
}

/// All of them.
pub const FOUND: &[Found] = &[
    Found {
        seed: 207,
        seconds: 40,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "a take-over went on with the token of the earlier life",
    },
    Found {
        seed: 2,
        seconds: 40,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "another host with the same address took a name over at once, and its owner lived on",
    },
    Found {
        seed: 2,
        seconds: 615,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "a watch that tells nothing is believed: no proof that nothing is missed",
    },
    Found {
        seed: 12,
        seconds: 220,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::Restore,
            FaultKind::RestoreOther,
            FaultKind::KillHalf,
            FaultKind::DeleteKey,
            FaultKind::Storm,
        ],
        what: "replies of another history are taken for those of this one",
    },
    Found {
        seed: 14,
        seconds: 585,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::Restore,
            FaultKind::KillHalf,
            FaultKind::KillNode,
            FaultKind::Storm,
            FaultKind::StopNode,
        ],
        what: "a backup that is restored between the full sync and the watch: no position from before",
    },
    Found {
        seed: 2,
        seconds: 155,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "long pauses though etcd answers, after a lease that is gone or another history",
    },
    Found {
        seed: 14,
        seconds: 165,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "a call that outlasts what the directory can be believed for",
    },
    Found {
        seed: 1,
        seconds: 540,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::StopNode,
            FaultKind::Suspend,
            FaultKind::CutMachine,
            FaultKind::DeleteKey,
        ],
        what: "in sync while the name is released, which may be long after the watch ended",
    },
    Found {
        seed: 137,
        seconds: 12,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "names that nobody takes, for those ahead may not: no overtaking",
    },
    Found {
        seed: 1126,
        seconds: 300,
        nodes: None,
        is_long: false,
        faults: &[FaultKind::ChangeAddress, FaultKind::Refuse, FaultKind::CutLink],
        what: "a ticket of former addresses: the record stored before the lease of the old one is revoked",
    },
    Found {
        seed: 35,
        seconds: 56,
        nodes: Some(45),
        is_long: false,
        faults: &[],
        what: "a herd that is in sync before it knows the names of those that started with it",
    },
    Found {
        seed: 105,
        seconds: 720,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "old addresses under the own lease and revision, of a backup that was restored twice",
    },
    Found {
        seed: 487,
        seconds: 720,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "a ticket of former addresses that a backup brought back",
    },
    Found {
        seed: 811,
        seconds: 25,
        nodes: None,
        is_long: false,
        faults: &[],
        what: "who is stopped in the middle of a take-over leaves the lease of its earlier life, and the name with it",
    },
    Found {
        seed: 299,
        seconds: 535,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::RebootElsewhere,
            FaultKind::KillNode,
            FaultKind::StopNode,
            FaultKind::ChangeAddress,
        ],
        what: "an own record that was put again hides a deletion: what etcd held before is compared without it",
    },
    Found {
        seed: 75,
        seconds: 365,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::Storm,
            FaultKind::KillHalf,
            FaultKind::CutOneWay,
            FaultKind::DeleteKey,
        ],
        what: "a take-over that was carried out, deleted, and tried again, forgets the lease of the earlier life",
    },
    Found {
        seed: 99,
        seconds: 275,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::CutLink,
            FaultKind::CutOneWay,
            FaultKind::FreezeMember,
            FaultKind::DeleteKey,
            FaultKind::RevokeLease,
            FaultKind::MuteMember,
        ],
        what: "a claim whose reply comes seconds late, when the name was deleted and is another's",
    },
    Found {
        seed: 711,
        seconds: 92,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::KillNode,
            FaultKind::Reboot,
            FaultKind::RevokeLease,
            FaultKind::DeleteKey,
            FaultKind::FreezeNode,
            FaultKind::Suspend,
        ],
        what: "a process that is frozen while it claims, and believes it when it goes on",
    },
    Found {
        seed: 180,
        seconds: 415,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::KillNode,
            FaultKind::Reboot,
            FaultKind::RevokeLease,
            FaultKind::DeleteKey,
            FaultKind::FreezeNode,
            FaultKind::Suspend,
        ],
        what: "calls of one that queues, cut off because what its former watch proved gets old",
    },
    Found {
        seed: 346,
        seconds: 365,
        nodes: Some(45),
        is_long: false,
        faults: &[],
        what: "one that reads all names anew, while they change faster than it reads",
    },
    Found {
        seed: 949,
        seconds: 75,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::KillNode,
            FaultKind::Reboot,
            FaultKind::RevokeLease,
            FaultKind::DeleteKey,
            FaultKind::FreezeNode,
            FaultKind::Suspend,
        ],
        what: "one that waits beside a free name, while those of 1,541 change faster than it reads",
    },
    Found {
        seed: 20,
        seconds: 70_830,
        nodes: None,
        is_long: true,
        faults: &[],
        what: "pages of one history mixed with those of another: two restores within a full sync",
    },
    Found {
        seed: 507,
        seconds: 336,
        nodes: None,
        is_long: false,
        faults: &[FaultKind::Restore],
        what: "the same beside a thousand names",
    },
    Found {
        seed: 94,
        seconds: 32_350,
        nodes: None,
        is_long: true,
        faults: &[],
        what: "a node that waits beside its own record under a former lease of its own",
    },
    Found {
        seed: 2104,
        seconds: 210,
        nodes: None,
        is_long: false,
        faults: &[
            FaultKind::Restore,
            FaultKind::RestoreOther,
            FaultKind::DeleteKey,
            FaultKind::RevokeLease,
            FaultKind::ChangeAddress,
        ],
        what: "a ticket of former addresses, in a backup, of a node that waits with another one",
    },
];
