//! Requests to members, and their replies: what becomes of them on the way.

use std::time::Duration;

use idetcd::etcd::ErrorKind;

use super::costs;
use super::network::{Direction, retry_after};
use super::process::{ProcessId, Waits};
use super::scene::NodeKind;
use super::surroundings::{Stream, Trouble};
use super::{Event, World};
use crate::model::{CallId, Outcome, Reply, Request, Time, WatchId};

/// How often a request is sent again for a process that gave it up: so does the kernel for a connection
/// that was closed.
const ORPHAN_RETRIES: u32 = 7;

/// How often anything is sent again.
const MOST_RETRIES: u32 = 15;

/// A request on its way there, at its member, or its reply on the way back.
#[derive(Debug)]
pub struct Call {
    /// Who waits for the reply, in which of its turns.
    process: ProcessId,
    turn: u64,
    node: usize,
    machine: usize,
    member: usize,
    request: Request,
    token: Option<String>,
    /// By how much more the reply is late; `None`: it is lost.
    reply_late: Option<Duration>,
    /// By how much later the request arrives once more.
    again: Option<Duration>,
    /// How often it was sent again.
    retries: u32,
    /// What it waits for at the member.
    pending: Option<CallId>,
    answer: Option<Result<Reply, Trouble>>,
}

impl Call {
    /// What is asked.
    pub(super) fn request(&self) -> &Request {
        &self.request
    }
}

impl World {
    /// Sends a request.
    pub(super) fn send(
        &mut self,
        id: ProcessId,
        member: usize,
        request: Request,
        token: Option<String>,
    ) {
        let Some(process) = self.process(id) else { return };
        let (node, turn) = (process.node, process.turn);
        let machine = self.nodes[node].spec.machine;
        let source = self.machines[machine].address;
        process.around.with(|inside| inside.source = source.into());
        self.tally.calls += 1;
        self.checks.called(id, self.now);
        if self.nodes[node].spec.kind != NodeKind::Plugin {
            self.checks.asked_with_lease(id, self.now, &request);
        }
        let fate = self.network.draw_fate();
        let is_plain = fate.request == Some(Duration::ZERO)
            && fate.reply == Some(Duration::ZERO)
            && fate.again.is_none();
        self.tally.mishaps += u64::from(!is_plain);
        self.trace.note(self.now, format_args!("n{node}"), || {
            let what = shown(&request);
            if is_plain {
                format!("asks m{member}: {what}")
            } else {
                format!("asks m{member}: {what} {fate:?}")
            }
        });
        let Some(late) = fate.request else { return };
        let arrives = self.now + late + self.network.delay(machine, member);
        let call = Call {
            process: id,
            turn,
            node,
            machine,
            member,
            request,
            token,
            reply_late: fate.reply,
            again: fate.again,
            retries: 0,
            pending: None,
            answer: None,
        };
        self.set_off(call, arrives);
    }

    fn set_off(&mut self, call: Call, arrives: Time) {
        self.call_count += 1;
        let number = self.call_count;
        self.calls.insert(number, call);
        self.at(arrives, Event::Arrive(number));
    }

    fn is_awaited(&self, call: &Call) -> bool {
        let is_it = |p: &super::Process| p.turn == call.turn && p.waits == Waits::Reply;
        self.process(call.process).is_some_and(is_it)
    }

    /// A request arrives at its member, unless the way is cut.
    pub(super) fn arrive(&mut self, number: u64) {
        let Some(mut call) = self.calls.remove(&number) else { return };
        let is_open = self.network.is_open(call.machine, call.member, Direction::There);
        if !is_open || self.machines[call.machine].is_suspended {
            let most = if self.is_awaited(&call) { MOST_RETRIES } else { ORPHAN_RETRIES };
            if call.retries < most {
                let at = self.now + retry_after(call.retries);
                call.retries += 1;
                self.calls.insert(number, call);
                self.at(at, Event::Arrive(number));
            }
            return;
        }
        if let Some(later) = call.again.take() {
            let again = Call {
                process: ProcessId::MAX,
                request: call.request.clone(),
                token: call.token.clone(),
                reply_late: None,
                answer: None,
                ..call
            };
            self.set_off(again, self.now + later);
        }
        let member = call.member;
        self.calls.insert(number, call);
        self.take_in(member, number);
    }

    /// A member carries a call out.
    pub(super) fn carry_out(&mut self, number: u64) {
        let Some(mut call) = self.calls.remove(&number) else { return };
        let (now, token) = (self.now, call.token.as_deref());
        let outcome = self.etcd.call_as(call.member, now, token, &call.request);
        let (node, member) = (call.node, call.member);
        if call.retries > 0 || !self.is_awaited(&call) {
            self.checks.arrived_late(now, &call.request);
            self.trace.note(now, format_args!("m{member}"), || {
                format!("gets late from n{node}: {}: {}", shown(&call.request), brief(&outcome))
            });
        }
        if self.nodes[node].spec.kind == NodeKind::Plugin
            && let Request::Txn(txn) = &call.request
        {
            self.checks.plugin_puts(call.process, txn, now);
        }
        if let Outcome::Pending(id) = outcome {
            call.pending = Some(id);
            self.pending.insert(id, number);
            self.calls.insert(number, call);
        } else {
            self.calls.insert(number, call);
            self.answered(number, outcome);
        }
        self.heed_etcd();
    }

