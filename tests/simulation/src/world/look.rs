//! What time alone may make wrong, looked at now and then.

use std::time::Duration;

use super::World;
use super::process::{Looks, Process, ProcessId};
use super::scene::NodeKind;

/// The time between two looks, and that while nothing has happened for long.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const RARE_INTERVAL: Duration = Duration::from_secs(4);

impl World {
    /// The time until the next look.
    pub fn look_interval(&self) -> Duration {
        if self.checks.is_lively(self.now) { LOOK_INTERVAL } else { RARE_INTERVAL }
    }

    /// Lets the judges look at everything, if there is a reason to.
    pub fn look(&mut self) {
        let now = self.now;
        if !self.checks.wants_look(now) {
            return;
        }
        self.checks.look_at_owners(now);
        self.checks.look_at_publications(now);
        let World { checks, processes, nodes, machines, etcd, .. } = self;
        let wants_name = |id: ProcessId| {
            processes.get(id).and_then(Option::as_ref).is_some_and(|process: &Process| {
                process.around.with(|inside| inside.wants_name() && !inside.is_stopping)
            })
        };
        checks.look_at_free_names(now, wants_name);
        for node in nodes.iter() {
            let Some(id) = node.process else { continue };
            let Some(process) = processes.get_mut(id).and_then(Option::as_mut) else { continue };
            let machine = &machines[node.spec.machine];
            if process.is_frozen || machine.is_suspended || node.spec.kind == NodeKind::Plugin {
                continue;
            }
            let change = checks.oracle().change_count();
            let is_up_to_date = process.around.with(|inside| {
                let directory = &inside.directory;
                let looks = Looks::of(directory, inside.full_syncs);
                if process.up_to_date_at == Some((looks, change)) {
                    checks.is_synced(id, now);
                    return Some((looks, change));
                }
                if let Some(at) = directory.proven_at() {
                    checks.proof(id, now, directory, machine.clock.true_time(at));
                }
                checks.look_at_directory(id, now, directory);
                checks.is_up_to_date(directory).then_some((looks, change))
            });
            process.up_to_date_at = is_up_to_date;
        }
        checks.look_at_queue(now, etcd);
        checks.look_at_leases(now, etcd);
        checks.look_at_job(now);
    }
}
