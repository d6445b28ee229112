//! Keys and values: read, write, and both at once in a transaction.

use serde_json::{Value, json};

use super::json::{self, Wrong};
use super::{Client, Error, LeaseId};

/// A number of etcd's history: the whole store has one, and each change makes it larger by one.
pub type Revision = i64;

/// What etcd says of itself in a reply (`ResponseHeader`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The cluster that answered.
    pub cluster_id: u64,
    /// The member that answered.
    pub member_id: u64,
    /// The revision of the store at the time of the reply.
    pub revision: i64,
}

/// A key with its value (`KeyValue`). In an event of deletion, only the key and `mod_revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Vec<u8>,
    /// The value; empty if only keys were asked for.
    pub value: Vec<u8>,
    /// The revision at which the key came to be.
    pub create_revision: i64,
    /// The revision of its last change.
    pub mod_revision: i64,
    /// The lease that the key hangs on; 0 for none.
    pub lease: LeaseId,
}

/// In which order keys come. With a limit, it decides which ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By key, ascending.
    #[default]
    Key,
    /// By the revision at which they came to be, the oldest first.
    CreateRevision,
}

/// Which keys to read, and what of them (`RangeRequest`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The key, or the first of many.
    pub key: Vec<u8>,
    /// The first key not to be read any more; `None`: only `key` itself.
    pub range_end: Option<Vec<u8>>,
    /// The revision to read at; 0: now. etcd rejects with code 11 what it has forgotten.
    pub revision: i64,
    /// The most keys in the reply; 0: all.
    pub limit: i64,
    /// Leave out the values.
    pub keys_only: bool,
    /// Leave out the keys too, and count them only.
    pub count_only: bool,
    /// The order of the keys.
    pub order: Order,
}

impl Range {
    /// All keys from `key` up to, and without, `range_end`, or `key` alone; with values, now.
    #[must_use]
    pub fn new(key: impl Into<Vec<u8>>, range_end: Option<Vec<u8>>) -> Self {
        Range {
            key: key.into(),
            range_end,
            revision: 0,
            limit: 0,
            keys_only: false,
            count_only: false,
            order: Order::Key,
        }
    }

    fn encode(&self) -> Value {
        let mut request = keys(&self.key, self.range_end.as_deref());
        request["revision"] = json::integer(self.revision);
        request["limit"] = json::integer(self.limit);
        request["keys_only"] = self.keys_only.into();
        request["count_only"] = self.count_only.into();
        if self.order == Order::CreateRevision {
            request["sort_target"] = "CREATE".into();
            request["sort_order"] = "ASCEND".into();
        }
        request
    }
}

/// What a range holds (`RangeResponse`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeReply {
    /// The reply's header. In a transaction it has the revision only.
    pub header: Header,
    /// The keys, in the order asked for.
    pub kvs: Vec<KeyValue>,
    /// How many keys are in the range, whatever the limit.
    pub count: i64,
    /// Whether the limit cut some off.
    pub more: bool,
}

/// Operations that happen at once, at one revision (`TxnRequest`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must be equal, all of it.
    pub compare: Vec<Compare>,
    /// What to do then.
    pub success: Vec<Op>,
    /// What to do otherwise.
    pub failure: Vec<Op>,
}

/// A condition: something of a key is equal to a value (`Compare`, `EQUAL`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key came to be at this revision; 0: there is no such key.
    CreateRevision {
        /// The key.
        key: Vec<u8>,
        /// The revision.
        revision: i64,
    },
    /// The key was last changed at this revision; 0: there is no such key.
    ModRevision {
        /// The key.
        key: Vec<u8>,
        /// The revision.
        revision: i64,
    },
    /// The key hangs on this lease; 0: on none, or there is no such key.
    Lease {
        /// The key.
        key: Vec<u8>,
        /// The lease.
        lease: LeaseId,
    },
}

impl Compare {
    fn encode(&self) -> Value {
        // A value in any other than the target's own field would silently never be equal.
        let (key, target, name, number) = match self {
            Compare::CreateRevision { key, revision } => {
                (key, "CREATE", "create_revision", *revision)
            }
            Compare::ModRevision { key, revision } => (key, "MOD", "mod_revision", *revision),
            Compare::Lease { key, lease } => (key, "LEASE", "lease", lease.0),
        };
        json!({"key": json::encode(key), "target": target, "result": "EQUAL", name: json::integer(number)})
    }
}

/// One operation of a transaction (`RequestOp`). They are carried out in order, and a range sees
/// what those before it did. etcd rejects two puts of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// As [`Client::range`].
    Range(Range),
    /// As [`Client::put`].
    Put {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// The lease that the key is to hang on.
        lease: Option<LeaseId>,
    },
    /// As [`Client::delete_range`].
    DeleteRange {
        /// The key, or the first of many.
        key: Vec<u8>,
        /// The first key to stay; `None`: only `key` itself goes.
        range_end: Option<Vec<u8>>,
    },
}

impl Op {
    fn encode(&self) -> Value {
        match self {
            Op::Range(range) => json!({"request_range": range.encode()}),
            Op::Put { key, value, lease } => json!({"request_put": put(key, value, *lease)}),
            Op::DeleteRange { key, range_end } => {
                json!({"request_delete_range": keys(key, range_end.as_deref())})
            }
        }
    }
}

