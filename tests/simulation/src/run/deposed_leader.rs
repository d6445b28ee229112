//! A leader of etcd that was frozen and replaced, and goes on: it acknowledges what its successor does not know.

use std::time::Duration;

use super::{Settings, world_of};
use crate::faults::Faults;
use crate::faults::plan::Plan;
use crate::invariants::Violation;
use crate::model::Time;
use crate::world::World;
use crate::world::network::Direction;
use crate::world::trace::Trace;

/// Runs in which there were two owners for some seconds, when a renewal counted whatever its term was and however long
/// its reply took. In others of the first 1,200 there still are, 29 of 66: the reply came within a second, and was the
/// last that the node heard from etcd.
const SEEDS: [u64; 22] = [
    83, 86, 90, 91, 178, 179, 183, 185, 267, 270, 275, 359, 366, 367, 371, 454, 455, 462, 550, 554,
    638, 649,
];

/// The nodes, one more than there are names.
const NODES: usize = 5;

/// How long the leader is frozen: most of what is between two renewals.
const FROZEN: Duration = Duration::from_millis(6500);

/// What a reply takes when it goes on.
const REPLY: Duration = Duration::from_millis(80);

/// Those who have a name are out of reach for so long then, more than a lease, or from up to three of these times later on.
const LATER: Duration = Duration::from_secs(2);
const CUT: Duration = Duration::from_secs(30);

fn pass(world: &mut World, time: Duration) {
    let end = world.now + time;
    while world.now < end && world.checks.violation().is_none() {
        let next = (world.now + Duration::from_millis(100)).min(end);
        world.run_until(next);
        world.look();
    }
}

/// Freezes the leader until another one is there, lets it go on, and cuts those off who have a name, at once or soon: a
/// keep-alive which it had waiting may be the last renewal.
fn run(seed: u64) -> Option<Violation> {
    let mut plan = Plan::quiet(NODES);
    for node in &mut plan.scene.nodes {
        node.limit = u32::try_from(NODES - 1).unwrap_or(1);
    }
    let trace = Trace::off();
    trace.enter_thread();
    let mut world = world_of(&plan, seed, &Settings::default(), &trace);
    let (members, machines) = (plan.scene.members, plan.scene.machines.len());
    let _faults = Faults::begin(plan, seed, &mut world);
    pass(&mut world, Duration::from_secs(20) + Duration::from_millis(seed * 97 % 9000));
    let leader = world.etcd.leader().expect("a leader");
    world.checks.disturbed();
    world.etcd.freeze(leader, world.now);
    world.heed_etcd();
    pass(&mut world, FROZEN);
    let now: Time = world.now;
    world.etcd.thaw(leader, now);
    world.heed_etcd();
    pass(&mut world, REPLY + LATER.mul_f64((seed % 4) as f64));
    let owners: Vec<usize> = (0..machines).filter(|node| world.checks.owns(*node)).collect();
    for machine in &owners {
        for member in 0..members {
            for way in [Direction::There, Direction::Back] {
                world.network.cut(*machine, member, way, world.now);
            }
            world.heed_cut(*machine, member);
        }
    }
    pass(&mut world, CUT);
    let violation = world.checks.violation().cloned();
    Trace::off().enter_thread();
    violation
}

#[test]
fn what_a_deposed_leader_acknowledges_makes_no_second_owner() {
    let violations = SEEDS.iter().filter_map(|seed| Some((seed, run(*seed)?)));
    let violations: Vec<String> =
        violations.map(|(seed, violation)| format!("seed {seed}: {violation:?}")).collect();
    assert_eq!(violations, [""; 0]);
}
