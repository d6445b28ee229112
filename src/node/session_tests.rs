//! A session on virtual time, a seed, and an etcd in memory: what the seams are for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::network::HostNetwork;
use super::session::{Session, SessionEnd};
use super::{Counter, Host, NodeSettings, Owned, WhenFull};
use crate::cluster::{AddressChoice, Directory, Keyspace, Pattern};
use crate::etcd::{
    Compare, Equal, Error, ErrorKind, Etcd, KeyValue, LeaseId, Op, Order, Range, RangeReply,
    ResponseHeader, Status, Timeout, Txn, TxnReply, WatchRange, WatchReply, WatchStream,
};
use crate::random::Random;

const ENDPOINT: &str = "http://etcd";
const TIMEOUT: Duration = Duration::from_secs(2);
const ROUND_TRIP: Duration = Duration::from_millis(1);
const LIFE: Duration = Duration::from_secs(600);
const LEASE_TTL: Duration = Duration::from_secs(20);

/// The time, what happens by chance, and what was asked of etcd.
pub(super) struct World {
    began: Instant,
    now: Cell<Instant>,
    random: RefCell<Random>,
    releasing: Cell<bool>,
    pub(super) store: RefCell<Store>,
    log: RefCell<Vec<String>>,
}

#[derive(Default)]
pub(super) struct Store {
    revision: i64,
    leases: Vec<LeaseId>,
    pub(super) keys: BTreeMap<Vec<u8>, KeyValue>,
}

impl World {
    fn log(&self, what: &str) {
        let elapsed = self.now.get() - self.began;
        self.log.borrow_mut().push(format!("{elapsed:?} {what}"));
    }

    fn is_stopping(&self) -> bool {
        self.now.get() >= self.began + LIFE && !self.releasing.get()
    }

    /// Lets time pass until then, or until the process is asked to stop.
    fn pass(&self, until: Instant) {
        let stop = self.began + LIFE;
        let until = if self.now.get() < stop { until.min(stop) } else { until };
        self.now.set(self.now.get().max(until));
    }

    /// A call, whose request or reply is lost now and then.
    fn call<T>(
        &self,
        name: &str,
        timeout: &Timeout,
        carry_out: impl FnOnce(&mut Store) -> T,
    ) -> Result<T, Error> {
        self.log(name);
        if self.is_stopping() {
            return Err(stopped());
        }
        let fate = self.random.borrow_mut().draw() % 16;
        if fate == 0 {
            self.pass(self.now.get() + timeout.at(self.now.get()));
            return Err(timed_out());
        }
        let result = carry_out(&mut self.store.borrow_mut());
        if fate == 1 {
            self.pass(self.now.get() + timeout.at(self.now.get()));
            return Err(timed_out());
        }
        self.pass(self.now.get() + ROUND_TRIP);
        Ok(result)
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Unreachable, ENDPOINT, "stopping")
}

fn timed_out() -> Error {
    Error::new(ErrorKind::TimedOut, ENDPOINT, "")
}

impl Store {
    fn header(&self) -> ResponseHeader {
        ResponseHeader { cluster_id: 7, member_id: 1, revision: self.revision }
    }

    fn range(&self, range: &Range) -> RangeReply {
        let end = range.range_end.clone().unwrap_or_else(|| [&range.key[..], &[0]].concat());
        let seen = |kv: &&KeyValue| range.revision == 0 || kv.mod_revision <= range.revision;
        let found = self.keys.range(range.key.clone()..end).map(|(_, kv)| kv).filter(seen);
        let mut kvs: Vec<KeyValue> = found.cloned().collect();
        match range.order {
            Order::Key => {}
            Order::CreateRevision => kvs.sort_by_key(|kv| kv.create_revision),
            Order::NewestFirst => kvs.sort_by_key(|kv| -kv.mod_revision),
        }
        let count = kvs.len();
        if range.count_only {
            kvs.clear();
        }
        RangeReply { header: self.header(), kvs, count, more: false }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kv = self.keys.get(&compare.key);
        match compare.to {
            Equal::CreateRevision(revision) => kv.map_or(0, |kv| kv.create_revision) == revision,
            Equal::ModRevision(revision) => kv.map_or(0, |kv| kv.mod_revision) == revision,
            Equal::Lease(lease) => kv.map_or(LeaseId(0), |kv| kv.lease) == lease,
        }
    }

    fn txn(&mut self, txn: &Txn) -> TxnReply {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        self.revision += 1;
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let ranges = ops.iter().filter_map(|op| self.carry_out(op)).collect();
        TxnReply { header: self.header(), succeeded, ranges }
    }

    fn carry_out(&mut self, op: &Op) -> Option<RangeReply> {
        match op {
            Op::Range(range) => Some(self.range(range)),
            Op::Put { key, value, lease } => {
                let mod_revision = self.revision;
                let create_revision =
                    self.keys.get(key).map_or(mod_revision, |kv| kv.create_revision);
                let (key, value) = (key.clone(), value.clone());
                let lease = *lease;
                let kv = KeyValue { key: key.clone(), value, create_revision, mod_revision, lease };
                self.keys.insert(key, kv);
                None
            }
            Op::Delete(key) => {
                self.keys.remove(key);
                None
            }
        }
    }
}

/// A client of the world's etcd.
pub(super) struct FakeEtcd {
    world: Rc<World>,
    timeout: Timeout,
}

