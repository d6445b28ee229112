//! The server as what takes the table of all names from another node.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::Server;
use super::client::Client;
use super::service::Service;
use super::table::sockets::SocketDialer;
use super::table::{TableFollower, TableTurn};
use crate::clock;
use crate::dns::transfer_in::TransferZones;
use crate::dns::{Rcode, Sender, Verdict, notify};
use crate::node::{TableServer, TableState};

impl Server {
    /// See [`crate::node::Host::take_table`].
    pub(super) fn take_table(&mut self, from: &[TableServer]) {
        let now = clock::now();
        let Service { table, directory, .. } = &mut self.service;
        if table.is_none() && !from.is_empty() {
            let zones = TransferZones::new(directory.keyspace().clone());
            let zones = zones.map_err(|error| error.to_string());
            let dialer = SocketDialer::new().map_err(|error| error.to_string());
            match zones.and_then(|zones| Ok((Arc::new(zones), dialer?))) {
                Ok((zones, dialer)) => {
                    let follower = TableFollower::new(zones, self.table_limits, dialer, now);
                    *table = Some(follower.with_trust(std::mem::take(&mut self.table_trust)));
                }
                Err(error) => return log::warn!("no table can be taken from other nodes: {error}"),
            }
        }
        if let Some(table) = table {
            table.set_servers(from, now);
        }
        self.end_table_if_over();
    }

    fn end_table_if_over(&mut self) {
        if let Some(over) = self.service.table.take_if(|table| table.is_over()) {
            self.table_trust = over.into_trust();
        }
        let followed = self.service.table.as_ref().and_then(TableFollower::followed);
        let server = followed.and_then(|followed| followed.server);
        self.service.directory.account.table_server = server.map(|it| (it.slot, it.address));
    }

    /// See [`crate::node::Host::table`].
    pub(super) fn table_state(&self) -> TableState {
        self.service.table.as_ref().map_or(TableState::Lost, TableFollower::state)
    }

    /// Goes on with the table, if it is taken from another node and there is something to do.
    pub(super) fn follow_table(&mut self, now: Instant) -> TableTurn {
        let Service { table, directory, forwarder, .. } = &mut self.service;
        let Some(follower) = table else { return TableTurn::default() };
        // Its descriptor was polled last, but for that of the forwarder.
        let from_end = 1 + usize::from(forwarder.is_some());
        let place = self.ready.len().checked_sub(from_end);
        let is_ready = place.is_some_and(|at| self.ready.get(at) == Some(&true));
        if !is_ready && follower.next_deadline(now).is_none_or(|at| at > now) {
            return TableTurn::default();
        }
        let own = directory.own_name().and_then(|name| directory.record(name.as_bytes()).copied());
        if let Some(own) = own {
            let (ipv4, ipv6) = (own.ipv4.map(IpAddr::V4), own.ipv6.map(IpAddr::V6));
            follower.dialer.come_from(ipv4.into_iter().chain(ipv6));
        }
        let turn = follower.progress(now, directory);
        self.end_table_if_over();
        turn
    }
}

impl Service {
    /// Takes note of a NOTIFY, and writes the reply; `None`: it is none, the table is not followed, or its signature
    /// is bad. Where there are keys, it has to be signed under one of them.
    pub(super) fn heed_notify(
        &mut self,
        message: &[u8],
        client: Client,
        reply: &mut Vec<u8>,
    ) -> Option<Verdict> {
        let table = self.table.as_mut()?;
        if !notify::is_notify(message) {
            return None;
        }
        let sender = self.responder.sender(message, self.now);
        let is_known = match &sender {
            Sender::Forged => return None,
            Sender::Unknown => false,
            Sender::Anybody | Sender::Signed(_) => {
                let zone = notify::zone_of(message);
                zone.is_some_and(|zone| table.told(client.address(), &zone))
            }
        };
        let rcode = if is_known { Rcode::NOERROR } else { Rcode::REFUSED };
        notify::reply(message, rcode, reply);
        if let Sender::Signed(mut signer) = sender {
            signer.sign(reply, self.now);
        }
        self.count(Some(rcode), client.transport());
        Some(Verdict::Reply(rcode))
    }
}
