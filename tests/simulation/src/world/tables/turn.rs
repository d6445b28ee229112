//! The turns of followers.

use std::sync::Arc;

use idetcd::dns::transfer_in::TransferZones;
use idetcd::node::TableServer;
use idetcd::server::table::{TableFollower, TableLimits, TableTurn};

use super::TableEvent;
use super::link::Piece;
use super::wires::SimDialer;
use crate::model::Time;
use crate::world::process::ProcessId;
use crate::world::surroundings::{Inside, Surroundings};
use crate::world::{Event, World};

/// Turns in a row without anything that comes: more would be a follower that spins.
const MOST_TURNS: usize = 100_000;

/// When the follower of a process has its next turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    /// The number of the latest entry in the agenda, and its time.
    number: u64,
    next: Option<Time>,
    /// Whether it was time while the process stood still.
    pub(super) is_due: bool,
}

impl Inside {
    /// Takes the table from these, as the product's host does.
    pub fn take_table(&mut self, from: &[TableServer]) {
        let now = self.now;
        if self.table.is_none() && !from.is_empty() {
            let zones = TransferZones::new(self.directory.keyspace().clone());
            let Ok(zones) = zones else { return };
            let TableStart { limits, dialer } = self.table_start.clone();
            self.table = Some(TableFollower::new(Arc::new(zones), limits, dialer, now));
        }
        if let Some(table) = &mut self.table {
            table.set_servers(from, now);
            self.is_table_touched = true;
        }
        self.table.take_if(|table| table.is_over());
    }
}

/// With what followers begin.
#[derive(Clone, Debug)]
pub struct TableStart {
    /// How long a table can be answered from.
    pub limits: TableLimits,
    /// The ends of its connections.
    pub dialer: SimDialer,
}

impl World {
    /// The session of a process has run: it may have named others to take the table from.
    pub(in crate::world) fn heed_table(&mut self, id: ProcessId) {
        let Some(process) = self.process(id) else { return };
        let (is_touched, takes_table) = process
            .around
            .with(|inside| (std::mem::take(&mut inside.is_table_touched), inside.table.is_some()));
        if is_touched {
            self.checks.takes_table(id, takes_table);
            self.carry_wires(id);
            self.turn_at(id, Some(self.now));
        }
    }

    pub(super) fn turn_if_latest(&mut self, id: ProcessId, number: u64) {
        let Some(process) = self.process_mut(id) else { return };
        if process.table.number == number {
            process.table.next = None;
            self.turn_table(id);
        }
    }

    /// Lets the follower of a process go on as far as it can.
    pub(super) fn turn_table(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else { return };
        let machine = self.nodes[process.node].spec.machine;
        if process.is_frozen || self.machines[machine].is_suspended {
            process.table.is_due = true;
            return;
        }
        let clock = self.machines[machine].clock;
        let shown = clock.at(now);
        let node = process.node;
        self.trace.set_who(now, || format!("n{node}"));
        let mut turns = 0;
        let (turn, next, turn_number) = process.around.with(|inside| {
            inside.now = shown;
            let mut all = TableTurn::default();
            let mut next = None;
            for _ in 0..MOST_TURNS {
                let Inside { table, directory, .. } = &mut *inside;
                let Some(follower) = table else { break };
                turns += 1;
                let turn = follower.progress(shown, directory);
                all.is_state_changed |= turn.is_state_changed;
                all.is_directory_changed |= turn.is_directory_changed;
                if follower.is_over() {
                    *table = None;
                    next = None;
                    break;
                }
                next = follower.next_deadline(shown);
                if next.is_none_or(|at| at > shown) {
                    break;
                }
            }
            (all, next, process.turn)
        });
        self.tables.tally.turns += turns as u64;
        self.carry_wires(id);
        let next = next.map(|at| clock.true_time(at).max(now));
        assert!(turns < MOST_TURNS, "a follower that spins");
        self.turn_at(id, next);
        if turn.is_directory_changed {
            self.look_at(id, true);
        }
        if turn.is_state_changed {
            self.end_wait(id, turn_number);
        }
    }

    fn turn_at(&mut self, id: ProcessId, next: Option<Time>) {
        let Some(process) = self.process_mut(id) else { return };
        if process.table.next == next {
            return;
        }
        process.table.next = next;
        process.table.number += 1;
        let number = process.table.number;
        if let Some(at) = next {
            self.at(at, Event::Table(TableEvent::Turn(id, number)));
        }
    }

    /// Carries what a follower wrote.
    pub(super) fn carry_wires(&mut self, id: ProcessId) {
        let Some(process) = self.process(id) else { return };
        let around: Surroundings = process.around.clone();
        let (dialed, sent, closed) = around.with(|inside| {
            let mut wires = inside.table_start.dialer.wires();
            let closed = std::mem::take(&mut wires.closed);
            let dialed = std::mem::take(&mut wires.dialed);
            let written = wires.open.iter_mut().filter(|(_, wire)| !wire.sent.is_empty());
            let sent = written.map(|(number, wire)| (*number, std::mem::take(&mut wire.sent)));
            let sent: Vec<(u64, Vec<u8>)> = sent.collect();
            (dialed, sent, closed)
        });
        for (number, server) in dialed {
            self.dial(id, number, server.address);
        }
        for (number, octets) in sent {
            self.send_there((id, number), Piece::Octets(octets));
        }
        for number in closed {
            self.send_there((id, number), Piece::End);
        }
    }
}
