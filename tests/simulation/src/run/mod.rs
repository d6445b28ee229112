//! A seed's run.

#[cfg(test)]
mod deposed_leader;
pub mod found;
pub mod many;
pub mod scale;
mod settings;
#[cfg(test)]
mod tests;
pub mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::Keyspace;

use crate::faults::Faults;
use crate::faults::kind::FaultKind;
use crate::faults::plan::Plan;
use crate::invariants::load::Load;
use crate::invariants::{Checks, Violation};
use crate::world::trace::Trace;
use crate::world::{Tally, World};
pub use settings::Settings;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How many nodes there were.
    pub nodes: usize,
    /// How long it went on, in true time.
    pub time: Duration,
    /// What happened.
    pub tally: Tally,
    /// The faults.
    pub faults: BTreeMap<FaultKind, u64>,
    /// What nodes asked of etcd.
    pub load: Load,
    /// How many programs were started by a list.
    pub starts_by_list: u64,
    /// What did not hold.
    pub violation: Option<Violation>,
}

/// Runs a seed.
pub fn run(seed: u64, settings: &Settings, trace: Trace) -> Report {
    trace.enter_thread();
    let mut plan = match settings.is_quiet {
        true => Plan::quiet(settings.wanted.nodes.unwrap_or(8)),
        false => Plan::draw(seed, &settings.wanted),
    };
    plan.scene.client = settings.client;
    let nodes = plan.scene.nodes.len();
    trace.note(Duration::ZERO, "plan", || format!("seed {seed}: {plan:?}"));
    let mut world = world_of(&plan, seed, settings, &trace);
    let mut faults = Faults::begin(plan, seed, &mut world);
    let mut next_look = Duration::ZERO;
    while world.now < settings.time && world.checks.violation().is_none() {
        let next = faults.next().unwrap_or(settings.time).min(next_look).min(settings.time);
        world.run_until(next);
        if world.now == next_look {
            world.look();
            next_look += world.look_interval();
        }
        if faults.next() == Some(world.now) && world.checks.violation().is_none() {
            faults.act(&mut world);
        }
    }
    let violation = world.checks.violation().cloned();
    trace.note(world.now, "judge", || match &violation {
        Some(Violation { invariant, text, .. }) => format!("{invariant}: {text}"),
        None => "nothing is wrong".to_owned(),
    });
    Trace::off().enter_thread();
    Report {
        seed,
        nodes,
        time: world.now,
        tally: world.tally,
        faults: faults.counts,
        load: world.checks.load(),
        starts_by_list: world.checks.starts_by_list(),
        violation,
    }
}

/// The world of a plan.
fn world_of(plan: &Plan, seed: u64, settings: &Settings, trace: &Trace) -> World {
    let keyspace = plan.scene.nodes.first().map(|node| node.keyspace());
    let keyspace: Arc<Keyspace> = keyspace.expect("a scene has nodes");
    let round_trip = (plan.scene.latency + plan.scene.service) * 2;
    let bounds = settings.bounds.clone().with_round_trip(round_trip);
    let checks = Checks::new(bounds, keyspace, plan.limit());
    World::new(plan.scene.clone(), seed, checks, trace.clone())
}
