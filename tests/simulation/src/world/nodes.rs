//! Nodes: started, asked to stop, killed, frozen, and suspended with their machine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use idetcd::cluster::{Directory, Record, SlotId};
use idetcd::node::WhenFull;
use idetcd::server::table::TableLimits;

use super::baton::Course;
use super::chance::Chance;
use super::endpoint::Endpoint;
use super::fiber::Fiber;
use super::life::{PluginLife, SessionLife, Start};
use super::network::card;
use super::process::{Looks, Node, Process, ProcessId, Waits};
use super::program::{Part, Program};
use super::scene::{ClientKind, NodeKind, NodeSpec, Published};
use super::surroundings::Surroundings;
use super::tables::wires::SimDialer;
use super::tables::{Serving, TableStart, Turns};
use super::{Event, World};
use crate::gateway::life::GatewayLife;

/// The part of starts at which a disk is the copy of another node's.
const WRONG_DISK: f64 = 0.1;

/// The shortest time between two words of a change to one client (`--notify-delay`).
const NOTIFY_DELAY: Duration = Duration::from_millis(200);

/// The address that only this machine has, and only on its own network.
fn link_local(machine: usize) -> Ipv6Addr {
    let number = u16::try_from(machine + 1).unwrap_or(u16::MAX);
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number)
}

/// What a node of the plugin published that this one replaces, where that tells this machine, whose address this is, and
/// the port is this one's alone.
fn node_replaced(node: &Node, address: Ipv4Addr) -> Option<Record> {
    let is_its = |record: &Record| record.ipv4 == Some(address) && record.ipv6.is_some();
    node.replaced.filter(|record| node.spec.has_port && is_its(record))
}

impl World {
    /// Wants a node to run, from then on.
    pub fn start_after(&mut self, node: usize, pause: Duration) {
        self.nodes[node].is_wanted = true;
        self.at(self.now + pause, Event::Start(node));
    }

    /// Starts a node if it is to run and its port is free: that of a process that lives is not.
    pub(super) fn start_if_wanted(&mut self, node: usize) {
        let spec = &self.nodes[node].spec;
        if !self.nodes[node].is_wanted || self.nodes[node].process.is_some() {
            return;
        }
        if self.machines[spec.machine].is_suspended {
            return self.at(self.now + self.restart, Event::Start(node));
        }
        let id = self.processes.len();
        let process = self.spawn(node);
        self.processes.push(Some(process));
        self.nodes[node].process = Some(id);
        self.nodes[node].starts += 1;
        self.tally.starts += 1;
        let (now, address) = (self.now, self.published(node));
        self.trace.note(now, format_args!("n{node}"), || {
            format!("is started as process {id} with {address}")
        });
        let spec = &self.nodes[node].spec;
        let limit = (spec.kind != NodeKind::Plugin).then_some(spec.limit);
        let (lease_ttl, max_lag, timeout) = (spec.lease_ttl, spec.max_lag, spec.timeout);
        self.checks.started(id, node, self.record(node), limit, lease_ttl, now);
        self.checks.lags_at_most(id, max_lag, timeout);
        if spec.watchers > 0 {
            self.checks.may_take_table(id);
        }
        let boots = self.machines[spec.machine].boots;
        let mark = spec.node_id(boots).map(|id| format!("{id}:{}", spec.port));
        self.checks.is_known_by(id, mark);
        let replaced = node_replaced(&self.nodes[node], self.machines[spec.machine].address);
        self.checks.replaces(id, replaced);
        if let Some(job) = &spec.job {
            self.checks.takes_part(id, job.least);
        }
        self.wake(id);
    }

    /// The address that a node publishes, or would.
    pub fn published(&self, node: usize) -> Ipv4Addr {
        let Some(node) = self.nodes.get(node) else { return Ipv4Addr::UNSPECIFIED };
        match node.spec.published {
            Published::Given => node.given,
            Published::Found => self.machines[node.spec.machine].address,
        }
    }

    /// What it publishes.
    pub fn record(&self, node: usize) -> Record {
        let spec = self.nodes.get(node).map(|node| &node.spec);
        let is_plugin = |spec: &&NodeSpec| spec.kind == NodeKind::Plugin && spec.has_link_local;
        let ipv6 = spec.filter(is_plugin).map(|spec| link_local(spec.machine));
        Record { ipv4: Some(self.published(node)), ipv6, port: spec.map(|spec| spec.port) }
    }

    /// Kills a node of the plugin, and starts one of idetcd in its place.
    pub fn replace_plugin(&mut self, node: usize, pause: Duration) {
        let record = self.record(node);
        self.kill(node);
        let it = &mut self.nodes[node];
        it.replaced = Some(record);
        it.spec.kind = NodeKind::Idetcd(WhenFull::Wait, None);
        self.start_after(node, pause);
    }

