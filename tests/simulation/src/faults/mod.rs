//! What goes wrong: times with faults and times without take turns, as the seed has it.

mod begin;
mod by_hand;
pub mod kind;
mod of_tables;
pub mod plan;
mod undo;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Snapshot, Time};
use crate::world::World;
use crate::world::agenda::Agenda;
use crate::world::chance::Chance;
use kind::FaultKind;
use plan::Plan;
use undo::Undo;

/// The time before the first fault: everything starts.
const FIRST_CALM: Duration = Duration::from_secs(20);

/// How often it is looked whether etcd is well.
const AWAIT_INTERVAL: Duration = Duration::from_millis(100);

/// What to do next.
#[derive(Debug)]
enum Act {
    /// A time of faults begins.
    Chaos,
    /// Something goes wrong.
    Strike,
    /// A fault ends.
    End(u64),
    /// All faults end.
    Calm,
    /// etcd may be well again.
    Await,
}

/// A fault that goes on.
#[derive(Debug)]
struct Ongoing {
    kind: FaultKind,
    undo: Vec<Undo>,
}

/// All that goes wrong in a run.
#[derive(Debug)]
pub struct Faults {
    plan: Plan,
    chance: Chance,
    agenda: Agenda<Act>,
    ongoing: BTreeMap<u64, Ongoing>,
    count: u64,
    /// How many of each kind there were.
    pub counts: BTreeMap<FaultKind, u64>,
    snapshots: Vec<Snapshot>,
    /// The keys that were put by hand.
    by_hand: Vec<Vec<u8>>,
    is_chaos: bool,
}

impl Faults {
    /// What a plan has in store. Starts the nodes.
    pub fn begin(plan: Plan, seed: u64, world: &mut World) -> Faults {
        let mut faults = Faults {
            chance: Chance::new(seed, 20),
            plan,
            agenda: Agenda::default(),
            ongoing: BTreeMap::new(),
            count: 0,
            counts: BTreeMap::new(),
            snapshots: Vec::new(),
            by_hand: Vec::new(),
            is_chaos: false,
        };
        faults.set_scene(world);
        if !faults.plan.faults.is_empty() {
            faults.agenda.add(FIRST_CALM, 0, Act::Chaos);
        }
        faults
    }

    /// When something goes wrong next; `None`: never.
    pub fn next(&self) -> Option<Time> {
        self.agenda.next()
    }

    /// Lets it go wrong.
    pub fn act(&mut self, world: &mut World) {
        let Some((_, act)) = self.agenda.take() else { return };
        let now = world.now;
        match act {
            Act::Chaos => {
                self.is_chaos = true;
                let lasts = self.plan.chaos.mul_f64(0.5) + self.chance.around(self.plan.chaos / 2);
                self.agenda.add(now + lasts, 1, Act::Calm);
                self.add_strike(now);
            }
            Act::Strike if self.is_chaos => {
                self.strike(world);
                self.add_strike(now);
            }
            Act::Strike => {}
            Act::End(number) => {
                if let Some(ongoing) = self.ongoing.remove(&number) {
                    self.end(world, ongoing);
                    self.heed_calm(world);
                }
            }
            Act::Calm => {
                self.is_chaos = false;
                world.trace.note(now, "faults", || "all end");
                while let Some((_, ongoing)) = self.ongoing.pop_first() {
                    self.end(world, ongoing);
                }
                self.tidy_up(world);
                self.agenda.add(now, 0, Act::Await);
                self.agenda.add(now + self.plan.calm, 0, Act::Chaos);
            }
            Act::Await => self.heed_calm(world),
        }
    }

    fn add_strike(&mut self, now: Time) {
        let pause = self.chance.around(self.plan.pause);
        self.agenda.add(now + pause, 2, Act::Strike);
    }

    /// Something goes wrong, for some time.
    fn strike(&mut self, world: &mut World) {
        let Some(kind) = self.chance.pick(&self.plan.faults) else { return };
        let now = world.now;
        let lasts = self.chance.around(self.plan.lasts);
        let Some(undo) = self.begin_one(kind, lasts, world) else { return };
        *self.counts.entry(kind).or_default() += 1;
        self.count += 1;
        let number = self.count;
        world.trace.note(now, "fault", || {
            format!("{kind} ({number}) for {:.3} s: {undo:?}", lasts.as_secs_f64())
        });
        if kind.disturbs() {
            world.checks.disturbed();
        }
        self.ongoing.insert(number, Ongoing { kind, undo });
        self.agenda.add(now + lasts, 0, Act::End(number));
        world.heed_etcd();
    }

    /// Once nothing disturbs any more and etcd is well, it is calm.
    fn heed_calm(&mut self, world: &mut World) {
        if self.ongoing.values().any(|ongoing| ongoing.kind.disturbs()) {
            return;
        }
        if world.etcd.leader().is_some() {
            // What needed a leader may not have been done.
            self.set_users(world);
            world.etcd.set_full(false, world.now);
            world.heed_etcd();
            world.checks.calmed(world.now);
        } else {
            self.agenda.add(world.now + AWAIT_INTERVAL, 0, Act::Await);
        }
    }
}
