//! From what etcd calls things to what the model calls them: members, clusters, leases.

use std::collections::BTreeMap;

use idetcd::etcd::{
    Compare, Equal, Event, KeyValue, LeaseId, Op, RangeReply, ResponseHeader, Txn, TxnReply,
    WatchReply,
};
use simulation::model::{Model, Request};

/// What stands for what.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// The model's cluster and members, by etcd's.
    ids: BTreeMap<u64, u64>,
    /// The model's leases, by etcd's, and the other way.
    leases: BTreeMap<i64, i64>,
    back: BTreeMap<i64, i64>,
    /// By how much etcd's term of the log is ahead of the model's.
    pub term_ahead: i64,
}

impl Translation {
    /// With the members in order, each with what it says of cluster and member.
    pub fn with_members(self, members: &[(u64, u64)], model: &Model) -> Translation {
        let mut ids = BTreeMap::from([(0, 0)]);
        for (member, (cluster_id, member_id)) in members.iter().enumerate() {
            ids.insert(*cluster_id, model.cluster_id());
            ids.insert(*member_id, model.member_id(member));
        }
        Translation { ids, ..self }
    }

    pub fn learn(&mut self, theirs: LeaseId, ours: LeaseId) {
        self.leases.insert(theirs.0, ours.0);
        self.back.insert(ours.0, theirs.0);
    }

    pub fn id(&self, theirs: u64) -> u64 {
        // Of one that is unknown, the replies are to differ.
        self.ids.get(&theirs).copied().unwrap_or(theirs)
    }

    fn lease(&self, theirs: LeaseId) -> LeaseId {
        LeaseId(self.leases.get(&theirs.0).copied().unwrap_or(theirs.0))
    }

    /// As etcd knows a lease of the model.
    pub fn their_lease(&self, ours: LeaseId) -> LeaseId {
        LeaseId(self.back.get(&ours.0).copied().unwrap_or(ours.0))
    }

    pub fn header(&self, header: ResponseHeader) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.id(header.cluster_id),
            member_id: self.id(header.member_id),
            raft_term: self.term(header.raft_term),
            ..header
        }
    }

    pub fn term(&self, theirs: u64) -> u64 {
        theirs.wrapping_add_signed(-self.term_ahead)
    }

    fn key_value(&self, kv: KeyValue) -> KeyValue {
        KeyValue { lease: self.lease(kv.lease), ..kv }
    }

    pub fn range(&self, reply: RangeReply) -> RangeReply {
        RangeReply {
            header: self.header(reply.header),
            kvs: reply.kvs.into_iter().map(|kv| self.key_value(kv)).collect(),
            ..reply
        }
    }

    pub fn txn(&self, reply: TxnReply) -> TxnReply {
        TxnReply {
            header: self.header(reply.header),
            ranges: reply.ranges.into_iter().map(|range| self.range(range)).collect(),
            ..reply
        }
    }

    pub fn watch(&self, reply: WatchReply) -> WatchReply {
        let event = |event: Event| Event { kv: self.key_value(event.kv), ..event };
        WatchReply {
            header: self.header(reply.header),
            events: reply.events.into_iter().map(event).collect(),
            ..reply
        }
    }

    /// A request to etcd.
    pub fn request(&self, request: &Request) -> Request {
        match request {
            Request::Txn(txn) => Request::Txn(self.their_txn(txn)),
            Request::LeaseKeepAlive(id) => Request::LeaseKeepAlive(self.their_lease(*id)),
            Request::LeaseRevoke(id) => Request::LeaseRevoke(self.their_lease(*id)),
            Request::LeaseTimeToLive(id) => Request::LeaseTimeToLive(self.their_lease(*id)),
            other => other.clone(),
        }
    }

    fn their_txn(&self, txn: &Txn) -> Txn {
        let compare = |compare: &Compare| match compare.to {
            Equal::Lease(lease) => {
                Compare { key: compare.key.clone(), to: Equal::Lease(self.their_lease(lease)) }
            }
            _ => compare.clone(),
        };
        let op = |op: &Op| match op {
            Op::Put { key, value, lease } => {
                Op::Put { key: key.clone(), value: value.clone(), lease: self.their_lease(*lease) }
            }
            other => other.clone(),
        };
        Txn {
            compare: txn.compare.iter().map(compare).collect(),
            success: txn.success.iter().map(op).collect(),
            failure: txn.failure.iter().map(op).collect(),
        }
    }
}
