//! The life of a query, however it came: answered from the directory, forwarded, or dropped.

use std::net::IpAddr;
use std::sync::Arc;

use super::client::Client;
use super::forward::Forwarder;
use super::table::TableFollower;
use super::table::sockets::SocketDialer;
use crate::clock;
use crate::cluster::Directory;
use crate::dns::cache::Cache;
use crate::dns::transfer::{Transfer, Views, asks_for_zone};
use crate::dns::tsig::TsigKey;
use crate::dns::wire::ExtendedError;
use crate::dns::{Asker, Counters, Limit, RateLimiter, Rcode, Responder, Transport, Verdict};
use crate::host::logging::EACH_QUERY;

/// Transfers at a time; who asks for another one is to try again.
const MOST_TRANSFERS: usize = 512;

/// Everything that a reply is made of.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) responder: Responder,
    pub(super) directory: Directory,
    pub(super) counters: Counters,
    pub(super) limiter: Option<RateLimiter>,
    pub(super) forwarder: Option<Forwarder>,
    /// Replies of other servers; `None`: none is kept.
    pub(super) cache: Option<Cache>,
    /// The table, where it is taken from another node.
    pub(super) table: Option<TableFollower<SocketDialer>>,
    /// What transfers are made of, and how many there are: each holds another reference.
    pub(super) views: Views,
    pub(super) under_way: Arc<()>,
    /// The transfers that have begun since those who are told of changes were looked at: the client, the zone
    /// and the key of each.
    pub(super) begun: Vec<(IpAddr, usize, Option<Arc<TsigKey>>)>,
    /// The time as DNS counts it: seconds since 1970. Read once for each wake-up, however many queries there
    /// are.
    pub(super) now: u64,
}

/// A zone that is on its way to a client.
#[derive(Debug)]
pub(super) struct OutgoingTransfer {
    pub(super) transfer: Transfer,
    _under_way: Arc<()>,
}

impl Service {
    /// One that forwards nothing, keeps no replies and limits nobody.
    pub(super) fn new(responder: Responder, directory: Directory) -> Service {
        Service {
            responder,
            directory,
            counters: Counters::default(),
            limiter: None,
            forwarder: None,
            cache: None,
            table: None,
            views: Views::default(),
            under_way: Arc::default(),
            begun: Vec::new(),
            now: 0,
        }
    }

    pub(super) fn asker(&self, client: &Client) -> Asker {
        Asker::new(client.address(), client.transport(), self.now)
    }

    /// Counts a query; `None`: it was not answered.
    pub(super) fn count(&mut self, rcode: Option<Rcode>, transport: Transport) {
        self.counters.count(rcode);
        self.counters.over_tcp += u64::from(transport == Transport::Tcp);
    }

    /// Writes the reply to a query, or forwards the query.
    pub(super) fn answer(&mut self, query: &[u8], client: Client, reply: &mut Vec<u8>) -> Verdict {
        if let Some(verdict) = self.heed_notify(query, client, reply) {
            return verdict;
        }
        let asker = self.asker(&client);
        let (directory, counters) = (&self.directory, &self.counters);
        let mut verdict = self.responder.answer(query, asker, directory, counters, reply);
        let (from, octets) = (asker.address, query.len());
        log::debug!(target: EACH_QUERY, "query from {from}: {octets} octets, {verdict}");
        if verdict == Verdict::Forward {
            verdict = self.forward(query, client, reply);
            if verdict == Verdict::Forward {
                return verdict;
            }
        }
        match (verdict, client) {
            (Verdict::Transfer, Client::Datagram { .. }) => {
                verdict = self.answer_changes(query, asker, reply);
            }
            (Verdict::Transfer, Client::Stream { .. }) => return verdict,
            (Verdict::Reply(rcode), _) if rcode != Rcode::NOERROR && asks_for_zone(query) => {
                self.counters.transfers_refused += 1;
            }
            _ => {}
        }
        self.count(verdict.rcode(), asker.transport);
        verdict
    }

    /// Begins the transfer that a query of a connection asks for. `None`: the reply says why not.
    pub(super) fn begin_transfer(
        &mut self,
        query: &[u8],
        client: Client,
        reply: &mut Vec<u8>,
    ) -> Option<OutgoingTransfer> {
        let asker = self.asker(&client);
        let transfer = self.transfer(query, asker);
        if transfer.is_none() {
            self.responder.fail(query, ExtendedError::NotReady, asker, &self.directory, reply);
        }
        let transfer = transfer?;
        self.begun.push((asker.address, transfer.zone(), transfer.key().cloned()));
        Some(OutgoingTransfer { transfer, _under_way: self.under_way.clone() })
    }

    /// Counts a query for a transfer, and says what becomes of it.
    pub(super) fn count_transfer(&mut self, has_begun: bool) -> Verdict {
        let rcode = if has_begun { Rcode::NOERROR } else { Rcode::SERVFAIL };
        self.count(Some(rcode), Transport::Tcp);
        if has_begun { Verdict::Transfer } else { Verdict::Reply(rcode) }
    }

    /// Writes what changed, if it fits into a datagram.
    fn answer_changes(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        match self.transfer(query, asker) {
            Some(transfer) => {
                transfer.write_datagram(&self.responder, self.now, reply);
                Verdict::Reply(Rcode::NOERROR)
            }
            None => {
                let error = ExtendedError::NotReady;
                self.responder.fail(query, error, asker, &self.directory, reply)
            }
        }
    }

    fn transfer(&mut self, query: &[u8], asker: Asker) -> Option<Transfer> {
        // One reference is the service's own.
        let may_begin = Arc::strong_count(&self.under_way) <= MOST_TRANSFERS;
        let Service { responder, directory, views, .. } = self;
        // The time is read now: the request was there before.
        let begin = || responder.transfer_shared(query, asker, directory, views, clock::now());
        let Some(transfer) = may_begin.then(begin).flatten() else {
            self.counters.transfers_refused += 1;
            return None;
        };
        self.counters.count_transfer(transfer.kind());
        log::debug!("transfer to {}: {transfer}", asker.address);
        Some(transfer)
    }

    /// Says whether the rate limit lets the reply to a query over UDP pass; it may be cut short first.
    pub(super) fn is_within_limit(
        &mut self,
        client: IpAddr,
        query: &[u8],
        reply: &mut Vec<u8>,
    ) -> bool {
        let Some(limiter) = &mut self.limiter else { return true };
        if self.responder.has_seen(query, client, self.now) {
            return true;
        }
        match limiter.check(client, clock::now()) {
            Limit::Pass => {}
            Limit::Slip => self.responder.cut_short(query, self.now, reply),
            Limit::Drop => return false,
        }
        true
    }
}
