//! What is asked of a server that is followed, what it answers, and what that makes of the table.

use std::time::{Duration, Instant};

use super::leave_reason::LeaveReason;
use crate::dns::TableProof;
use crate::dns::transfer_in::{TransferContent, TransferRequest};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowStep {
    /// Ask this of the zone with this index.
    Ask(usize, TransferRequest),
    /// Wait for the server, or until this time.
    Wait(Instant),
    /// Leave the server.
    Leave(LeaveReason),
}

/// The answer to what was asked, once it came whole.
#[derive(Clone, Copy, Debug)]
pub struct TransferAnswer {
    /// What it is.
    pub content: TransferContent,
    /// The serial of the zone.
    pub serial: u32,
    /// What the server says of its table.
    pub proof: Option<TableProof>,
    /// Whether it says that it is out of step.
    pub is_stale: bool,
}

/// What an answer makes of what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowOutcome {
    /// More is asked first.
    GoesOn,
    /// All zones came whole: they are the table now.
    Whole(Reached),
    /// All that changed came: it is to be applied.
    Changes(Reached),
    /// The server is out of step: what came is of no use, and it is asked again.
    NotNow,
    /// Nothing that came is of use, and everything is read anew.
    Anew,
}

/// Where the table stands then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// It is what etcd held at this time, or later.
    pub proven_at: Instant,
    /// The revision of etcd.
    pub revision: i64,
    /// The serial of the zones.
    pub serial: u32,
}

impl TransferAnswer {
    /// Since when the table is known to be etcd's, by the time at which it was asked for: however long the question and
    /// the answer took. `None`: that is longer ago than is allowed here, or is not known.
    pub(super) fn proven_at(
        &self,
        proof: TableProof,
        asked_at: Instant,
        (max_lag, now): (Duration, Instant),
    ) -> Option<Instant> {
        let age = proof.age.filter(|age| !self.is_stale && *age < max_lag)?;
        asked_at.checked_sub(age).filter(|at| now < *at + max_lag)
    }
}
