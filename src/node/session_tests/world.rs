//! An etcd in memory on virtual time, and a node that lives there.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::network::HostNetwork;
use super::super::session::Session;
use super::super::{
    Counter, Host, LeaseTtl, NodeSettings, Owned, TableServer, TableState, WhenFull,
};
use crate::cluster::{AddressChoice, Details, Directory, Keyspace, Names, Pattern};
use crate::etcd::{
    Compare, Equal, Error, ErrorKind, Etcd, Event, EventKind, KeyValue, LeaseId, Op, Order, Range,
    RangeReply, ResponseHeader, Status, TimeToLive, Timeout, Txn, TxnReply, WatchRange, WatchReply,
    WatchStream,
};
use crate::random::Random;

const ENDPOINT: &str = "http://etcd";
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(1);
pub(super) const LIFE: Duration = Duration::from_secs(600);
pub(super) const MAX_LAG: Duration = Duration::from_secs(15);
pub(super) const LEASE_TTL: Duration = Duration::from_secs(20);

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is answered after so long, if it waits for as long.
    Answered(Duration),
    RequestLost,
    ReplyLost,
    Failed(ErrorKind),
}

/// What becomes of each call, by its name.
type Script = Box<dyn FnMut(&World, &str) -> Fate>;

/// What happens by itself at a time.
type Happening = Box<dyn FnOnce(&World)>;

/// The time, what happens to calls, and what was asked of etcd.
pub(in crate::node) struct World {
    pub(super) began: Instant,
    pub(super) now: Cell<Instant>,
    /// When the process is asked to stop.
    pub(super) stop_at: Cell<Instant>,
    releasing: Cell<bool>,
    /// The octets of keys and values from which a reply is too large.
    pub(super) too_large: Cell<usize>,
    pub(super) endpoints: Cell<u32>,
    script: RefCell<Script>,
    pub(in crate::node) store: RefCell<Store>,
    /// What watches tell, and when.
    pub(super) changes: RefCell<VecDeque<(Duration, Result<WatchReply, ErrorKind>)>>,
    pub(in crate::node) directory: RefCell<Directory>,
    /// Whether the node is ready.
    pub(super) is_ready: Cell<bool>,
    /// Whether the port is this process's at all addresses.
    pub(super) has_port: Cell<bool>,
    /// The network of the host.
    pub(in crate::node) network: RefCell<Arc<HostNetwork>>,
    /// What became of the table, and what happens by itself, the earliest first.
    pub(super) table: Cell<TableState>,
    agenda: RefCell<VecDeque<(Duration, Happening)>>,
    /// What happened, and when.
    pub(super) log: RefCell<Vec<(Duration, String)>>,
}

#[derive(Default)]
pub(in crate::node) struct Store {
    /// Added to the ID of the first cluster.
    pub(super) cluster: u64,
    pub(in crate::node) revision: i64,
    /// The entries of the log.
    pub(super) entries: u64,
    pub(super) leases: Vec<LeaseId>,
    /// The term in which members are that renew leases; 0: they do not tell.
    pub(super) renewed_in: u64,
    /// How many leaders were elected.
    pub(super) elections: u64,
    /// When leases of others end, by the age of the world; each of those that are not here was renewed just now.
    pub(super) ends: BTreeMap<LeaseId, Duration>,
    pub(in crate::node) keys: BTreeMap<Vec<u8>, KeyValue>,
    /// What was before this revision is forgotten.
    pub(in crate::node) compacted: i64,
}

impl World {
    fn log(&self, what: &str) {
        self.log.borrow_mut().push((self.age(), what.to_owned()));
    }

    fn is_stopping(&self) -> bool {
        self.now.get() >= self.stop_at.get() && !self.releasing.get()
    }

    /// How long the world exists.
    pub(super) fn age(&self) -> Duration {
        self.now.get() - self.began
    }

