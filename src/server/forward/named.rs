//! Which servers a source names, less this one, and what is to be told of that.

use std::net::SocketAddr;
use std::path::Path;

use crate::server::system::ResolvConf;

/// More servers than these are of no use within the time that a client waits.
const MOST_SERVERS: usize = 8;

/// What the source names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Our own addresses among them, until those are left out.
    pub(super) servers: Vec<SocketAddr>,
    /// How many of our own were left out.
    own: usize,
    /// What is not as the operator wants, a sentence each.
    troubles: Vec<String>,
}

impl Named {
    /// By the operator.
    pub(super) fn given(servers: &[SocketAddr]) -> Named {
        Named { servers: servers.to_vec(), ..Named::default() }
    }

    /// By a file that is read now.
    pub(super) fn by(path: &Path) -> Named {
        match ResolvConf::read(path) {
            Ok(found) => {
                let troubles =
                    found.skipped.iter().map(|what| format!("{}: {what}", path.display()));
                Named { troubles: troubles.collect(), servers: found.servers, own: 0 }
            }
            Err(error) => {
                let trouble =
                    format!("{}: {error}; create it, or name the servers", path.display());
                Named { troubles: vec![trouble], ..Named::default() }
            }
        }
    }

    /// Less the addresses that are our own.
    pub(super) fn without(mut self, own: &[SocketAddr]) -> Named {
        let all = self.servers.len();
        self.servers.retain(|address| !own.contains(address));
        self.own = all - self.servers.len();
        self.servers.truncate(MOST_SERVERS);
        self
    }

    /// Tells the operator.
    pub(super) fn tell(&self) {
        for trouble in &self.troubles {
            log::warn!("--forward: {trouble}");
        }
        let text: Vec<String> = self.servers.iter().map(SocketAddr::to_string).collect();
        match (text.as_slice(), self.own) {
            ([], 0) => log::warn!("there is no server to forward to: see --forward"),
            ([], _) => {
                log::warn!("there is no server to forward to, other than this one: see --forward");
            }
            (text, _) => log::info!("forwarding to {}", text.join(", ")),
        }
    }
}
