//! Many nodes at once, and once more after a power cut: what etcd has to do, by what it was measured to cost.

use std::fmt;
use std::time::Duration;

use idetcd::cluster::Freshness;
use idetcd::node::LeaseTtl;

use crate::faults::Faults;
use crate::faults::plan::Plan;
use crate::invariants::{Bounds, Checks, Invariant, Violation};
use crate::model::Time;
use crate::world::World;
use crate::world::servers::Served;
use crate::world::tables::TableTally;
use crate::world::trace::Trace;

/// Over which time all nodes are started.
const START_WITHIN: Duration = Duration::from_secs(1);

/// How long etcd is without power.
const OUTAGE: Duration = Duration::from_secs(5);

/// How often it is looked how far they are.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long idle nodes are looked at.
const IDLE: Duration = Duration::from_secs(120);

/// As the product has them by itself.
const MAX_LAG: Duration = Duration::from_secs(15);
const MAX_STALE: Duration = Duration::from_secs(86_400);

/// After this time it is given up.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// What came of many nodes that were started at once.
#[derive(Clone, Debug)]
pub struct Row {
    /// The number of nodes.
    pub nodes: usize,
    /// Whether their names were there from before a power cut.
    pub is_again: bool,
    /// When all had names, since the first was started; `None`: not in time.
    pub named: Option<Duration>,
    /// When all knew all names.
    pub known: Option<Duration>,
    /// What etcd had to do until all had names, and until all knew all.
    pub until_named: Served,
    /// See there.
    pub until_known: Served,
    /// The names that were free below the highest that was taken.
    pub gaps: usize,
    /// Transfers from one node to another until all knew all, and their octets.
    pub tables: TableTally,
    /// The requests a second once all has settled; `None`: nobody looked.
    pub idle: Option<f64>,
    /// What did not hold: of owners, programs and tokens.
    pub violation: Option<Violation>,
}

/// The heads of the columns.
pub const HEADS: &str = "\
| nodes | started | all named | transactions | requests | octets | etcd's cores | gaps | all know all | requests | \
messages of watches | octets | etcd's cores | transfers | octets | requests a second, idle |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

fn plan(nodes: usize, members: usize, watchers: u32) -> Plan {
    let mut plan = Plan::quiet(nodes);
    plan.scene.members = members;
    plan.scene.has_costs = true;
    plan.start_within = START_WITHIN;
    for node in &mut plan.scene.nodes {
        (node.lease_ttl, node.auto_lease) = (LeaseTtl::AUTO.for_names(nodes), Some(LeaseTtl::AUTO));
        node.endpoints = (0..members).collect();
        node.timeout = Duration::from_secs(5);
        (node.max_lag, node.max_stale) = (MAX_LAG, MAX_STALE);
        node.watchers = watchers;
    }
    plan
}

/// Only of owners something is judged: what else there is would take longer than this is to.
fn bounds() -> Bounds {
    let judged = [Invariant::OneOwner, Invariant::OneProgram, Invariant::InTime, Invariant::Token];
    let ignored = Invariant::ALL.into_iter().filter(|it| !judged.contains(it)).collect();
    Bounds { ignored, ..Bounds::default() }
}

/// Starts so many nodes at once, cuts the power of everything when all know all, and starts them once more; an
/// etcd of so many members. Slots up to `watchers` watch for the others; 0: all do.
pub fn measure(
    nodes: usize,
    members: usize,
    watchers: u32,
    trace: &Trace,
    mut told: impl FnMut(Row),
) {
    trace.enter_thread();
    let plan = plan(nodes, members, watchers);
    let keyspace = plan.scene.nodes.first().map(|node| node.keyspace());
    let checks = Checks::new(bounds(), keyspace.expect("a node at least"), plan.limit());
    let mut world = World::new(plan.scene.clone(), 1, checks, trace.clone());
    let _ = Faults::begin(plan, 1, &mut world);
    let mut row = follow(&mut world, nodes, false);
    let is_well = row.known.is_some() && row.violation.is_none();
    if is_well {
        row.idle = Some(idle(&mut world, nodes));
    }
    told(row);
    if !is_well {
        return;
    }
    (0..world.machines.len()).for_each(|machine| world.cut_power(machine));
    let now = world.now;
    (0..members).for_each(|member| world.etcd.kill(member, now));
    world.heed_etcd();
    world.run_until(now + OUTAGE);
    let now = world.now;
    (0..members).for_each(|member| world.etcd.start(member, now));
    world.heed_etcd();
    for node in 0..nodes {
        let part = u32::try_from(nodes).unwrap_or(u32::MAX);
        world.start_after(node, START_WITHIN * u32::try_from(node).unwrap_or(0) / part);
    }
    told(follow(&mut world, nodes, true));
}