    /// When this happened.
    pub(super) fn times(&self, what: &str) -> Vec<Duration> {
        let log = self.log.borrow();
        log.iter().filter(|(_, happened)| happened == what).map(|(at, _)| *at).collect()
    }

    /// Lets this decide on each call from now on.
    pub(super) fn follow(&self, script: impl FnMut(&World, &str) -> Fate + 'static) {
        *self.script.borrow_mut() = Box::new(script);
    }

    /// Lets this happen then. What happens later is named later.
    pub(super) fn at(&self, age: Duration, what: impl FnOnce(&World) + 'static) {
        self.agenda.borrow_mut().push_back((age, Box::new(what)));
    }

    /// Lets time pass until then, or until the process is asked to stop, or something happens.
    fn pass(&self, until: Instant) {
        let stop = self.stop_at.get();
        let until = if self.now.get() < stop { until.min(stop) } else { until };
        let next = self.agenda.borrow().front().map(|(at, _)| self.began + *at);
        let until = next.map_or(until, |at| until.min(at));
        self.now.set(self.now.get().max(until));
        if next.is_some_and(|at| at <= self.now.get())
            && let Some((_, happens)) = { self.agenda.borrow_mut().pop_front() }
        {
            happens(self);
        }
    }

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
        let fate = (self.script.borrow_mut())(self, name);
        let given = timeout.at(self.now.get());
        let after = match fate {
            Fate::Failed(kind) => {
                self.pass(self.now.get() + ROUND_TRIP);
                return Err(Error::new(kind, ENDPOINT, ""));
            }
            Fate::Answered(after) => after,
            Fate::RequestLost | Fate::ReplyLost => Duration::MAX,
        };
        let result =
            (!matches!(fate, Fate::RequestLost)).then(|| carry_out(&mut self.store.borrow_mut()));
        self.pass(self.now.get() + after.min(given));
        result
            .filter(|_| after <= given)
            .ok_or_else(|| Error::new(ErrorKind::TimedOut, ENDPOINT, ""))
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Unreachable, ENDPOINT, "stopping")
}

/// Calls whose request or reply is lost now and then.
pub(super) fn unreliable(seed: u64) -> impl FnMut(&World, &str) -> Fate {
    let mut random = Random::from_seed(seed);
    move |_, _| match random.draw() % 16 {
        0 => Fate::RequestLost,
        1 => Fate::ReplyLost,
        _ => Fate::Answered(ROUND_TRIP),
    }
}

/// A change that a watch tells.
pub(super) fn put(name: &str, revision: i64, lease: LeaseId) -> Event {
    let kv = KeyValue {
        key: name.as_bytes().to_vec(),
        value: br#"{"ipv4":"10.0.0.1","port":"53"}"#.to_vec(),
        create_revision: revision,
        mod_revision: revision,
        lease,
    };
    Event { kind: EventKind::Put, kv }
}

/// What a watch tells, of the names.
pub(super) fn told(events: Vec<Event>) -> WatchReply {
    WatchReply { header: ResponseHeader::default(), range: 0, events, complete: true }
}

pub(super) fn delete(name: &str, revision: i64) -> Event {
    let put = put(name, revision, LeaseId(0));
    Event { kind: EventKind::Delete, kv: KeyValue { value: Vec::new(), ..put.kv } }
}

