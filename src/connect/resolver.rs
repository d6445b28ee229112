//! Addresses of etcd's endpoints, for ureq, without the thread that its own resolver starts.
//!
//! A literal address is itself. `localhost` is loopback (RFC 6761 §6.3). Any other name is looked up
//! once, and again only after none of its addresses could be connected to, or `/etc/hosts` says
//! something else of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::access::ETCD_PORT;
use super::stub;
use crate::clock;
use crate::host::file_mark::FileMark;
use crate::host::resolv_conf::{hosts, hosts_mark};
use crate::server::Shared;

/// The least time between two look-ups of one name that was found, for each takes time.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(5);

/// More addresses than ureq has room for are left out.
const MOST_ADDRESSES: usize = 16;

/// The outcome of a look-up.
#[derive(Clone, Debug)]
struct Lookup {
    at: Instant,
    /// The one that worked last comes first.
    addresses: Vec<IpAddr>,
    failed: bool,
    in_hosts: InHosts,
}

/// What `/etc/hosts` says of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct InHosts {
    /// How the file looked; `None`: it could not be looked at.
    mark: Option<FileMark>,
    addresses: Vec<IpAddr>,
}

impl InHosts {
    fn read(host: &str) -> InHosts {
        InHosts { mark: hosts_mark(), addresses: hosts(host) }
    }

    /// Reads it anew if the file changed, and says whether it says something else.
    fn update(&mut self, host: &str) -> bool {
        let is_same = match (hosts_mark(), &self.mark) {
            (Some(mark), Some(before)) => mark.is_still(before),
            (mark, before) => mark.is_none() && before.is_none(),
        };
        if is_same {
            return false;
        }
        let before = std::mem::replace(self, InHosts::read(host));
        before.addresses != self.addresses
    }
}

/// The look-ups, shared between the resolver and the connector, which says what failed.
#[derive(Clone, Debug)]
pub(super) struct EndpointAddresses {
    server: Shared,
    lookups: Arc<Mutex<HashMap<String, Lookup>>>,
}

impl EndpointAddresses {
    pub(super) fn new(server: &Shared) -> Self {
        EndpointAddresses { server: server.clone(), lookups: Arc::default() }
    }

    fn lookups(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of the host of a URL, if it was looked up.
    fn change(&self, uri: &Uri, change: impl FnOnce(&mut Lookup)) {
        self.lookups().get_mut(uri.host().unwrap_or_default()).map(change);
    }

    /// The endpoint of this URL failed: if its host has several addresses, another one is next, and
    /// connections to this one are not used again.
    pub(super) fn demote(&self, url: &str) {
        let Ok(uri) = url.parse::<Uri>() else { return };
        self.change(&uri, |lookup| {
            if lookup.addresses.len() > 1 {
                lookup.addresses.rotate_left(1);
            }
        });
    }

    /// Returns whether a connection to this address of a host may be used again.
    pub(super) fn prefers(&self, host: &str, address: IpAddr) -> bool {
        self.lookups().get(host).is_none_or(|lookup| lookup.addresses.first() == Some(&address))
    }

    /// None of the addresses of this endpoint could be connected to: look the name up again.
    pub(super) fn mark_failed(&self, uri: &Uri) {
        self.change(uri, |lookup| lookup.failed = true);
    }

    /// This address could be connected to: try it first from now on.
    pub(super) fn mark_good(&self, uri: &Uri, address: IpAddr) {
        self.change(uri, |lookup| {
            lookup.failed = false;
            lookup.addresses.sort_by_key(|other| *other != address);
        });
    }

    /// Returns whether `/etc/hosts` says something else of a host than when it was looked up.
    fn is_renamed(&self, host: &str) -> bool {
        self.lookups().get_mut(host).is_some_and(|lookup| lookup.in_hosts.update(host))
    }

    fn addresses(&self, host: &str, deadline: Option<Instant>) -> std::io::Result<Vec<IpAddr>> {
        let now = clock::now();
        let literal = literal(host);
        let is_renamed = literal.is_none() && self.is_renamed(host);
        let known = self.lookups().get(host).cloned();
        let is_recent = |known: &Lookup| now.duration_since(known.at) < LOOKUP_INTERVAL;
        let is_current = |known: &&Lookup| !is_renamed && (!known.failed || is_recent(known));
        if let Some(known) = known.as_ref().filter(is_current) {
            return Ok(known.addresses.clone());
        }
        let (found, in_hosts) = match literal {
            Some(addresses) => (Ok(addresses), InHosts::default()),
            None => (stub::look_up(&self.server, host, deadline), InHosts::read(host)),
        };
        let addresses = match (found, known) {
            (Ok(addresses), _) => addresses,
            // The name server may be gone as well, and etcd be back at the old address.
            (Err(_), Some(known)) => known.addresses,
            (Err(error), None) => return Err(error),
        };
        let lookup = Lookup { at: now, addresses: addresses.clone(), failed: false, in_hosts };
        self.lookups().insert(host.to_owned(), lookup);
        Ok(addresses)
    }
}

impl Resolver for EndpointAddresses {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        // The port is always given: an option without one is completed.
        let port = uri.port_u16().unwrap_or(ETCD_PORT);
        let found = self.addresses(host, instant_after(timeout))?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST_ADDRESSES) {
            addresses.push(SocketAddr::new(address, port));
        }
        if addresses.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(addresses)
    }
}

/// When a time-out of ureq's is over; `None`: never.
pub(super) fn instant_after(timeout: NextTimeout) -> Option<Instant> {
    if timeout.after.is_not_happening() {
        return None;
    }
    clock::now().checked_add(*timeout.after)
}

fn literal(host: &str) -> Option<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().map(|address| vec![address])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_addresses_and_localhost_need_no_lookup() {
        let table: [(&str, &[&str]); 4] = [
            ("10.0.0.1", &["10.0.0.1"]),
            ("[fd00::1]", &["fd00::1"]),
            ("localhost", &["127.0.0.1", "::1"]),
            ("LocalHost", &["127.0.0.1", "::1"]),
        ];
        for (host, wanted) in table {
            let found: Vec<String> =
                literal(host).expect(host).iter().map(IpAddr::to_string).collect();
            assert_eq!(found, wanted, "{host}");
        }
        assert_eq!(literal("etcd-1.example"), None);
    }
}
