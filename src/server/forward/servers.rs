//! The servers that queries are forwarded to: which ones there are, in which order they are asked,
//! and which are left alone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::host::resolv_conf::ResolvConf;

/// More servers than these are of no use within the time that a client waits.
const MOST_SERVERS: usize = 8;

/// How often the file that names the servers is looked at, while there is something to forward.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long a server that leads back to us is left alone.
const LOOP_PAUSE: Duration = Duration::from_secs(60);

/// So many failures in a row put a server after the others, and for how long.
const FAILURES: u32 = 3;
const LAST_FOR: Duration = Duration::from_secs(30);

/// Where the servers are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardTo {
    /// By the operator, in the order of preference.
    Servers(Vec<SocketAddr>),
    /// In a file, as `resolv.conf(5)` says, which may change.
    ResolvConf(PathBuf),
}

/// One server.
#[derive(Clone, Debug)]
struct ForwardServer {
    address: SocketAddr,
    /// Whether it was looked whether this server sends queries back to us.
    is_probed: bool,
    /// It sent one back, so it is not asked until then.
    loops_until: Option<Instant>,
    /// How often in a row it did not answer.
    failures: u32,
    /// It comes after the others until then.
    last_until: Option<Instant>,
}

/// The servers, the preferred one first.
#[derive(Debug)]
pub(super) struct Servers {
    source: ForwardTo,
    /// What this process listens on, and so must not forward to.
    own: Vec<SocketAddr>,
    servers: Vec<ForwardServer>,
    /// What was named last.
    named: Option<Named>,
    look_at: Option<Instant>,
    /// Of the file that was read last.
    modified: Option<SystemTime>,
}

impl Servers {
    pub(super) fn new(source: ForwardTo) -> Self {
        Servers {
            source,
            own: Vec::new(),
            servers: Vec::new(),
            named: None,
            look_at: None,
            modified: None,
        }
    }

    /// Says what this process listens on now.
    pub(super) fn set_own(&mut self, own: Vec<SocketAddr>) {
        if self.own != own {
            self.own = own;
            self.modified = None;
            self.look_at = None;
        }
    }

    /// Reads the servers anew if it is time to.
    pub(super) fn look(&mut self, now: Instant) {
        if self.look_at.is_some_and(|at| now < at) {
            return;
        }
        let named = match &self.source {
            ForwardTo::Servers(addresses) if self.look_at.is_none() => Named::given(addresses),
            ForwardTo::Servers(_) => return,
            ForwardTo::ResolvConf(path) => {
                let modified = std::fs::metadata(path).and_then(|about| about.modified()).ok();
                self.look_at = Some(now + LOOK_INTERVAL);
                if modified.is_some() && modified == self.modified {
                    return;
                }
                self.modified = modified;
                Named::by(path)
            }
        };
        self.look_at = Some(now + LOOK_INTERVAL);
        self.replace(named.without(&self.own));
    }

    fn replace(&mut self, named: Named) {
        if self.named.as_ref() == Some(&named) {
            return;
        }
        named.tell();
        let is_as_before =
            self.named.as_ref().is_some_and(|before| before.servers == named.servers);
        let servers = named.servers.clone();
        self.named = Some(named);
        if is_as_before {
            return;
        }
        let fresh = |address| ForwardServer {
            address,
            is_probed: false,
            loops_until: None,
            failures: 0,
            last_until: None,
        };
        self.servers = servers.into_iter().map(fresh).collect();
    }

    /// Whom to ask, in this order.
    pub(super) fn in_order(&mut self, now: Instant) -> Vec<SocketAddr> {
        for server in &mut self.servers {
            if server.loops_until.is_some_and(|until| until <= now) {
                server.loops_until = None;
                server.is_probed = false;
            }
        }
        let usable = self.servers.iter().filter(|server| server.loops_until.is_none());
        let is_last = |server: &&ForwardServer| server.last_until.is_some_and(|until| until > now);
        let (last, first): (Vec<_>, Vec<_>) = usable.partition(is_last);
        first.into_iter().chain(last).map(|server| server.address).collect()
    }

    /// Those that are to be probed now, each once.
    pub(super) fn take_unprobed(&mut self) -> Vec<SocketAddr> {
        let usable = self.servers.iter_mut().filter(|server| server.loops_until.is_none());
        let unprobed = usable.filter(|server| !server.is_probed);
        unprobed
            .map(|server| {
                server.is_probed = true;
                server.address
            })
            .collect()
    }

    /// Lets all be probed again.
    pub(super) fn doubt_all(&mut self) {
        for server in &mut self.servers {
            server.is_probed = false;
        }
    }

    /// This server could not be reached, or did not answer in time. Several times in a row, and it
    /// comes after the others for a while; once may be due to the name that was asked for.
    pub(super) fn blame(&mut self, address: SocketAddr, now: Instant) {
        if let Some(server) = self.servers.iter_mut().find(|s| s.address == address) {
            server.failures += 1;
            if server.failures >= FAILURES {
                server.failures = 0;
                server.last_until = Some(now + LAST_FOR);
            }
        }
    }

    /// This server answered; it is well.
    pub(super) fn note_answer(&mut self, address: Option<SocketAddr>) {
        if let Some(server) = self.servers.iter_mut().find(|s| Some(s.address) == address) {
            server.failures = 0;
        }
    }

    /// This server sent a query back to us.
    pub(super) fn mark_loop(&mut self, address: SocketAddr, now: Instant) {
        if let Some(server) = self.servers.iter_mut().find(|s| s.address == address)
            && server.loops_until.is_none()
        {
            server.loops_until = Some(now + LOOP_PAUSE);
            log::warn!(
                "{address}, to which queries are forwarded, sends them back to this node: not asked \
                 for {} s; give another server by --forward",
                LOOP_PAUSE.as_secs()
            );
        }
    }
}

/// What the source names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    /// Our own addresses among them, until those are left out.
    servers: Vec<SocketAddr>,
    /// How many of our own were left out.
    own: usize,
    /// What is not as the operator wants, a sentence each.
    troubles: Vec<String>,
}

impl Named {
    /// By the operator.
    fn given(servers: &[SocketAddr]) -> Named {
        Named { servers: servers.to_vec(), ..Named::default() }
    }

    /// By a file that is read now.
    fn by(path: &Path) -> Named {
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
    fn without(mut self, own: &[SocketAddr]) -> Named {
        let all = self.servers.len();
        self.servers.retain(|address| !own.contains(address));
        self.own = all - self.servers.len();
        self.servers.truncate(MOST_SERVERS);
        self
    }

    /// Tells the operator.
    fn tell(&self) {
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

#[cfg(test)]
#[path = "servers_tests.rs"]
mod tests;
