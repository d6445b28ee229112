//! How each fault ends.

use std::time::Duration;

use super::plan::login;
use super::{Faults, Ongoing};
use crate::model::User;
use crate::world::World;
use crate::world::network::{Direction, Weather};

/// What ends a part of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undo {
    Weather,
    Heal { machine: usize, member: usize, way: Direction },
    HealMembers,
    Thaw(usize),
    StartMember(usize),
    CatchUp(usize),
    Unmute(usize),
    NotFull,
    Users,
    Restore { same_id: bool },
    GoOn(usize),
    Resume(usize),
    StartNode(usize),
    KillNode(usize),
    HealPeer(usize, usize),
    NotSlow(usize),
    KeepWords,
}

impl Faults {
    pub(super) fn end(&mut self, world: &mut World, ongoing: Ongoing) {
        let now = world.now;
        world.trace.note(now, "fault", || format!("{} ends", ongoing.kind));
        for undo in ongoing.undo {
            self.undo(world, undo);
        }
        world.heed_etcd();
    }

    fn undo(&mut self, world: &mut World, undo: Undo) {
        let now = world.now;
        match undo {
            Undo::Weather => world.network.weather = Weather::default(),
            Undo::Heal { machine, member, way } => world.network.heal(machine, member, way),
            Undo::HealMembers => world.etcd.heal(now),
            Undo::Thaw(member) => world.etcd.thaw(member, now),
            Undo::StartMember(member) => world.etcd.start(member, now),
            Undo::CatchUp(member) => world.etcd.lag(member, Duration::ZERO, now),
            Undo::Unmute(member) => world.network.set_mute(member, false),
            Undo::NotFull => world.etcd.set_full(false, now),
            Undo::Users => self.set_users(world),
            Undo::Restore { same_id } => {
                if let Some(snapshot) = self.chance.pick(&self.snapshots) {
                    world.etcd.restore(&snapshot, same_id, now);
                    // A backup has the users and alarms of its time.
                    self.set_users(world);
                    world.etcd.set_full(false, now);
                }
            }
            Undo::GoOn(node) => world.set_frozen(node, false),
            Undo::Resume(machine) => world.set_suspended(machine, false),
            Undo::StartNode(node) => {
                let pause = self.chance.between(Duration::ZERO, Duration::from_millis(100));
                world.start_after(node, pause);
            }
            Undo::KillNode(node) => world.kill(node),
            Undo::HealPeer(from, to) => world.tables.peers.heal(from, to),
            Undo::NotSlow(machine) => world.tables.peers.set_slow(machine, false),
            Undo::KeepWords => world.tables.peers.lost_words = 0.0,
        }
    }

    /// Lets etcd know the users that it knew at first, or nobody.
    pub(super) fn set_users(&self, world: &mut World) {
        let login = login();
        let user = User { name: login.name, password: login.password, prefix: Vec::new() };
        let users = if self.plan.has_users { vec![user] } else { Vec::new() };
        world.etcd.set_users(&users, world.now);
    }
}
