//! What goes wrong with the tables that nodes take from each other.

use super::Faults;
use super::begin::{BOTH, cut};
use super::kind::FaultKind;
use super::undo::Undo;
use crate::world::World;
use crate::world::scene::NodeKind;

/// The part of words of a change that are lost, if some are.
const LOST_WORDS: [f64; 3] = [0.2, 0.7, 1.0];

impl Faults {
    pub(super) fn begin_of_tables(
        &mut self,
        kind: FaultKind,
        world: &mut World,
    ) -> Option<Vec<Undo>> {
        let watchers = watchers(world);
        let machine = self.chance.below(world.machines.len());
        let other = self.chance.below(world.machines.len());
        let one = self.chance.pick(&watchers);
        Some(match kind {
            FaultKind::KillWatchers => {
                watchers.iter().for_each(|node| world.kill(*node));
                watchers.into_iter().map(Undo::StartNode).collect()
            }
            FaultKind::FreezeWatchers => {
                watchers.into_iter().filter_map(|node| freeze(world, node)).collect()
            }
            FaultKind::CutWatchers => {
                watchers.into_iter().flat_map(|node| cut_from_etcd(world, node)).collect()
            }
            FaultKind::LoseWatcher => match self.chance.below(3) {
                0 => {
                    world.kill(one?);
                    vec![Undo::StartNode(one?)]
                }
                1 => vec![freeze(world, one?)?],
                _ => cut_from_etcd(world, one?),
            },
            FaultKind::CutPeers => {
                let (there, back) =
                    self.chance.pick(&[(true, true), (true, false), (false, true)])?;
                let others = (0..world.machines.len()).filter(|other| *other != machine);
                let mut undo = Vec::new();
                for other in others {
                    undo.extend(there.then(|| cut_peer(world, machine, other)));
                    undo.extend(back.then(|| cut_peer(world, other, machine)));
                }
                undo
            }
            FaultKind::CutPair => {
                vec![cut_peer(world, machine, other), cut_peer(world, other, machine)]
            }
            FaultKind::SlowPeer => {
                world.tables.peers.set_slow(machine, true);
                vec![Undo::NotSlow(machine)]
            }
            FaultKind::LoseWords => {
                if world.tables.peers.lost_words > 0.0 {
                    return None;
                }
                world.tables.peers.lost_words = self.chance.pick(&LOST_WORDS)?;
                vec![Undo::KeepWords]
            }
            _ => return None,
        })
    }
}

/// The nodes that watch all names for others.
fn watchers(world: &World) -> Vec<usize> {
    let live =
        world.live().filter(|(_, process)| world.nodes[process.node].spec.kind != NodeKind::Plugin);
    let watching = live.filter(|(id, process)| {
        let owned = world.checks.standing(*id).and_then(|standing| standing.owned);
        let watchers = world.nodes[process.node].spec.watchers;
        owned.is_some_and(|told| told.slot.get() <= watchers)
    });
    watching.map(|(_, process)| process.node).collect()
}

/// With a program, all of its machine stands still or nothing.
fn freeze(world: &mut World, node: usize) -> Option<Undo> {
    if let NodeKind::Idetcd(_, Some(_)) = world.nodes[node].spec.kind {
        return None;
    }
    world.set_frozen(node, true);
    Some(Undo::GoOn(node))
}

fn cut_from_etcd(world: &mut World, node: usize) -> Vec<Undo> {
    let machine = world.nodes[node].spec.machine;
    let members = 0..world.etcd.member_count();
    members.flat_map(|member| cut(world, machine, member, &BOTH)).collect()
}

fn cut_peer(world: &mut World, from: usize, to: usize) -> Undo {
    world.tables.peers.cut(from, to);
    Undo::HealPeer(from, to)
}
