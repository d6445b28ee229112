//! What connections carry: each piece arrives in its order, and what is lost is sent again, as TCP does.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::TableEvent;
use super::link::{Link, LinkId, Piece, Way};
use super::wires::Over;
use crate::world::network::retry_after;
use crate::world::process::{Process, ProcessId};
use crate::world::scene::NodeKind;
use crate::world::{Event, World};

/// A server closes a connection on which nothing was asked or taken for so long.
const IDLE: Duration = Duration::from_secs(10);

/// How often something is sent again before it is given up, for the kernel bears no more.
const MOST_RETRIES: u32 = 10;

impl World {
    /// Something happens to a table.
    pub(in crate::world) fn table_happens(&mut self, event: TableEvent) {
        match event {
            TableEvent::Turn(id, number) => self.turn_if_latest(id, number),
            TableEvent::There(link) => self.arrive_there(link),
            TableEvent::Back(link) => self.arrive_back(link),
            TableEvent::Tell(id, number) => self.tell_if_latest(id, number),
            TableEvent::Told(from, to) => self.hear_of_change(from, to),
            TableEvent::Answered(from, to) => self.hear_answer(from, to),
        }
    }

    /// A process connects to where it was told that a server is.
    pub(super) fn dial(&mut self, client: ProcessId, number: u64, server: SocketAddr) {
        let (now, id) = (self.now, (client, number));
        let Some(machine) = self.machine_of(client) else { return };
        let address = self.machines[machine].address;
        let mut link = Link {
            machine,
            address,
            server,
            accepted: None,
            there: Way::default(),
            back: Way::default(),
            input: Vec::new(),
            transfer: None,
            active_at: now,
        };
        self.tables.tally.dialed += 1;
        let at = now + self.tables.peers.delay();
        link.there.send(at, Piece::Open);
        // What is asked leaves once the connection is there.
        link.there.begin_at(at + self.tables.peers.delay() * 2);
        self.tables.links.insert(id, link);
        self.at(at, Event::Table(TableEvent::There(id)));
    }

    /// A client sends something on a connection.
    pub(super) fn send_there(&mut self, id: LinkId, piece: Piece) {
        let at = self.now + self.tables.peers.delay();
        let Some(link) = self.tables.links.get_mut(&id) else { return };
        if let Some(at) = link.there.send(at, piece) {
            self.at(at, Event::Table(TableEvent::There(id)));
        }
    }

    fn send_back(&mut self, id: LinkId, piece: Piece) {
        let at = self.now + self.tables.peers.delay();
        let Some(link) = self.tables.links.get_mut(&id) else { return };
        if let Some(at) = link.back.send(at, piece) {
            self.at(at, Event::Table(TableEvent::Back(id)));
        }
    }

    /// The process that listens at an address now, and its machine: the one that was started last.
    fn listener(&self, server: SocketAddr) -> (Option<ProcessId>, Option<usize>) {
        let IpAddr::V4(ip) = server.ip() else { return (None, None) };
        let (mut found, mut machine) = (None, None);
        for (number, node) in self.nodes.iter().enumerate() {
            if self.published(number) != ip {
                continue;
            }
            machine = machine.or(Some(node.spec.machine));
            if node.spec.port == server.port() && node.process.is_some() && node.process > found {
                found = node.process;
                machine = Some(node.spec.machine);
            }
        }
        (found, machine)
    }

    /// Whether what leads to an address still leads to a process.
    fn is_at(&self, id: ProcessId, server: SocketAddr) -> Option<&Process> {
        let process = self.process(id)?;
        (IpAddr::V4(self.published(process.node)) == server.ip()).then_some(process)
    }

    /// What is first on its way to the server arrives, unless the way is cut.
    fn arrive_there(&mut self, id: LinkId) {
        let Some(link) = self.tables.links.get(&id) else { return };
        let (server, from) = (link.server, link.machine);
        let accepted = link.accepted.filter(|accepted| self.is_at(*accepted, server).is_some());
        let (listener, machine) = match accepted {
            Some(accepted) => (Some(accepted), self.machine_of(accepted)),
            None => self.listener(server),
        };
        let is_up = machine.is_some_and(|to| {
            !self.machines[to].is_suspended && self.tables.peers.is_open(from, to)
        });
        if !is_up {
            return self.send_again(id, true);
        }
        let Some(link) = self.tables.links.get_mut(&id) else { return };
        let piece = link.there.take();
        let next = link.there.next();
        match piece {
            Some(Piece::Open) => {
                let speaks = |id: &ProcessId| {
                    let node = self.process(*id).map(|process| process.node);
                    node.is_some_and(|node| self.nodes[node].spec.kind != NodeKind::Plugin)
                };
                match listener.filter(speaks) {
                    Some(server) => self.accept(id, server),
                    None => self.send_back(id, Piece::Refused),
                }
            }
            Some(Piece::Octets(octets)) => match accepted {
                Some(_) => {
                    link.input.extend_from_slice(&octets);
                    self.serve_link(id);
                }
                None => self.send_back(id, Piece::Reset),
            },
            Some(Piece::End | Piece::Reset | Piece::Refused) => return self.forget_link(id),
            None => {}
        }
        if let Some(at) = next {
            self.at(at, Event::Table(TableEvent::There(id)));
        }
    }

