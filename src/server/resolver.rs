//! Addresses of etcd's endpoints, for ureq, without the thread that its own resolver starts.
//!
//! A literal address is itself. `localhost` is loopback (RFC 6761 §6.3). Any other name goes
//! through the system's resolver once, and again only after none of its addresses could be
//! connected to: that look-up blocks, and may even ask this very server.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The least time between two look-ups of one name, for each may block.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);

/// etcd's client port, as registered with IANA.
const ETCD_PORT: u16 = 2379;

/// More addresses than ureq has room for are left out.
const MOST_ADDRESSES: usize = 16;

/// What the system's resolver said, and when.
#[derive(Debug)]
struct Lookup {
    at: Instant,
    addresses: Vec<SocketAddr>,
    failed: bool,
}

/// The look-ups, shared between the resolver and the connector, which tells what failed.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(Arc<Mutex<HashMap<String, Lookup>>>);

impl Endpoints {
    fn lookups(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None of the addresses of this endpoint could be connected to: look the name up again.
    pub(super) fn mark_failed(&self, uri: &Uri) {
        if let Some(lookup) = uri.host().and_then(|host| self.lookups().remove(host)) {
            let host = uri.host().unwrap_or_default().to_owned();
            self.lookups().insert(host, Lookup { failed: true, ..lookup });
        }
    }

    fn addresses(&self, host: &str, port: u16, now: Instant) -> std::io::Result<Vec<SocketAddr>> {
        if let Some(addresses) = literal(host) {
            return Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
        }
        let known = self.lookups().get(host).and_then(|lookup| {
            let fresh = !lookup.failed || now.duration_since(lookup.at) < LOOKUP_INTERVAL;
            (fresh && !lookup.addresses.is_empty()).then(|| lookup.addresses.clone())
        });
        if let Some(addresses) = known {
            return Ok(addresses);
        }
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
        let lookup = Lookup { at: now, addresses: addresses.clone(), failed: false };
        self.lookups().insert(host.to_owned(), lookup);
        Ok(addresses)
    }
}

impl Resolver for Endpoints {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(ETCD_PORT);
        let found = self.addresses(host, port, Instant::now())?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(addresses)
    }
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
            ("10.0.0.1", &["10.0.0.1:2379"]),
            ("[fd00::1]", &["[fd00::1]:2379"]),
            ("localhost", &["127.0.0.1:2379", "[::1]:2379"]),
            ("LocalHost", &["127.0.0.1:2379", "[::1]:2379"]),
        ];
        for (host, wanted) in table {
            let endpoints = Endpoints::default();
            let found = endpoints.addresses(host, ETCD_PORT, Instant::now()).expect(host);
            let found: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
            assert_eq!(found, wanted, "{host}");
        }
    }
}
