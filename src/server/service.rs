//! The life of a query, however it came: answered from the directory, forwarded, or dropped.

use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::client::{Answered, Client};
use super::forward::{Finished, Forwarder, NoServer};
use crate::cluster::Directory;
use crate::dns::relay::hand_on;
use crate::dns::reply::cut_short;
use crate::dns::wire::ExtendedError;
use crate::dns::{Asker, Counters, Limit, RateLimiter, Rcode, Responder, Verdict};

/// Everything that a reply is made of.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) responder: Responder,
    pub(super) directory: Directory,
    pub(super) counters: Counters,
    pub(super) limiter: Option<RateLimiter>,
    pub(super) forwarder: Option<Forwarder>,
}

/// The time as DNS counts it: seconds since 1970, modulo 2^32 (RFC 1982).
pub(super) fn unix_time() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() as u32
}

impl Service {
    /// Writes the reply to a query, or forwards the query. `now` is in seconds since 1970.
    pub(super) fn answer(
        &mut self,
        query: &[u8],
        client: Client,
        now: u32,
        reply: &mut Vec<u8>,
    ) -> Answered {
        let asker = Asker { address: client.address(), transport: client.transport(), now };
        let (directory, counters) = (&self.directory, &self.counters);
        let mut verdict = self.responder.answer(query, asker, directory, counters, reply);
        log::trace!("query from {}: {} octets, {verdict}", asker.address, query.len());
        if verdict == Verdict::Forward {
            match self.forward(query, client) {
                Ok(()) => return Answered::Later,
                Err(NoServer) => verdict = self.fail(query, asker, reply),
            }
        }
        self.counters.count(verdict.rcode());
        match verdict {
            Verdict::Silent | Verdict::Forward => Answered::Never,
            Verdict::Reply(_) => Answered::Now,
        }
    }

    fn forward(&mut self, query: &[u8], client: Client) -> Result<(), NoServer> {
        let forwarder = self.forwarder.as_mut().ok_or(NoServer)?;
        forwarder.accept(query, client, Instant::now())
    }

    fn fail(&mut self, query: &[u8], asker: Asker, reply: &mut Vec<u8>) -> Verdict {
        self.counters.unanswered += 1;
        self.responder.fail(query, ExtendedError::NetworkError, asker, &self.directory, reply)
    }

    /// Returns the reply to a query that was forwarded; `None`: there is none to send.
    pub(super) fn conclude(&mut self, finished: Finished) -> Option<Vec<u8>> {
        let Finished { client, query, reply } = finished;
        let (address, transport) = (client.address(), client.transport());
        let (verdict, reply) = match reply {
            Some(mut reply) => {
                hand_on(&mut reply, &query, transport);
                self.counters.forwarded += 1;
                let rcode = reply.get(3).map_or(0, |octet| octet & 0x0f);
                (Verdict::Reply(Rcode::new(rcode)), reply)
            }
            None => {
                let mut reply = Vec::new();
                let asker = Asker { address, transport, now: unix_time() };
                (self.fail(&query, asker, &mut reply), reply)
            }
        };
        self.counters.count(verdict.rcode());
        log::trace!("query from {address} forwarded: {verdict}");
        verdict.rcode().map(|_| reply)
    }

    /// Says whether the rate limit lets a reply over UDP pass; it may be cut short first.
    pub(super) fn is_within_limit(&mut self, client: IpAddr, reply: &mut Vec<u8>) -> bool {
        let Some(limiter) = &mut self.limiter else { return true };
        match limiter.check(client, Instant::now()) {
            Limit::Pass => true,
            Limit::Slip => {
                cut_short(reply);
                true
            }
            Limit::Drop => false,
        }
    }
}
