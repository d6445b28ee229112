//! Transactions: compare, then one branch of operations or the other, all at once.

use serde_json::{Value, json};

use super::header::header;
use super::json::{self, Wrong};
use super::kv::range_reply;
use super::slices::Slices;
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

/// A condition on a key (`Compare`, `EQUAL`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: Vec<u8>,
    /// What it is to be equal in.
    pub to: Equal,
}

/// What a key is compared to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equal {
    /// The revision at which it came to be; 0: there is no such key.
    CreateRevision(i64),
    /// The revision of its last change; 0: there is no such key.
    ModRevision(i64),
    /// The lease that it hangs on; 0: on none, or there is no such key.
    Lease(LeaseId),
}

impl Compare {
    fn encode(&self) -> Value {
        // A value in any other than the target's own field would silently never be equal.
        let (target, name, number) = match self.to {
            Equal::CreateRevision(revision) => ("CREATE", "create_revision", revision),
            Equal::ModRevision(revision) => ("MOD", "mod_revision", revision),
            Equal::Lease(LeaseId(id)) => ("LEASE", "lease", id),
        };
        let key = json::encode(&self.key);
        json!({"key": key, "target": target, "result": "EQUAL", name: json::integer(number)})
    }
}

/// One operation of a transaction (`RequestOp`). They are carried out in order, and a range sees
/// what those before it did. etcd rejects two puts of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads keys (`KV.Range`).
    Range(Range),
    /// Writes one key (`KV.Put`).
    Put {
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// The lease that the key is to hang on; 0: it stays until it is deleted.
        lease: LeaseId,
    },
    /// Deletes this key (`KV.DeleteRange`).
    Delete(Vec<u8>),
}

impl Op {
    fn encode(&self) -> Value {
        match self {
            Op::Range(range) => json!({"request_range": range.encode()}),
            Op::Put { key, value, lease } => json!({"request_put": {
                "key": json::encode(key),
                "value": json::encode(value),
                "lease": json::integer(lease.0),
            }}),
            Op::Delete(key) => json!({"request_delete_range": {"key": json::encode(key)}}),
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
    /// One for each [`Op::Range`] of the branch taken, in order: the client checks how many.
    pub ranges: Vec<RangeReply>,
}

pub(super) fn encode_txn(txn: &Txn) -> Value {
    let ops = |ops: &[Op]| ops.iter().map(Op::encode).collect::<Vec<_>>();
    let compare: Vec<_> = txn.compare.iter().map(Compare::encode).collect();
    json!({"compare": compare, "success": ops(&txn.success), "failure": ops(&txn.failure)})
}

pub(super) fn txn_reply(reply: &Value, txn: &Txn, slices: &Slices) -> Result<TxnReply, Wrong> {
    let succeeded = json::boolean(reply, "succeeded")?;
    let ops = if succeeded { &txn.success } else { &txn.failure };
    let responses = json::list(reply, "responses")?;
    if responses.len() != ops.len() {
        return Err(format!("{} responses to {} operations", responses.len(), ops.len()));
    }
    let mut ranges = Vec::new();
    for (op, response) in ops.iter().zip(responses) {
        let of = |name: &str| json::field(response, name).ok_or_else(|| format!("no {name}"));
        match op {
            Op::Range(_) => ranges.push(range_reply(of("response_range")?, slices)?),
            Op::Put { .. } => _ = of("response_put")?,
            Op::Delete(_) => _ = of("response_delete_range")?,
        }
    }
    Ok(TxnReply { header: header(reply)?, succeeded, ranges })
}

#[cfg(test)]
#[path = "txn_tests.rs"]
mod tests;
