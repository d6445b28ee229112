//! How each fault begins.

use std::time::Duration;

use idetcd::cluster::SlotId;
use idetcd::etcd::LeaseId;

use super::Faults;
use super::by_hand::stranger;
use super::kind::FaultKind;
use super::undo::Undo;
use crate::model::User;
use crate::world::World;
use crate::world::machine_address;
use crate::world::network::{Direction, Weather};
use crate::world::scene::{Identity, NodeKind};

/// The numbers of the addresses that machines get later.
const LATER: u32 = 0x1_0000;
/// The first number of those that each machine has for itself, and how many those are.
const ELSEWHERE: u32 = 0x3_0000;
const PLACES: usize = 64;

pub(super) const BOTH: [Direction; 2] = [Direction::There, Direction::Back];

impl Faults {
    /// What is there before anything goes wrong.
    pub(super) fn set_scene(&mut self, world: &mut World) {
        let keyspace = world.checks.oracle().keyspace().clone();
        // A lease of their own would have to be kept alive.
        for number in 1..=self.plan.strangers {
            let Some(slot) = SlotId::new(number) else { continue };
            let record = stranger(number);
            let value = record.to_json().into_bytes();
            world.etcd.put(&keyspace.key(slot), &value, LeaseId(0), world.now);
        }
        self.set_users(world);
        world.heed_etcd();
        for node in 0..world.nodes.len() {
            if !self.plan.twins.contains(&node) {
                let pause = self.chance.between(Duration::ZERO, self.plan.start_within);
                world.start_after(node, pause);
            }
        }
    }

    /// Begins a fault; `None`: there is nothing that it could happen to.
    pub(super) fn begin_one(
        &mut self,
        kind: FaultKind,
        lasts: Duration,
        world: &mut World,
    ) -> Option<Vec<Undo>> {
        let now = world.now;
        let members = world.etcd.member_count();
        let (machine, member) =
            (self.chance.below(world.machines.len()), self.chance.below(members));
        let nodes: Vec<usize> =
            (0..world.nodes.len()).filter(|node| world.nodes[*node].process.is_some()).collect();
        let node = self.chance.pick(&nodes)?;
        Some(match kind {
            FaultKind::Storm => {
                if world.network.weather != Weather::default() {
                    return None;
                }
                world.network.weather = self.plan.weather;
                vec![Undo::Weather]
            }
            FaultKind::CutMachine => {
                (0..members).flat_map(|m| cut(world, machine, m, &BOTH)).collect()
            }
            FaultKind::CutOneWay => {
                let way = self.chance.pick(&BOTH)?;
                (0..members).flat_map(|m| cut(world, machine, m, &[way])).collect()
            }
            FaultKind::CutLink => cut(world, machine, member, &BOTH),
            FaultKind::CutMember => {
                (0..world.machines.len()).flat_map(|m| cut(world, m, member, &BOTH)).collect()
            }
            FaultKind::SplitMembers => {
                let off: Vec<usize> = (0..members).filter(|_| self.chance.happens(0.4)).collect();
                world.etcd.cut_off(&off, now);
                vec![Undo::HealMembers]
            }
            FaultKind::FreezeMember => {
                world.etcd.freeze(member, now);
                vec![Undo::Thaw(member)]
            }
            FaultKind::KillMember => {
                world.etcd.kill(member, now);
                vec![Undo::StartMember(member)]
            }
            FaultKind::KillMembers => {
                (0..members).for_each(|member| world.etcd.kill(member, now));
                (0..members).map(Undo::StartMember).collect()
            }
            FaultKind::LagMember => {
                let delay = self.chance.around(lasts);
                world.etcd.lag(member, delay, now);
                vec![Undo::CatchUp(member)]
            }
            FaultKind::MuteMember => {
                world.network.set_mute(member, true);
                vec![Undo::Unmute(member)]
            }
            FaultKind::Elect => {
                world.etcd.elect(now);
                Vec::new()
            }
            FaultKind::Compact => {
                let revision = world.etcd.revision() - self.chance.below(20) as i64;
                let mut changes = world.etcd.changes_after(revision - 1);
                // Older versions of etcd keep such a deletion from watches that begin there, for ever.
                if changes.next().is_some_and(|change| change.value.is_none()) {
                    return None;
                }
                drop(changes);
                world.etcd.compact(revision, now);
                Vec::new()
            }
            FaultKind::Full => {
                world.etcd.set_full(true, now);
                vec![Undo::NotFull]
            }
            FaultKind::Refuse => {
                let user =
                    User { name: "root".to_owned(), password: String::new(), prefix: Vec::new() };
                world.etcd.set_users(&[user], now);
                vec![Undo::Users]
            }
            FaultKind::Restore => self.prepare_restore(world, true),
            FaultKind::RestoreOther => self.prepare_restore(world, false),
            FaultKind::FreezeNode => {
                // With a program, all of its machine stands still or nothing.
                if let NodeKind::Idetcd(_, Some(_)) = world.nodes[node].spec.kind {
                    return None;
                }
                world.set_frozen(node, true);
                vec![Undo::GoOn(node)]
            }
            FaultKind::Suspend => {
                if world.machines[machine].is_suspended {
                    return None;
                }
                world.set_suspended(machine, true);
                vec![Undo::Resume(machine)]
            }
            FaultKind::KillNode => {
                world.kill(node);
                vec![Undo::StartNode(node)]
            }
            FaultKind::StopNode => {
                world.stop(node);
                vec![Undo::StartNode(node)]
            }
            FaultKind::Reboot => {
                let on_it = |node: &usize| world.nodes[*node].spec.machine == machine;
                let on_it: Vec<usize> = nodes.into_iter().filter(on_it).collect();
                world.cut_power(machine);
                on_it.into_iter().map(Undo::StartNode).collect()
            }
            FaultKind::RebootElsewhere => {
                let on_it = |node: &usize| world.nodes[*node].spec.machine == machine;
                let on_it: Vec<usize> = nodes.into_iter().filter(on_it).collect();
                world.cut_power(machine);
                let number = ELSEWHERE + self.own_number(machine, PLACES);
                world.move_machine(machine, machine_address(number));
                on_it.into_iter().map(Undo::StartNode).collect()
            }
            FaultKind::KillHalf => {
                let half: Vec<usize> =
                    nodes.into_iter().filter(|_| self.chance.happens(0.5)).collect();
                half.iter().for_each(|node| world.kill(*node));
                half.into_iter().map(Undo::StartNode).collect()
            }
            FaultKind::PowerCut => {
                (0..world.machines.len()).for_each(|machine| world.cut_power(machine));
                (0..members).for_each(|member| world.etcd.kill(member, now));
                let members = (0..members).map(Undo::StartMember);
                members.chain(nodes.into_iter().map(Undo::StartNode)).collect()
            }
            FaultKind::ChangeAddress => {
                let are_clones = world.nodes[node].spec.identity == Identity::Clone;
                let number = match are_clones {
                    true => ELSEWHERE + self.own_number(machine, PLACES),
                    false => LATER + self.chance.below(1000) as u32,
                };
                let breaks = self.chance.happens(0.7);
                world.set_machine_address(machine, machine_address(number), breaks);
                Vec::new()
            }
            FaultKind::TakeAddress => self.take_address(world)?,
            FaultKind::Move => {
                let plugin = self.chance.pick(&plugins(world))?;
                let pause = self.chance.between(Duration::ZERO, Duration::from_secs(2));
                world.replace_plugin(plugin, pause);
                Vec::new()
            }
            FaultKind::TakePluginAddress => self.take_plugin_address(world)?,
            FaultKind::Unready => {
                let is_ready = world.is_ready(node);
                world.set_ready(node, !is_ready);
                Vec::new()
            }
            of_tables if of_tables.is_of_tables() => return self.begin_of_tables(of_tables, world),
            by_hand => return self.begin_by_hand(by_hand, world),
        })
    }

