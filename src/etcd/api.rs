//! The calls of etcd that a node makes, and how the gateway's client makes them.

use std::time::Duration;

use serde_json::json;

use super::kv::range_reply;
use super::timeout::Timeout;
use super::txn::{encode_txn, txn_reply};
use super::{
    Error, GatewayClient, LeaseId, Range, RangeReply, ResponseHeader, Status, TimeToLive, Txn,
    TxnReply, Watch, WatchRange, WatchStream, json, lease, maintenance,
};

/// What a node asks of etcd, and of which endpoint. [`GatewayClient`] asks a real one; a model of etcd
/// can stand in for it.
///
/// Every call may be carried out twice, or be carried out and yet fail: see [`Error`]. When the process
/// is asked to stop, a call, or a wait for changes, that is in progress fails at once.
pub trait Etcd {
    /// The stream of a watch.
    type Watch: WatchStream;

    /// `KV.Range`: reads keys, linearizably: from no member that fell behind.
    fn range(&mut self, range: &Range) -> Result<RangeReply, Error>;

    /// `KV.Txn`: compares, and carries out one branch or the other, all at once.
    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error>;

    /// `Lease.LeaseGrant`: a new lease with this time to live, rounded up to whole seconds, at
    /// least one. etcd may give a longer one. If the reply was lost, a lease may stay behind for its
    /// time to live.
    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error>;

    /// `Lease.LeaseKeepAlive`, one request: starts the time to live anew and returns it; count it
    /// from before the call. `None`: the lease is gone. A leader that was replaced and does not know it
    /// may say so, in its former term.
    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error>;

    /// `Lease.LeaseTimeToLive`: how long the lease has to live if nobody keeps it alive. `None`: it is
    /// gone. Later versions of etcd want the right to read the keys on it.
    fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error>;

    /// `Lease.LeaseRevoke`: ends the lease and deletes its keys. That it is gone already is fine.
    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error>;

    /// `Watch.Watch`: the changes of the ranges. It asks the endpoint in use only, and returns once
    /// etcd has acknowledged every range, within the time-out of a request. If that fails, the next
    /// call tries another endpoint, unless it is [`Error::is_compacted`]. An expired token looks like
    /// a missing right here; any other call renews it.
    fn watch(&mut self, ranges: &[WatchRange]) -> Result<Self::Watch, Error>;

    /// `Maintenance.Status`: what the member says of itself that is asked. It asks no other, so it
    /// may be behind. Some versions of etcd whose users are on let none but root call this.
    fn status(&mut self) -> Result<Status, Error>;

    /// The header of the reply to the call before, or of the acknowledgement of a watch; `None`: it failed,
    /// or told none.
    fn last_header(&self) -> Option<ResponseHeader>;

    /// Lets the next call try another endpoint first, if there is one.
    fn leave_endpoint(&mut self);

    /// The endpoint in use: the one that the next call tries first. Empty if there are none.
    fn endpoint(&self) -> &str;

    /// The number of endpoints.
    fn endpoint_count(&self) -> u32;

    /// The time-out of requests.
    fn timeout_mut(&mut self) -> &mut Timeout;
}

impl Etcd for GatewayClient {
    type Watch = Watch;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        let slices = self.slices.clone();
        self.ask("/v3/kv/range", &range.encode(), |reply| range_reply(reply, &slices))
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        let slices = self.slices.clone();
        self.ask("/v3/kv/txn", &encode_txn(txn), |reply| txn_reply(reply, txn, &slices))
    }

    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error> {
        let request = json!({"TTL": json::integer(lease::seconds(ttl))});
        self.ask("/v3/lease/grant", &request, |reply| match json::number(reply, "ID")? {
            0 => Err("a lease without ID".to_owned()),
            id => Ok(LeaseId(id)),
        })
    }

    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        self.ask_of_lease("/v3/lease/keepalive", id, |reply| {
            lease::renewed(json::field(reply, "result").ok_or("a keep-alive without result")?)
        })
    }

    fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        self.ask_of_lease("/v3/lease/timetolive", id, lease::time_to_live)
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        self.ask_of_lease("/v3/lease/revoke", id, |_| Ok(Some(()))).map(drop)
    }

    fn watch(&mut self, ranges: &[WatchRange]) -> Result<Watch, Error> {
        self.last_header = None;
        self.ensure_token()?;
        let opened = self.open_watch(ranges);
        self.last_header = opened.as_ref().ok().map(Watch::created);
        if opened.as_ref().is_err_and(|error| !error.is_compacted()) {
            self.use_next();
        }
        opened
    }

    fn status(&mut self) -> Result<Status, Error> {
        self.ask("/v3/maintenance/status", &json!({}), maintenance::status)
    }

    fn last_header(&self) -> Option<ResponseHeader> {
        self.last_header
    }

    fn leave_endpoint(&mut self) {
        self.use_next();
    }

    fn endpoint(&self) -> &str {
        GatewayClient::endpoint(self)
    }

    fn endpoint_count(&self) -> u32 {
        u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX)
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        &mut self.timeout
    }
}