impl Store {
    fn header(&self) -> ResponseHeader {
        let cluster_id = 7 + self.cluster;
        ResponseHeader {
            cluster_id,
            member_id: 1,
            revision: self.revision,
            raft_term: 2 + self.elections,
        }
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
        let limit = usize::try_from(range.limit).unwrap();
        let more = limit > 0 && limit < count;
        if more {
            kvs.truncate(limit);
        }
        if range.count_only {
            kvs.clear();
        }
        if range.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        RangeReply { header: self.header(), kvs, count, more }
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
        let ops = if succeeded { &txn.success } else { &txn.failure };
        if ops.iter().any(|op| !matches!(op, Op::Range(_))) {
            self.revision += 1;
            self.entries += 1;
        }
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
pub(in crate::node) struct FakeEtcd {
    world: Rc<World>,
    timeout: Timeout,
}

impl Etcd for FakeEtcd {
    type Watch = FakeWatch;

    fn range(&mut self, range: &Range) -> Result<RangeReply, Error> {
        let reply = self.world.call("range", &self.timeout, |store| store.range(range))?;
        if (1..self.world.store.borrow().compacted).contains(&range.revision) {
            return Err(Error::new(ErrorKind::Rejected(11), ENDPOINT, "compacted"));
        }
        let octets: usize = reply.kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
        if octets >= self.world.too_large.get() {
            return Err(Error::new(ErrorKind::TooLarge, ENDPOINT, ""));
        }
        Ok(reply)
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnReply, Error> {
        let is_sorted = |op: &&Op| matches!(op, Op::Range(range) if range.order != Order::Key);
        txn.success.iter().filter(is_sorted).for_each(|_| self.world.log("sorts"));
        self.world.call("txn", &self.timeout, |store| store.txn(txn))
    }

    fn lease_grant(&mut self, _ttl: Duration) -> Result<LeaseId, Error> {
        self.world.call("grant", &self.timeout, |store| {
            let id = LeaseId(i64::try_from(store.leases.len()).unwrap() + 1);
            store.leases.push(id);
            store.entries += 1;
            id
        })
    }

    fn lease_keep_alive(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        self.world.call("keep-alive", &self.timeout, |store| {
            let renewed = TimeToLive { left: LEASE_TTL, raft_term: store.renewed_in };
            store.leases.contains(&id).then_some(renewed)
        })
    }

    fn lease_time_to_live(&mut self, id: LeaseId) -> Result<Option<TimeToLive>, Error> {
        let age = self.world.age();
        self.world.call("time-to-live", &self.timeout, |store| {
            let left = store.ends.get(&id).map_or(LEASE_TTL, |end| end.saturating_sub(age));
            Some(TimeToLive { left: Duration::from_secs(left.as_secs()), raft_term: 2 })
        })
    }

    fn lease_revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        self.world.call("revoke", &self.timeout, |store| store.keys.retain(|_, kv| kv.lease != id))
    }

    fn watch(&mut self, ranges: &[WatchRange]) -> Result<FakeWatch, Error> {
        let from: Vec<i64> = ranges.iter().map(|range| range.start_revision).collect();
        self.world.log(&format!("watch from {from:?}"));
        let of = ranges.iter().map(|range| String::from_utf8_lossy(&range.key)).collect::<Vec<_>>();
        self.world.log(&format!("watch of {of:?}"));
        self.world.call("watch", &self.timeout, |_| FakeWatch(self.world.clone()))
    }

    fn status(&mut self) -> Result<Status, Error> {
        self.world.call("status", &self.timeout, |store| Status {
            header: store.header(),
            version: "3.4.23".to_owned(),
            leader: 1,
            raft_index: store.entries,
            raft_term: 2,
            errors: Vec::new(),
        })
    }

    fn last_header(&self) -> Option<ResponseHeader> {
        Some(self.world.store.borrow().header())
    }

    fn leave_endpoint(&mut self) {
        self.world.log("another endpoint");
    }

    fn endpoint(&self) -> &str {
        ENDPOINT
    }

    fn endpoint_count(&self) -> u32 {
        self.world.endpoints.get()
    }

    fn timeout_mut(&mut self) -> &mut Timeout {
        &mut self.timeout
    }
}

/// A watch that tells the changes of the world.
pub(in crate::node) struct FakeWatch(Rc<World>);

impl Drop for FakeWatch {
    fn drop(&mut self) {
        self.0.log("watch ended");
    }
}

impl WatchStream for FakeWatch {
    fn endpoint(&self) -> &str {
        ENDPOINT
    }

    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error> {
        let at = self.0.changes.borrow().front().map(|(at, _)| self.0.began + *at);
        self.0.pass(at.map_or(deadline, |at| at.min(deadline)));
        let is_due = at.is_some_and(|at| at <= self.0.now.get());
        match is_due.then(|| self.0.changes.borrow_mut().pop_front()).flatten() {
            _ if self.0.is_stopping() => Err(stopped()),
            Some((_, Err(kind))) => Err(Error::new(kind, ENDPOINT, "")),
            Some((_, Ok(reply))) => Ok(Some(reply)),
            None => Ok(None),
        }
    }
}

pub(in crate::node) struct FakeHost {
    world: Rc<World>,
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
        self.world.network.borrow().clone()
    }

    fn has_port(&self, _port: u16) -> bool {
        self.world.has_port.get()
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        access(&mut self.world.directory.borrow_mut())
    }

    fn ownership(&self, owned: Option<Owned>) {
        self.world
            .log(&owned.map_or("owns none".to_owned(), |owned| format!("owns {}", owned.slot)));
    }

    fn is_ready(&self) -> bool {
        self.world.is_ready.get()
    }

    fn wants_name(&self) -> bool {
        true
    }

    fn take_table(&self, from: &[TableServer]) {
        let addresses: Vec<String> = from.iter().map(|it| it.address.to_string()).collect();
        self.world.log(&format!("asks {addresses:?} for the table"));
        if from.is_empty() {
            self.world.table.set(TableState::Lost);
        } else if self.world.table.get() == TableState::Lost {
            self.world.table.set(TableState::Awaited);
        }
    }

    fn table(&self) -> TableState {
        self.world.table.get()
    }

    fn note(&self, counter: Counter) {
        self.world.log(&format!("{counter:?}"));
    }
}

/// A node that has not begun its life yet, and the world of this seed around it.
pub(in crate::node) fn newborn(seed: u64) -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    newborn_resolving(seed, &[])
}

