//! Leases: keys that hang on one vanish with it, unless it is kept alive.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::json::{self, Wrong};
use super::{Error, GatewayClient};

/// The longest time to live that etcd grants, in seconds.
const MAX_TTL: i64 = 9_000_000_000;

/// The number of a lease; 0 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseId(pub i64);

impl fmt::Display for LeaseId {
    /// In hexadecimal, as `etcdctl` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The time that a lease has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    /// From now on, in whole seconds, if nobody keeps it alive.
    pub left: Duration,
    /// From each time that it is kept alive.
    pub granted: Duration,
}

impl GatewayClient {
    /// `Lease.LeaseTimeToLive`: how long the lease has to live. `None`: it is gone.
    ///
    /// # Errors
    /// See [`Error`]. Later versions of etcd want the right to read the keys on it.
    pub fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        let reply = match self.call("/v3/lease/timetolive", &request(id)) {
            Err(error) if error.is_not_found() => return Ok(None),
            reply => reply?,
        };
        time_to_live(&reply).map_err(|what| Error::malformed(self.endpoint(), &what))
    }
}

pub(super) fn request(id: LeaseId) -> Value {
    json!({"ID": json::integer(id.0)})
}

pub(super) fn seconds(ttl: Duration) -> i64 {
    let whole = i64::try_from(ttl.as_secs()).unwrap_or(MAX_TTL).min(MAX_TTL);
    (whole + i64::from(ttl.subsec_nanos() > 0)).clamp(1, MAX_TTL)
}

pub(super) fn ttl(reply: &Value) -> Result<Option<Duration>, Wrong> {
    let seconds = json::int64(reply, "TTL")?.min(MAX_TTL);
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// A lease that is gone has -1 second left; one that ends this very second has 0, which is left out.
fn time_to_live(reply: &Value) -> Result<Option<TimeToLive>, Wrong> {
    let left = json::int64(reply, "TTL")?.min(MAX_TTL);
    let granted = json::int64(reply, "grantedTTL")?.clamp(0, MAX_TTL);
    let duration = |seconds| u64::try_from(seconds).ok().map(Duration::from_secs);
    Ok(duration(left).zip(duration(granted)).map(|(left, granted)| TimeToLive { left, granted }))
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
        for (reply, expected) in cases {
            assert_eq!(ttl(&reply), expected.map(|ttl| ttl.map(Duration::from_secs)), "{reply}");
        }
        assert!(ttl(&json!({"TTL": "soon"})).is_err());
    }

    #[test]
    fn seconds_left() {
        let cases = [
            (json!({"TTL": "-1"}), Ok(None)),
            (json!({"TTL": "19", "grantedTTL": "20"}), Ok(Some((19, 20)))),
            (json!({"grantedTTL": 20}), Ok(Some((0, 20)))),
            (json!({"TTL": i64::MAX, "grantedTTL": -7}), Ok(Some((9_000_000_000, 0)))),
        ];
        for (reply, expected) in cases {
            let expected = expected.map(|both| {
                both.map(|(left, granted)| TimeToLive {
                    left: Duration::from_secs(left),
                    granted: Duration::from_secs(granted),
                })
            });
            assert_eq!(time_to_live(&reply), expected, "{reply}");
        }
        assert!(time_to_live(&json!({"TTL": "soon"})).is_err());
    }

    #[test]
    fn shown_like_etcdctl() {
        assert_eq!(LeaseId(0x09ce_8f1d_0000_0a07).to_string(), "09ce8f1d00000a07");
    }
}
