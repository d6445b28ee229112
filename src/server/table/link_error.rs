//! Why a server is left.

use std::fmt;
use std::io;

use super::leave_reason::LeaveReason;
use crate::dns::Rcode;
use crate::dns::transfer_in::TransferError;
use crate::dns::tsig::ReplyFault;

/// Why a server is left.
#[derive(Debug)]
pub(super) enum LinkError {
    /// There is no connection, or no more.
    Io(io::Error),
    /// What came is not signed as it must be.
    Distrusted(ReplyFault),
    /// What came is no transfer.
    Transfer(TransferError),
    /// By decision.
    Leave(LeaveReason),
}

impl LinkError {
    /// Whether the server may have a table for this node before long: it has none that is fresh, or does not know yet
    /// that this node is of its cluster.
    pub(super) fn is_hopeful(&self) -> bool {
        match self {
            LinkError::Transfer(TransferError::Refused(rcode)) => {
                [Rcode::REFUSED, Rcode::SERVFAIL].contains(rcode)
            }
            LinkError::Transfer(TransferError::Older | TransferError::Stale)
            | LinkError::Leave(LeaveReason::Stale | LeaveReason::NoFresher | LeaveReason::Older) => {
                true
            }
            _ => false,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Io(error) => error.fmt(f),
            LinkError::Distrusted(fault) => write!(f, "{fault}; see --tsig-key"),
            LinkError::Transfer(error) => error.fmt(f),
            LinkError::Leave(reason) => reason.fmt(f),
        }
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        LinkError::Io(error)
    }
}

impl From<ReplyFault> for LinkError {
    fn from(fault: ReplyFault) -> Self {
        LinkError::Distrusted(fault)
    }
}

impl From<TransferError> for LinkError {
    fn from(error: TransferError) -> Self {
        LinkError::Transfer(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_table_may_have_one_soon_and_one_that_is_away_may_not() {
        let refused = |rcode| LinkError::Transfer(TransferError::Refused(rcode));
        let table = [
            (refused(Rcode::REFUSED), true),
            (refused(Rcode::SERVFAIL), true),
            (LinkError::Leave(LeaveReason::Stale), true),
            (LinkError::Leave(LeaveReason::Older), true),
            (LinkError::Leave(LeaveReason::NoFresher), true),
            (TransferError::Older.into(), true),
            (TransferError::Stale.into(), true),
            (refused(Rcode::NOTIMP), false),
            (LinkError::Leave(LeaveReason::NoProof), false),
            (LinkError::Leave(LeaveReason::Silent), false),
            (io::Error::from(io::ErrorKind::ConnectionRefused).into(), false),
        ];
        for (error, wanted) in table {
            assert_eq!(error.is_hopeful(), wanted, "{error}");
        }
    }
}