impl Etcd for FakeEtcd {
    type Watch = FakeWatch;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        self.world.call("range", &self.timeout, |store| store.range(range))
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        self.world.call("txn", &self.timeout, |store| store.txn(txn))
    }

    fn lease_grant(&mut self, _ttl: Duration) -> Result<LeaseId, Error> {
        self.world.call("grant", &self.timeout, |store| {
            let id = LeaseId(i64::try_from(store.leases.len()).unwrap() + 1);
            store.leases.push(id);
            id
        })
    }

    fn lease_keep_alive(&mut self, _id: LeaseId) -> Result<Option<Duration>, Error> {
        self.world.call("keep-alive", &self.timeout, |_| Some(LEASE_TTL))
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        self.world.call("revoke", &self.timeout, |store| store.keys.retain(|_, kv| kv.lease != id))
    }

    fn watch(&mut self, _ranges: &[WatchRange]) -> Result<FakeWatch, Error> {
        self.world.call("watch", &self.timeout, |_| FakeWatch(self.world.clone()))
    }

    fn status(&mut self) -> Result<Status, Error> {
        self.world.call("status", &self.timeout, |store| Status {
            header: store.header(),
            version: "3.4.23".to_owned(),
            leader: 1,
            // Each lease takes an entry of the log as well.
            raft_index: u64::try_from(store.revision).unwrap() + store.leases.len() as u64,
            raft_term: 2,
            errors: Vec::new(),
        })
    }

    fn endpoint(&self) -> &str {
        ENDPOINT
    }

    fn endpoint_count(&self) -> u32 {
        1
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        &mut self.timeout
    }
}

/// A watch that tells nothing.
pub(super) struct FakeWatch(Rc<World>);

impl WatchStream for FakeWatch {
    fn endpoint(&self) -> &str {
        ENDPOINT
    }

    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error> {
        self.0.pass(deadline);
        if self.0.is_stopping() { Err(stopped()) } else { Ok(None) }
    }
}

pub(super) struct FakeHost {
    world: Rc<World>,
    network: Arc<HostNetwork>,
    directory: RefCell<Directory>,
}

impl Host for FakeHost {
    fn now(&self) -> Instant {
        self.world.now.get()
    }

    fn sleep_until(&self, deadline: Instant) {
        self.world.pass(deadline);
    }

    fn is_stopping(&self) -> bool {
        self.world.is_stopping()
    }

    fn begin_release(&self) {
        self.world.releasing.set(true);
    }

    fn source_address(&self) -> Option<IpAddr> {
        None
    }

    fn network(&self) -> Arc<HostNetwork> {
        self.network.clone()
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        access(&mut self.directory.borrow_mut())
    }

    fn ownership(&self, owned: Option<Owned>) {
        self.world
            .log(&owned.map_or("owns none".to_owned(), |owned| format!("owns {}", owned.slot)));
    }

    fn wants_name(&self) -> bool {
        true
    }

    fn note(&self, _counter: Counter) {}
}

/// A node that has not begun its life yet, and the world of this seed around it.
pub(super) fn newborn(seed: u64) -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let began = Instant::now();
    let world = Rc::new(World {
        began,
        now: Cell::new(began),
        random: RefCell::new(Random::from_seed(seed)),
        releasing: Cell::new(false),
        store: RefCell::default(),
        log: RefCell::default(),
    });
    let keyspace = Arc::new(Keyspace::new(Pattern::parse("w{{.ID}}.tf.local.", 3).unwrap(), 3));
    let settings = NodeSettings {
        keyspace: keyspace.clone(),
        when_full: WhenFull::Exit,
        max_stale: LIFE,
        lease_ttl: LEASE_TTL,
        ipv4: AddressChoice::Fixed(Ipv4Addr::new(10, 0, 0, 1)),
        ipv6: AddressChoice::Omit,
        interface: None,
        port: Some(53),
    };
    let directory = RefCell::new(Directory::new(keyspace));
    let network = Arc::new(HostNetwork { interfaces: Ok(Vec::new()), default_sources: Vec::new() });
    let host = FakeHost { world: world.clone(), network, directory };
    let etcd = FakeEtcd { world: world.clone(), timeout: Timeout::new(TIMEOUT) };
    let session = Session::new(host, etcd, settings, Random::from_seed(seed));
    (world, session)
}

/// A node's life in a world of this seed: what happened, and what is left in etcd.
fn live(seed: u64) -> (Vec<String>, usize) {
    let (world, session) = newborn(seed);
    assert_eq!(session.run(), SessionEnd::Stopped);
    (world.log.take(), world.store.borrow().keys.len())
}

#[test]
fn a_life_from_claim_to_release_is_the_same_for_the_same_seed() {
    for seed in 0..100 {
        let (log, left) = live(seed);
        assert!(log.iter().any(|line| line.ends_with("owns 1")), "seed {seed}: {log:#?}");
        let end = log.iter().rposition(|line| line.contains("owns"));
        assert!(end.is_some_and(|end| log[end].ends_with("owns none")), "seed {seed}: {log:#?}");
        // A release whose requests are all lost leaves the name to the end of the lease.
        assert!(left == 0 || log.iter().filter(|line| line.ends_with("revoke")).count() == 2);
        assert_eq!(live(seed).0, log, "seed {seed}");
    }
    assert_ne!(live(1).0, live(2).0);
}

#[test]
fn time_and_chance_come_from_outside() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["node", "etcd"] {
        for file in fs::read_dir(source.join(room)).unwrap() {
            let path = file.unwrap().path();
            if path.to_str().is_some_and(|name| name.ends_with("_tests.rs")) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in
                ["Instant::now", "elapsed()", "SystemTime", "RandomState", "from_system", "sleep("]
            {
                assert!(!code.contains(word), "{word} in {}", path.display());
            }
        }
    }
}
