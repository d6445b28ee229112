//! Forwarding: queries for names outside of our zones go on to other servers, and their replies
//! back to the clients. Nothing here waits: sockets are read when the one sleep finds them ready, and
//! the number of queries under way is bounded.
//!
//! ```text
//!  client ── query ──▶ Forwarder ──▶ Exchange ──▶ Attempt ── socket ──▶ server
//!  client ◀── reply ── Finished ◀── Exchange ◀── Progress ◀─ socket ─── server
//! ```
//!
//! A query may come back to us, by way of a server that forwards to us in turn. Each server is
//! therefore probed with a name that nobody else knows, before it is asked for the first time and
//! whenever many equal questions are under way: if that comes back, the server is not asked for a
//! while.
//!
//! Clients that ask the same at a time share one query: who wants to forge the reply has one chance at a time
//! (RFC 5452 §5), and the servers have less to do.

mod exchange;
mod finished;
mod hop_attempt;
mod named_servers;
mod routes;
mod servers;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::client::Client;
use super::id_source::IdSource;
use super::socket_set::SocketSet;
use crate::dns::cache::has_subnet;
use crate::dns::framing::LONGEST_MESSAGE;
use crate::dns::hop::{Hop, query_for, read_query};
use crate::dns::query::Question;
use crate::dns::relay::{loop_probe, loop_token};
use crate::dns::tsig::ReplySigner;
pub use exchange::EXCHANGE_TIMEOUT;
use exchange::Exchange;
pub use finished::{ExchangeEnd, Finished, Waiting};
use hop_attempt::{HopAttempt, HopManner};
pub use routes::ForwardRoute;
use routes::Routes;
pub use servers::ForwardTo;
use servers::ZoneServer;

/// Queries under way at a time, and sockets for them: etcd, the clients on TCP and all else get along
/// with the rest of the usual 1,024 descriptors. The oldest query gives way to a new one: it is the
/// least likely to be answered.
const MOST_EXCHANGES: usize = 512;
const MOST_SOCKETS: usize = 600;

/// Clients that wait at a time, several of them perhaps for one reply.
const MOST_WAITING: usize = 1024;

/// So many equal questions at a time look like a loop, and how often the servers are probed for that.
const EQUAL_QUESTIONS: usize = 32;
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Where queries for other names go, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardSettings {
    /// The servers by zone, each zone once; names of none of them are refused.
    pub routes: Vec<ForwardRoute>,
    /// Whether the client subnet of a query (RFC 7871) goes on to the servers.
    pub passes_client_subnet: bool,
    /// The room for answers that are kept, in octets; 0: none is.
    pub cache: usize,
}

/// Queries on their way to other servers and back.
#[derive(Debug)]
pub struct Forwarder {
    routes: Routes,
    passes_client_subnet: bool,
    pub(super) sockets: SocketSet,
    /// By number, which grows.
    exchanges: BTreeMap<u64, Exchange>,
    next_number: u64,
    finished: Vec<Finished>,
    /// The token of the latest probe of each server, for each zone that it is asked for.
    probes: Vec<(u64, ZoneServer)>,
    /// When all servers were last to be probed anew.
    probed_at: Option<Instant>,
    /// Keys the hashes of questions, so that nobody can make two that are equal.
    hasher: RandomState,
    ids: IdSource,
    /// Room for the longest reply.
    buffer: Vec<u8>,
}

