//! One forwarded query: attempts at one server after the other, until one answers or the client is
//! told that none does.

use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::finished::{ExchangeEnd, Finished, Waiting};
use super::hop_attempt::{HopAttempt, HopManner, HopNews, give_in};
use crate::dns::Transport;
use crate::dns::cache::have_same_answer;
use crate::dns::hop::Hop;
use crate::server::attempt::Progress;

/// The time that a client waits for an answer, all attempts together: less than the five seconds after
/// which stub resolvers turn to another server (`resolv.conf(5)`, `timeout`).
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_millis(4500);

/// Rounds over the servers, and the most attempts for one query.
const ROUNDS: usize = 2;
const MOST_ATTEMPTS: usize = 6;

/// Clients with the same question that wait for one reply: all processes of a host that start at once.
const MOST_JOINED: usize = 256;

/// The most attempts besides, by which a server is asked again because of what it said.
const MOST_AGAIN: usize = 4;

#[derive(Debug)]
pub(super) struct Exchange {
    /// Who gets the reply.
    pub(super) waiting: Vec<Waiting>,
    /// Nobody ever waits: it shows whether the query comes back to us.
    is_probe: bool,
    /// How its clients ask.
    pub(super) transport: Transport,
    /// As it came first, but for a signature under a key of ours.
    pub(super) query: Vec<u8>,
    /// The same for equal questions.
    pub(super) question_hash: u64,
    /// In the order in which they are asked.
    servers: Vec<SocketAddr>,
    pub(super) attempts: Vec<HopAttempt>,
    /// The servers that are to be asked again now, and how.
    again: Vec<(SocketAddr, HopManner)>,
    again_left: usize,
    /// What was learnt of servers, to be taken note of.
    pub(super) news: Vec<(SocketAddr, HopNews)>,
    /// How many attempts were made.
    tried: usize,
    /// When to make the next attempt; `None`: no more are made beside those under way.
    pub(super) next_try: Option<Instant>,
    deadline: Instant,
    /// How long the client waits.
    longest: Duration,
    /// When the client is told what is known if that is before the deadline; `None`: not, or not any more.
    client_until: Option<Instant>,
    /// Whether the client was told.
    is_client_told: bool,
    /// Whether more than one client came to wait for it.
    is_joined: bool,
    /// Whether other servers are asked by now.
    pub(super) is_outdated: bool,
    /// The reply of a server that cannot answer; better than none.
    refusal: Option<Vec<u8>>,
    /// The server that could not be reached.
    unreached: Option<SocketAddr>,
    /// The server whose reply ended it.
    pub(super) answered_by: Option<SocketAddr>,
}

impl Exchange {
    pub(super) fn new(
        query: Vec<u8>,
        transport: Transport,
        question_hash: u64,
        servers: Vec<SocketAddr>,
        now: Instant,
        longest: Duration,
    ) -> Self {
        Exchange {
            waiting: Vec::new(),
            is_probe: false,
            transport,
            query,
            question_hash,
            servers,
            attempts: Vec::new(),
            again: Vec::new(),
            again_left: MOST_AGAIN,
            news: Vec::new(),
            tried: 0,
            next_try: Some(now),
            deadline: now + EXCHANGE_TIMEOUT,
            longest,
            client_until: (longest < EXCHANGE_TIMEOUT).then_some(now + longest),
            is_client_told: false,
            is_joined: false,
            is_outdated: false,
            refusal: None,
            unreached: None,
            answered_by: None,
        }
    }

    /// One that shows whether the query comes back to us.
    pub(super) fn probe(query: Vec<u8>, token: u64, server: SocketAddr, now: Instant) -> Self {
        let servers = vec![server];
        let probe = Exchange::new(query, Transport::Udp, token, servers, now, EXCHANGE_TIMEOUT);
        Exchange { is_probe: true, ..probe }
    }

    fn most_attempts(&self) -> usize {
        if self.is_probe { 1 } else { (self.servers.len() * ROUNDS).min(MOST_ATTEMPTS) }
    }

    /// Whether the reply to it is one to this query as well, and is still waited for.
    pub(super) fn serves(&self, query: &[u8], transport: Transport, question_hash: u64) -> bool {
        let is_open = !self.is_probe && !self.is_client_told && !self.is_outdated;
        let is_alike = self.question_hash == question_hash && self.transport == transport;
        is_open && is_alike && have_same_answer(&self.query, query)
    }

    /// Lets one more client wait, in place of the one that waited for longest where there are too many.
    pub(super) fn join(&mut self, waiting: Waiting) -> Option<Finished> {
        let is_full = self.waiting.len() >= MOST_JOINED;
        let oldest = is_full.then(|| self.waiting.remove(0));
        self.is_joined |= !self.waiting.is_empty();
        self.waiting.push(waiting);
        oldest.map(|oldest| self.pushed_out(vec![oldest]))
    }

    /// Leaves one client that waits: the others may be its own query, on its way round.
    pub(super) fn part(&mut self, server: SocketAddr) -> Option<Finished> {
        let is_asked = self.attempts.iter().any(|attempt| attempt.server() == server);
        if !is_asked || self.waiting.len() < 2 {
            return None;
        }
        let joined = self.waiting.split_off(1);
        Some(self.pushed_out(joined))
    }

