//! What is wrong with a transfer.

use std::fmt;

use crate::dns::wire::Rcode;

/// The reason why nothing of a transfer is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// A message is cut off, or a record is not as its type says.
    Malformed,
    /// A message is none of this transfer's: another ID, no response, or not whole.
    OtherMessage,
    /// The server refuses, by this response code.
    Refused(Rcode),
    /// The server has nothing to give that is in step with etcd.
    Stale,
    /// The first message repeats another question, or none.
    OtherQuestion,
    /// The SOA is that of another zone.
    OtherZone,
    /// The stream does not begin and go on with SOAs as it must.
    Contradiction,
    /// The server's table is older than the one that is held.
    Older,
    /// There are more records or names than any cluster of this limit can have.
    TooLong,
}

impl TransferError {
    /// The error that a response code stands for, where the server says whether it is out of step.
    pub(super) fn of(rcode: Rcode, is_stale: bool) -> Result<(), TransferError> {
        match rcode {
            Rcode::NOERROR => Ok(()),
            Rcode::SERVFAIL if is_stale => Err(TransferError::Stale),
            rcode => Err(TransferError::Refused(rcode)),
        }
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            TransferError::Malformed => "a message is malformed",
            TransferError::OtherMessage => "a message does not belong to the request",
            TransferError::Refused(rcode) => return write!(f, "it is refused: {rcode}"),
            TransferError::Stale => "it is out of step with etcd",
            TransferError::OtherQuestion => "another question is answered",
            TransferError::OtherZone => "another zone is told of",
            TransferError::Contradiction => "the SOA records contradict each other",
            TransferError::Older => "the table is older than the one that is held",
            TransferError::TooLong => "there are more names than the limit allows",
        };
        f.write_str(text)
    }
}

impl std::error::Error for TransferError {}