    fn accept(&mut self, id: LinkId, server: ProcessId) {
        if let Some(link) = self.tables.links.get_mut(&id) {
            link.accepted = Some(server);
            self.tables.served.entry(server).or_default().insert(id);
        }
    }

    /// The first piece of a way is lost, and sent again later.
    fn send_again(&mut self, id: LinkId, is_there: bool) {
        let now = self.now;
        let Some(link) = self.tables.links.get_mut(&id) else { return };
        let way = if is_there { &mut link.there } else { &mut link.back };
        let retries = way.retry();
        if retries >= MOST_RETRIES {
            return way.clear();
        }
        let event = if is_there { TableEvent::There(id) } else { TableEvent::Back(id) };
        self.at(now + retry_after(retries), Event::Table(event));
    }

    /// What is first on its way to the client arrives, unless the way is cut.
    fn arrive_back(&mut self, id: LinkId) {
        let (client, number) = id;
        let Some(link) = self.tables.links.get(&id) else { return };
        let (to, address) = (link.machine, link.address);
        let Some(process) = self.process(client) else { return self.forget_link(id) };
        let from = link.accepted.and_then(|server| self.machine_of(server));
        let from = from.or_else(|| self.listener(link.server).1);
        let is_open = from.is_none_or(|from| self.tables.peers.is_open(from, to));
        if !is_open || self.machines[to].is_suspended || self.machines[to].address != address {
            return self.send_again(id, false);
        }
        let around = process.around.clone();
        let Some(link) = self.tables.links.get_mut(&id) else { return };
        let piece = link.back.take();
        let next = link.back.next();
        link.active_at = self.now;
        around.with(|inside| {
            let mut wires = inside.table_start.dialer.wires();
            let Some(wire) = wires.open.get_mut(&number) else { return };
            match piece {
                Some(Piece::Octets(mut octets)) => wire.came.append(&mut octets),
                Some(Piece::End) => wire.over = Some(Over::Ended),
                Some(Piece::Reset) => wire.over = Some(Over::Reset),
                Some(Piece::Refused) => wire.over = Some(Over::Refused),
                Some(Piece::Open) | None => {}
            }
        });
        if let Some(at) = next {
            self.at(at, Event::Table(TableEvent::Back(id)));
        }
        self.turn_table(client);
        self.serve_link(id);
    }

    /// A connection is no more.
    pub(super) fn forget_link(&mut self, id: LinkId) {
        let Some(link) = self.tables.links.remove(&id) else { return };
        let Some(server) = link.accepted else { return };
        self.tables.end_transfer(id, server);
        if let Some(served) = self.tables.served.get_mut(&server) {
            served.remove(&id);
        }
    }

    /// What is left of the connections of a process that is no more. Its machine says so to its peers, unless that
    /// is without power.
    pub(in crate::world) fn end_links(&mut self, id: ProcessId, is_told: bool) {
        let own = self.tables.links.range((id, 0)..=(id, u64::MAX)).map(|(link, _)| *link);
        let own: Vec<LinkId> = own.collect();
        for link in own {
            match is_told {
                true => self.send_there(link, Piece::End),
                false => self.forget_link(link),
            }
        }
        self.tables.begun.remove(&id);
        for link in self.tables.served.remove(&id).unwrap_or_default() {
            if let Some(ended) = self.tables.links.get_mut(&link) {
                (ended.accepted, ended.transfer) = (None, None);
                ended.input.clear();
                if is_told {
                    self.send_back(link, Piece::Reset);
                } else {
                    ended.back.clear();
                }
            }
        }
    }

    /// A process goes on after it stood still: what waited for it is done.
    pub(in crate::world) fn links_go_on(&mut self, id: ProcessId) {
        let now = self.now;
        // Its servers did not wait for ever.
        let own = self.tables.links.range((id, 0)..=(id, u64::MAX));
        let idle = own.filter(|(_, link)| link.active_at + IDLE < now).map(|(link, _)| *link);
        let idle: Vec<LinkId> = idle.collect();
        for link in idle {
            self.send_back(link, Piece::End);
        }
        let Some(process) = self.process_mut(id) else { return };
        let due = std::mem::take(&mut process.serving.due);
        let is_due = std::mem::take(&mut process.table.is_due);
        due.into_iter().for_each(|link| self.serve_link(link));
        if is_due {
            self.turn_table(id);
        }
        self.tell_of_changes(id);
    }
}
