//! A turn of a connection: what it brought, what that changes, and which server is turned to then.

use std::time::Instant;

use super::link::{LinkEvent, TableLink};
use super::link_error::LinkError;
use super::outcome::Reached;
use super::stream::TableDialer;
use super::{HasTable, TableFollower};
use crate::cluster::Directory;
use crate::node::TableServer;

/// The part of the longest lag by which a table is to be fresher than one that is old, to be read in its place.
const FRESHER_PART: u32 = 6;

impl<D: TableDialer> TableFollower<D> {
    /// Goes on with one of the servers; `None`: it is left.
    pub(super) fn turn(
        &mut self,
        mut link: TableLink<D::Stream>,
        now: Instant,
        directory: &mut Directory,
    ) -> Option<(TableLink<D::Stream>, HasTable)> {
        let server = link.server;
        let dialer = &mut self.dialer;
        let times = (now, dialer.unix_time());
        let event = link.progress(times, directory, || (dialer.draw() >> 48) as u16);
        self.silence = link.follow.silence();
        match event {
            Ok(LinkEvent::Nothing) => Some((link, HasTable::NotYet)),
            Ok(LinkEvent::Reached(reached)) => {
                if (directory.revision(), directory.serial()) != (reached.revision, reached.serial)
                {
                    directory.advance_transferred(reached.revision, reached.serial);
                }
                if !link.follow.is_ageing() {
                    self.candidates.calm(server);
                }
                self.reach(reached, directory);
                Some((link, HasTable::Yes))
            }
            Ok(LinkEvent::Whole(names, reached)) => {
                let Reached { revision, serial, .. } = reached;
                let count = names.len();
                self.retired = Some(directory.replace_transferred(*names, revision, serial));
                self.reach(reached, directory);
                self.candidates.succeed(server, now, self.dialer.draw());
                self.trust.trust(server.address);
                let (name, address) = (directory.pattern().name(server.slot), server.address);
                let name = name.trim_end_matches('.');
                log::info!(
                    "takes all names from {name} ({address}): {count} at revision {revision}"
                );
                Some((link, HasTable::Yes))
            }
            Err(error) => {
                self.leave(server, &error, now);
                None
            }
        }
    }

    pub(super) fn leave(&mut self, server: TableServer, error: &LinkError, now: Instant) {
        let level = match error {
            LinkError::Distrusted(fault) if self.trust.distrust(server.address, *fault) => {
                log::Level::Warn
            }
            LinkError::Distrusted(_) => log::Level::Debug,
            _ if self.candidates.failures(server) > 0 => log::Level::Debug,
            _ => log::Level::Info,
        };
        log::log!(level, "the table of {} is not followed: {error}", server.address);
        self.candidates.fail(server, error.is_hopeful(), now, self.dialer.draw());
    }

    fn reach(&mut self, reached: Reached, directory: &mut Directory) {
        let proven_at = self.own_proof.and(directory, reached.proven_at);
        self.is_lost = false;
        self.proven_at = Some(proven_at);
        directory.prove(proven_at);
    }

    /// Turns to another server, if it is time to.
    pub(super) fn choose(&mut self, now: Instant) {
        if self.trial.is_some() || self.is_lost || self.candidates.is_empty() {
            return;
        }
        let current = self.active.as_ref().map(|active| active.server);
        // Where the table in use is old, another one is of use only if it is fresher by as much as makes it old.
        let fresher_than = self.active.as_ref().zip(self.proven_at).map(|(active, proven_at)| {
            (proven_at + self.limits.max_lag / FRESHER_PART, active.follow.serial())
        });
        let (server, than) = match self.in_step() {
            None if self.is_to_give_up(now) => {
                log::warn!("no node has a table that can be followed");
                self.is_lost = true;
                return;
            }
            None => (self.candidates.best(current, now), None),
            Some(active) => {
                let (server, is_ageing) = (active.server, active.follow.is_ageing());
                let is_due = self.candidates.look_at().is_some_and(|at| at <= now);
                if is_due {
                    self.candidates.look_later(now, self.dialer.draw());
                }
                match (is_ageing, is_due) {
                    (true, _) => (self.candidates.other(server, now), fresher_than),
                    (false, true) => (self.candidates.better(server, now), None),
                    (false, false) => return,
                }
            }
        };
        let Some(server) = server else { return };
        match self.dialer.dial(server) {
            Ok(stream) => {
                let (zones, max_lag) = (self.zones.clone(), self.limits.max_lag);
                let carrier = (stream, self.trust.guard());
                let limits = (max_lag, self.silence);
                let mut trial = TableLink::new(server, carrier, zones, limits, now);
                if let Some(than) = than {
                    trial.follow = trial.follow.if_fresher(than);
                }
                self.trial = Some(trial);
            }
            Err(error) => self.leave(server, &error.into(), now),
        }
    }
}
