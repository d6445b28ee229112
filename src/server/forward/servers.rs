//! The servers that queries are forwarded to: which ones there are, in which order they are asked,
//! and which are left alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::named::Named;

/// How often the file that names the servers is looked at, while there is something to forward.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long a server that leads back to us is left alone.
const LOOP_PAUSE: Duration = Duration::from_secs(60);

/// So many failures in a row put a server after the others, and for how long.
const FAILURES: u32 = 3;
const LAST_FOR: Duration = Duration::from_secs(30);

/// Where the servers are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// By the operator, in the order of preference.
    Given(Vec<SocketAddr>),
    /// In a file, as `resolv.conf(5)` says, which may change.
    ResolvConf(PathBuf),
}

/// One server.
#[derive(Clone, Debug)]
struct Server {
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
    source: Source,
    /// What this process listens on, and so must not forward to.
    own: Vec<SocketAddr>,
    servers: Vec<Server>,
    /// What was named last.
    named: Option<Named>,
    look_at: Option<Instant>,
    /// Of the file that was read last.
    modified: Option<SystemTime>,
}

impl Servers {
    pub(super) fn new(source: Source) -> Self {
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
            Source::Given(addresses) if self.look_at.is_none() => Named::given(addresses),
            Source::Given(_) => return,
            Source::ResolvConf(path) => {
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
        let fresh = |address| Server {
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
        let is_last = |server: &&Server| server.last_until.is_some_and(|until| until > now);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn own_addresses_are_left_out_and_silent_servers_come_last() {
        let all = ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"].map(address);
        let mut servers = Servers::new(Source::Given(all.to_vec()));
        let now = Instant::now();
        servers.set_own(vec![all[1], address("10.0.0.1:5353")]);
        servers.look(now);
        assert_eq!(servers.in_order(now), [all[0], all[2]]);
        for _ in 0..2 {
            servers.blame(all[0], now);
        }
        assert_eq!(servers.in_order(now), [all[0], all[2]], "it may have been the name");
        servers.note_answer(Some(all[0]));
        servers.blame(all[0], now);
        assert_eq!(servers.in_order(now), [all[0], all[2]], "not in a row");
        for _ in 0..2 {
            servers.blame(all[0], now);
        }
        servers.look(now + LOOK_INTERVAL);
        assert_eq!(servers.in_order(now), [all[2], all[0]]);
        assert_eq!(servers.in_order(now + LAST_FOR), [all[0], all[2]], "the order given is back");
        servers.set_own(all.to_vec());
        servers.look(now);
        assert_eq!(servers.in_order(now), []);
    }

    #[test]
    fn a_server_that_leads_back_is_left_alone_for_a_while_and_probed_again() {
        let all = ["10.0.0.1:53", "10.0.0.2:53"].map(address);
        let mut servers = Servers::new(Source::Given(all.to_vec()));
        let now = Instant::now();
        servers.look(now);
        assert_eq!(servers.take_unprobed(), all);
        assert_eq!(servers.take_unprobed(), []);
        servers.mark_loop(all[0], now);
        assert_eq!(servers.in_order(now), [all[1]]);
        servers.doubt_all();
        assert_eq!(servers.take_unprobed(), [all[1]]);
        let later = now + LOOP_PAUSE;
        assert_eq!(servers.in_order(later), all);
        assert_eq!(servers.take_unprobed(), [all[0]]);
    }

    #[test]
    fn the_file_is_read_again_when_it_changes() {
        let path = std::env::temp_dir().join(format!("idetcd-resolv-{}", std::process::id()));
        let now = Instant::now();
        let mut servers = Servers::new(Source::ResolvConf(path.clone()));
        servers.look(now);
        assert_eq!(servers.in_order(now), [], "a file that is not there names no servers");
        std::fs::write(&path, "nameserver 10.0.0.1\nnameserver ::1\n").expect("written");
        servers.look(now);
        assert_eq!(servers.in_order(now), [], "not looked at again yet");
        servers.look(now + LOOK_INTERVAL);
        assert_eq!(servers.in_order(now), ["10.0.0.1:53", "[::1]:53"].map(address));
        std::fs::remove_file(&path).expect("removed");
        servers.look(now + 2 * LOOK_INTERVAL);
        assert_eq!(servers.in_order(now), []);
    }
}
