//! What a node asks of etcd, whoever carries it out.

use std::time::{Duration, Instant};

use super::timeout::Timeout;
use super::{
    Error, GatewayClient, KeyValue, LeaseId, Range, RangeReply, ResponseHeader, Txn, TxnReply,
    Watch, WatchRange, WatchReply,
};

/// Keys read at a time. Between two pages the caller can do other things, so a page bounds how long
/// those wait.
const PAGE: i64 = 500;

/// The calls of etcd that a node makes, and to which endpoint. [`GatewayClient`] makes them; a model of
/// etcd can stand in for it.
///
/// Every call may be carried out twice, or be carried out and yet fail: see [`Error`]. When the process
/// is asked to stop, a call, or a wait for changes, that is in progress fails at once.
pub trait Etcd {
    /// The stream of a watch.
    type Watch: WatchStream;

    /// `KV.Range`.
    ///
    /// # Errors
    /// See [`Error`].
    fn range(&mut self, range: &Range) -> Result<RangeReply, Error>;

    /// `KV.Txn`.
    ///
    /// # Errors
    /// See [`Error`].
    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error>;

    /// `Lease.LeaseGrant`.
    ///
    /// # Errors
    /// See [`Error`].
    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error>;

    /// `Lease.LeaseKeepAlive`, once. `None`: the lease is gone.
    ///
    /// # Errors
    /// See [`Error`].
    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<Duration>, Error>;

    /// `Lease.LeaseRevoke`. That it is gone already is fine.
    ///
    /// # Errors
    /// See [`Error`].
    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error>;

    /// `Watch.Watch`.
    ///
    /// # Errors
    /// See [`Error`].
    fn watch(&mut self, ranges: &[WatchRange]) -> Result<Self::Watch, Error>;

    /// The endpoint in use: the one that the next call tries first. Empty if there are none.
    fn endpoint(&self) -> &str;

    /// The number of endpoints.
    fn endpoint_count(&self) -> u32;

    /// The time-out of requests.
    fn timeout_mut(&mut self) -> &mut Timeout;

    /// `KV.Range` page by page, all of them at the revision of the first. Returns the header of the
    /// first page, with the revision that was read at.
    ///
    /// # Errors
    /// See [`Error`]. What was handed to `each` until then is not all.
    fn range_pages(
        &mut self,
        range: Range,
        mut each: impl FnMut(Vec<KeyValue>),
    ) -> Result<ResponseHeader, Error> {
        let mut range = Range { limit: PAGE, ..range };
        let mut first = None;
        loop {
            let reply = self.range(&range)?;
            let header = first.get_or_insert(reply.header);
            if range.revision == 0 {
                range.revision = header.revision;
            }
            header.revision = range.revision;
            let header = *header;
            let last = reply.kvs.last().filter(|_| reply.more).map(|kv| kv.key.clone());
            each(reply.kvs);
            let Some(last) = last else { return Ok(header) };
            range.key = last;
            range.key.push(0);
        }
    }

    /// The error for a reply of the endpoint in use that is not what was asked for.
    fn malformed(&self, what: &str) -> Error {
        Error::malformed(self.endpoint(), what)
    }
}

/// The stream of a watch, as it is followed.
pub trait WatchStream {
    /// The endpoint that is watched.
    fn endpoint(&self) -> &str;

    /// The next changes; `None`: there were none until the deadline.
    ///
    /// # Errors
    /// See [`Error`]: the watch is over.
    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error>;
}

impl Etcd for GatewayClient {
    type Watch = Watch;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        GatewayClient::range(self, range)
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        GatewayClient::txn(self, txn)
    }

    fn lease_grant(&mut self, ttl: Duration) -> Result<LeaseId, Error> {
        GatewayClient::lease_grant(self, ttl)
    }

    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<Duration>, Error> {
        GatewayClient::lease_keep_alive(self, id)
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        GatewayClient::lease_revoke(self, id)
    }

    fn watch(&mut self, ranges: &[WatchRange]) -> Result<Watch, Error> {
        GatewayClient::watch(self, ranges)
    }

    fn endpoint(&self) -> &str {
        GatewayClient::endpoint(self)
    }

    fn endpoint_count(&self) -> u32 {
        GatewayClient::endpoint_count(self)
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        GatewayClient::timeout_mut(self)
    }
}

impl WatchStream for Watch {
    fn endpoint(&self) -> &str {
        Watch::endpoint(self)
    }

    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error> {
        Watch::next(self, deadline)
    }
}
