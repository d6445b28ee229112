//! The world: true time, machines with clocks of their own, processes that run one at a time, the network,
//! and the model of etcd. The seed alone decides who runs, and when.

pub mod agenda;
pub mod baton;
mod calls;
pub mod chance;
pub mod client;
pub mod clock;
pub mod costs;
pub mod endpoint;
pub mod fiber;
pub mod host;
pub mod life;
pub mod look;
pub mod network;
mod nodes;
pub mod process;
mod program;
mod running;
pub mod scene;
pub mod servers;
mod streams;
pub mod surroundings;
pub mod tables;
pub mod trace;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use agenda::Agenda;
use calls::Call;
use chance::Chance;
use clock::Clock;
use network::Network;
use process::{Machine, Node, Process, ProcessId};
use scene::{ClientKind, Scene};
use servers::{Served, Servers};
use streams::Delivery;
use tables::{TableEvent, Tables};
use trace::Trace;

use crate::invariants::Checks;
use crate::model::{CallId, Model, Time, WatchId};

/// What happens at a time.
#[derive(Debug)]
enum Event {
    /// The time that a process waits until has come, in this of its turns.
    Wake(ProcessId, u64),
    /// A request arrives at its member.
    Arrive(u64),
    /// A reply arrives at its process.
    Return(u64),
    /// The next of what a watch has to say arrives.
    Deliver(WatchId),
    /// A connection was silent for as long as the kernel bears.
    Silent(WatchId),
    /// A member's core does what is next.
    Serve(usize),
    /// The program of a process is looked after.
    Program(ProcessId),
    /// A node is started, if it is to run and does not.
    Start(usize),
    /// Something of a table that one process takes from another.
    Table(TableEvent),
}

/// Counts of what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests to etcd.
    pub calls: u64,
    /// Turns of processes.
    pub turns: u64,
    /// Processes started.
    pub starts: u64,
    /// Messages of watches that arrived.
    pub changes: u64,
    /// Requests that were lost, late, or carried out twice, and replies that were lost or late.
    pub mishaps: u64,
}

/// The world.
pub struct World {
    /// True time since the beginning.
    pub now: Time,
    /// The model of etcd. After a change by hand, call [`World::heed_etcd`].
    pub etcd: Model,
    /// The network.
    pub network: Network,
    /// The machines.
    pub machines: Vec<Machine>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Those who judge.
    pub checks: Checks,
    /// What happened, in lines.
    pub trace: Trace,
    /// What happened, in numbers.
    pub tally: Tally,
    processes: Vec<Option<Process>>,
    agenda: Agenda<Event>,
    calls: BTreeMap<u64, Call>,
    call_count: u64,
    pending: BTreeMap<CallId, u64>,
    deliveries: BTreeMap<WatchId, Delivery>,
    service: Duration,
    servers: Option<Servers>,
    /// The tables that processes take from each other.
    pub tables: Tables,
    restart: Duration,
    client: ClientKind,
    chance: Chance,
}

impl World {
    /// A world of this scene, in which nothing runs yet.
    pub fn new(scene: Scene, seed: u64, checks: Checks, trace: Trace) -> World {
        let began = Instant::now();
        let machines: Vec<Machine> = (1..)
            .zip(&scene.machines)
            .map(|(number, ppm)| Machine {
                clock: Clock::new(began, *ppm),
                address: machine_address(number),
                is_suspended: false,
                boots: 0,
            })
            .collect();
        let (count, members) = (machines.len(), scene.members);
        let node = |spec: scene::NodeSpec| Node {
            given: machines.get(spec.machine).map_or(Ipv4Addr::LOCALHOST, |m| m.address),
            spec,
            is_wanted: false,
            process: None,
            starts: 0,
            last_slot: None,
            replaced: None,
        };
        let keyspace = checks.oracle().keyspace();
        let tables = Tables::new(keyspace, scene.latency, scene.has_costs, seed);
        World {
            now: Time::ZERO,
            etcd: Model::new(members, Chance::new(seed, 1).draw()),
            network: Network::new(count, members, scene.latency, Chance::new(seed, 2)),
            nodes: scene.nodes.into_iter().map(node).collect(),
            machines,
            checks,
            trace,
            tally: Tally::default(),
            processes: Vec::new(),
            agenda: Agenda::default(),
            calls: BTreeMap::new(),
            call_count: 0,
            pending: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            service: scene.service,
            tables,
            servers: scene.has_costs.then(|| Servers::new(members)),
            restart: scene.restart,
            client: scene.client,
            chance: Chance::new(seed, 3),
        }
    }

    /// Lets the world go on until a time, or until a judge has seen enough.
    pub fn run_until(&mut self, end: Time) {
        while self.checks.violation().is_none() {
            let of_etcd = self.etcd.next_event().unwrap_or(Time::MAX);
            let of_agenda = self.agenda.next().unwrap_or(Time::MAX);
            let next = of_etcd.min(of_agenda).min(end).max(self.now);
            self.now = next;
            if of_etcd <= next {
                self.etcd.advance(next);
                self.heed_etcd();
            } else if of_agenda <= next {
                let Some((_, event)) = self.agenda.take() else { return };
                self.happen(event);
            } else {
                return;
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(process, turn) => self.time_is_up(process, turn),
            Event::Arrive(call) => self.arrive(call),
            Event::Return(call) => self.come_back(call),
            Event::Deliver(watch) => self.deliver(watch),
            Event::Silent(watch) => self.give_silent_up(watch),
            Event::Serve(member) => self.serve(member),
            Event::Program(process) => self.look_after_program(process),
            Event::Start(node) => self.start_if_wanted(node),
            Event::Table(event) => self.table_happens(event),
        }
    }

    fn at(&mut self, time: Time, event: Event) {
        let tie = self.chance.draw() as u32;
        self.agenda.add(time.max(self.now), tie, event);
    }

    /// What members had to do so far, if that is counted.
    pub fn served(&self) -> Served {
        self.servers.as_ref().map(Servers::served).unwrap_or_default()
    }

    /// Hands on what etcd has to say since it changed, and lets the judges see it.
    pub fn heed_etcd(&mut self) {
        for (id, outcome) in self.etcd.take_answers() {
            if let Some(call) = self.pending.remove(&id) {
                self.answered(call, outcome);
            }
        }
        for watch in self.etcd.take_ready() {
            self.drain(watch);
        }
        self.checks.heed_etcd(self.now, &self.etcd);
    }

    /// Whether messages go both ways between a machine and a member now.
    pub fn is_connected(&self, machine: usize, member: usize) -> bool {
        use network::Direction::{Back, There};
        !self.machines[machine].is_suspended
            && [There, Back].iter().all(|way| self.network.is_open(machine, member, *way))
    }
}

/// The address of a machine, by its number from 1.
pub fn machine_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}
