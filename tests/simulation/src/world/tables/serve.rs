//! The serving side: the product's responder, and its transfers of the process's own directory.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use idetcd::dns::framing::{PREFIX, first_message, push_message};
use idetcd::dns::transfer::{TransferStep, Views};
use idetcd::dns::wire::ExtendedError;
use idetcd::dns::{Asker, Counters, Transport, Verdict};

use super::link::{Link, LinkId, Piece};
use super::notify::Notifying;
use super::{TableEvent, Tables};
use crate::model::Time;
use crate::world::process::ProcessId;
use crate::world::{Event, World};

/// Transfers at a time of one process, and octets that wait for one client, as the product has them.
const MOST_TRANSFERS: usize = 512;
const MOST_UNREAD: usize = 128 * 1024;

/// The longest query that is read, as the product has it.
const LONGEST_QUERY: usize = 4096;

/// What a process takes for a request, and it and its client for each octet of a transfer, as measured: a transfer
/// of 100,000 names takes 0.035 s of the one and 0.05 s of the other.
const REQUEST: Duration = Duration::from_micros(40);
const WRITE_PICOSECONDS: u64 = 4_500;
const READ_PICOSECONDS: u64 = 6_500;

/// Seconds since 1970: only what is signed is about them.
pub(super) const UNIX_TIME: u64 = 1_700_000_000;

/// What a process has for those who take its table.
#[derive(Debug)]
pub struct Serving {
    pub(super) views: Views,
    /// Until when its core has something to do for them.
    busy_until: Time,
    /// Those that wait for it to go on.
    pub(super) due: Vec<LinkId>,
    pub(super) notifying: Notifying,
}

impl Serving {
    /// One that tells clients of changes so often at most.
    pub fn new(notify_delay: Duration) -> Serving {
        let (views, notifying) = (Views::default(), Notifying::new(notify_delay));
        Serving { views, busy_until: Time::ZERO, due: Vec::new(), notifying }
    }
}

fn picoseconds(each: u64, octets: usize) -> Duration {
    Duration::from_nanos(each * octets as u64 / 1000)
}

impl Tables {
    pub(super) fn end_transfer(&mut self, id: LinkId, server: ProcessId) {
        if let Some(begun) = self.begun.get_mut(&server) {
            begun.remove(&id);
        }
    }

    fn count_transfers(&self, server: ProcessId) -> usize {
        self.begun.get(&server).map_or(0, BTreeSet::len)
    }
}

impl World {
    /// Lets a server answer on a connection, as far as its client reads.
    pub(super) fn serve_link(&mut self, id: LinkId) {
        let Some(mut link) = self.tables.links.remove(&id) else { return };
        if let Some(server) = link.accepted {
            let unread = self.unread(id);
            // It is not one of the others that are under way.
            self.tables.end_transfer(id, server);
            self.answer_on(id, &mut link, server, unread);
            if link.transfer.is_some() {
                self.tables.begun.entry(server).or_default().insert(id);
            }
        }
        self.tables.links.insert(id, link);
    }

    /// The octets that a client has in its kernel.
    fn unread(&self, (client, number): LinkId) -> usize {
        let wire = |process: &crate::world::Process| {
            process.around.with(|inside| {
                let wires = inside.table_start.dialer.wires();
                Some(wires.open.get(&number)?.came.len())
            })
        };
        self.process(client).and_then(wire).unwrap_or(0)
    }

    fn answer_on(&mut self, id: LinkId, link: &mut Link, server: ProcessId, unread: usize) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(server).and_then(Option::as_mut) else { return };
        let machine = self.nodes[process.node].spec.machine;
        let is_still = process.is_frozen || self.machines[machine].is_suspended;
        if is_still {
            process.serving.due.push(id);
            return;
        }
        let shown = self.machines[machine].clock.at(now);
        let asker = Asker::new(IpAddr::V4(link.address), Transport::Tcp, UNIX_TIME);
        let responder = self.tables.responder.clone();
        let mut messages: Vec<(Vec<u8>, bool)> = Vec::new();
        let (mut taken, mut written) = (0, unread + link.back.octets());
        let mut has_begun = false;
        while written < MOST_UNREAD {
            if let Some(transfer) = &mut link.transfer {
                let mut message = Vec::new();
                let step = transfer.step(&responder, UNIX_TIME, &mut message);
                if step == TransferStep::Last {
                    link.transfer = None;
                }
                if step != TransferStep::Nothing {
                    written += message.len() + PREFIX;
                    messages.push((message, true));
                }
                continue;
            }
            let rest = link.input.get(taken..).unwrap_or_default();
            let Ok(Some(query)) = first_message(rest, LONGEST_QUERY) else { break };
            taken += PREFIX + query.len();
            link.active_at = now;
            let mut reply = Vec::new();
            let under_way = self.tables.count_transfers(server);
            let Serving { views, .. } = &mut process.serving;
            let verdict = process.around.with(|inside| {
                let (directory, counters) = (&inside.directory, Counters::default());
                let verdict = responder.answer(query, asker, directory, &counters, &mut reply);
                if verdict != Verdict::Transfer {
                    return verdict;
                }
                let may_begin = under_way < MOST_TRANSFERS;
                let begun = may_begin
                    .then(|| responder.transfer_shared(query, asker, directory, views, shown));
                link.transfer = begun.flatten();
                if link.transfer.is_some() {
                    return verdict;
                }
                responder.fail(query, ExtendedError::NotReady, asker, directory, &mut reply)
            });
            match verdict {
                Verdict::Reply(_) => messages.push((reply, false)),
                Verdict::Transfer => {
                    has_begun = true;
                    self.tables.tally.transfers += 1;
                    process.serving.busy_until = process.serving.busy_until.max(now) + REQUEST;
                }
                Verdict::Forward | Verdict::Silent => {}
            }
        }
        link.input.drain(..taken);
        if has_begun && let IpAddr::V4(own) = link.server.ip() {
            process.serving.notifying.note_transfer(id.0, link.address, own);
        }
        for (message, is_transfer) in messages {
            self.send_message(id, link, server, &message, is_transfer);
        }
    }

    fn send_message(
        &mut self,
        id: LinkId,
        link: &mut Link,
        server: ProcessId,
        message: &[u8],
        is_transfer: bool,
    ) {
        let mut octets = Vec::with_capacity(message.len() + PREFIX);
        push_message(message, &mut octets);
        let Some(process) = self.processes.get_mut(server).and_then(Option::as_mut) else { return };
        let machine = self.nodes[process.node].spec.machine;
        let (mut leaves, mut read) = (self.now, Duration::ZERO);
        if is_transfer {
            self.tables.tally.messages += 1;
            self.tables.tally.octets += octets.len() as u64;
        }
        if self.tables.has_costs {
            let busy = &mut process.serving.busy_until;
            *busy = (*busy).max(self.now) + picoseconds(WRITE_PICOSECONDS, octets.len());
            (leaves, read) = (*busy, picoseconds(READ_PICOSECONDS, octets.len()));
        }
        for (part, pause) in self.tables.peers.slices(machine, octets.len()) {
            let rest = octets.split_off(part.min(octets.len()));
            let piece = Piece::Octets(std::mem::replace(&mut octets, rest));
            leaves += pause;
            let at = leaves + read + self.tables.peers.delay();
            if let Some(at) = link.back.send(at, piece) {
                self.at(at, Event::Table(TableEvent::Back(id)));
            }
        }
    }
}
