//! How far a node of a job has got, and what it may do next.

use std::sync::Arc;
use std::time::Instant;

use crate::cluster::{JobMember, StartedList};

/// How far this node has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not said that it waits.
    Outside,
    /// It said so, as this member.
    Waiting(JobMember),
    /// It joined the list of this revision.
    Joined(JobMember, i64),
    /// Its program may run by this list.
    Started(JobMember, Arc<StartedList>),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobStep {
    /// To say that this node waits.
    Enter,
    /// To look around.
    Look,
    /// To fix a list of those who wait.
    Form,
    /// To join the list of this revision.
    Join(i64),
    /// To start the program by the list that was fixed at this revision.
    Start(i64),
    /// To wait no more: a list has this node, which runs already.
    Withdraw,
    /// To read the list, as its changes may have been missed.
    ReadList,
    /// To look who is left of a list that was started.
    LookAtPeers,
    /// To join the list again that this node runs by, as a restored backup may not know that it did.
    JoinAgain,
    /// To wait, until then at most.
    Wait(Option<Instant>),
}