impl Forwarder {
    /// Forwards nothing yet.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(settings: ForwardSettings) -> io::Result<Self> {
        Ok(Forwarder {
            routes: Routes::new(settings.routes),
            passes_client_subnet: settings.passes_client_subnet,
            sockets: SocketSet::new()?,
            exchanges: BTreeMap::new(),
            next_number: 0,
            finished: Vec::new(),
            probes: Vec::new(),
            probed_at: None,
            hasher: RandomState::new(),
            ids: IdSource::default(),
            buffer: vec![0; LONGEST_MESSAGE],
        })
    }

    /// Says what this process listens on, and so must not forward to.
    pub fn set_own(&mut self, own: Vec<SocketAddr>, now: Instant) {
        for servers in self.routes.all() {
            servers.set_own(&own);
            servers.refresh(now);
        }
    }

    /// Reads the servers anew where it is time to, and returns the zones for which they are others now.
    pub fn refresh(&mut self, now: Instant) -> Vec<String> {
        let changed = self.routes.refresh(now);
        if !changed.is_empty() {
            self.outdate();
        }
        changed
    }

    /// What is under way by now tells nothing of what is asked from now on.
    pub fn outdate(&mut self) {
        self.exchanges.values_mut().for_each(|exchange| exchange.is_outdated = true);
    }

    /// Whether the client subnet of a query goes on to the servers.
    pub fn passes_client_subnet(&self) -> bool {
        self.passes_client_subnet
    }

    /// When there is something to do even if nothing comes.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.finished.is_empty() {
            return Some(now);
        }
        self.exchanges.values().map(Exchange::next_deadline).min()
    }

    /// Forwards a query, whose client waits so long for the reply, at most [`EXCHANGE_TIMEOUT`]. `false`: there is no
    /// server that could be asked, or the query has been forwarded by us before.
    pub fn accept(
        &mut self,
        query: &[u8],
        signer: Option<ReplySigner>,
        client: Client,
        now: Instant,
        longest: Duration,
    ) -> bool {
        if loop_token(query).is_some_and(|token| self.closes_loop(token, now)) {
            return false;
        }
        let Some(question) = Question::read(query) else { return false };
        let name = question.name();
        let question_hash = self.hasher.hash_one((name.as_bytes(), question.qtype));
        self.probe_again_if_equal(question_hash, now);
        let Some(servers) = self.routes.of(name.as_bytes()) else { return false };
        let unprobed = servers.take_unprobed();
        let servers = servers.in_order(now);
        self.probe(unprobed, now);
        if servers.is_empty() {
            return false;
        }
        while self.waiting() >= MOST_WAITING {
            self.push_out_oldest();
        }
        let (query, transport) = (query.to_vec(), client.transport());
        let is_for_one = self.passes_client_subnet && has_subnet(&query);
        let equal =
            self.exchanges.values_mut().find(|it| it.serves(&query, transport, question_hash));
        if let Some(exchange) = equal.filter(|_| !is_for_one) {
            self.finished.extend(exchange.join(Waiting { client, query, signer }));
            return true;
        }
        self.make_room();
        let sent = query.clone();
        let mut exchange = Exchange::new(sent, transport, question_hash, servers, now, longest);
        exchange.waiting.push(Waiting { client, query, signer });
        self.open(exchange, now);
        true
    }

    /// Goes on with each exchange that has something to read or to do, and returns what is done with.
    pub fn progress(&mut self, now: Instant) -> Vec<Finished> {
        for number in self.sockets.take_ready() {
            self.step(number, now);
        }
        let due = self.exchanges.iter().filter(|(_, exchange)| exchange.next_deadline() <= now);
        for number in due.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.step(number, now);
        }
        std::mem::take(&mut self.finished)
    }

    fn open(&mut self, exchange: Exchange, now: Instant) {
        let number = self.next_number;
        self.next_number += 1;
        self.exchanges.insert(number, exchange);
        self.step(number, now);
    }

    /// Reads what came for an exchange, and makes the attempts that are due.
    fn step(&mut self, number: u64, now: Instant) {
        let Some(mut exchange) = self.exchanges.remove(&number) else { return };
        loop {
            let polled = exchange.step(now, &mut self.buffer);
            for (server, news) in exchange.news.drain(..) {
                self.routes.note_news(server, news, now);
            }
            if let Poll::Ready(reply) = polled {
                self.routes.note_answer(exchange.answered_by);
                if exchange.looks_like_a_loop(reply.as_deref()) {
                    self.probe_all_again(now);
                }
                return self.finished.extend(exchange.finish(reply, ExchangeEnd::Over));
            }
            self.finished.extend(exchange.client_first(now));
            if let Some((server, manner)) = exchange.take_again() {
                let started = if self.open_sockets() < MOST_SOCKETS {
                    self.start(number, &exchange.query, server, manner, now)
                } else {
                    Err(io::Error::other("too many sockets are open"))
                };
                match started {
                    Ok(attempt) => exchange.attempts.push(attempt),
                    Err(error) => {
                        log::debug!("forwarding to {server} again: {error}");
                        if let Some(hop) = self.routes.hop(server, now) {
                            exchange.give_in(server, manner, hop);
                        }
                    }
                }
                continue;
            }
            let Some(server) = exchange.due_server(now) else { break };
            if self.open_sockets() >= MOST_SOCKETS && !exchange.attempts.is_empty() {
                exchange.next_try = None;
                break;
            }
            if let Some(failed) = exchange.failed_server() {
                self.routes.note_failure(failed, now);
            }
            let manner = HopManner::usual(exchange.transport);
            let attempt = self.start(number, &exchange.query, server, manner, now);
            if let Err(error) = &attempt {
                log::debug!("forwarding to {server}: {error}");
                self.routes.note_failure(server, now);
            }
            exchange.note_attempt(attempt.ok(), now);
        }
        self.exchanges.insert(number, exchange);
    }

    /// Asks a server in this manner, and else in the way that is known to be its own.
    fn start(
        &mut self,
        number: u64,
        query: &[u8],
        server: SocketAddr,
        manner: HopManner,
        now: Instant,
    ) -> io::Result<HopAttempt> {
        let hop = self.routes.hop(server, now).unwrap_or(Hop::PLAIN);
        let cookie = hop.cookie.filter(|_| !manner.is_without_opt);
        let hop = Hop { cookie, passes_subnet: self.passes_client_subnet, ..hop };
        let (id, ids) = (self.ids.draw_id(), &mut self.ids);
        let sent = query_for(query, &hop, id, &mut || ids.draw());
        // What is signed for the server goes on as it is, and comes back so.
        let hop = if read_query(query).is_some() { hop } else { Hop::PLAIN };
        let attempt = self.sockets.send(number, server, sent, manner.transport)?;
        Ok(HopAttempt::new(attempt, hop, manner, now))
    }

    fn make_room(&mut self) {
        while self.exchanges.len() >= MOST_EXCHANGES || self.open_sockets() >= MOST_SOCKETS {
            if !self.push_out_oldest() {
                return;
            }
        }
    }

    fn push_out_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.exchanges.pop_first() else { return false };
        self.finished.extend(oldest.finish(None, ExchangeEnd::PushedOut));
        true
    }

    fn waiting(&self) -> usize {
        self.exchanges.values().map(|exchange| exchange.waiting.len()).sum()
    }

    fn open_sockets(&self) -> usize {
        self.exchanges.values().map(|exchange| exchange.attempts.len()).sum()
    }

    /// Lets all servers be probed anew where many questions are equal to this one.
    fn probe_again_if_equal(&mut self, question_hash: u64, now: Instant) {
        let is_equal = |exchange: &&Exchange| exchange.question_hash == question_hash;
        let equal = self.exchanges.values().filter(is_equal);
        if equal.map(|exchange| exchange.waiting.len()).sum::<usize>() >= EQUAL_QUESTIONS {
            self.probe_all_again(now);
        }
    }

    fn probe_all_again(&mut self, now: Instant) {
        if self.probed_at.is_none_or(|at| now >= at + PROBE_INTERVAL) {
            self.probed_at = Some(now);
            self.routes.all().for_each(|servers| servers.probe_all_again());
        }
    }

    fn probe(&mut self, unprobed: Vec<ZoneServer>, now: Instant) {
        for server in unprobed {
            let token = self.ids.draw();
            let Ok(query) = loop_probe(token, &server.zone) else { continue };
            let probe = Exchange::probe(query, token, server.address, now);
            self.probes.retain(|(_, sent)| *sent != server);
            self.probes.push((token, server));
            self.open(probe, now);
        }
    }

    /// Whether this node sent that probe; the server that it was sent to leads back here then, for the names of its zone:
    /// others it may know, or ask for elsewhere.
    fn closes_loop(&mut self, token: u64, now: Instant) -> bool {
        let probe = self.probes.iter().find(|(sent, _)| *sent == token);
        let Some((_, ZoneServer { zone, address })) = probe else { return false };
        for servers in self.routes.all().filter(|servers| servers.zone() == zone) {
            servers.mark_loop(*address, now);
        }
        for exchange in self.exchanges.values_mut() {
            let name = Question::read(&exchange.query).map(|question| question.name());
            let servers = name.and_then(|name| self.routes.of(name.as_bytes()));
            if servers.is_some_and(|servers| servers.zone() == zone) {
                self.finished.extend(exchange.part(*address));
            }
        }
        true
    }
}