fn follow(world: &mut World, nodes: usize, is_again: bool) -> Row {
    let (began, before, tables) = (world.now, world.served(), world.tables.tally);
    let named = run_until(world, began, |world| named(world).len() == nodes);
    tell("named", nodes, named);
    let until_named = since(world.served(), before);
    let highest = self::named(world).into_iter().max().unwrap_or(0);
    let known = named.and_then(|_| run_until(world, began, |world| all_know(world, nodes)));
    tell("all know all", nodes, known);
    Row {
        nodes,
        is_again,
        named,
        known,
        until_named,
        until_known: since(world.served(), before),
        gaps: highest.saturating_sub(nodes),
        tables: TableTally {
            transfers: world.tables.tally.transfers - tables.transfers,
            octets: world.tables.tally.octets - tables.octets,
            ..world.tables.tally
        },
        idle: None,
        violation: world.checks.violation().cloned(),
    }
}

/// Says what is known already: the row comes only once the nodes were idle for long.
fn tell(what: &str, nodes: usize, time: Option<Duration>) {
    match time {
        Some(time) => eprintln!("{nodes} nodes: {what} after {:.1} s", time.as_secs_f64()),
        None => eprintln!("{nodes} nodes: not {what}"),
    }
}

/// The requests a second when names went to the leases that they are to be on.
fn idle(world: &mut World, nodes: usize) -> f64 {
    let settling = LeaseTtl::AUTO.spread(nodes) + LeaseTtl::AUTO.for_names(nodes);
    world.run_until(world.now + settling);
    let before = world.served();
    world.run_until(world.now + IDLE);
    since(world.served(), before).calls as f64 / IDLE.as_secs_f64()
}

/// Goes on until something is so, and returns how long that was from the beginning.
fn run_until(world: &mut World, began: Time, is_so: impl Fn(&World) -> bool) -> Option<Duration> {
    while world.checks.violation().is_none() && world.now < began + PATIENCE {
        if is_so(world) {
            return Some(world.now - began);
        }
        let next = world.now + LOOK_INTERVAL;
        world.run_until(next);
    }
    None
}

/// The slots of all owners.
fn named(world: &World) -> Vec<usize> {
    let owned = world.live().filter_map(|(id, _)| world.checks.standing(id)?.owned);
    owned.map(|told| told.slot.index() + 1).collect()
}

fn all_know(world: &World, nodes: usize) -> bool {
    let mut live = world.live();
    live.all(|(_, process)| {
        process.around.with(|inside| {
            inside.directory.len() >= nodes && inside.directory.freshness() == Freshness::Synced
        })
    })
}

fn since(now: Served, before: Served) -> Served {
    Served {
        calls: now.calls - before.calls,
        transactions: now.transactions - before.transactions,
        messages: now.messages - before.messages,
        octets: now.octets - before.octets,
        time: now.time - before.time,
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<Duration>| {
            time.map_or("never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
        };
        let megabytes = |octets: u64| format!("{:.1} MB", octets as f64 / 1e6);
        let (named, known) = (&self.until_named, &self.until_known);
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.nodes,
            if self.is_again { "again, after a power cut" } else { "at once" },
            seconds(self.named),
            named.transactions,
            named.calls,
            megabytes(named.octets),
            seconds(Some(named.time)),
            self.gaps,
            seconds(self.known),
            known.calls,
            known.messages,
            megabytes(known.octets),
            seconds(Some(known.time)),
            self.tables.transfers,
            megabytes(self.tables.octets),
            self.idle.map_or(String::new(), |idle| format!("{idle:.0}")),
        )
    }
}