    fn spawn(&mut self, number: usize) -> Process {
        let (address, seed) = (self.published(number), self.chance.draw());
        let record = self.record(number);
        let node = &self.nodes[number];
        let spec = node.spec.clone();
        let machine = &self.machines[spec.machine];
        let keyspace = spec.keyspace();
        let program = match spec.kind {
            NodeKind::Idetcd(_, Some(grace)) => {
                let takes = self.chance.between(Duration::ZERO, grace * 2);
                let mut of_job = Chance::new(seed, 41);
                let lasts = of_job.between(Duration::from_secs(1), Duration::from_secs(60));
                let part = spec.job.is_some().then(|| Part::new(lasts, of_job.happens(0.8)));
                Some(Program::new(grace, takes).taking(part))
            }
            _ => None,
        };
        let mut directory = Directory::new(keyspace.clone());
        if spec.watchers > 0 {
            directory.keep_journal();
        }
        let shown = machine.clock.at(self.now);
        let limits = TableLimits { max_lag: spec.max_lag, max_stale: spec.max_stale };
        let table = TableStart { limits, dialer: SimDialer::new(seed) };
        let network = card(machine.address.into(), link_local(spec.machine));
        let at = (machine.address.into(), network);
        let around = Surroundings::new(shown, at, directory, program, table);
        around.with(|inside| inside.has_port = spec.has_port);
        let members = spec.endpoints.iter().copied();
        let mut endpoints: Vec<Endpoint> = match spec.has_balancer {
            true => vec![Endpoint::of_balancer(members.collect(), Chance::new(seed, 40))],
            false => members.map(Endpoint::of_member).collect(),
        };
        endpoints.sort_by_cached_key(|_| self.chance.draw());
        let mut settings = spec.settings(keyspace, address, machine.boots);
        if spec.remembers {
            settings.remembered = node.last_slot.filter(|slot| slot.get() <= spec.limit);
            let mut of_disk = Chance::new(seed, 42);
            if of_disk.happens(WRONG_DISK) {
                // That of another node, of which this one is a copy.
                let any = of_disk.below(usize::try_from(spec.limit).unwrap_or(1)) + 1;
                settings.remembered = u32::try_from(any).ok().and_then(SlotId::new);
            }
        }
        let start = Start {
            around: around.clone(),
            settings,
            endpoints,
            timeout: spec.timeout,
            login: spec.login.clone(),
            seed,
            trace: self.trace.clone(),
        };
        let course: Box<dyn Course> = match spec.kind {
            NodeKind::Idetcd(..) if self.client == ClientKind::Gateway => {
                Box::new(Fiber::new(GatewayLife(start)))
            }
            NodeKind::Idetcd(..) => Box::new(Fiber::new(SessionLife(start))),
            NodeKind::Plugin => Box::new(Fiber::new(PluginLife { start, record })),
        };
        Process {
            node: number,
            around,
            course,
            waits: Waits::Time,
            turn: 0,
            is_frozen: false,
            is_due: false,
            watches: Vec::new(),
            runs_under: None,
            program_at: None,
            looks: Looks::default(),
            up_to_date_at: None,
            serving: Serving::new(NOTIFY_DELAY),
            table: Turns::default(),
        }
    }

    /// Asks a node to stop, and wants it no more. With a program, that is asked first.
    pub fn stop(&mut self, node: usize) {
        self.nodes[node].is_wanted = false;
        self.trace.note(self.now, format_args!("n{node}"), || "is asked to stop");
        let Some(id) = self.nodes[node].process else { return };
        let shown = self.machines[self.nodes[node].spec.machine].clock.at(self.now);
        let Some(process) = self.process(id) else { return };
        let waits_for_program = process.around.with(|inside| match &mut inside.program {
            Some(program) => {
                program.stop(shown);
                !program.is_over()
            }
            None => {
                inside.is_stopping = true;
                false
            }
        });
        self.heed_program(id);
        if !waits_for_program {
            self.checks.asked_to_stop(id, self.now);
            self.wake(id);
        }
    }

    /// Kills a node's process, and wants it no more (`kill -9`).
    pub fn kill(&mut self, node: usize) {
        self.kill_told(node, true);
    }

    /// The same; its peers may be told by its machine that it is no more.
    fn kill_told(&mut self, node: usize, is_told: bool) {
        self.nodes[node].is_wanted = false;
        let Some(id) = self.nodes[node].process else { return };
        self.trace.note(self.now, format_args!("n{node}"), || "is killed");
        let Some(process) = self.processes.get_mut(id).and_then(Option::take) else { return };
        self.checks.killed(id, self.now);
        self.bury(id, process, is_told);
    }

