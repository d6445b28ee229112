//! The life of a query for which other servers are asked: answered from what is kept, or forwarded, and what its
//! clients are told in the end.

use std::time::{Duration, Instant};

use super::client::Client;
use super::forward::{EXCHANGE_TIMEOUT, ExchangeEnd, Finished, Forwarder, Waiting};
use super::service::Service;
use crate::clock;
use crate::dns::cache::has_subnet;
use crate::dns::tsig::ReplySigner;
use crate::dns::wire::ExtendedError;
use crate::dns::{Asker, Rcode, Transport, Verdict};
use crate::host::logging::EACH_QUERY;

/// How long servers have to answer where there is something else to answer from (RFC 8767 §5).
const STALE_AFTER: Duration = Duration::from_millis(1800);

/// The response code in a header.
fn rcode_of(reply: &[u8]) -> Rcode {
    Rcode::new(reply.get(3).map_or(0, |octet| octet & 0x0f))
}

/// Whether a server says that it cannot answer, or none does.
fn is_failure(reply: Option<&[u8]>) -> bool {
    reply.is_none_or(|it| matches!(rcode_of(it), Rcode::SERVFAIL | Rcode::REFUSED))
}

impl Service {
    /// Forwards a query, without its signature where that is under a key of ours: the servers do not know
    /// it. Writes a reply where there is one at once.
    pub(super) fn forward(&mut self, query: &[u8], client: Client, reply: &mut Vec<u8>) -> Verdict {
        let now = clock::now();
        let changed = self.forwarder.as_mut().map_or_else(Vec::new, |it| it.refresh(now));
        changed.iter().for_each(|zone| self.outdate_kept(zone, now));
        let (unsigned, mut signer) = self.responder.unsign(query, self.now).unzip();
        let whole_query = query;
        let query = unsigned.as_deref().unwrap_or(query);
        let asker = self.asker_of(&client, signer.as_ref());
        // What is asked for one network is not looked for among what is kept for all (RFC 7871 §7.3).
        let passes_subnet = self.forwarder.as_ref().is_some_and(Forwarder::passes_client_subnet);
        let is_for_all = !passes_subnet || !has_subnet(query);
        let mut has_stale = false;
        if let Some(cache) = self.cache.as_mut().filter(|_| is_for_all) {
            let (responder, directory) = (&self.responder, &self.directory);
            let kept = responder.answer_kept(query, asker, directory, cache, now, reply);
            if let Some(rcode) = kept {
                self.counters.kept_hits += 1;
                self.sign(&mut signer, reply);
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
        if has_stale && let Some(stale) = self.kept(query, asker) {
            *reply = stale;
            self.sign(&mut signer, reply);
            return Verdict::Reply(rcode_of(reply));
        }
        self.fail(whole_query, asker, reply)
    }

    fn asker_of(&self, client: &Client, signer: Option<&ReplySigner>) -> Asker {
        let asker = self.asker(client);
        signer.map_or(asker, |signer| asker.reserving(signer.room()))
    }

    fn sign(&self, signer: &mut Option<ReplySigner>, reply: &mut Vec<u8>) {
        if let Some(signer) = signer {
            signer.sign(reply, self.now);
        }
    }

    /// Takes what is kept of a zone for not good any more: other servers are asked now, or the same from
    /// elsewhere.
    pub(super) fn outdate_kept(&mut self, zone: &str, now: Instant) {
        if let Some(forwarder) = &mut self.forwarder {
            forwarder.outdate();
        }
        if let Some(cache) = &mut self.cache {
            cache.outdate(zone, now);
        }
    }

    fn fail(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        self.counters.unanswered += 1;
        self.responder.fail(query, ExtendedError::NetworkError, asker, &self.directory, reply)
    }

    /// The reply that is kept for a query, be it good or not.
    fn kept(&mut self, query: &[u8], asker: Asker) -> Option<Vec<u8>> {
        let (cache, now) = (self.cache.as_mut()?, clock::now());
        self.responder.answer_stale(query, asker, &self.directory, cache, now)
    }

    /// Keeps a reply that is good for more than one client. Where no server could answer, and something was kept
    /// before, that stays.
    fn keep(&mut self, query: &[u8], reply: Option<&[u8]>) {
        let Some(cache) = &mut self.cache else { return };
        let now = clock::now();
        match reply {
            _ if is_failure(reply) && cache.spare_servers(query, now) => {}
            Some(reply) if rcode_of(reply) != Rcode::SERVFAIL => cache.keep(query, reply, now),
            _ => cache.keep_failure(query, now),
        }
        self.count_kept();
    }

    /// Keeps a reply that came after the client had what was kept before.
    fn keep_late(&mut self, query: &[u8], reply: Option<&[u8]>) {
        let reply = reply.filter(|it| !is_failure(Some(it)));
        if let (Some(cache), Some(reply)) = (&mut self.cache, reply) {
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

    /// The replies to a query that was forwarded, to each client that is to have one.
    pub(super) fn conclude(&mut self, finished: Finished) -> Vec<(Client, Vec<u8>)> {
        let Finished { waiting, query, reply, end } = finished;
        match end {
            ExchangeEnd::Late => self.keep_late(&query, reply.as_deref()),
            ExchangeEnd::Over | ExchangeEnd::ClientFirst => self.keep(&query, reply.as_deref()),
            ExchangeEnd::PushedOut => {}
        }
        let conclude = |waiting| self.conclude_for(waiting, reply.as_deref());
        waiting.into_iter().filter_map(conclude).collect()
    }

    /// The reply to one client; `None`: there is none to send.
    fn conclude_for(
        &mut self,
        waiting: Waiting,
        reply: Option<&[u8]>,
    ) -> Option<(Client, Vec<u8>)> {
        let Waiting { client, query, mut signer } = waiting;
        let asker = self.asker_of(&client, signer.as_ref());
        let kept = if is_failure(reply) { self.kept(&query, asker) } else { None };
        let (verdict, mut reply) = match (kept, reply) {
            (Some(kept), _) => (Verdict::Reply(rcode_of(&kept)), kept),
            (None, Some(reply)) => {
                let reply = self.responder.relay(reply, &query, asker, &self.directory);
                self.counters.forwarded += 1;
                (Verdict::Reply(rcode_of(&reply)), reply)
            }
            (None, None) => {
                let mut reply = Vec::new();
                (self.fail(&query, asker, &mut reply), reply)
            }
        };
        self.count(verdict.rcode(), asker.transport);
        log::debug!(target: EACH_QUERY, "query from {} forwarded: {verdict}", asker.address);
        verdict.rcode()?;
        let is_datagram = asker.transport == Transport::Udp;
        if is_datagram && !self.is_within_limit(asker.address, &query, &mut reply) {
            return None;
        }
        self.sign(&mut signer, &mut reply);
        Some((client, reply))
    }
}
