//! Who runs: a process goes on until it waits, and is woken by what it waits for.

use super::baton::{End, Step, Wait};
use super::process::{Looks, Process, ProcessId, Waits};
use super::program::Program;
use super::{Event, World};
use crate::invariants::{Invariant, Told};

/// How often, of a hundred times, a process that only gives others a turn loses some time by it.
const LINGERS: f64 = 0.02;

impl World {
    /// A process, if it lives.
    pub fn process(&self, id: ProcessId) -> Option<&Process> {
        self.processes.get(id)?.as_ref()
    }

    pub(super) fn process_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.processes.get_mut(id)?.as_mut()
    }

    /// The processes that live.
    pub fn live(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.nodes.iter().filter_map(|node| Some((node.process?, self.process(node.process?)?)))
    }

    /// Whether a process cannot run, frozen by itself or with its machine.
    pub fn stands_still(&self, process: &Process) -> bool {
        process.is_frozen || self.machines[self.nodes[process.node].spec.machine].is_suspended
    }

    /// The time that it waits until has come.
    pub(super) fn time_is_up(&mut self, id: ProcessId, turn: u64) {
        let Some(process) = self.process(id).filter(|process| process.turn == turn) else { return };
        if process.waits == Waits::Reply {
            self.give_up_calls(id);
        }
        self.wake(id);
    }

    /// Lets a process run on because something came that it waits for.
    pub(super) fn wake(&mut self, id: ProcessId) {
        let Some(process) = self.process(id) else { return };
        let is_still = self.stands_still(process);
        if let Some(process) = self.process_mut(id).filter(|_| is_still) {
            process.is_due = true;
        } else {
            self.go_on(id);
        }
    }

    pub(super) fn go_on(&mut self, id: ProcessId) {
        loop {
            let now = self.now;
            let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else { return };
            let machine = self.nodes[process.node].spec.machine;
            let shown = self.machines[machine].clock.at(now);
            process.around.with(|inside| inside.now = shown);
            if process.waits == Waits::Reply {
                self.checks.call_is_over(id, now);
            }
            process.is_due = false;
            process.turn += 1;
            self.tally.turns += 1;
            let node = process.node;
            self.trace.set_who(now, || format!("n{node}"));
            let step = process.course.go_on();
            let is_between = matches!(step, Step::Waits(Wait::Changes { .. }));
            self.look_at(id, is_between);
            self.heed_table(id);
            match step {
                Step::Waits(wait) => {
                    if !self.begin(id, wait) {
                        return;
                    }
                }
                Step::Ended(end) => return self.ended(id, end),
            }
        }
    }

    /// Begins a wait; `true`: it is over already.
    fn begin(&mut self, id: ProcessId, wait: Wait) -> bool {
        let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else {
            return false;
        };
        let clock = self.machines[self.nodes[process.node].spec.machine].clock;
        let shown = clock.at(self.now);
        let is_hurried = process.around.is_hurried();
        let (deadline, turn) = match &wait {
            Wait::Until(at) => {
                process.waits = Waits::Time;
                (*at, process.turn)
            }
            Wait::Reply { deadline, .. } => {
                process.waits = Waits::Reply;
                (*deadline, process.turn)
            }
            Wait::Changes { watch, deadline } => {
                process.waits = Waits::Changes(*watch);
                (*deadline, process.turn)
            }
        };
        if let Wait::Reply { member, request, token, .. } = wait {
            // Who was asked to stop may have sent it all the same.
            if !is_hurried || self.chance.happens(0.5) {
                self.send(id, member, request, token);
            }
        }
        if is_hurried {
            return true;
        }
        if deadline <= shown {
            if !self.chance.happens(LINGERS) {
                return true;
            }
            let most = self.service;
            let lost = self.chance.between(most / 4, most);
            self.at(self.now + lost, Event::Wake(id, turn));
            return false;
        }
        self.at(clock.true_time(deadline), Event::Wake(id, turn));
        false
    }

    /// Looks at what a process left when it stopped running.
    pub(super) fn look_at(&mut self, id: ProcessId, is_between: bool) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else { return };
        let clock = self.machines[self.nodes[process.node].spec.machine].clock;
        let (told, closed) = process
            .around
            .with(|inside| (std::mem::take(&mut inside.told), std::mem::take(&mut inside.closed)));
        for owned in told {
            if let Some(owned) = &owned {
                self.nodes[process.node].last_slot = Some(owned.slot);
            }
            let told = owned.map(|owned| Told {
                slot: owned.slot,
                token: super::host::token(&owned),
                record: owned.record,
                valid_until: clock.true_time(owned.valid_until),
            });
            if self.checks.told(id, now, told) {
                let who = format!("n{}", process.node);
                self.trace.note(now, &who, || match told {
                    Some(told) => format!(
                        "owns {} with token {} until {:.6}",
                        told.slot,
                        told.token,
                        told.valid_until.as_secs_f64()
                    ),
                    None => "owns no name".to_owned(),
                });
            }
        }
        process.watches.retain(|watch| !closed.contains(watch));
        let is_changed = process.around.with(|inside| {
            let directory = &inside.directory;
            let looks = Looks::of(directory, inside.full_syncs);
            let is_changed = looks != process.looks;
            if is_changed {
                if process.looks.is_synced() {
                    self.checks.is_synced(id, now);
                }
                process.looks = looks;
                self.checks.serial(id, now, directory);
                if let Some(at) = directory.proven_at() {
                    self.checks.proof(id, now, directory, clock.true_time(at));
                }
                let is_strict = is_between && !inside.is_mid_reply;
                if self.checks.judges(Invariant::Directory) {
                    self.checks.directory(id, now, directory, is_strict);
                }
            }
            is_changed
        });
        for watch in closed {
            self.close(watch);
        }
        if is_changed {
            self.tell_of_changes(id);
        }
        self.heed_program(id);
    }

    /// Looks what became of the program of a process, and when to look again.
    pub(super) fn heed_program(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(id).and_then(Option::as_mut) else { return };
        let clock = self.machines[self.nodes[process.node].spec.machine].clock;
        let seen = process.around.with(|inside| {
            let program = inside.program.as_ref()?;
            if program.is_over() {
                inside.is_stopping = true;
            }
            Some((program.runs_under(), program.next(), program.runs_by(), inside.is_stopping))
        });
        let Some((runs_under, next, runs_by, is_stopping)) = seen else { return };
        if is_stopping {
            self.checks.asked_to_stop(id, now);
        }
        self.checks.runs_by(id, now, runs_by);
        if runs_under != process.runs_under {
            process.runs_under = runs_under;
            self.checks.program(id, now, runs_under);
            let node = process.node;
            self.trace.note(now, format_args!("n{node}"), || match runs_under {
                Some(slot) => format!("its program runs under {slot}"),
                None => "its program is gone".to_owned(),
            });
        }
        let next = next.map(|at| clock.true_time(at));
        if next != process.program_at {
            process.program_at = next;
            if let Some(at) = next {
                self.at(at, Event::Program(id));
            }
        }
    }

    /// Does what is due of the program of a process.
    pub(super) fn look_after_program(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.process(id) else { return };
        if self.stands_still(process) {
            return;
        }
        let shown = self.machines[self.nodes[process.node].spec.machine].clock.at(now);
        let was_stopping = process.around.with(|inside| {
            if let Some(program) = &mut inside.program {
                program.run(shown);
            }
            inside.is_stopping
        });
        self.heed_program(id);
        let is_over =
            |p: &Process| p.around.with(|i| i.program.as_ref().is_some_and(Program::is_over));
        if !was_stopping && self.process(id).is_some_and(is_over) {
            self.wake(id);
        }
    }

    /// A process ended by itself.
    fn ended(&mut self, id: ProcessId, end: End) {
        let Some(process) = self.processes.get_mut(id).and_then(Option::take) else { return };
        let node = process.node;
        self.trace
            .note(self.now, format_args!("n{node}"), || format!("its process ended: {end:?}"));
        self.checks.ended(id, self.now, end, &self.etcd);
        self.bury(id, process, true);
        if self.nodes[node].is_wanted {
            let pause = self.chance.between(self.restart / 2, self.restart);
            self.at(self.now + pause, Event::Start(node));
        }
    }
}
