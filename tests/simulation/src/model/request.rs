//! What is asked of a member, and what it says to that.

use std::time::Duration;

use idetcd::etcd::{
    ErrorKind, LeaseId, Range, RangeReply, ResponseHeader, Txn, TxnReply, WatchRange,
};

use super::watch::WatchId;

/// A call to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `KV.Range`, linearizable.
    Range(Range),
    /// `KV.Txn`.
    Txn(Txn),
    /// `KV.Compaction` of what is before this revision, done by the time of the reply (`physical`).
    Compact(i64),
    /// `Lease.LeaseGrant` for a time to live, in whole seconds.
    LeaseGrant(Duration),
    /// `Lease.LeaseKeepAlive`, one request.
    LeaseKeepAlive(LeaseId),
    /// `Lease.LeaseRevoke`.
    LeaseRevoke(LeaseId),
    /// `Lease.LeaseTimeToLive`.
    LeaseTimeToLive(LeaseId),
    /// `Maintenance.Status`: the one call that a member answers by itself.
    Status,
    /// `Auth.Authenticate`.
    Authenticate {
        /// The user's name.
        name: String,
        /// Its password.
        password: String,
    },
    /// `Watch.Watch`: one stream of several ranges, whose IDs are their places from 1.
    Watch(Vec<WatchRange>),
}

/// The reply to a call that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Request::Range`].
    Range(RangeReply),
    /// To [`Request::Txn`].
    Txn(TxnReply),
    /// To [`Request::Compact`].
    Compacted,
    /// To [`Request::LeaseGrant`]: the lease and the time to live that it has, which may be longer than
    /// what was asked for, and etcd as it was then.
    Granted(LeaseId, Duration, ResponseHeader),
    /// To [`Request::LeaseKeepAlive`]: all of its time, and the term before it was renewed; `None`: there is no
    /// such lease.
    KeptAlive(Option<LeaseLeft>),
    /// To [`Request::LeaseRevoke`].
    Revoked,
    /// To [`Request::LeaseTimeToLive`]; `None`: there is no such lease.
    TimeToLive(Option<LeaseLeft>),
    /// To [`Request::Status`].
    Status(MemberStatus),
    /// To [`Request::Authenticate`].
    Token(String),
    /// To [`Request::Watch`]: every range is acknowledged. Go on with [`super::Model::next_reply`].
    Watch(WatchId),
}

/// What is left of a lease (`LeaseTimeToLiveResponse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseLeft {
    /// The time that it has left, in whole seconds, rounded down.
    pub left: Duration,
    /// The term of the last entry that the member has applied which was asked. It was the leader that
    /// counted.
    pub raft_term: u64,
}

/// What a member says of itself (`StatusResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// The cluster, the member, and the revision that it stands at.
    pub header: ResponseHeader,
    /// The member that leads, as this one knows it; 0: none does.
    pub leader: u64,
    /// The term of raft that it is in.
    pub raft_term: u64,
    /// The index of the last entry that it knows to be committed.
    pub raft_index: u64,
    /// Alarms, in etcd's words.
    pub errors: Vec<String>,
}

/// A call that a member has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What comes of a call at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Reply(Reply),
    /// It was not: etcd says no ([`ErrorKind::Rejected`]), or there is no connection
    /// ([`ErrorKind::Unreachable`], [`ErrorKind::CutOff`], where it may have been carried out all the same).
    Error(ErrorKind, String),
    /// No reply yet, and perhaps never, because the member is frozen, has no quorum or lags: see
    /// [`super::Model::take_answers`] and [`super::Model::give_up`]. It may have been carried out, or be
    /// later.
    Pending(CallId),
}