/// How a transaction went (`TxnResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnReply {
    /// The reply's header: its revision is that of the transaction's changes.
    pub header: Header,
    /// Whether everything compared was equal.
    pub succeeded: bool,
    /// One for each operation of the branch taken, in order: the client checks how many.
    pub responses: Vec<OpReply>,
}

/// The reply to one operation (`ResponseOp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpReply {
    /// To [`Op::Range`].
    Range(RangeReply),
    /// To [`Op::Put`].
    Put,
    /// To [`Op::DeleteRange`].
    DeleteRange,
}

impl Client {
    /// `KV.Range`: reads keys, linearizably: from no member that fell behind.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        let reply = self.call("/v3/kv/range", &range.encode())?;
        range_reply(&reply).map_err(|what| Error::malformed(self.endpoint(), &what))
    }

    /// `KV.Put`: writes one key. Without a lease it stays until it is deleted.
    ///
    /// # Errors
    /// See [`Error`]; code 5: there is no such lease.
    pub fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        lease: Option<LeaseId>,
    ) -> Result<Header, Error> {
        let reply = self.call("/v3/kv/put", &put(key, value, lease))?;
        header(&reply).map_err(|what| Error::malformed(self.endpoint(), &what))
    }

    /// `KV.DeleteRange`: deletes `key`, or all from it up to, and without, `range_end`; returns
    /// how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete_range(
        &mut self,
        key: &[u8],
        range_end: Option<&[u8]>,
    ) -> Result<(Header, i64), Error> {
        let reply = self.call("/v3/kv/deleterange", &keys(key, range_end))?;
        let decode = || Ok((header(&reply)?, json::int64(&reply, "deleted")?));
        decode().map_err(|what: Wrong| Error::malformed(self.endpoint(), &what))
    }

    /// `KV.Txn`: compares, and carries out one branch or the other, all at once.
    ///
    /// # Errors
    /// See [`Error`]. If the reply was lost, it may have been carried out, even twice.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        let reply = self.call("/v3/kv/txn", &encode_txn(txn))?;
        txn_reply(&reply, txn).map_err(|what| Error::malformed(self.endpoint(), &what))
    }
}

fn keys(key: &[u8], range_end: Option<&[u8]>) -> Value {
    match range_end {
        Some(end) => json!({"key": json::encode(key), "range_end": json::encode(end)}),
        None => json!({"key": json::encode(key)}),
    }
}

fn put(key: &[u8], value: &[u8], lease: Option<LeaseId>) -> Value {
    let lease = lease.map_or(0, |lease| lease.0);
    json!({"key": json::encode(key), "value": json::encode(value), "lease": json::integer(lease)})
}

fn encode_txn(txn: &Txn) -> Value {
    let ops = |ops: &[Op]| ops.iter().map(Op::encode).collect::<Vec<_>>();
    let compare: Vec<_> = txn.compare.iter().map(Compare::encode).collect();
    json!({"compare": compare, "success": ops(&txn.success), "failure": ops(&txn.failure)})
}

/// The header of a reply.
pub(super) fn header(reply: &Value) -> Result<Header, Wrong> {
    let header = json::field(reply, "header").ok_or("no header")?;
    Ok(Header {
        cluster_id: json::uint64(header, "cluster_id")?,
        member_id: json::uint64(header, "member_id")?,
        revision: json::int64(header, "revision")?,
    })
}

/// A key with its value.
pub(super) fn key_value(kv: &Value) -> Result<KeyValue, Wrong> {
    Ok(KeyValue {
        key: json::bytes(kv, "key")?,
        value: json::bytes(kv, "value")?,
        create_revision: json::int64(kv, "create_revision")?,
        mod_revision: json::int64(kv, "mod_revision")?,
        lease: LeaseId(json::int64(kv, "lease")?),
    })
}

fn range_reply(reply: &Value) -> Result<RangeReply, Wrong> {
    Ok(RangeReply {
        header: header(reply)?,
        kvs: json::list(reply, "kvs")?.iter().map(key_value).collect::<Result<_, _>>()?,
        count: json::int64(reply, "count")?,
        more: json::boolean(reply, "more")?,
    })
}

fn txn_reply(reply: &Value, txn: &Txn) -> Result<TxnReply, Wrong> {
    let succeeded = json::boolean(reply, "succeeded")?;
    let ops = if succeeded { &txn.success } else { &txn.failure };
    let responses = json::list(reply, "responses")?;
    if responses.len() != ops.len() {
        return Err(format!("{} responses to {} operations", responses.len(), ops.len()));
    }
    let responses = ops.iter().zip(responses).map(|(op, response)| op_reply(op, response));
    Ok(TxnReply {
        header: header(reply)?,
        succeeded,
        responses: responses.collect::<Result<_, _>>()?,
    })
}

fn op_reply(op: &Op, response: &Value) -> Result<OpReply, Wrong> {
    let of = |name: &str| json::field(response, name).ok_or_else(|| format!("no {name}"));
    match op {
        Op::Range(_) => Ok(OpReply::Range(range_reply(of("response_range")?)?)),
        Op::Put { .. } => of("response_put").map(|_| OpReply::Put),
        Op::DeleteRange { .. } => of("response_delete_range").map(|_| OpReply::DeleteRange),
    }
}

#[cfg(test)]
#[path = "kv_tests.rs"]
mod tests;
