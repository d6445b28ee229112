//! What time alone may make wrong, looked at now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use idetcd::cluster::Record;

use super::World;
use super::process::{Process, ProcessId};
use super::scene::NodeKind;

/// The time between two looks.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

impl World {
    /// Lets the judges look at everything, if there is a reason to.
    pub fn look(&mut self) {
        let now = self.now;
        if !self.checks.wants_look(now) {
            return;
        }
        self.checks.look_at_owners(now);
        let records: Vec<Record> = (0..self.nodes.len()).map(|node| self.record(node)).collect();
        let World { checks, processes, nodes, machines, etcd, .. } = self;
        let process = |id: ProcessId| processes.get(id).and_then(Option::as_ref);
        let wants_name = |id: ProcessId| {
            process(id).is_some_and(|process: &Process| {
                process.around.with(|inside| inside.wants_name() && !inside.is_stopping)
            })
        };
        checks.look_at_free_names(now, wants_name);
        let mut tickets = BTreeSet::new();
        for (node, record) in nodes.iter().zip(&records) {
            let Some(id) = node.process else { continue };
            let Some(process) = process(id) else { continue };
            let machine = &machines[node.spec.machine];
            if process.is_frozen || machine.is_suspended || node.spec.kind == NodeKind::Plugin {
                continue;
            }
            process.around.with(|inside| {
                tickets.insert(inside.directory.keyspace().ticket(record));
                checks.look_at_directory(id, now, &inside.directory);
            });
        }
        checks.look_at_queue(now, etcd, &tickets);
    }
}
