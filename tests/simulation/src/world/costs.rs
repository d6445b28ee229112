//! What calls cost a member of etcd, as measured: the time of one core of its machine, and octets on the wire.
//!
//! The figures are those of `scripts/bench etcd_costs`: etcd 3.4.23, calls through its JSON gateway, its processor time.

use std::time::Duration;

use idetcd::etcd::{Op, Order, WatchReply};

use crate::model::{Reply, Request};

/// Any call, through the gateway.
const CALL: u64 = 220_000;
/// What a grant of a lease takes more, and each change of a key in a transaction.
const GRANT: u64 = 150_000;
const CHANGE: u64 = 200_000;
/// A key that is in a reply, one that is only counted, and one that is compared with the others, for the order of a reply.
const KEY: u64 = 11_300;
const COUNTED: u64 = 120;
const SORTED: u64 = 1_400;
/// A message of a watch, and each event in it.
const MESSAGE: u64 = 55_000;
const EVENT: u64 = 21_000;

const CALL_OCTETS: u64 = 600;
const CHANGE_OCTETS: u64 = 250;
const KEY_OCTETS: u64 = 207;
const MESSAGE_OCTETS: u64 = 285;
const EVENT_OCTETS: u64 = 100;

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The time of a core.
    pub time: Duration,
    /// The octets that go there and back.
    pub octets: u64,
}

/// What a call costs, by its reply; `None`: it was refused.
pub fn of_call(request: &Request, reply: Option<&Reply>) -> Cost {
    let ops = match (request, reply) {
        (Request::Txn(txn), Some(Reply::Txn(done))) if done.succeeded => &txn.success[..],
        (Request::Txn(txn), Some(Reply::Txn(_))) => &txn.failure,
        _ => &[],
    };
    let changes = ops.iter().filter(|op| !matches!(op, Op::Range(_))).count() as u64;
    let asked =
        ops.iter().filter_map(|op| if let Op::Range(range) = op { Some(range) } else { None });
    let asked = asked.chain(if let Request::Range(range) = request { Some(range) } else { None });
    let ranges = match reply {
        Some(Reply::Range(range)) => std::slice::from_ref(range),
        Some(Reply::Txn(done)) => &done.ranges,
        _ => &[],
    };
    let keys: u64 = ranges.iter().map(|range| range.kvs.len() as u64).sum();
    let counted: u64 = ranges.iter().map(|range| u64::try_from(range.count).unwrap_or(0)).sum();
    let sorted = asked.zip(ranges).filter(|(range, _)| range.order != Order::Key);
    let sorted: u64 = sorted.map(|(_, reply)| u64::try_from(reply.count).unwrap_or(0)).sum();
    let grant = if matches!(request, Request::LeaseGrant(_)) { GRANT } else { 0 };
    Cost {
        time: Duration::from_nanos(
            CALL + grant + changes * CHANGE + keys * KEY + counted * COUNTED + sorted * SORTED,
        ),
        octets: CALL_OCTETS + changes * CHANGE_OCTETS + keys * KEY_OCTETS,
    }
}

/// What a message of a watch costs.
pub fn of_message(message: &WatchReply) -> Cost {
    let events = message.events.len() as u64;
    Cost {
        time: Duration::from_nanos(MESSAGE + events * EVENT),
        octets: MESSAGE_OCTETS + events * EVENT_OCTETS,
    }
}
