//! The decision on a query: what its reply says.

use std::net::IpAddr;

use super::chaos;
use super::content::{self, Content};
use super::cookie::{Request, ServerPart};
use super::exchange::Asker;
use super::hop::read_query;
use super::query::Query;
use super::responder::Responder;
use super::reverse;
use super::stats::Counters;
use super::transfer::request::{self, Refusal};
use super::wire::{CLASS_CH, CLASS_IN, ExtendedError, Rcode, flag};
use crate::cluster::{Directory, Freshness};

/// The decision on a query: all that the reply says.
pub(super) struct Decision<'a> {
    pub(super) rcode: Rcode,
    pub(super) flags: u16,
    pub(super) content: Content<'a>,
    pub(super) error: Option<ExtendedError>,
}

impl<'a> Decision<'a> {
    fn authoritative(rcode: Rcode, content: Content<'a>, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: flag::AA, content, error }
    }

    pub(super) fn failure(rcode: Rcode, error: Option<ExtendedError>) -> Self {
        Decision { rcode, flags: 0, content: Content::Empty, error }
    }
}

impl Responder {
    /// Decides on a cookie that comes without a question (RFC 7873 §5.4).
    pub(super) fn confirm(&self, cookie: Request, asker: Asker) -> Decision<'static> {
        if !self.allows(asker.address) {
            return Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited));
        }
        let is_good = cookie.server == ServerPart::Absent
            || self.secret.is_own(&cookie, asker.address, asker.now as u32);
        Decision::failure(if is_good { Rcode::NOERROR } else { Rcode::BADCOOKIE }, None)
    }

    /// Whether a query shows by a cookie of ours that its client is where it says: nobody else's address is used to
    /// flood him (RFC 7873 §5.2.3).
    pub fn has_seen(&self, query: &[u8], client: IpAddr, now: u64) -> bool {
        let cookie = read_query(query).and_then(|query| query.edns?.cookie);
        cookie.is_some_and(|cookie| self.secret.is_own(&cookie, client, now as u32))
    }

    /// Decides on the request for a zone, whose name this is. `None`: it may have it.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_transfer(
        &self,
        query: &Query<'_>,
        message: &[u8],
        name: &[u8],
        asker: Asker,
        directory: &Directory,
    ) -> Option<Decision<'static>> {
        let lacks_signature = asker.signature.is_none() && !self.keys.is_empty();
        let may_have = self.may_transfer(asker.address) || request::is_node(asker, directory);
        if lacks_signature || !may_have {
            return Some(Decision::failure(Rcode::REFUSED, None));
        }
        let decided =
            request::decide(query, message, name, asker.transport, &self.zones, directory);
        decided.err().map(|Refusal { rcode, error }| Decision::failure(rcode, error))
    }

    /// Decides on a query, whose name this is. `None`: it is for other servers.
    #[inline(always)]
    pub(super) fn decide<'a>(
        &'a self,
        query: &Query<'_>,
        name: &[u8],
        directory: &'a Directory,
        counters: &Counters,
        client: IpAddr,
    ) -> Option<Decision<'a>> {
        let Query { question, edns, .. } = query;
        if edns.is_some_and(|edns| edns.version > 0) {
            return Some(Decision::failure(Rcode::BADVERS, None));
        }
        if question.qclass == CLASS_CH {
            return Some(match chaos::content(name, question.qtype, directory, counters) {
                Some(content) => Decision::authoritative(Rcode::NOERROR, content, None),
                None => Decision::failure(Rcode::REFUSED, None),
            });
        }
        if question.qclass != CLASS_IN {
            return Some(Decision::failure(Rcode::REFUSED, None));
        }
        let Some(zone) = self.zones.of(name) else {
            return self.decide_out_of_zone(name, question.qtype, directory, client);
        };
        if let Some(error) = unusable(directory) {
            return Some(Decision::failure(Rcode::SERVFAIL, Some(error)));
        }
        let found = if zone.network.is_some() {
            content::of_reverse_name(name, question, zone, directory)
        } else {
            content::of_name(name, question, zone, directory)
        };
        if directory.freshness() == Freshness::Incomplete
            && content::needs_all_names(name, &found, directory)
        {
            return Some(Decision::failure(Rcode::SERVFAIL, Some(ExtendedError::NotReady)));
        }
        let (rcode, content) = found;
        let error = match stale(directory) {
            Some(_) if rcode == Rcode::NXDOMAIN => Some(ExtendedError::StaleNxdomainAnswer),
            error => error,
        };
        Some(Decision::authoritative(rcode, content, error))
    }

    /// Decides on a name outside of all zones: the reverse one of an address that is known here, or
    /// none of ours. `None`: it is for other servers.
    fn decide_out_of_zone<'a>(
        &'a self,
        name: &[u8],
        qtype: u16,
        directory: &'a Directory,
        client: IpAddr,
    ) -> Option<Decision<'a>> {
        let own = self.zones.of(directory.pattern().zone().as_bytes());
        let known = reverse::address(name).and_then(|address| directory.names_of(address));
        if known.is_none()
            && !self.hosts.is_empty()
            && let Some((rcode, content)) = self.hosts.content(name, qtype)
        {
            return Some(Decision::authoritative(rcode, content, None));
        }
        let refused = |error| Some(Decision::failure(Rcode::REFUSED, Some(error)));
        let forwarding = self.forwarding.as_ref().filter(|forwarding| forwarding.has(name));
        match (known.zip(own), forwarding) {
            (Some((names, zone)), _) => Some(match unusable(directory) {
                Some(error) => Decision::failure(Rcode::SERVFAIL, Some(error)),
                None => {
                    let content = content::of_address(names, qtype, zone);
                    Decision::authoritative(Rcode::NOERROR, content, stale(directory))
                }
            }),
            (None, None) => refused(ExtendedError::NotAuthoritative),
            (None, Some(forwarding)) if forwarding.allows(client) => None,
            (None, Some(_)) => refused(ExtendedError::Prohibited),
        }
    }
}

/// Returns the reason why nothing can be said of the names that are answered for.
fn unusable(directory: &Directory) -> Option<ExtendedError> {
    match directory.freshness() {
        Freshness::Empty => Some(ExtendedError::NotReady),
        Freshness::Expired => Some(ExtendedError::NoReachableAuthority),
        Freshness::Incomplete | Freshness::Synced | Freshness::Stale => None,
    }
}

fn stale(directory: &Directory) -> Option<ExtendedError> {
    let is_stale = matches!(directory.freshness(), Freshness::Incomplete | Freshness::Stale);
    is_stale.then_some(ExtendedError::StaleAnswer)
}
