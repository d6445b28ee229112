//! What a member says of itself.

use serde_json::Value;

use super::ResponseHeader;
use super::error::shown;
use super::header::header;
use super::json::{self, Wrong};

/// The state of one member (`StatusResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster and the member, and the revision that it has reached.
    pub header: ResponseHeader,
    /// The version of its etcd, such as `3.4.23`.
    pub version: String,
    /// The member that leads, as this one knows it; 0: none does.
    pub leader: u64,
    /// The number of the latest entry of the cluster's log (Raft) that it knows to be committed.
    /// Read after the header's revision, so no entry that led to that is later.
    pub raft_index: u64,
    /// The term of that log, which grows with each election.
    pub raft_term: u64,
    /// Its alarms and other errors, in etcd's words.
    pub errors: Vec<String>,
}

pub(super) fn status(reply: &Value) -> Result<Status, Wrong> {
    let errors = json::list(reply, "errors")?.iter().filter_map(Value::as_str).map(shown);
    Ok(Status {
        header: header(reply)?,
        version: shown(json::text(reply, "version")),
        leader: json::number(reply, "leader")?,
        raft_index: json::number(reply, "raftIndex")?,
        raft_term: json::number(reply, "raftTerm")?,
        errors: errors.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members() {
        let reply = json!({"header": {"cluster_id": "7", "member_id": "18446744073709551615"},
            "version": "3.4.23", "leader": "9", "raftIndex": "18446744073709551615",
            "raftTerm": "3", "errors": ["memberID:9 alarm:NOSPACE ", 7]});
        let read = status(&reply).unwrap();
        assert_eq!((read.header.cluster_id, read.header.member_id), (7, u64::MAX));
        assert_eq!((read.version.as_str(), read.leader), ("3.4.23", 9));
        assert_eq!((read.raft_index, read.raft_term), (u64::MAX, 3));
        assert_eq!(read.errors, ["memberID:9 alarm:NOSPACE"]);
        let bare = status(&json!({"header": {}})).unwrap();
        assert_eq!((bare.leader, bare.raft_index, bare.raft_term), (0, 0, 0));
        assert!(status(&json!({"version": "3.4.23"})).is_err());
        assert!(status(&json!({"header": {}, "raftIndex": "-1"})).is_err());
    }
}
