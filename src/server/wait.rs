//! The one sleep: what it waits for, and what is done with what it finds.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::Client;
use super::ready_file::ReadyFile;
use super::secondaries::Secondaries;
use super::service::Service;
use super::table::TableFollower;
use super::timers::View;
use super::udp::DATAGRAMS_PER_TURN;
use super::{Interest, Server, Wake};
use crate::clock;

/// How much longer than it was to be a sleep is where this process stood still.
const STANDSTILL: Duration = Duration::from_secs(1);

impl Server {
    /// The one sleep. Answers queries until `descriptor` is ready for its interest, `deadline`
    /// passed, or the process is asked to stop.
    ///
    /// # Errors
    /// When `poll(2)` fails, for want of memory for instance.
    pub fn wait(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
    ) -> io::Result<Wake> {
        loop {
            if let Some(wake) = self.wait_or_change(descriptor, deadline)? {
                return Ok(wake);
            }
        }
    }

    /// The same, but a change of this host's network ends the sleep as well: `None`.
    ///
    /// # Errors
    /// Those of [`Server::wait`].
    pub fn wait_in_network(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Wake>> {
        let network = self.network().clone();
        loop {
            let wake = self.wait_or_change(descriptor, deadline)?;
            if wake.is_some() || !Arc::ptr_eq(&network, self.network()) {
                return Ok(wake);
            }
        }
    }

    /// The same, but a change of this host's network ends the sleep as well, and one of whether this node is
    /// ready: `None`.
    ///
    /// # Errors
    /// Those of [`Server::wait`].
    pub fn wait_or_change(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Wake>> {
        // Read once for each wake-up, for every query pays for it.
        let mut now = clock::now();
        loop {
            if self.is_stopping() && !self.releasing {
                return Ok(Some(Wake::Stopping));
            }
            if self.network.next().is_some_and(|at| at <= now) {
                if self.follow_network(now) {
                    return Ok(None);
                }
                now = clock::now();
            }
            if let Some(file) = &mut self.ready_file
                && file.next().is_some_and(|at| at <= now)
                && file.look(now)
            {
                return Ok(None);
            }
            self.tell_secondaries(now);
            let is_ready = self.poll_once(descriptor, deadline, now)?;
            now = clock::now();
            self.heed_standstill(now);
            self.service.now = clock::unix_time();
            self.service.directory.account.now = Some(now);
            self.look_at_hosts(now);
            let woken = self.answer_ready(now);
            self.forward_back(now);
            self.serve_http(now);
            let table = self.follow_table(now);
            if woken {
                self.network.take_events(now);
                if self.signals.take_report_request() {
                    self.log_state();
                }
            }
            if self.run_timers(woken || table.is_directory_changed, now) {
                now = clock::now();
            }
            if table.is_state_changed {
                return Ok(None);
            }
            if woken
                && let Some(file) = &mut self.ready_file
                && file.take_events(now)
            {
                return Ok(None);
            }
            if is_ready {
                return Ok(Some(Wake::Ready));
            }
            if deadline.is_some_and(|at| at <= now) {
                return Ok(Some(Wake::TimedOut));
            }
        }
    }

    /// What waited while this process stood still, or the machine, is answered before anything else is done: it says that
    /// nobody has looked at etcd meanwhile.
    fn heed_standstill(&mut self, now: Instant) {
        if now < self.wakes_at + STANDSTILL {
            return;
        }
        let directory = &mut self.service.directory;
        if let Some(at) = directory.proven_at() {
            directory.mark(self.table_limits.freshness(at, now));
        }
    }

    /// Answers what the last poll found; says whether something else ended the sleep.
    fn answer_ready(&mut self, now: Instant) -> bool {
        let Some((&woken, sockets)) = self.ready.split_first() else { return false };
        let (datagrams, streams) = sockets.split_at(self.listeners.len().min(sockets.len()));
        let service = &mut self.service;
        for (listener, _) in self.listeners.iter_mut().zip(datagrams).filter(|(_, r)| **r) {
            listener.answer_batch(service, DATAGRAMS_PER_TURN);
        }
        if self.connections.len() == 0 && !streams.contains(&true) {
            return woken;
        }
        let (arrivals, open) = streams.split_at(self.acceptors.len().min(streams.len()));
        self.connections.serve(open, now, service, &mut self.listeners);
        for (acceptor, _) in self.acceptors.iter().zip(arrivals).filter(|(_, ready)| **ready) {
            self.connections.accept(acceptor, now);
        }
        woken
    }

    /// Sends clients the replies to their queries that were forwarded.
    fn forward_back(&mut self, now: Instant) {
        let Some(forwarder) = &mut self.service.forwarder else { return };
        // Its descriptor is the last one that was polled.
        let is_ready = self.ready.last() == Some(&true);
        if !is_ready && forwarder.next_deadline(now).is_none_or(|at| at > now) {
            return;
        }
        for finished in forwarder.progress(now) {
            for (client, reply) in self.service.conclude(finished) {
                match client {
                    Client::Stream { .. } => self.connections.deliver(client, &reply),
                    Client::Datagram { listener, address } => {
                        let from = self.listeners.iter().find(|from| from.address == listener);
                        if let Some(from) = from {
                            from.send(&reply, address);
                        }
                    }
                }
            }
        }
    }

    /// Answers those who ask by HTTP.
    fn serve_http(&mut self, now: Instant) {
        let Some(http) = &mut self.http else { return };
        // Its descriptor was polled last, but for those of the table and of the forwarder.
        let Service { directory, counters, table, forwarder, .. } = &self.service;
        let from_end = 1 + usize::from(table.is_some()) + usize::from(forwarder.is_some());
        let place = self.ready.len().checked_sub(from_end);
        let is_ready = place.is_some_and(|at| self.ready.get(at) == Some(&true));
        if is_ready || http.next_deadline(now).is_some_and(|at| at <= now) {
            let table = table.as_ref().and_then(TableFollower::followed);
            let network = self.network.current();
            http.progress(now, View { directory, counters, network, table });
        }
    }

    /// Tells other servers of changes.
    fn tell_secondaries(&mut self, now: Instant) {
        let begun = std::mem::take(&mut self.service.begun);
        let Some(secondaries) = &mut self.secondaries else { return };
        for (client, zone, key) in begun {
            secondaries.note_transfer(client, zone, key.as_ref(), &self.service.directory, now);
        }
        let is_due = secondaries.next_deadline().is_some_and(|at| at <= now);
        let Service { directory, responder, counters, .. } = &mut self.service;
        if self.have_answered || is_due || secondaries.is_behind(directory) {
            secondaries.progress(self.have_answered, directory, responder, now, clock::unix_time());
            counters.notifies = secondaries.told;
        }
    }

    /// Sleeps once, and notes for each socket whether it is ready. Says whether `descriptor` is.
    fn poll_once(
        &mut self,
        descriptor: Option<(BorrowedFd<'_>, Interest)>,
        deadline: Option<Instant>,
        now: Instant,
    ) -> io::Result<bool> {
        let sockets = self.listeners.len() + self.acceptors.len() + self.connections.len();
        let mut fds = Vec::with_capacity(sockets + 5);
        fds.push(PollFd::new(&self.signals.wakeup, PollFlags::IN));
        fds.extend(self.listeners.iter().map(|it| PollFd::new(&it.socket, PollFlags::IN)));
        fds.extend(self.acceptors.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        fds.extend(self.connections.interests());
        fds.extend(self.http.iter().map(|it| PollFd::new(it, PollFlags::IN)));
        fds.extend(self.service.table.iter().map(|it| PollFd::new(&it.dialer, PollFlags::IN)));
        fds.extend(self.service.forwarder.iter().map(|it| PollFd::new(&it.sockets, PollFlags::IN)));
        let telling = self.secondaries.iter().flat_map(|it| &it.sockets);
        fds.extend(telling.clone().map(|socket| PollFd::new(socket, PollFlags::IN)));
        let telling = telling.count();
        if let Some((fd, interest)) = descriptor {
            let flags = match interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
        let forwarder = self.service.forwarder.as_ref();
        let others = [
            self.connections.next_deadline(),
            self.network.next(),
            self.ready_file.as_ref().and_then(ReadyFile::next),
            forwarder.and_then(|forwarder| forwarder.next_deadline(now)),
            self.service.table.as_ref().and_then(|table| table.next_deadline(now)),
            self.timers.iter().filter_map(|timer| timer.next()).min(),
            self.secondaries.as_ref().and_then(Secondaries::next_deadline),
            self.http.as_ref().and_then(|http| http.next_deadline(now)),
        ];
        let first = others.into_iter().chain([deadline]).flatten().min();
        let longest = self.signals.wakeup.longest_sleep();
        let longest = first.map_or(longest, |at| at.saturating_duration_since(now).min(longest));
        self.wakes_at = now + longest;
        let timeout = Timespec::try_from(longest).ok();
        self.ready.clear();
        self.have_answered = false;
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.ready.extend(fds.iter().map(|fd| !fd.revents().is_empty()));
        let is_ready = descriptor.is_some() && self.ready.pop().unwrap_or(false);
        let answers = self.ready.split_off(self.ready.len().saturating_sub(telling));
        self.have_answered = answers.contains(&true);
        Ok(is_ready)
    }

    /// Runs the timers that are due, or if the sleep was ended, all of them. Says whether any was run.
    fn run_timers(&mut self, woken: bool, now: Instant) -> bool {
        let Service { directory, counters, table, .. } = &self.service;
        let table = table.as_ref().and_then(TableFollower::followed);
        let network = self.network.current();
        let mut have_run = false;
        for timer in &mut self.timers {
            if woken || timer.next().is_some_and(|at| at <= now) {
                timer.run(now, View { directory, counters, network, table });
                have_run = true;
            }
        }
        have_run
    }

    fn log_state(&self) {
        let Service { directory, counters, .. } = &self.service;
        let (names, revision) = (directory.len(), directory.revision());
        log::info!("state: {names} names at revision {revision}, {counters}");
        for (name, record) in directory.records() {
            log::info!("state: {name} {record}");
        }
    }
}