    fn pushed_out(&self, waiting: Vec<Waiting>) -> Finished {
        Finished { waiting, query: self.query.clone(), reply: None, end: ExchangeEnd::PushedOut }
    }

    /// Whether it may have been waiting for itself: nobody answered, and equal queries came.
    pub(super) fn looks_like_a_loop(&self, reply: Option<&[u8]>) -> bool {
        self.is_joined && reply.is_none()
    }

    /// When [`Exchange::due_server`] or [`Exchange::step`] has something to do next.
    pub(super) fn next_deadline(&self) -> Instant {
        let attempts = self.attempts.iter().filter_map(HopAttempt::deadline);
        attempts.chain(self.next_try).chain(self.client_until).fold(self.deadline, Instant::min)
    }

    /// What the client is to be told now because it waits no longer. The query goes on, so that a late
    /// reply is there for the next one (RFC 8767 §5).
    pub(super) fn client_first(&mut self, now: Instant) -> Option<Finished> {
        self.client_until.take_if(|until| *until <= now)?;
        self.is_client_told = true;
        let waiting = std::mem::take(&mut self.waiting);
        let (query, end) = (self.query.clone(), ExchangeEnd::ClientFirst);
        Some(Finished { waiting, query, reply: None, end })
    }

    /// Ends it, with this reply or without one; `None`: nobody waits for it.
    pub(super) fn finish(self, reply: Option<Vec<u8>>, end: ExchangeEnd) -> Option<Finished> {
        let end = match self {
            Exchange { is_outdated: true, .. } => ExchangeEnd::PushedOut,
            Exchange { is_client_told: true, .. } => ExchangeEnd::Late,
            _ => end,
        };
        let Exchange { waiting, query, is_probe, .. } = self;
        (!is_probe).then_some(Finished { waiting, query, reply, end })
    }

    /// The server of the attempt that is to be made now.
    pub(super) fn due_server(&self, now: Instant) -> Option<SocketAddr> {
        let is_due = self.next_try.is_some_and(|at| at <= now) && now < self.deadline;
        let index = self.tried.checked_rem(self.servers.len())?;
        self.servers.get(index).filter(|_| is_due).copied()
    }

    /// Takes the server that could not be reached, or was asked last and did not answer in time.
    pub(super) fn failed_server(&mut self) -> Option<SocketAddr> {
        let slow = self.attempts.last().map(HopAttempt::server);
        self.unreached.take().or(slow)
    }

    /// Takes a server that is to be asked again now.
    pub(super) fn take_again(&mut self) -> Option<(SocketAddr, HopManner)> {
        self.again.pop()
    }

    /// Believes a server that could not be asked over TCP what was in doubt.
    pub(super) fn give_in(&mut self, server: SocketAddr, manner: HopManner, mut hop: Hop) {
        let mut news = Vec::new();
        give_in(manner, &mut hop, &mut news);
        self.news.extend(news.into_iter().map(|news| (server, news)));
    }

    /// Adds the attempt that was due: `None` if it could not even be made.
    pub(super) fn note_attempt(&mut self, attempt: Option<HopAttempt>, now: Instant) {
        self.tried += 1;
        let is_last = self.tried >= self.most_attempts();
        // The time that an attempt has before the next one is made beside it.
        let interval = self.longest / (self.most_attempts() as u32 + 1);
        let wait = if attempt.is_some() { interval } else { Duration::ZERO };
        self.next_try = (!is_last).then_some(now + wait);
        self.attempts.extend(attempt);
    }

    /// Reads what came, and makes the next attempt due where those under way failed. Ready: it is over,
    /// with this reply or without one.
    pub(super) fn step(&mut self, now: Instant, buffer: &mut [u8]) -> Poll<Option<Vec<u8>>> {
        let before = self.attempts.len();
        let mut reply = None;
        let mut news = Vec::new();
        self.attempts.retain_mut(|attempt| {
            let server = attempt.server();
            let progress = attempt.progress(now, buffer, &mut news);
            self.news.extend(news.drain(..).map(|news| (server, news)));
            match progress {
                Ok(Progress::Waiting) => return true,
                Ok(Progress::Reply(message)) => {
                    self.answered_by = Some(server);
                    reply = Some(message);
                }
                Ok(Progress::Refusal(message)) => self.refusal = Some(message),
                Ok(Progress::Unusable) => {}
                Err(error) => {
                    log::debug!("forwarding to {server}: {error}");
                    self.unreached = Some(server);
                }
            }
            false
        });
        for (server, news) in &self.news {
            if let HopNews::Again(manner) = news
                && self.again_left > 0
            {
                self.again_left -= 1;
                self.again.push((*server, *manner));
            }
        }
        if reply.is_some() {
            return Poll::Ready(reply);
        }
        if before > 0 && self.attempts.is_empty() && self.again.is_empty() {
            // Who refused once refuses again.
            let is_refused = self.refusal.is_some() && self.tried >= self.servers.len();
            self.next_try = self.next_try.filter(|_| !is_refused).map(|_| now);
        }
        let is_over = self.attempts.is_empty() && self.again.is_empty() && self.next_try.is_none();
        if !is_over && now < self.deadline {
            return Poll::Pending;
        }
        Poll::Ready(self.refusal.take())
    }
}
