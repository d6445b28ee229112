//! A server as the place in which a node's life waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::Shared;
use crate::clock;
use crate::cluster::Directory;
use crate::node::network::HostNetwork;
use crate::node::{Counter, Host, Owned, TableServer, TableState};

/// A server alone reports to nobody: the tools own no name.
impl Host for Shared {
    fn now(&self) -> Instant {
        clock::now()
    }

    fn sleep_until(&self, deadline: Instant) {
        if let Err(error) = self.lock().wait_or_change(None, Some(deadline)) {
            log::error!("poll: {error}");
        }
    }

    fn is_stopping(&self) -> bool {
        self.lock().is_stopping()
    }

    fn begin_release(&self) {
        self.lock().releasing = true;
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.lock().source_address
    }

    fn network(&self) -> Arc<HostNetwork> {
        self.lock().network().clone()
    }

    fn has_port(&self, port: u16) -> bool {
        self.lock().has_port(port)
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        access(&mut self.lock().service.directory)
    }

    fn ownership(&self, _owned: Option<Owned>) {}

    fn is_ready(&self) -> bool {
        self.lock().is_ready()
    }

    fn wants_name(&self) -> bool {
        false
    }

    fn take_table(&self, from: &[TableServer]) {
        self.lock().take_table(from);
    }

    fn table(&self) -> TableState {
        self.lock().table_state()
    }

    fn note(&self, _counter: Counter) {}
}
