//! The life of a query, however it came: answered from the directory, forwarded, or dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::forward::{EXCHANGE_TIMEOUT, ExchangeEnd, Finished, Forwarder};
use super::table::TableFollower;
use super::table::sockets::SocketDialer;
use crate::clock;
use crate::cluster::Directory;
use crate::dns::cache::{Cache, has_subnet};
use crate::dns::transfer::{Transfer, Views, asks_for_zone};
use crate::dns::tsig::{ReplySigner, TsigKey};
use crate::dns::wire::ExtendedError;
use crate::dns::{Asker, Counters, Limit, RateLimiter, Rcode, Responder, Transport, Verdict};

/// Transfers at a time; who asks for another one is to try again.
const MOST_TRANSFERS: usize = 512;

/// How long servers have to answer where there is something else to answer from (RFC 8767 §5).
const STALE_AFTER: Duration = Duration::from_millis(1800);

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

/// The response code in a header.
fn rcode_of(reply: &[u8]) -> Rcode {
    Rcode::new(reply.get(3).map_or(0, |octet| octet & 0x0f))
}

/// A zone that is on its way to a client.
#[derive(Debug)]
pub(super) struct OutgoingTransfer {
    pub(super) transfer: Transfer,
    _under_way: Arc<()>,
}

impl Service {
    fn asker(&self, client: &Client) -> Asker {
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
        log::trace!("query from {}: {} octets, {verdict}", asker.address, query.len());
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

    /// Forwards a query, without its signature where that is under a key of ours: the servers do not know
    /// it. Writes a reply where there is nobody to ask.
    fn forward(&mut self, query: &[u8], client: Client, reply: &mut Vec<u8>) -> Verdict {
        let whole_query = query;
        let (unsigned, signer) = self.responder.unsign(query, self.now).unzip();
        let query = unsigned.as_deref().unwrap_or(query);
        let now = clock::now();
        let mut has_stale = false;
        // What is asked for one network is not looked for among what is kept for all (RFC 7871 §7.3).
        let passes_subnet = self.forwarder.as_ref().is_some_and(Forwarder::passes_client_subnet);
        let is_for_all = !passes_subnet || !has_subnet(query);
        if let Some(cache) = self.cache.as_mut().filter(|_| is_for_all) {
            let asker = Asker::new(client.address(), client.transport(), self.now);
            let directory = &self.directory;
            // A reply that is signed is made when it comes.
            let kept = match signer {
                None => self.responder.answer_kept(query, asker, directory, cache, now, reply),
                Some(_) => None,
            };
            if let Some(rcode) = kept {
                self.counters.kept_hits += 1;
                return Verdict::Reply(rcode);
            }
            self.counters.kept_misses += 1;
            has_stale = cache.has_stale(query, now);
        }
        let longest = if has_stale { STALE_AFTER } else { EXCHANGE_TIMEOUT };
        let forwarder = self.forwarder.as_mut();
        if forwarder.is_some_and(|it| it.accept(query, signer.clone(), client, now, longest)) {
            return Verdict::Forward;
        }
        let asker = self.asker(&client);
        if signer.is_none()
            && has_stale
            && let Some(cache) = &mut self.cache
            && let Some(stale) =
                self.responder.answer_stale(query, asker, &self.directory, cache, now, 0)
        {
            *reply = stale;
            return Verdict::Reply(rcode_of(reply));
        }
        self.fail(whole_query, asker, reply)
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

    fn fail(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        self.counters.unanswered += 1;
        self.responder.fail(query, ExtendedError::NetworkError, asker, &self.directory, reply)
    }

    /// Keeps a reply that is good for more than one client; returns what was kept before where no server could
    /// answer.
    fn keep(
        &mut self,
        query: &[u8],
        reply: Option<&[u8]>,
        asker: Asker,
        reserved: usize,
    ) -> Option<Vec<u8>> {
        let cache = self.cache.as_mut()?;
        let (now, directory) = (clock::now(), &self.directory);
        let failed =
            reply.is_none_or(|it| matches!(rcode_of(it), Rcode::SERVFAIL | Rcode::REFUSED));
        let stale = if failed {
            self.responder.answer_stale(query, asker, directory, cache, now, reserved)
        } else {
            None
        };
        match reply {
            _ if stale.is_some() => {}
            Some(reply) if rcode_of(reply) != Rcode::SERVFAIL => cache.keep(query, reply, now),
            _ => cache.keep_failure(query, now),
        }
        self.count_kept();
        stale
    }

    /// Keeps a reply that came after the client had what was kept before.
    fn keep_late(&mut self, query: &[u8], reply: Option<&[u8]>) {
        let is_good = |it: &&[u8]| !matches!(rcode_of(it), Rcode::SERVFAIL | Rcode::REFUSED);
        if let (Some(cache), Some(reply)) = (&mut self.cache, reply.filter(is_good)) {
            cache.keep(query, reply, clock::now());
            self.count_kept();
        }
    }

    fn count_kept(&mut self) {
        if let Some(cache) = &self.cache {
            self.counters.kept_entries = cache.entries() as u64;
            self.counters.kept_octets = cache.octets() as u64;
        }
    }

    /// The reply to a query that was forwarded; `None`: there is none to send.
    pub(super) fn conclude(&mut self, finished: Finished) -> Option<Vec<u8>> {
        let Finished { client, query, signer, reply, end } = finished;
        let asker = self.asker(&client);
        let room = signer.as_ref().map_or(0, ReplySigner::room);
        let stale = match end {
            ExchangeEnd::Late => {
                self.keep_late(&query, reply.as_deref());
                return None;
            }
            ExchangeEnd::Over | ExchangeEnd::ClientFirst => {
                self.keep(&query, reply.as_deref(), asker, room)
            }
            ExchangeEnd::PushedOut => None,
        };
        let (verdict, mut reply) = match (reply, stale) {
            (_, Some(stale)) => (Verdict::Reply(rcode_of(&stale)), stale),
            (Some(reply), None) => {
                let reply = self.responder.relay(&reply, &query, asker, &self.directory, room);
                self.counters.forwarded += 1;
                (Verdict::Reply(rcode_of(&reply)), reply)
            }
            (None, None) => {
                let mut reply = Vec::new();
                (self.fail(&query, asker, &mut reply), reply)
            }
        };
        self.count(verdict.rcode(), asker.transport);
        log::trace!("query from {} forwarded: {verdict}", asker.address);
        verdict.rcode()?;
        let is_datagram = asker.transport == Transport::Udp;
        if is_datagram && !self.is_within_limit(asker.address, &query, &mut reply) {
            return None;
        }
        if let Some(mut signer) = signer {
            signer.sign(&mut reply, self.now);
        }
        Some(reply)
    }

    /// Says whether the rate limit lets the reply to a query over UDP pass; it may be cut short first.
    pub(super) fn is_within_limit(
        &mut self,
        client: IpAddr,
        query: &[u8],
        reply: &mut Vec<u8>,
    ) -> bool {
        let Some(limiter) = &mut self.limiter else { return true };
        match limiter.check(client, clock::now()) {
            Limit::Pass => {}
            Limit::Slip => self.responder.cut_short(query, self.now, reply),
            Limit::Drop => return false,
        }
        true
    }
}