    /// One of some numbers that no other machine has.
    fn own_number(&mut self, machine: usize, count: usize) -> u32 {
        (machine * count + self.chance.below(count)) as u32
    }

    /// Another host is given the address of a node, and starts; the node may be cut off meanwhile.
    fn take_address(&mut self, world: &mut World) -> Option<Vec<Undo>> {
        let twin = self.chance.pick(&self.plan.twins)?;
        if world.nodes[twin].process.is_some() {
            return None;
        }
        let port = world.nodes[twin].spec.port;
        let likely: Vec<usize> = (0..world.nodes.len())
            .filter(|node| *node != twin && world.nodes[*node].spec.port == port)
            .filter(|node| world.nodes[*node].spec.kind != NodeKind::Plugin)
            .collect();
        let node = self.chance.pick(&likely)?;
        world.nodes[twin].given = world.published(node);
        world.start_after(twin, Duration::ZERO);
        let mut undo = vec![Undo::KillNode(twin)];
        let machine = world.nodes[node].spec.machine;
        if self.chance.happens(0.3) {
            let members = world.etcd.member_count();
            undo.extend((0..members).flat_map(|member| cut(world, machine, member, &BOTH)));
        }
        Some(undo)
    }

    /// Another host is given the address of a node of the plugin, on its card as well, and starts.
    fn take_plugin_address(&mut self, world: &mut World) -> Option<Vec<Undo>> {
        let twin = self.chance.pick(&self.plan.twins)?;
        let plugin = self.chance.pick(&plugins(world))?;
        if world.nodes[twin].process.is_some() {
            return None;
        }
        world.nodes[twin].spec.port = world.nodes[plugin].spec.port;
        world.move_machine(world.nodes[twin].spec.machine, world.published(plugin));
        world.start_after(twin, Duration::ZERO);
        Some(vec![Undo::KillNode(twin)])
    }

    /// A backup is made, and restored later; some machines may not hear of what is between.
    fn prepare_restore(&mut self, world: &mut World, same_id: bool) -> Vec<Undo> {
        if self.snapshots.is_empty() || self.chance.happens(0.7) {
            self.snapshots.push(world.etcd.snapshot());
        }
        let mut undo = vec![Undo::Restore { same_id }];
        let part = self.chance.pick(&[0.0, 0.0, 0.3, 0.8]).unwrap_or(0.0);
        for machine in 0..world.machines.len() {
            if self.chance.happens(part) {
                let members = world.etcd.member_count();
                undo.extend((0..members).flat_map(|member| cut(world, machine, member, &BOTH)));
            }
        }
        undo
    }
}

/// The nodes of the plugin that run.
fn plugins(world: &World) -> Vec<usize> {
    let runs = |node: &usize| {
        let node = &world.nodes[*node];
        node.process.is_some() && node.spec.kind == NodeKind::Plugin
    };
    (0..world.nodes.len()).filter(runs).collect()
}

/// Cuts a link in these directions.
pub(super) fn cut(
    world: &mut World,
    machine: usize,
    member: usize,
    ways: &[Direction],
) -> Vec<Undo> {
    for way in ways {
        world.network.cut(machine, member, *way, world.now);
    }
    world.heed_cut(machine, member);
    ways.iter().map(|way| Undo::Heal { machine, member, way: *way }).collect()
}
