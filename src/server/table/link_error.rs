//! Why a server is left.

use std::fmt;
use std::io;

use super::follow::LeaveReason;
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
