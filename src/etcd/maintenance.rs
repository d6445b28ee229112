//! What a member says of itself.

use serde_json::{Value, json};

use super::error::shown;
use super::json::{self, Wrong};
use super::kv::header;
use super::{Error, GatewayClient, ResponseHeader};

/// The state of one member (`StatusResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster and the member.
    pub header: ResponseHeader,
    /// The version of its etcd, such as `3.4.23`.
    pub version: String,
    /// The member that leads, as this one knows it; 0: none does.
    pub leader: u64,
    /// Its alarms and other errors, in etcd's words.
    pub errors: Vec<String>,
}

impl GatewayClient {
    /// `Maintenance.Status` of the endpoint in use, or of another one if that is out of reach. etcd
    /// asks nobody for a user here.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn status(&mut self) -> Result<Status, Error> {
        let reply = self.call("/v3/maintenance/status", &json!({}))?;
        status(&reply).map_err(|what| Error::malformed(self.endpoint(), &what))
    }
}

fn status(reply: &Value) -> Result<Status, Wrong> {
    let errors = json::list(reply, "errors")?.iter().filter_map(Value::as_str).map(shown);
    Ok(Status {
        header: header(reply)?,
        version: shown(json::text(reply, "version")),
        leader: json::uint64(reply, "leader")?,
        errors: errors.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        let reply = json!({"header": {"cluster_id": "7", "member_id": "18446744073709551615"},
            "version": "3.4.23", "leader": "9", "errors": ["memberID:9 alarm:NOSPACE ", 7]});
        let read = status(&reply).unwrap();
        assert_eq!((read.header.cluster_id, read.header.member_id), (7, u64::MAX));
        assert_eq!((read.version.as_str(), read.leader), ("3.4.23", 9));
        assert_eq!(read.errors, ["memberID:9 alarm:NOSPACE"]);
        assert_eq!(status(&json!({"header": {}})).unwrap().leader, 0);
        assert!(status(&json!({"version": "3.4.23"})).is_err());
    }
}