    /// A member answers a call.
    pub(super) fn answered(&mut self, number: u64, outcome: Outcome) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.pending = None;
        call.retries = 0;
        let (machine, member) = (call.machine, call.member);
        let reply = if let Outcome::Reply(reply) = &outcome { Some(reply) } else { None };
        let cost = costs::of_call(&call.request, reply);
        call.answer = Some(match outcome {
            Outcome::Reply(reply) => Ok(reply),
            Outcome::Error(kind, text) => Err(Trouble { kind, text }),
            Outcome::Pending(_) => return,
        });
        let Some(late) = call.reply_late else {
            if let Some(call) = self.calls.remove(&number) {
                self.forget(&call);
            }
            return;
        };
        let leaves = self.leaves_at(member, number, cost);
        let at = leaves + late + self.network.delay(machine, member);
        self.at(at, Event::Return(number));
    }

    /// A reply arrives at its process, unless the way is cut.
    pub(super) fn come_back(&mut self, number: u64) {
        let Some(mut call) = self.calls.remove(&number) else { return };
        if !self.is_awaited(&call) {
            return self.forget(&call);
        }
        let is_open = self.network.is_open(call.machine, call.member, Direction::Back);
        if !is_open || self.machines[call.machine].is_suspended {
            if call.retries < MOST_RETRIES {
                let at = self.now + retry_after(call.retries);
                call.retries += 1;
                self.calls.insert(number, call);
                self.at(at, Event::Return(number));
            } else {
                self.forget(&call);
            }
            return;
        }
        let answer = call.answer.take();
        if let Some(Ok(Reply::Watch(watch))) = &answer {
            self.open(*watch, call.process, call.machine, call.member);
        }
        self.trace.note(self.now, format_args!("n{}", call.node), || match &answer {
            Some(Ok(reply)) => format!("m{} says {}", call.member, brief_reply(reply)),
            Some(Err(trouble)) => format!("m{} says {trouble:?}", call.member),
            None => String::new(),
        });
        if let Some(process) = self.process(call.process) {
            process.around.with(|inside| {
                if let Some(Ok(Reply::Watch(watch))) = &answer {
                    inside.streams.entry(*watch).or_insert_with(Stream::default);
                }
                inside.answer = answer;
            });
        }
        self.wake(call.process);
    }

    /// A reply that nobody waits for: a watch that it opened is closed.
    fn forget(&mut self, call: &Call) {
        if let Some(Ok(Reply::Watch(watch))) = &call.answer {
            self.close(*watch);
        }
    }

    /// The connection by which a process waits for a reply is broken at its end. What it asked for may be
    /// carried out all the same.
    pub(super) fn break_call(&mut self, id: ProcessId) {
        let Some(process) = self.process(id).filter(|it| it.waits == Waits::Reply) else { return };
        let trouble = Trouble::new(ErrorKind::CutOff, "its address is gone");
        process.around.with(|inside| inside.answer = Some(Err(trouble)));
        self.give_up_calls(id);
        self.wake(id);
    }

    /// A process waits no longer for what it asked: its connection is closed, if that can be told.
    pub(super) fn give_up_calls(&mut self, id: ProcessId) {
        let of_process = self.calls.iter().filter(|(_, call)| call.process == id);
        let pending =
            of_process.filter_map(|(_, call)| Some((call.machine, call.member, call.pending?)));
        let pending: Vec<(usize, usize, CallId)> = pending.collect();
        for (machine, member, call) in pending {
            if self.is_connected(machine, member) {
                self.etcd.give_up(call);
            }
        }
    }

    /// Closes a watch.
    pub(super) fn close(&mut self, watch: WatchId) {
        if let Some(delivery) = self.deliveries.remove(&watch) {
            self.checks.is_stuck(delivery.process(), watch, false, self.now);
        }
        self.etcd.close(watch);
    }
}

/// A request in a few words.
fn shown(request: &Request) -> String {
    match request {
        Request::Range(range) => {
            let key = String::from_utf8_lossy(&range.key).into_owned();
            let at =
                if range.revision > 0 { format!(" at {}", range.revision) } else { String::new() };
            let many = if range.range_end.is_some() { ".." } else { "" };
            format!("range {key}{many}{at}")
        }
        Request::Txn(txn) => {
            let op = |op: &idetcd::etcd::Op| match op {
                idetcd::etcd::Op::Range(_) => None,
                idetcd::etcd::Op::Put { key, lease, .. } => {
                    Some(format!("put {} on {lease}", String::from_utf8_lossy(key)))
                }
                idetcd::etcd::Op::Delete(key) => {
                    Some(format!("delete {}", String::from_utf8_lossy(key)))
                }
            };
            let compare: Vec<String> = txn.compare.iter().map(|c| format!("{:?}", c.to)).collect();
            let ops: Vec<String> = txn.success.iter().filter_map(op).collect();
            format!("txn if {} {}", compare.join(" "), ops.join(", "))
        }
        Request::Watch(ranges) => {
            let starts: Vec<String> = ranges.iter().map(|r| r.start_revision.to_string()).collect();
            format!("watch from {}", starts.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(reply) => brief_reply(reply),
        other => format!("{other:?}"),
    }
}

fn brief_reply(reply: &Reply) -> String {
    match reply {
        Reply::Range(range) => {
            format!("{} keys at revision {}", range.count, range.header.revision)
        }
        Reply::Txn(txn) => {
            let counts: Vec<String> = txn.ranges.iter().map(|r| r.count.to_string()).collect();
            let so = if txn.succeeded { "done" } else { "not so" };
            format!("{so}, at revision {}, ranges of {}", txn.header.revision, counts.join(", "))
        }
        other => format!("{other:?}"),
    }
}
