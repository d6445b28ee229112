//! Random calls, as a seed has them.

use std::time::Duration;

use idetcd::etcd::{Compare, Equal, LeaseId, Op, Order, Range, Txn, WatchRange};
use simulation::model::{Model, Request};
use support::random::Random;

/// A sequence of calls.
pub struct Caller {
    pub random: Random,
    pub leases: Vec<LeaseId>,
}

impl Caller {
    pub fn new(seed: u64) -> Caller {
        Caller { random: Random::new(seed), leases: Vec::new() }
    }

    fn key(&mut self) -> Vec<u8> {
        let area = self.random.pick(&["a", "b", "c"]);
        format!("{area}/{:02}", self.random.below(12)).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = self.random.below(20);
        self.random.octets(length)
    }

    /// Two keys or ends, in order more often than not.
    fn span(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (one, other) = (self.key(), self.key());
        match self.random.below(12) {
            0 => (b"a".to_vec(), b"d".to_vec()),
            1 => (one, b"\0".to_vec()),
            2 => (one.clone(), [&one[..], b"\0"].concat()),
            3 => (b"\0".to_vec(), b"\0".to_vec()),
            4 => (one.clone().max(other.clone()), one.min(other)),
            5 | 6 => (b"b/".to_vec(), b"b0".to_vec()),
            _ => (one.clone().min(other.clone()), one.max(other)),
        }
    }

    /// A revision: mostly one of the last hundred, now and then one that is none.
    fn revision(&mut self, now: i64) -> i64 {
        match self.random.below(12) {
            0 => 1 + self.random.below(usize::try_from(now).unwrap_or(1)) as i64,
            1 => now + 1 + self.random.below(3) as i64,
            2 => now,
            _ => (now - self.random.below(100) as i64).max(1),
        }
    }

    fn lease(&mut self) -> LeaseId {
        match self.random.below(8) {
            0 => LeaseId(77),
            1..=4 => LeaseId(0),
            _ if self.leases.is_empty() => LeaseId(0),
            _ => self.random.pick(&self.leases),
        }
    }

    fn range(&mut self, now: i64) -> Range {
        let (key, range_end) = self.span();
        let range_end = (!self.random.one_in(3)).then_some(range_end);
        Range {
            key: if self.random.one_in(60) { Vec::new() } else { key },
            range_end,
            revision: if self.random.one_in(3) { self.revision(now) } else { 0 },
            limit: self.random.pick(&[0, 0, 1, 2, 5, 100]),
            keys_only: self.random.one_in(3),
            count_only: self.random.one_in(5),
            order: self.random.pick(&[Order::Key, Order::CreateRevision, Order::NewestFirst]),
        }
    }

    fn compare(&mut self, model: &Model) -> Compare {
        let key = self.key();
        let known = model.get(&key).filter(|_| self.random.one_in(2));
        let (created, modified, lease) =
            known.map_or((0, 0, LeaseId(0)), |kv| (kv.create_revision, kv.mod_revision, kv.lease));
        let to = match self.random.below(4) {
            0 => Equal::CreateRevision(created),
            1 => Equal::ModRevision(modified),
            2 => Equal::Lease(lease),
            _ => Equal::CreateRevision(0),
        };
        Compare { key, to }
    }

    fn put(&mut self) -> Op {
        Op::Put { key: self.key(), value: self.value(), lease: self.lease() }
    }

    /// Some operations, at most one of which puts a key, or else those that etcd is to refuse.
    fn ops(&mut self, now: i64) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..self.random.below(3) {
            ops.push(if self.random.one_in(3) {
                Op::Delete(self.key())
            } else {
                Op::Range(self.range(now))
            });
        }
        if !self.random.one_in(3) {
            let place = self.random.below(ops.len() + 1);
            let put = self.put();
            if self.random.one_in(30) {
                ops.push(put.clone());
            }
            ops.insert(place, put);
        }
        ops
    }

    fn txn(&mut self, model: &Model) -> Txn {
        let now = model.revision();
        let compare = (0..self.random.below(3)).map(|_| self.compare(model)).collect();
        Txn { compare, success: self.ops(now), failure: self.ops(now) }
    }

    pub fn request(&mut self, model: &Model) -> Request {
        let now = model.revision();
        match self.random.below(100) {
            0..=24 => Request::Range(self.range(now)),
            25..=69 => Request::Txn(self.txn(model)),
            70..=74 => {
                Request::LeaseGrant(Duration::from_secs(1000 + self.random.below(1000) as u64))
            }
            75..=79 => Request::LeaseKeepAlive(self.lease()),
            80..=84 => Request::LeaseTimeToLive(self.lease()),
            85..=87 => Request::LeaseRevoke(self.lease()),
            88 => Request::Compact(self.revision(now)),
            89..=90 => Request::Status,
            // Mostly one put, so that there is something to see.
            _ => Request::Txn(Txn { success: vec![self.put()], ..Txn::default() }),
        }
    }

    pub fn watch_ranges(&mut self, now: i64) -> Vec<WatchRange> {
        let ranges = 0..1 + self.random.below(3);
        let range = |_| {
            let (one, other) = self.span();
            // etcd does not watch what is empty.
            let is_open = other == b"\0";
            let (key, range_end) =
                if is_open || one < other { (one, other) } else { (one, Vec::new()) };
            WatchRange {
                key,
                range_end,
                start_revision: if self.random.one_in(3) { 0 } else { self.revision(now) },
                deletions_only: self.random.one_in(4),
            }
        };
        ranges.map(range).collect()
    }
}
