//! Followers beside sessions: here one is told from outside what to take, and has no session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{Freshness, Keyspace, Record, SlotId};
use idetcd::etcd::LeaseId;
use idetcd::node::{TableServer, TableState};

use crate::faults::Faults;
use crate::faults::plan::Plan;
use crate::invariants::{Bounds, Checks};
use crate::world::World;
use crate::world::baton::{Baton, End, Life, Wait};
use crate::world::fiber::Fiber;
use crate::world::process::ProcessId;
use crate::world::surroundings::Surroundings;
use crate::world::trace::Trace;

const SECOND: Duration = Duration::from_secs(1);

/// One that only waits.
struct Idle(Surroundings);

impl Life for Idle {
    fn live(self, baton: &impl Baton) -> End {
        loop {
            let now = self.0.now();
            baton.wait(Wait::Until(now + 3600 * SECOND));
        }
    }
}

/// Three nodes with names, and one that takes the table of each of them, whose session is no more.
struct Scene {
    world: World,
    follower: ProcessId,
    servers: Vec<TableServer>,
    keyspace: Arc<Keyspace>,
}

impl Scene {
    fn new(servers: usize) -> Scene {
        let mut plan = Plan::quiet(servers + 1);
        for node in &mut plan.scene.nodes {
            (node.max_lag, node.max_stale) = (15 * SECOND, 3600 * SECOND);
            node.watchers = 64;
        }
        let keyspace = plan.scene.nodes[0].keyspace();
        let checks = Checks::new(Bounds::default(), keyspace.clone(), plan.limit());
        let mut world = World::new(plan.scene.clone(), 1, checks, Trace::off());
        let _ = Faults::begin(plan, 1, &mut world);
        world.run_until(10 * SECOND);
        let follower = world.nodes[servers].process.expect("it runs");
        let addresses = (0..servers).map(|node| {
            let id = world.nodes[node].process.expect("it runs");
            let slot = world.checks.standing(id).and_then(|it| it.owned).expect("a name").slot;
            TableServer { slot, address: SocketAddr::from((world.published(node), 53)) }
        });
        let addresses: Vec<TableServer> = addresses.collect();
        let process = world.process_mut(follower).expect("it lives");
        process.course = Box::new(Fiber::new(Idle(process.around.clone())));
        process.around.with(|inside| {
            inside.directory = inside.directory.emptied();
            inside.take_table(&addresses);
        });
        world.heed_table(follower);
        world.go_on(follower);
        Scene { world, follower, servers: addresses, keyspace }
    }

    fn go_on(&mut self, time: Duration) {
        self.world.run_until(self.world.now + time);
        assert_eq!(self.world.checks.violation(), None);
    }

    /// Puts a record at a slot that nobody has.
    fn put(&mut self, number: u32) -> SlotId {
        let slot = SlotId::new(number).expect("a slot");
        let record = Record { ipv4: Some([10, 9, 0, 1].into()), ipv6: None, port: None };
        let key = self.keyspace.key(slot);
        self.world.etcd.put(&key, record.to_json().as_bytes(), LeaseId(0), self.world.now);
        self.world.heed_etcd();
        slot
    }

    fn has(&self, slot: SlotId) -> bool {
        let name = self.keyspace.pattern.name(slot);
        let process = self.world.process(self.follower).expect("it lives");
        process.around.with(|inside| inside.directory.record(name.as_bytes()).is_some())
    }

    fn freshness(&self) -> Freshness {
        let process = self.world.process(self.follower).expect("it lives");
        process.around.with(|inside| inside.directory.freshness())
    }

    fn state(&self) -> TableState {
        let process = self.world.process(self.follower).expect("it lives");
        process.around.with(|inside| inside.table.as_ref().expect("it follows").state())
    }

    /// As a session does where no server has a table.
    fn ask_again(&mut self) {
        let process = self.world.process(self.follower).expect("it lives");
        process.around.with(|inside| inside.take_table(&self.servers));
        self.world.heed_table(self.follower);
    }

    /// How long it takes until a change is there.
    fn reach(&mut self, number: u32) -> Duration {
        let (slot, began) = (self.put(number), self.world.now);
        while !self.has(slot) {
            self.go_on(Duration::from_millis(1));
            if self.state().is_lost() {
                self.ask_again();
            }
            assert!(self.world.now < began + 20 * SECOND, "{:?}", self.state());
        }
        self.world.now - began
    }
}

