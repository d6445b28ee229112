//! The servers as the operator, or a file, names them.

use std::net::SocketAddr;
use std::path::Path;

use crate::host::resolv_conf::ResolvConf;

/// More servers cannot be asked within the time that a client waits.
const MOST_SERVERS: usize = 8;

/// The servers as the operator, or the file, names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NamedServers {
    /// Our own addresses among them, until those are left out.
    pub(super) servers: Vec<SocketAddr>,
    /// How many of our own were left out.
    pub(super) own: usize,
    /// Warnings, a sentence each.
    pub(super) warnings: Vec<String>,
}

impl NamedServers {
    pub(super) fn read(path: &Path) -> NamedServers {
        let name = path.display();
        let (servers, warnings) = match ResolvConf::read(path) {
            Ok(found) => (found.servers, found.skipped),
            Err(error) => (Vec::new(), vec![format!("{error}; create it, or name the servers")]),
        };
        let warnings = warnings.iter().map(|warning| format!("{name}: {warning}")).collect();
        NamedServers { servers, own: 0, warnings }
    }

    pub(super) fn without(mut self, own: &[SocketAddr]) -> NamedServers {
        let all = self.servers.len();
        self.servers.retain(|address| !own.contains(address));
        self.own = all - self.servers.len();
        self.servers.truncate(MOST_SERVERS);
        self
    }

    pub(super) fn log(&self, zone: &str) {
        for warning in &self.warnings {
            log::warn!("--forward: {warning}");
        }
        let text: Vec<String> = self.servers.iter().map(SocketAddr::to_string).collect();
        let names = if zone == "." { String::new() } else { format!("{zone} ") };
        match (text.as_slice(), self.own) {
            ([], 0) => log::warn!("there is no server to forward {names}to: see --forward"),
            ([], _) => {
                log::warn!(
                    "there is no server to forward {names}to, other than this one: see --forward"
                );
            }
            (text, _) => log::info!("forwarding {names}to {}", text.join(", ")),
        }
    }
}
