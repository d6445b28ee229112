//! The life of a query, however it came: answered from the directory, forwarded, or dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::client::Client;
use super::forward::{Finished, Forwarder};
use crate::clock;
use crate::cluster::Directory;
use crate::dns::relay::hand_on;
use crate::dns::reply::cut_short;
use crate::dns::transfer::{Transfer, Views};
use crate::dns::wire::ExtendedError;
use crate::dns::{Asker, Counters, Limit, RateLimiter, Rcode, Responder, Verdict};

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
    /// What transfers are made of, and how many there are: each holds another reference.
    pub(super) views: Views,
    pub(super) under_way: Arc<()>,
    /// The time as DNS counts it: seconds since 1970 modulo 2^32 (RFC 1982). Read once for each wake-up,
    /// however many queries there are.
    pub(super) now: u32,
}

/// The seconds since 1970, modulo 2^32.
pub(super) fn unix_time() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}

/// A zone that is on its way to a client.
#[derive(Debug)]
pub(super) struct OutgoingTransfer {
    pub(super) transfer: Transfer,
    _under_way: Arc<()>,
}

impl Service {
    fn asker(&self, client: &Client) -> Asker {
        Asker { address: client.address(), transport: client.transport(), now: self.now }
    }

    /// Writes the reply to a query, or forwards the query.
    pub(super) fn answer(&mut self, query: &[u8], client: Client, reply: &mut Vec<u8>) -> Verdict {
        let asker = self.asker(&client);
        let (directory, counters) = (&self.directory, &self.counters);
        let mut verdict = self.responder.answer(query, asker, directory, counters, reply);
        log::trace!("query from {}: {} octets, {verdict}", asker.address, query.len());
        if verdict == Verdict::Forward {
            let forwarder = self.forwarder.as_mut();
            if forwarder.is_some_and(|it| it.accept(query, client, clock::now())) {
                return verdict;
            }
            verdict = self.fail(query, asker, reply);
        }
        match (verdict, client) {
            (Verdict::Transfer, Client::Datagram { .. }) => {
                verdict = self.answer_changes(query, asker, reply);
            }
            (Verdict::Transfer, Client::Stream { .. }) => return verdict,
            _ => {}
        }
        self.counters.count(verdict.rcode());
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
        Some(OutgoingTransfer { transfer: transfer?, _under_way: self.under_way.clone() })
    }

    /// Counts a query for a transfer, and says what becomes of it.
    pub(super) fn count_transfer(&mut self, has_begun: bool) -> Verdict {
        self.counters.transfers += u64::from(has_begun);
        let rcode = if has_begun { Rcode::NOERROR } else { Rcode::SERVFAIL };
        self.counters.count(Some(rcode));
        if has_begun { Verdict::Transfer } else { Verdict::Reply(rcode) }
    }

    /// Writes what changed, if it fits into a datagram.
    fn answer_changes(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        match self.transfer(query, asker) {
            Some(transfer) => {
                transfer.write_datagram(&self.responder, reply);
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
        if Arc::strong_count(&self.under_way) > MOST_TRANSFERS {
            return None;
        }
        let view = self.views.current(&self.directory)?;
        let transfer = self.responder.transfer(query, asker, &self.directory, view);
        if let Some(transfer) = &transfer {
            log::debug!("transfer to {}: {transfer}", asker.address);
        }
        transfer
    }

    fn fail(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        self.counters.unanswered += 1;
        self.responder.fail(query, ExtendedError::NetworkError, asker, &self.directory, reply)
    }

    /// The reply to a query that was forwarded; `None`: there is none to send.
    pub(super) fn conclude(&mut self, finished: Finished) -> Option<Vec<u8>> {
        let Finished { client, query, reply } = finished;
        let asker = self.asker(&client);
        let (verdict, reply) = match reply {
            Some(mut reply) => {
                hand_on(&mut reply, &query, asker.transport);
                self.counters.forwarded += 1;
                let rcode = reply.get(3).map_or(0, |octet| octet & 0x0f);
                (Verdict::Reply(Rcode::new(rcode)), reply)
            }
            None => {
                let mut reply = Vec::new();
                (self.fail(&query, asker, &mut reply), reply)
            }
        };
        self.counters.count(verdict.rcode());
        log::trace!("query from {} forwarded: {verdict}", asker.address);
        verdict.rcode().map(|_| reply)
    }

    /// Says whether the rate limit lets a reply over UDP pass; it may be cut short first.
    pub(super) fn is_within_limit(&mut self, client: IpAddr, reply: &mut Vec<u8>) -> bool {
        let Some(limiter) = &mut self.limiter else { return true };
        match limiter.check(client, clock::now()) {
            Limit::Pass => {}
            Limit::Slip => cut_short(reply),
            Limit::Drop => return false,
        }
        true
    }
}
