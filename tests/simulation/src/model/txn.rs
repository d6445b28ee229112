//! `KV.Txn`: what is refused of it, and what it does.

use std::collections::BTreeSet;

use idetcd::etcd::{Compare, Equal, LeaseId, Op, RangeReply, ResponseHeader, Txn};

use super::Limits;
use super::keys::History;
use super::leases::Leases;
use super::refusal::Refusal;
use super::store::Store;

/// The outcome of a transaction.
pub(super) struct Done {
    pub(super) succeeded: bool,
    pub(super) ranges: Vec<RangeReply>,
    /// The revision of its changes, or the newest if there are none.
    pub(super) revision: i64,
}

/// Whether it only reads: then it goes no way through raft.
pub(super) fn is_read_only(txn: &Txn) -> bool {
    txn.success.iter().chain(&txn.failure).all(|op| matches!(op, Op::Range(_)))
}

/// Whether it may put something, which etcd without space refuses.
pub(super) fn may_put(txn: &Txn) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| matches!(op, Op::Put { .. }))
}

/// What a member refuses by itself.
pub(super) fn check(txn: &Txn, limits: &Limits) -> Result<(), Refusal> {
    let lengths = [txn.compare.len(), txn.success.len(), txn.failure.len()];
    if lengths.iter().any(|length| *length > limits.operations) {
        return Err(Refusal::TOO_MANY_OPERATIONS);
    }
    let keys = txn.compare.iter().map(|compare| &compare.key);
    let ops = txn.success.iter().chain(&txn.failure);
    if keys.chain(ops.map(key)).any(|key| key.is_empty()) {
        return Err(Refusal::KEY_MISSING);
    }
    check_keys(&txn.success)?;
    check_keys(&txn.failure)
}

fn key(op: &Op) -> &Vec<u8> {
    match op {
        Op::Range(range) => &range.key,
        Op::Put { key, .. } | Op::Delete(key) => key,
    }
}

/// A key that is put must not be put again, nor deleted.
fn check_keys(ops: &[Op]) -> Result<(), Refusal> {
    let deleted: BTreeSet<_> =
        ops.iter().filter(|op| matches!(op, Op::Delete(_))).map(key).collect();
    let mut put = BTreeSet::new();
    for key in ops.iter().filter(|op| matches!(op, Op::Put { .. })).map(key) {
        if deleted.contains(key) || !put.insert(key) {
            return Err(Refusal::KEY_TWICE);
        }
    }
    Ok(())
}

/// Carries a transaction out, all or nothing.
pub(super) fn carry_out(
    txn: &Txn,
    store: &mut Store,
    leases: &mut Leases,
) -> Result<Done, Refusal> {
    let succeeded = txn.compare.iter().all(|compare| holds(compare, store));
    let ops = if succeeded { &txn.success } else { &txn.failure };
    check_path(ops, store, leases)?;
    let mut ranges = Vec::new();
    for op in ops {
        match op {
            Op::Range(range) => {
                let found = store.range(range)?;
                let header = ResponseHeader { revision: store.revision(), ..Default::default() };
                let (kvs, count, more) = (found.kvs, found.count, found.more);
                ranges.push(RangeReply { header, kvs, count, more });
            }
            Op::Put { key, value, lease: LeaseId(lease) } => {
                let previous = store.put(key, value, *lease);
                leases.attach(key, previous, *lease);
            }
            Op::Delete(key) => {
                let previous = store.delete(key);
                leases.attach(key, previous, 0);
            }
        }
    }
    let revision = store.revision();
    store.commit();
    Ok(Done { succeeded, ranges, revision })
}

/// What is refused of the operations that are to be carried out: first of what is put, then of what is read.
fn check_path(ops: &[Op], store: &Store, leases: &Leases) -> Result<(), Refusal> {
    let is_unknown = |lease: i64| lease != 0 && leases.get(lease).is_none();
    if ops.iter().any(|op| matches!(op, Op::Put { lease, .. } if is_unknown(lease.0))) {
        return Err(Refusal::NO_LEASE);
    }
    for op in ops {
        match op {
            Op::Range(range) if range.revision > store.revision() => return Err(Refusal::FUTURE),
            Op::Range(range) if range.revision > 0 && range.revision < store.compacted() => {
                return Err(Refusal::COMPACTED);
            }
            _ => {}
        }
    }
    Ok(())
}

fn holds(compare: &Compare, store: &Store) -> bool {
    let version = store.keys.get(&compare.key).and_then(History::now);
    match compare.to {
        Equal::CreateRevision(wanted) => version.map_or(0, |version| version.created) == wanted,
        Equal::ModRevision(wanted) => version.map_or(0, |version| version.modified) == wanted,
        Equal::Lease(LeaseId(wanted)) => version.map_or(0, |version| version.lease) == wanted,
    }
}
