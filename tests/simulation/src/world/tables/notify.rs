//! Who is told that a zone changed, and when: by the product's own timing. The word may be lost.

use std::net::Ipv4Addr;
use std::time::Duration;

use idetcd::server::secondaries::schedule::{Changes, Telling};
use idetcd::server::secondaries::{MOST_TRANSFERRED, SILENT, version_to_tell};

use super::TableEvent;
use crate::model::Time;
use crate::world::process::ProcessId;
use crate::world::{Event, World};

/// One who is told because it took the table.
#[derive(Debug)]
struct Client {
    process: ProcessId,
    /// Its address then, and that by which it knows this process.
    address: Ipv4Addr,
    own: Ipv4Addr,
    telling: Telling,
}

/// Whom a process tells.
#[derive(Debug)]
pub struct Notifying {
    changes: Changes,
    clients: Vec<Client>,
    /// The number of the latest entry in the agenda, and its time.
    number: u64,
    next: Option<Time>,
}

impl Notifying {
    pub(super) fn new(delay: Duration) -> Notifying {
        Notifying { changes: Changes::new(delay), clients: Vec::new(), number: 0, next: None }
    }

    /// Lets one be told who takes the table now; the one that did so longest ago gives way.
    pub(super) fn note_transfer(&mut self, process: ProcessId, address: Ipv4Addr, own: Ipv4Addr) {
        let known = self.clients.iter().position(|client| client.address == address);
        let telling = known.map(|at| self.clients.remove(at).telling).unwrap_or_default();
        if self.clients.len() >= MOST_TRANSFERRED {
            self.clients.remove(0);
        }
        self.clients.push(Client { process, address, own, telling });
    }
}

impl World {
    /// Tells of a change whom it is time to tell.
    pub(in crate::world) fn tell_of_changes(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else { return };
        let machine = self.nodes[process.node].spec.machine;
        let is_still = process.is_frozen || self.machines[machine].is_suspended;
        let notifying = &mut process.serving.notifying;
        if notifying.clients.is_empty() || is_still {
            return;
        }
        let clock = self.machines[machine].clock;
        let shown = clock.at(now);
        let version = process.around.with(|inside| version_to_tell(&inside.directory));
        if notifying.changes.is_due(version, shown) {
            notifying.clients.iter_mut().for_each(|client| client.telling.change(shown));
        }
        let mut told = Vec::new();
        for client in &mut notifying.clients {
            if client.telling.next().is_some_and(|at| at <= shown) {
                client.telling.sent(shown);
                told.push(client.process);
            }
        }
        notifying.clients.retain(|client| client.telling.unanswered() < SILENT);
        let tellings = notifying.clients.iter().filter_map(|client| client.telling.next());
        let next = tellings.chain(notifying.changes.next()).min().map(|at| clock.true_time(at));
        let is_new = next != notifying.next;
        notifying.next = next;
        notifying.number += u64::from(is_new);
        let number = notifying.number;
        if let Some(at) = next.filter(|_| is_new) {
            self.at(at, Event::Table(TableEvent::Tell(id, number)));
        }
        for client in told {
            self.tables.tally.notifies += 1;
            if let Some(delay) = self.datagram() {
                self.at(now + delay, Event::Table(TableEvent::Told(id, client)));
            }
        }
    }

    /// It may be time to tell somebody.
    pub(super) fn tell_if_latest(&mut self, id: ProcessId, number: u64) {
        let Some(process) = self.process_mut(id) else { return };
        let notifying = &mut process.serving.notifying;
        if notifying.number == number {
            notifying.next = None;
            self.tell_of_changes(id);
        }
    }

    /// How long a datagram takes; `None`: it is lost.
    fn datagram(&mut self) -> Option<Duration> {
        let is_lost = self.tables.chance.happens(self.tables.peers.lost_words);
        (!is_lost).then(|| self.tables.peers.delay())
    }

    /// The word of a change arrives.
    pub(super) fn hear_of_change(&mut self, from: ProcessId, to: ProcessId) {
        let Some((address, own)) = self.known_client(from, to) else { return };
        let Some(machine) = self.machine_of(from) else { return };
        let Some(process) = self.process(to) else { return };
        let its_machine = self.nodes[process.node].spec.machine;
        let is_here = self.machines[its_machine].address == address;
        if !is_here || !self.tables.peers.is_open(machine, its_machine) {
            return;
        }
        if self.stands_still(process) {
            // The kernel keeps it; the question that is asked after that is the same.
            return;
        }
        let zone = self.tables.zone.clone();
        let is_known = process.around.with(|inside| {
            inside.table.as_mut().is_some_and(|table| table.told(own.into(), &zone))
        });
        if is_known {
            self.turn_table(to);
            if let Some(delay) = self.datagram() {
                self.at(self.now + delay, Event::Table(TableEvent::Answered(from, to)));
            }
        } else {
            self.forget_client(from, to);
        }
    }

    /// The answer to that arrives.
    pub(super) fn hear_answer(&mut self, from: ProcessId, to: ProcessId) {
        let (Some(machine), Some(its)) = (self.machine_of(from), self.machine_of(to)) else {
            return;
        };
        if !self.tables.peers.is_open(its, machine) {
            return;
        }
        let shown = self.machines[machine].clock.at(self.now);
        let Some(process) = self.process_mut(from) else { return };
        let clients = &mut process.serving.notifying.clients;
        let client = clients.iter_mut().find(|client| client.process == to);
        if let Some(client) = client.filter(|client| client.telling.unanswered() > 0) {
            client.telling.answered(shown);
            self.tell_of_changes(from);
        }
    }

    fn known_client(&self, from: ProcessId, to: ProcessId) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let clients = &self.process(from)?.serving.notifying.clients;
        let client = clients.iter().find(|client| client.process == to)?;
        Some((client.address, client.own))
    }

    /// Who does not follow this process says that it does not want to be told.
    fn forget_client(&mut self, from: ProcessId, to: ProcessId) {
        if let Some(process) = self.process_mut(from) {
            process.serving.notifying.clients.retain(|client| client.process != to);
        }
    }

    pub(super) fn machine_of(&self, id: ProcessId) -> Option<usize> {
        self.process(id).map(|process| self.nodes[process.node].spec.machine)
    }
}
