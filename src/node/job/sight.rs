//! What a node that waits for a list sees when it looks around, and what may follow from that.

use crate::cluster::SlotId;
use crate::etcd::LeaseId;

/// A node that said that it starts by a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// Its key.
    pub(super) key: Vec<u8>,
    pub(super) slot: SlotId,
    /// What that hangs on; 0: its program is done.
    pub(super) lease: LeaseId,
}

/// What there was to see.
#[derive(Debug, Default)]
pub(super) struct Sighting {
    /// The revision of the list's key; 0: there is none.
    pub(super) list_revision: i64,
    /// Whether this node waits, as far as etcd knows.
    pub(super) am_waiting: bool,
    /// How many wait, and the slots of some of them; of all, where a list is fixed.
    pub(super) count: usize,
    pub(super) slots: Vec<SlotId>,
    /// Keys on the lease of this node that are of another name: a restored backup may have them again.
    pub(super) stale: Vec<Vec<u8>>,
    /// Those who joined the list that is known.
    pub(super) joined: Vec<Joined>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Too few wait.
    TooFew,
    /// Enough wait, and more may come.
    Settle,
    /// A list is to be fixed.
    Form,
    /// All joined the list, and it is to be started.
    Commit,
    /// These have not joined the list.
    Silent(Vec<String>),
    /// Programs run by the list, and this node is to be one of them again, as long as this one is.
    JoinLate(Joined),
    /// This is left of an earlier life of this node, and stands for nobody.
    Forget(Joined),
    /// Programs of others run by the list.
    Busy,
}
