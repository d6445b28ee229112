//! What a reply tells of etcd itself.

use serde_json::Value;

use super::json::{self, Wrong};

/// The state of etcd in a reply (`ResponseHeader`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The cluster that answered.
    pub cluster_id: u64,
    /// The member that answered.
    pub member_id: u64,
    /// The revision of the store at the time of the reply.
    pub revision: i64,
    /// The term of the cluster's log (Raft), which grows with each election.
    pub raft_term: u64,
}

pub(super) fn header(reply: &Value) -> Result<ResponseHeader, Wrong> {
    let header = json::field(reply, "header").ok_or("no header")?;
    Ok(ResponseHeader {
        cluster_id: json::number(header, "cluster_id")?,
        member_id: json::number(header, "member_id")?,
        revision: json::number(header, "revision")?,
        raft_term: json::number(header, "raft_term")?,
    })
}
