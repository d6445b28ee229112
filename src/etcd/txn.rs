//! Transactions: compare, then one branch of operations or the other, all at once.

use serde_json::{Value, json};

use super::json::{self, Wrong};
use super::kv::{header, keys, put, range_reply};
use super::{LeaseId, Range, RangeReply, ResponseHeader};

/// Operations that happen at once, at one revision (`TxnRequest`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The conditions, all of which must hold.
    pub compare: Vec<Compare>,
    /// The operations to carry out then.
    pub success: Vec<Op>,
    /// The operations to carry out otherwise.
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
    /// Reads keys (`KV.Range`).
    Range(Range),
    /// Writes one key (`KV.Put`). Without a lease it stays until it is deleted.
    Put {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// The lease that the key is to hang on.
        lease: Option<LeaseId>,
    },
    /// Deletes keys (`KV.DeleteRange`).
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

/// The outcome of a transaction (`TxnResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnReply {
    /// The reply's header: its revision is that of the transaction's changes.
    pub header: ResponseHeader,
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

pub(super) fn encode_txn(txn: &Txn) -> Value {
    let ops = |ops: &[Op]| ops.iter().map(Op::encode).collect::<Vec<_>>();
    let compare: Vec<_> = txn.compare.iter().map(Compare::encode).collect();
    json!({"compare": compare, "success": ops(&txn.success), "failure": ops(&txn.failure)})
}

pub(super) fn txn_reply(reply: &Value, txn: &Txn) -> Result<TxnReply, Wrong> {
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
#[path = "txn_tests.rs"]
mod tests;
