//! The process in which a session lives, in the simulation.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use idetcd::cluster::Directory;
use idetcd::node::network::HostNetwork;
use idetcd::node::{Counter, Host, JobNews, Owned, TableServer, TableState};
use idetcd::server::table::TableFollower;

use super::baton::{Baton, Wait};
use super::program::Program;
use super::surroundings::{Inside, Surroundings};

/// A host that waits by handing the baton on.
pub struct SimHost<'b, B> {
    baton: &'b B,
    around: Surroundings,
}

impl<'b, B: Baton> SimHost<'b, B> {
    /// The host of a process.
    pub fn new(baton: &'b B, around: Surroundings) -> Self {
        SimHost { baton, around }
    }
}

/// The fencing token of an owner.
pub fn token(owned: &Owned) -> i64 {
    owned.claim_revision
}

impl<B: Baton> Host for SimHost<'_, B> {
    fn now(&self) -> Instant {
        self.around.now()
    }

    fn sleep_until(&self, deadline: Instant) {
        if !self.around.is_hurried() {
            self.baton.wait(Wait::Until(deadline));
        }
    }

    fn is_stopping(&self) -> bool {
        self.around.with(|inside| inside.is_stopping)
    }

    fn begin_release(&self) {
        self.around.with(|inside| inside.is_releasing = true);
    }

    fn source_address(&self) -> Option<IpAddr> {
        Some(self.around.with(|inside| inside.source))
    }

    fn network(&self) -> Arc<HostNetwork> {
        self.around.with(|inside| inside.network.clone())
    }

    fn has_port(&self, _port: u16) -> bool {
        self.around.with(|inside| inside.has_port)
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        self.around.with(|inside| access(&mut inside.directory))
    }

    fn ownership(&self, owned: Option<Owned>) {
        self.around.with(|inside| inside.tell(owned));
    }

    fn is_ready(&self) -> bool {
        self.around.with(|inside| inside.is_ready)
    }

    fn wants_name(&self) -> bool {
        self.around.with(|inside| inside.wants_name())
    }

    fn take_table(&self, from: &[TableServer]) {
        self.around.with(|inside| inside.take_table(from));
    }

    fn table(&self) -> TableState {
        let state = |inside: &mut Inside| inside.table.as_ref().map(TableFollower::state);
        self.around.with(state).unwrap_or(TableState::Lost)
    }

    fn note(&self, counter: Counter) {
        self.around.with(|inside| inside.note(counter));
    }

    fn job(&self, news: JobNews) {
        self.around.with(|inside| inside.hear_of_job(news));
    }

    fn has_ended_well(&self) -> bool {
        self.around.with(|inside| inside.program.as_ref().is_some_and(Program::has_ended_well))
    }
}
