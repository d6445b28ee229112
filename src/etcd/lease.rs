//! Leases: keys that hang on one vanish with it, unless it is kept alive.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::json::{self, Wrong};
use super::{Error, GatewayClient};

/// The longest time to live that etcd grants, in seconds.
const MAX_TTL: i64 = 9_000_000_000;

/// The number of a lease; 0 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct LeaseId(pub i64);

impl fmt::Display for LeaseId {
    /// In hexadecimal, as `etcdctl` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What is left of a lease (`LeaseTimeToLiveResponse`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeToLive {
    /// How long it lives if nobody keeps it alive, in whole seconds, rounded down.
    pub left: Duration,
    /// The term of the cluster's log (Raft) at that time, as far as the member has got that was asked; 0: it
    /// does not tell. It grows with each change of leader, and a new leader counts every lease anew.
    pub raft_term: u64,
}

impl GatewayClient {
    /// Makes a call about a lease. `None`: it is gone.
    pub(super) fn ask_of_lease<T>(
        &mut self,
        path: &str,
        id: LeaseId,
        read: impl FnOnce(&Value) -> Result<Option<T>, Wrong>,
    ) -> Result<Option<T>, Error> {
        match self.ask(path, &json!({"ID": json::integer(id.0)}), read) {
            Err(error) if error.is_not_found() => Ok(None),
            reply => reply,
        }
    }
}

pub(super) fn seconds(ttl: Duration) -> i64 {
    let whole = i64::try_from(ttl.as_secs()).unwrap_or(MAX_TTL).min(MAX_TTL);
    (whole + i64::from(ttl.subsec_nanos() > 0)).clamp(1, MAX_TTL)
}

/// What is left of a lease; `None`: it is gone.
pub(super) fn time_to_live(reply: &Value) -> Result<Option<TimeToLive>, Wrong> {
    let header = json::field(reply, "header").ok_or("no header")?;
    let raft_term = json::number(header, "raft_term")?;
    Ok(time_left(reply)?.map(|left| TimeToLive { left, raft_term }))
}

/// What the reply to a keep-alive says. A lease that is gone has 0 or none left.
pub(super) fn renewed(reply: &Value) -> Result<Option<TimeToLive>, Wrong> {
    let term = |header| json::number(header, "raft_term");
    let raft_term = json::field(reply, "header").map_or(Ok(0), term)?;
    let left = time_left(reply)?.filter(|left| !left.is_zero());
    Ok(left.map(|left| TimeToLive { left, raft_term }))
}

/// A lease that is gone has -1 second left; one that ends this very second has 0, which is left out.
fn time_left(reply: &Value) -> Result<Option<Duration>, Wrong> {
    let seconds = json::number::<i64>(reply, "TTL")?.min(MAX_TTL);
    Ok(u64::try_from(seconds).ok().map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_rounded_up() {
        let cases = [(0, 1), (1, 1), (1000, 1), (1001, 2), (20_000, 20), (u64::MAX, MAX_TTL)];
        for (millis, expected) in cases {
            let ttl =
                if millis == u64::MAX { Duration::MAX } else { Duration::from_millis(millis) };
            assert_eq!(seconds(ttl), expected, "{millis}");
        }
    }

    #[test]
    fn times_to_live() {
        let cases = [
            (json!({}), Ok(None)),
            (json!({"TTL": "0"}), Ok(None)),
            (json!({"TTL": "-1"}), Ok(None)),
            (json!({"TTL": "20"}), Ok(Some(20))),
            (json!({"TTL": 20}), Ok(Some(20))),
            (json!({"TTL": i64::MAX}), Ok(Some(9_000_000_000))),
        ];
        for (mut reply, expected) in cases {
            for raft_term in [0, 7] {
                let wanted = |seconds| TimeToLive { left: Duration::from_secs(seconds), raft_term };
                let expected = expected.clone().map(|seconds| seconds.map(wanted));
                assert_eq!(renewed(&reply), expected, "{reply}");
                reply["header"] = json!({"raft_term": "7"});
            }
        }
        assert!(renewed(&json!({"TTL": "soon"})).is_err());
        assert!(renewed(&json!({"header": {"raft_term": -1}, "TTL": "20"})).is_err());
    }

    #[test]
    fn seconds_left() {
        let cases = [
            (json!({"TTL": "-1"}), Ok(None)),
            (json!({"TTL": "19", "grantedTTL": "20"}), Ok(Some(19))),
            (json!({"grantedTTL": 20}), Ok(Some(0))),
            (json!({"TTL": i64::MAX}), Ok(Some(9_000_000_000))),
        ];
        for (reply, expected) in cases {
            let expected = expected.map(|left| left.map(Duration::from_secs));
            assert_eq!(time_left(&reply), expected, "{reply}");
        }
        assert!(time_left(&json!({"TTL": "soon"})).is_err());
    }

    #[test]
    fn what_is_left_has_the_term_at_which_it_was() {
        let reply = json!({"header": {"raft_term": "7"}, "TTL": "19", "grantedTTL": "20"});
        let left = TimeToLive { left: Duration::from_secs(19), raft_term: 7 };
        assert_eq!(time_to_live(&reply), Ok(Some(left)));
        let gone = json!({"header": {"raft_term": "7"}, "TTL": "-1"});
        assert_eq!(time_to_live(&gone), Ok(None));
        assert!(time_to_live(&json!({"TTL": "19"})).is_err());
        assert!(time_to_live(&json!({"header": {"raft_term": -1}, "TTL": "19"})).is_err());
    }

    #[test]
    fn shown_like_etcdctl() {
        assert_eq!(LeaseId(0x09ce_8f1d_0000_0a07).to_string(), "09ce8f1d00000a07");
    }
}
