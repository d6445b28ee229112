//! What the gateway is asked, in the model's terms.

use std::time::Duration;

use idetcd::etcd::{Compare, Equal, LeaseId, Op, Order, Range, Txn, WatchRange};
use serde_json::{Deserializer, Value};

use super::values::{flag, list, number, octets, text};
use crate::model::Request;

/// Reads a request; the error says what is wrong with it.
///
/// # Errors
/// When the path is none of the gateway's that are modelled, or the body is not what it should be.
pub fn read(path: &str, body: &str) -> Result<Request, String> {
    if path == "/v3/watch" {
        return watch(body).map(Request::Watch);
    }
    let value: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let lease = || number(&value, "ID").map(LeaseId);
    Ok(match path {
        "/v3/kv/range" => Request::Range(range(&value)?),
        "/v3/kv/txn" => Request::Txn(txn(&value)?),
        "/v3/kv/compaction" => Request::Compact(number(&value, "revision")?),
        "/v3/lease/grant" => Request::LeaseGrant(seconds(number(&value, "TTL")?)),
        "/v3/lease/keepalive" => Request::LeaseKeepAlive(lease()?),
        "/v3/lease/revoke" => Request::LeaseRevoke(lease()?),
        "/v3/lease/timetolive" => Request::LeaseTimeToLive(lease()?),
        "/v3/maintenance/status" => Request::Status,
        "/v3/auth/authenticate" => Request::Authenticate {
            name: text(&value, "name").to_owned(),
            password: text(&value, "password").to_owned(),
        },
        _ => return Err(format!("{path} is not modelled")),
    })
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn range(value: &Value) -> Result<Range, String> {
    let range_end = Some(octets(value, "range_end")?).filter(|end| !end.is_empty());
    let order = match (text(value, "sort_target"), text(value, "sort_order")) {
        ("" | "KEY", "" | "NONE") => Order::Key,
        ("CREATE", "ASCEND") => Order::CreateRevision,
        ("MOD", "DESCEND") => Order::NewestFirst,
        (target, order) => return Err(format!("{target} {order} is not modelled")),
    };
    Ok(Range {
        key: octets(value, "key")?,
        range_end,
        revision: number(value, "revision")?,
        limit: number(value, "limit")?,
        keys_only: flag(value, "keys_only"),
        count_only: flag(value, "count_only"),
        order,
    })
}

fn txn(value: &Value) -> Result<Txn, String> {
    let ops = |name| list(value, name).iter().map(op).collect::<Result<Vec<_>, _>>();
    Ok(Txn {
        compare: list(value, "compare").iter().map(compare).collect::<Result<_, _>>()?,
        success: ops("success")?,
        failure: ops("failure")?,
    })
}

fn compare(value: &Value) -> Result<Compare, String> {
    if !matches!(text(value, "result"), "" | "EQUAL") {
        return Err(format!("{value} is not modelled"));
    }
    let to = match text(value, "target") {
        "CREATE" => Equal::CreateRevision(number(value, "create_revision")?),
        "MOD" => Equal::ModRevision(number(value, "mod_revision")?),
        "LEASE" => Equal::Lease(LeaseId(number(value, "lease")?)),
        target => return Err(format!("{target} is not modelled")),
    };
    Ok(Compare { key: octets(value, "key")?, to })
}

fn op(value: &Value) -> Result<Op, String> {
    if let Some(value) = value.get("request_range") {
        return range(value).map(Op::Range);
    }
    if let Some(value) = value.get("request_put") {
        let (key, content) = (octets(value, "key")?, octets(value, "value")?);
        return Ok(Op::Put { key, value: content, lease: LeaseId(number(value, "lease")?) });
    }
    match value.get("request_delete_range") {
        Some(value) if value.get("range_end").is_none() => octets(value, "key").map(Op::Delete),
        _ => Err(format!("{value} is not modelled")),
    }
}

/// One request after the other in one body, numbered from 1.
fn watch(body: &str) -> Result<Vec<WatchRange>, String> {
    let mut ranges = Vec::new();
    for value in Deserializer::from_str(body).into_iter::<Value>() {
        let value = value.map_err(|error| error.to_string())?;
        let request = value.get("create_request").ok_or("no create_request")?;
        if number(request, "watch_id")? != ranges.len() as i64 + 1 || !flag(request, "fragment") {
            return Err(format!("{value} is not modelled"));
        }
        let filters = list(request, "filters");
        ranges.push(WatchRange {
            key: octets(request, "key")?,
            range_end: octets(request, "range_end")?,
            start_revision: number(request, "start_revision")?,
            deletions_only: filters.iter().any(|filter| filter == "NOPUT"),
        });
    }
    Ok(ranges)
}
