//! Which servers are asked for which names: those of the closest zone.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use super::hop_attempt::HopNews;
use super::servers::{ForwardTo, Servers};
use crate::dns::forwarding::is_within;
use crate::dns::hop::Hop;

/// Where queries for the names of a zone go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardRoute {
    /// The zone, in lower case with the final dot; `.` holds all names.
    pub zone: String,
    /// The servers.
    pub to: ForwardTo,
}

impl fmt::Display for ForwardRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zone.as_str() {
            "." => f.write_str("other names to ")?,
            zone => write!(f, "{zone} to ")?,
        }
        match &self.to {
            ForwardTo::ResolvConf(path) => write!(f, "the servers in {}", path.display()),
            ForwardTo::Servers(servers) => {
                let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
                f.write_str(&servers.join(", "))
            }
        }
    }
}

/// The servers by zone.
#[derive(Debug)]
pub(super) struct Routes(Vec<(String, Servers)>);

impl Routes {
    pub(super) fn new(routes: Vec<ForwardRoute>) -> Routes {
        let with_servers = |ForwardRoute { zone, to }| {
            let servers = Servers::new(&zone, to);
            (zone, servers)
        };
        let mut routes: Vec<(String, Servers)> = routes.into_iter().map(with_servers).collect();
        // The first that fits is the closest.
        routes.sort_by_key(|(zone, _)| std::cmp::Reverse(zone.len()));
        Routes(routes)
    }

    /// The servers for a name in lower case with the final dot; `None`: it is forwarded to nobody.
    pub(super) fn of(&mut self, name: &[u8]) -> Option<&mut Servers> {
        let found = self.0.iter_mut().find(|(zone, _)| is_within(name, zone));
        found.map(|(_, servers)| servers)
    }

    /// Reads the servers anew where it is time to, and returns the zones for which they are others now.
    pub(super) fn refresh(&mut self, now: Instant) -> Vec<String> {
        let refreshed = self.0.iter_mut().filter_map(|(zone, it)| it.refresh(now).then_some(zone));
        refreshed.map(|zone| zone.clone()).collect()
    }

    /// The servers of every zone.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Servers> {
        self.0.iter_mut().map(|(_, servers)| servers)
    }

    /// Notes for every zone that this server could not be reached, or did not answer in time.
    pub(super) fn note_failure(&mut self, address: SocketAddr, now: Instant) {
        let told = self.all().filter_map(|it| it.note_failure(address, now).then_some(())).count();
        if told > 0 {
            log::warn!(
                "{address}, to which queries are forwarded, does not answer: start it, or give another \
                 server by --forward"
            );
        }
    }

    /// How a server is to be asked.
    pub(super) fn hop(&mut self, address: SocketAddr, now: Instant) -> Option<Hop> {
        self.all().find_map(|servers| servers.hop(address, now))
    }

    /// Takes note of what was learnt of a server, where [`Routes::hop`] finds it.
    pub(super) fn note_news(&mut self, address: SocketAddr, news: HopNews, now: Instant) {
        if let Some(servers) = self.all().find(|servers| servers.has(address)) {
            servers.note_news(address, news, now);
        }
    }

    /// Notes for every zone that this server answered.
    pub(super) fn note_answer(&mut self, address: Option<SocketAddr>) {
        let Some(address) = address else { return };
        if self.all().filter_map(|it| it.note_answer(address).then_some(())).count() > 0 {
            log::info!("{address}, to which queries are forwarded, answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_zone_has_the_servers() {
        let to = |octet: u8| ForwardTo::Servers(vec![SocketAddr::from(([10, 0, 0, octet], 53))]);
        let route = |zone: &str, octet| ForwardRoute { zone: zone.to_owned(), to: to(octet) };
        let mut routes = vec![route("example.", 1), route("a.example.", 2)];
        routes.extend([route("10.in-addr.arpa.", 3), route("7.10.in-addr.arpa.", 4)]);
        let now = Instant::now();
        let asked = |all: Vec<ForwardRoute>, name: &str| {
            let mut routes = Routes::new(all);
            let servers = routes.of(name.as_bytes())?;
            servers.refresh(now);
            servers.in_order(now).first().map(|server| server.to_string())
        };
        let table = [
            ("www.example.", Some("10.0.0.1:53")),
            ("example.", Some("10.0.0.1:53")),
            ("a.example.", Some("10.0.0.2:53")),
            ("x.y.a.example.", Some("10.0.0.2:53")),
            ("aa.example.", Some("10.0.0.1:53")),
            ("1.0.0.10.in-addr.arpa.", Some("10.0.0.3:53")),
            ("1.0.7.10.in-addr.arpa.", Some("10.0.0.4:53")),
            ("anexample.", None),
            ("com.", None),
            (".", None),
        ];
        for (name, wanted) in table {
            assert_eq!(asked(routes.clone(), name).as_deref(), wanted, "{name}");
        }
        routes.push(route(".", 9));
        for name in ["anexample.", "com.", "."] {
            assert_eq!(asked(routes.clone(), name).as_deref(), Some("10.0.0.9:53"), "{name}");
        }
    }
}
