//! What watches say, on its way to the processes: in order, each on a connection of its own.

use std::collections::VecDeque;
use std::time::Duration;

use idetcd::etcd::{ErrorKind, WatchReply};

use super::costs;
use super::network::{Direction, retry_after};
use super::process::{ProcessId, Waits};
use super::surroundings::Trouble;
use super::{Event, World};
use crate::model::{Time, WatchId, WatchOutput};

/// After so much silence of a link that is cut, the kernel gives a connection up: the time without
/// traffic after which it asks, and the time that it waits for answers.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(15);

/// How soon a stream goes on that was silent.
const MUTE_RETRY: Duration = Duration::from_secs(1);

/// The connection of a watch.
#[derive(Debug)]
pub struct Delivery {
    process: ProcessId,
    machine: usize,
    member: usize,
    /// What is on its way, with the time when it would arrive.
    queue: VecDeque<(Time, Item)>,
    /// Whether the head of it has a place on the agenda.
    is_moving: bool,
    /// How often the head was sent again.
    retries: u32,
}

impl Delivery {
    /// Who reads it.
    pub(super) fn process(&self) -> ProcessId {
        self.process
    }
}

#[derive(Clone, Debug)]
enum Item {
    Changes(WatchReply),
    End(Trouble),
}

impl World {
    /// A watch begins: its acknowledgement has arrived.
    pub(super) fn open(
        &mut self,
        watch: WatchId,
        process: ProcessId,
        machine: usize,
        member: usize,
    ) {
        let queue = VecDeque::new();
        let delivery = Delivery { process, machine, member, queue, is_moving: false, retries: 0 };
        self.deliveries.insert(watch, delivery);
        if let Some(process) = self.process_mut(process) {
            process.watches.push(watch);
        }
        self.drain(watch);
    }

    /// Sends what a watch has to say, or lets it wait for its turn.
    pub(super) fn drain(&mut self, watch: WatchId) {
        let Some(delivery) = self.deliveries.get(&watch) else { return };
        if !self.line_up_watch(delivery.member, watch) {
            while self.send_next(watch) {}
        }
    }

    /// Sends one message of a watch; `false`: there was none, or it was the last.
    pub(super) fn send_next(&mut self, watch: WatchId) -> bool {
        let Some(delivery) = self.deliveries.get(&watch) else { return false };
        let (machine, member) = (delivery.machine, delivery.member);
        let (item, leaves) = match self.etcd.next_reply(watch, self.now) {
            WatchOutput::Reply(reply) => {
                let leaves = self.message_leaves_at(member, costs::of_message(&reply));
                (Item::Changes(reply), leaves)
            }
            WatchOutput::Nothing => return false,
            WatchOutput::Compacted(first) => {
                (Item::End(Trouble::new(ErrorKind::Compacted(first), "")), self.now)
            }
            WatchOutput::Ended(text) => {
                (Item::End(Trouble::new(ErrorKind::WatchEnded, text)), self.now)
            }
        };
        let is_end = matches!(item, Item::End(_));
        let at = leaves + self.network.delay(machine, member);
        let Some(delivery) = self.deliveries.get_mut(&watch) else { return false };
        let at = delivery.queue.back().map_or(at, |(last, _)| at.max(*last));
        delivery.queue.push_back((at, item));
        if !delivery.is_moving {
            delivery.is_moving = true;
            self.at(at, Event::Deliver(watch));
        }
        !is_end
    }

    /// The next of what a watch says arrives, unless the way is cut.
    pub(super) fn deliver(&mut self, watch: WatchId) {
        let now = self.now;
        let Some(delivery) = self.deliveries.get_mut(&watch) else { return };
        let is_mute = self.network.is_mute(delivery.member);
        let is_open = self.network.is_open(delivery.machine, delivery.member, Direction::Back);
        if is_mute || !is_open || self.machines[delivery.machine].is_suspended {
            let mut pause = retry_after(delivery.retries);
            if let Some((_, Item::End(_))) = delivery.queue.front() {
                // Nobody is there any more to send it again, but the kernel asks, and is told.
                pause = pause.min(KEEP_ALIVE_IDLE);
            }
            if is_mute {
                pause = pause.min(MUTE_RETRY);
            }
            delivery.retries += 1;
            let process = delivery.process;
            self.checks.is_stuck(process, watch, true, now);
            return self.at(now + pause, Event::Deliver(watch));
        }
        if delivery.retries > 0 {
            delivery.retries = 0;
            self.checks.is_stuck(delivery.process, watch, false, now);
        }
        let Some((_, item)) = delivery.queue.pop_front() else { return };
        let next = delivery.queue.front().map(|(at, _)| *at);
        delivery.is_moving = next.is_some();
        let process = delivery.process;
        if let Some(at) = next {
            self.at(at, Event::Deliver(watch));
        }
        self.tally.changes += 1;
        self.receive(watch, process, item);
    }

    fn receive(&mut self, watch: WatchId, id: ProcessId, item: Item) {
        let Some(process) = self.process(id) else { return };
        let (node, waits) = (process.node, process.waits);
        self.trace.note(self.now, format_args!("n{node}"), || match &item {
            Item::Changes(reply) => {
                let events = reply.events.iter().map(|event| {
                    let key = String::from_utf8_lossy(&event.kv.key);
                    format!("{:?} {key} at {}", event.kind, event.kv.mod_revision)
                });
                format!("hears of {}", events.collect::<Vec<_>>().join(", "))
            }
            Item::End(trouble) => format!("its watch ends: {trouble:?}"),
        });
        let is_known = process.around.with(|inside| {
            let Some(stream) = inside.streams.get_mut(&watch) else { return false };
            match item {
                Item::Changes(reply) => stream.queue.push_back(reply),
                Item::End(trouble) => stream.end = Some(trouble),
            }
            true
        });
        if is_known && waits == Waits::Changes(watch) {
            self.wake(id);
        }
    }

    /// A link was cut: the kernel gives up what goes over it after some time.
    pub fn heed_cut(&mut self, machine: usize, member: usize) {
        let over_it =
            self.deliveries.iter().filter(|(_, d)| (d.machine, d.member) == (machine, member));
        let watches: Vec<WatchId> = over_it.map(|(watch, _)| *watch).collect();
        for watch in watches {
            let after = KEEP_ALIVE_WAIT + self.chance.between(Duration::ZERO, KEEP_ALIVE_IDLE);
            self.at(self.now + after, Event::Silent(watch));
        }
    }

    /// The connections of all watches of a process are broken at its end.
    pub(super) fn break_watches(&mut self, id: ProcessId) {
        let of_it = self.deliveries.iter().filter(|(_, delivery)| delivery.process == id);
        let watches: Vec<WatchId> = of_it.map(|(watch, _)| *watch).collect();
        for watch in watches {
            self.close(watch);
            let trouble = Trouble::new(ErrorKind::WatchEnded, "its address is gone");
            self.receive(watch, id, Item::End(trouble));
        }
    }

    /// A connection over a link that is cut for long is given up.
    pub(super) fn give_silent_up(&mut self, watch: WatchId) {
        let Some(delivery) = self.deliveries.get(&watch) else { return };
        let (machine, member, process) = (delivery.machine, delivery.member, delivery.process);
        let Some(since) = self.network.cut_since(machine, member) else { return };
        if self.machines[machine].is_suspended || self.now < since + KEEP_ALIVE_WAIT {
            return;
        }
        self.close(watch);
        let trouble = Trouble::new(ErrorKind::WatchEnded, "the connection timed out");
        self.receive(watch, process, Item::End(trouble));
    }
}