#[test]
fn a_change_comes_at_once_by_notify_and_else_by_the_next_look() {
    let mut scene = Scene::new(1);
    scene.go_on(SECOND);
    assert_eq!(scene.freshness(), Freshness::Synced);
    assert!(matches!(scene.state(), TableState::Followed { .. }));
    assert!(scene.reach(5) < Duration::from_millis(20));
    scene.go_on(SECOND);
    assert!(scene.reach(6) < Duration::from_millis(20));
    scene.world.tables.peers.lost_words = 1.0;
    let notifies = scene.world.tables.tally.notifies;
    scene.go_on(SECOND);
    let late = scene.reach(7);
    assert!(late < 3 * SECOND, "{late:?}");
    assert!(scene.world.tables.tally.notifies > notifies);
}

#[test]
fn who_is_killed_frozen_slow_or_cut_off_is_left_for_another_one() {
    type Fault = fn(&mut World, usize);
    let faults: [(&str, Fault); 5] = [
        ("killed", |world, node| world.kill(node)),
        ("frozen", |world, node| world.set_frozen(node, true)),
        ("suspended", |world, node| world.set_suspended(node, true)),
        ("cut off there", |world, node| world.tables.peers.cut(3, node)),
        ("cut off back", |world, node| world.tables.peers.cut(node, 3)),
    ];
    for (what, fault) in faults {
        let mut scene = Scene::new(3);
        scene.go_on(SECOND);
        let dialed = scene.world.tables.tally.dialed;
        for (number, node) in (0..2).enumerate() {
            fault(&mut scene.world, node);
            let late = scene.reach(10 + number as u32);
            assert!(late < 7 * SECOND, "{what}: {late:?}");
        }
        assert!(scene.world.tables.tally.dialed >= dialed + 2, "{what}");
        assert_eq!(scene.freshness(), Freshness::Synced, "{what}");
    }
}

#[test]
fn without_any_server_the_table_is_lost_and_then_stale() {
    let mut scene = Scene::new(2);
    scene.go_on(SECOND);
    (0..2).for_each(|node| scene.world.set_frozen(node, true));
    scene.go_on(9 * SECOND);
    assert_eq!(scene.state(), TableState::Hopeless);
    scene.go_on(10 * SECOND);
    assert_eq!(scene.freshness(), Freshness::Stale);
}

#[test]
fn slow_servers_are_followed_in_slices() {
    let mut scene = Scene::new(1);
    scene.world.tables.peers.set_slow(0, true);
    scene.go_on(30 * SECOND);
    assert!(scene.reach(5) < 5 * SECOND);
}

#[test]
fn who_stood_still_goes_on_with_a_server() {
    let mut scene = Scene::new(2);
    scene.go_on(SECOND);
    for pause in [1, 30] {
        scene.world.set_frozen(2, true);
        scene.go_on(pause * SECOND);
        let slot = scene.put(20 + pause);
        scene.world.set_frozen(2, false);
        scene.go_on(3 * SECOND);
        assert!(scene.has(slot), "after {pause} s");
        assert_eq!(scene.freshness(), Freshness::Synced, "after {pause} s");
    }
}

#[test]
fn a_table_that_is_older_than_what_is_known_is_not_taken() {
    let mut scene = Scene::new(1);
    scene.go_on(SECOND);
    let process = scene.world.process_mut(scene.follower).expect("it lives");
    let servers = [TableServer { slot: SlotId::FIRST, address: ([10, 0, 0, 1], 53).into() }];
    let known = process.around.with(|inside| {
        // What it read itself meanwhile.
        inside.take_table(&[]);
        inside.directory.advance(inside.directory.revision() + 2);
        inside.take_table(&servers);
        inside.directory.serial()
    });
    scene.world.heed_table(scene.follower);
    let serial = |scene: &Scene| {
        let process = scene.world.process(scene.follower).expect("it lives");
        process.around.with(|inside| inside.directory.serial())
    };
    scene.go_on(SECOND);
    assert_eq!((serial(&scene), scene.state()), (known, TableState::Awaited));
    (5..7).for_each(|slot| _ = scene.put(slot));
    scene.go_on(SECOND);
    assert_eq!(serial(&scene), known);
    assert!(matches!(scene.state(), TableState::Followed { .. }), "{:?}", scene.state());
}

#[test]
fn the_same_world_goes_the_same_way() {
    let run = || {
        let mut scene = Scene::new(3);
        scene.world.tables.peers.set_slow(1, true);
        let times: Vec<Duration> = (10..20).map(|slot| scene.reach(slot)).collect();
        (times, scene.world.tables.tally, scene.world.tally)
    };
    assert_eq!(run(), run());
}