/// The same of one that follows these names besides.
pub(super) fn newborn_resolving(
    seed: u64,
    names: &[&str],
) -> (Rc<World>, Session<FakeHost, FakeEtcd>) {
    let began = Instant::now();
    let mut keyspace = Keyspace::new(Pattern::parse("w{{.ID}}.tf.local.", 3).unwrap(), 3);
    keyspace.resolve = names.iter().map(|name| Names::parse(name, 3).unwrap()).collect();
    let keyspace = Arc::new(keyspace);
    let world = Rc::new(World {
        began,
        now: Cell::new(began),
        stop_at: Cell::new(began + LIFE),
        releasing: Cell::new(false),
        too_large: Cell::new(usize::MAX),
        endpoints: Cell::new(1),
        script: RefCell::new(Box::new(unreliable(seed))),
        store: RefCell::default(),
        changes: RefCell::default(),
        directory: RefCell::new(Directory::new(keyspace.clone())),
        is_ready: Cell::new(true),
        has_port: Cell::new(true),
        network: RefCell::new(Arc::new(HostNetwork {
            interfaces: Ok(Vec::new()),
            default_sources: Vec::new(),
        })),
        table: Cell::new(TableState::Lost),
        agenda: RefCell::default(),
        log: RefCell::default(),
    });
    let settings = NodeSettings {
        keyspace,
        when_full: WhenFull::Exit,
        max_stale: LIFE,
        max_lag: MAX_LAG,
        lease_ttl: LeaseTtl::Fixed(LEASE_TTL),
        ipv4: AddressChoice::Fixed(Ipv4Addr::new(10, 0, 0, 1)),
        ipv6: AddressChoice::Omit,
        interface: None,
        port: Some(53),
        job: None,
        node_id: None,
        details: Details::default(),
        remembered: None,
        watchers: 0,
    };
    let host = FakeHost { world: world.clone() };
    let etcd = FakeEtcd { world: world.clone(), timeout: Timeout::new(TIMEOUT) };
    let session = Session::new(host, etcd, settings, Random::from_seed(seed));
    (world, session)
}