    /// What is left to do for a process that is no more: its connections are closed.
    pub(super) fn bury(&mut self, id: ProcessId, process: Process, is_told: bool) {
        self.nodes[process.node].process = None;
        // What is on its stack is dropped with it, and says so in what is around it.
        drop(process.course);
        for watch in process.watches {
            self.close(watch);
        }
        self.end_links(id, is_told);
    }

    /// Freezes a node's process, or lets it go on.
    pub fn set_frozen(&mut self, node: usize, is_frozen: bool) {
        let Some(id) = self.nodes[node].process else { return };
        self.trace.note(self.now, format_args!("n{node}"), || {
            if is_frozen { "is frozen" } else { "goes on" }
        });
        if let Some(process) = self.process_mut(id) {
            process.is_frozen = is_frozen;
        }
        self.after_standing_still(id);
    }

    /// Whether the process of a node is ready; each begins so.
    pub fn is_ready(&self, node: usize) -> bool {
        let process = self.nodes[node].process.and_then(|id| self.process(id));
        process.is_none_or(|process| process.around.with(|inside| inside.is_ready))
    }

    /// Lets it be ready, or not. The plugin knows nothing of that.
    pub fn set_ready(&mut self, node: usize, is_ready: bool) {
        let Some(id) = self.nodes[node].process else { return };
        if self.nodes[node].spec.kind == NodeKind::Plugin {
            return;
        }
        self.trace.note(self.now, format_args!("n{node}"), || {
            if is_ready { "is ready" } else { "is not ready" }
        });
        self.checks.is_ready(id, is_ready, self.now);
        let Some(process) = self.process(id) else { return };
        process.around.with(|inside| inside.is_ready = is_ready);
        self.end_wait(id, process.turn);
    }

    /// Suspends a machine, or resumes it.
    pub fn set_suspended(&mut self, machine: usize, is_suspended: bool) {
        self.trace.note(self.now, format_args!("h{machine}"), || {
            if is_suspended { "is suspended" } else { "is resumed" }
        });
        self.machines[machine].is_suspended = is_suspended;
        let on_it: Vec<ProcessId> = self
            .live()
            .filter(|(_, process)| self.nodes[process.node].spec.machine == machine)
            .map(|(id, _)| id)
            .collect();
        for id in on_it {
            self.after_standing_still(id);
        }
    }

    /// What could run now does what came meanwhile, its program first.
    fn after_standing_still(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.process(id) else { return };
        let (is_still, is_due) = (self.stands_still(process), process.is_due);
        self.checks.stands_still(id, is_still, now);
        if is_still {
            return;
        }
        self.look_after_program(id);
        if is_due {
            self.wake(id);
        }
        self.links_go_on(id);
    }

    /// A machine is without power: its nodes are killed, and it is started anew.
    pub fn cut_power(&mut self, machine: usize) {
        let nodes = 0..self.nodes.len();
        let on_it: Vec<usize> =
            nodes.filter(|node| self.nodes[*node].spec.machine == machine).collect();
        on_it.into_iter().for_each(|node| self.kill_told(node, false));
        self.machines[machine].boots += 1;
    }

    /// Gives a machine on which nothing runs another address, and its nodes as well.
    pub fn move_machine(&mut self, machine: usize, address: Ipv4Addr) {
        self.set_machine_address(machine, address, false);
        let on_it = self.nodes.iter_mut().filter(|node| node.spec.machine == machine);
        on_it.for_each(|node| node.given = address);
    }

    /// Gives a machine another address. Where nodes find theirs, they publish it from now on. The
    /// connections to etcd are broken if they were of the old one; else they go on.
    pub fn set_machine_address(&mut self, machine: usize, address: Ipv4Addr, breaks: bool) {
        self.trace.note(self.now, format_args!("h{machine}"), || format!("has address {address}"));
        self.machines[machine].address = address;
        let on_it: Vec<(ProcessId, usize)> = self
            .live()
            .filter(|(_, process)| self.nodes[process.node].spec.machine == machine)
            .map(|(id, process)| (id, process.node))
            .collect();
        let network = Arc::new(card(address.into(), link_local(machine)));
        for (id, node) in on_it {
            let record = self.record(node);
            self.checks.moved(id, record, breaks, self.now);
            if let Some(process) = self.process(id) {
                process.around.with(|inside| inside.network = network.clone());
                let turn = process.turn;
                if breaks {
                    self.break_call(id);
                    self.break_watches(id);
                }
                self.end_wait(id, turn);
            }
        }
    }

    /// Ends the wait of a process early, as its host's network changed; not that for a reply.
    pub(super) fn end_wait(&mut self, id: ProcessId, turn: u64) {
        let Some(process) = self.process(id).filter(|process| process.turn == turn) else { return };
        if process.waits != Waits::Reply && self.nodes[process.node].spec.kind != NodeKind::Plugin {
            self.wake(id);
        }
    }
}
