//! Why a server is left by decision.

use std::fmt;

/// Why a server is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// It does not answer.
    Silent,
    /// It takes too long.
    Slow,
    /// It says that it is out of step with etcd, or has been for longer than is allowed here.
    Stale,
    /// Its table is no fresher than the one in use, and that is old.
    NoFresher,
    /// It does not say how far its table is known to be etcd's: it is none of those that can be followed.
    NoProof,
    /// Its table is older than what is known here: the serial of the zones would go back.
    Older,
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeaveReason::Silent => "it does not answer",
            LeaveReason::Slow => "it is too slow",
            LeaveReason::Stale => "it is out of step with etcd",
            LeaveReason::NoFresher => "its table is no fresher than the one in use",
            LeaveReason::Older => "its table is older than what is known",
            LeaveReason::NoProof => "it does not say how fresh its table is",
        })
    }
}
