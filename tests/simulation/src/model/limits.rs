//! The sizes that etcd goes by: those of its messages in the encoding of Protocol Buffers.

use idetcd::etcd::{Compare, Equal, Event, Op, Range, Txn};

/// Octets of the request that are not its own: its number and the user.
const OF_REQUEST: usize = 12;

/// Octets of the header of a watch's message, and what else there is in each, where the IDs of the cluster and
/// of the member take ten octets each, as they do at most.
const OF_WATCH: usize = 30;

/// What etcd limits, and how it cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations, or conditions, in one list of a transaction (`--max-txn-ops`).
    pub operations: usize,
    /// Octets of a request (`--max-request-bytes`).
    pub request: usize,
    /// Octets of a message of a watch before it is cut into fragments.
    pub fragment: usize,
    /// Revisions in one message of a watch that catches up.
    pub revisions: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let request = 1536 * 1024;
        Limits { operations: 128, request, fragment: request + 512 * 1024, revisions: 1000 }
    }
}

/// The octets of a number; 0 is left out with its tag.
fn number(number: i64) -> usize {
    match number.cast_unsigned() {
        0 => 0,
        number => 1 + (70 - number.leading_zeros() as usize) / 7,
    }
}

/// The octets of what has a length, with its tag; what is empty is left out.
fn octets(length: usize) -> usize {
    if length == 0 { 0 } else { message(length) }
}

/// The octets of a part with its tag and length, be it empty.
fn message(length: usize) -> usize {
    1 + number(length as i64).saturating_sub(1).max(1) + length
}

/// The size of a transaction as it goes through raft.
pub(super) fn txn_size(txn: &Txn) -> usize {
    let compare = txn.compare.iter().map(|compare| message(compare_size(compare)));
    let ops = txn.success.iter().chain(&txn.failure).map(|op| message(op_size(op)));
    OF_REQUEST + message(compare.chain(ops).sum())
}

/// What it is to be equal to, which stands there even where it is 0, what that is, and the key.
fn compare_size(compare: &Compare) -> usize {
    let wanted = match compare.to {
        Equal::CreateRevision(revision) | Equal::ModRevision(revision) => revision,
        Equal::Lease(lease) => lease.0,
    };
    2 + octets(compare.key.len()) + number(wanted).max(2)
}

fn op_size(op: &Op) -> usize {
    message(match op {
        Op::Range(range) => range_size(range),
        Op::Put { key, value, lease } => octets(key.len()) + octets(value.len()) + number(lease.0),
        Op::Delete(key) => octets(key.len()),
    })
}

fn range_size(range: &Range) -> usize {
    let end = range.range_end.as_ref().map_or(0, Vec::len);
    let flags = [range.keys_only, range.count_only].map(|flag| 2 * usize::from(flag));
    octets(range.key.len())
        + octets(end)
        + number(range.revision)
        + number(range.limit)
        + flags.iter().sum::<usize>()
        + 4
}

/// Cuts the events of one message of a watch into fragments that are smaller than this, where they can be.
pub(super) fn fragments(events: Vec<Event>, most: usize) -> Vec<Vec<Event>> {
    if events.len() < 2 || OF_WATCH + events.iter().map(event_size).sum::<usize>() < most {
        return vec![events];
    }
    let mut pieces = vec![Vec::new()];
    let mut size = OF_WATCH;
    for event in events {
        let own = event_size(&event);
        let is_full = pieces.last().is_some_and(|piece| !piece.is_empty()) && size + own >= most;
        if is_full {
            pieces.push(Vec::new());
            size = OF_WATCH;
        }
        size += own;
        pieces.last_mut().expect("a piece").push(event);
    }
    pieces
}

/// The size of an event in a message.
fn event_size(event: &Event) -> usize {
    let kv = &event.kv;
    let key_value = octets(kv.key.len())
        + octets(kv.value.len())
        + number(kv.create_revision)
        + number(kv.mod_revision)
        + number(kv.lease.0);
    // One has a kind, the other a version, which the model does not know, but it is small.
    message(message(key_value) + 2)
}
