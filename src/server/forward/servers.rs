//! The servers that queries are forwarded to: where they are named, the order in which they are
//! asked, and those that are not asked for a while.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::hop_attempt::HopNews;
use super::named_servers::NamedServers;
use crate::dns::hop::Hop;
use crate::host::file_mark::FileMark;
use crate::server::id_source::IdSource;

/// The time between two checks of the file that names the servers, while there is something to
/// forward.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The time for which a server that leads back to us is not asked.
const LOOP_PAUSE: Duration = Duration::from_secs(60);

/// The failures in a row that put a server after the others, and the time for which they do.
const FAILURES: u32 = 3;
const DEMOTION: Duration = Duration::from_secs(30);

/// The least time between two lines in the log that a server does not answer.
const TOLD_INTERVAL: Duration = Duration::from_secs(60);

/// The time for which a server that does not know OPT is asked without (RFC 6891 §6.2.2).
const NO_EDNS_TIME: Duration = Duration::from_secs(900);

/// The time for which a server that changes the spelling of names is asked in small letters.
const SMALL_LETTERS_TIME: Duration = Duration::from_secs(900);

/// The place where the servers are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardTo {
    /// The option, in the order of preference.
    Servers(Vec<SocketAddr>),
    /// A file in the format of `resolv.conf(5)`, which may change.
    ResolvConf(PathBuf),
}

#[derive(Clone, Debug)]
struct ForwardServer {
    address: SocketAddr,
    /// Whether it was sent a probe for loops.
    is_probed: bool,
    /// It forwarded the probe to us, so it is not asked until then.
    loops_until: Option<Instant>,
    /// How often in a row it did not answer.
    failures: u32,
    /// It comes after the others until then.
    demoted_until: Option<Instant>,
    /// When it was told last that it does not answer, and whether that counts still.
    silence_told: Option<Instant>,
    is_told_silent: bool,
    /// Our part of the cookie towards it, and its own as it was told last; empty: it has none.
    cookie: ([u8; 8], Vec<u8>),
    /// It does not know OPT, and is asked without until then.
    lacks_edns_until: Option<Instant>,
    /// It changes the spelling of names, which tells nothing until then; `None`: it never did.
    changes_spelling_until: Option<Instant>,
}

/// A server, and the zone whose names it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ZoneServer {
    pub(super) zone: String,
    pub(super) address: SocketAddr,
}

/// The servers, the preferred one first.
#[derive(Debug)]
pub(super) struct Servers {
    /// Whose names they are asked for.
    zone: String,
    source: ForwardTo,
    /// What this process listens on, and so must not forward to.
    own: Vec<SocketAddr>,
    servers: Vec<ForwardServer>,
    chance: IdSource,
    /// As they were named last.
    named: Option<NamedServers>,
    check_at: Option<Instant>,
    /// The file as it was when it was read last.
    seen: Option<FileMark>,
}

impl Servers {
    pub(super) fn new(zone: &str, source: ForwardTo) -> Self {
        Servers {
            zone: zone.to_owned(),
            source,
            own: Vec::new(),
            servers: Vec::new(),
            chance: IdSource::default(),
            named: None,
            check_at: None,
            seen: None,
        }
    }

    /// Says what this process listens on; to be called when the network changed as well.
    pub(super) fn set_own(&mut self, own: &[SocketAddr]) {
        // Nobody is to be known again from another address by its cookie (RFC 7873 §6).
        for server in &mut self.servers {
            server.cookie = (self.chance.draw().to_be_bytes(), Vec::new());
        }
        if self.own != own {
            self.own = own.to_vec();
            self.seen = None;
            self.check_at = None;
        }
    }

    /// Reads the servers anew if it is time to, and says whether they are others than before.
    pub(super) fn refresh(&mut self, now: Instant) -> bool {
        if self.check_at.is_some_and(|at| now < at) {
            return false;
        }
        let is_first = self.check_at.replace(now + CHECK_INTERVAL).is_none();
        let named = match &self.source {
            ForwardTo::Servers(_) if !is_first => return false,
            ForwardTo::Servers(addresses) => {
                NamedServers { servers: addresses.clone(), ..NamedServers::default() }
            }
            ForwardTo::ResolvConf(path) => {
                let mark = FileMark::of(path).ok();
                if let (Some(mark), Some(seen)) = (&mark, &self.seen)
                    && mark.is_still(seen)
                {
                    return false;
                }
                self.seen = mark;
                NamedServers::read(path)
            }
        };
        self.replace(named.without(&self.own))
    }

    fn replace(&mut self, named: NamedServers) -> bool {
        if self.named.as_ref() == Some(&named) {
            return false;
        }
        named.log(&self.zone);
        let are_others = self.named.as_ref().is_none_or(|it| it.servers != named.servers);
        if are_others {
            let mut fresh = |address: &SocketAddr| ForwardServer {
                address: *address,
                is_probed: false,
                loops_until: None,
                failures: 0,
                demoted_until: None,
                silence_told: None,
                is_told_silent: false,
                cookie: (self.chance.draw().to_be_bytes(), Vec::new()),
                lacks_edns_until: None,
                changes_spelling_until: None,
            };
            self.servers = named.servers.iter().map(&mut fresh).collect();
        }
        self.named.replace(named).is_some() && are_others
    }

    /// The servers to ask, in this order.
    pub(super) fn in_order(&mut self, now: Instant) -> Vec<SocketAddr> {
        for server in &mut self.servers {
            if server.loops_until.is_some_and(|until| until <= now) {
                server.loops_until = None;
                server.is_probed = false;
            }
        }
        let usable = self.servers.iter().filter(|server| server.loops_until.is_none());
        let mut usable: Vec<&ForwardServer> = usable.collect();
        // Stable, so both kinds stay in the order of preference.
        usable.sort_by_key(|server| server.demoted_until.is_some_and(|until| until > now));
        usable.iter().map(|server| server.address).collect()
    }

    /// The zone whose names they are asked for.
    pub(super) fn zone(&self) -> &str {
        &self.zone
    }

    /// Takes those that are to be probed now, each once.
    pub(super) fn take_unprobed(&mut self) -> Vec<ZoneServer> {
        let servers = self.servers.iter_mut();
        let unprobed = servers.filter(|server| !server.is_probed && server.loops_until.is_none());
        let take = |server: &mut ForwardServer| {
            server.is_probed = true;
            ZoneServer { zone: self.zone.clone(), address: server.address }
        };
        unprobed.map(take).collect()
    }

    pub(super) fn probe_all_again(&mut self) {
        for server in &mut self.servers {
            server.is_probed = false;
        }
    }

    /// Notes that this server could not be reached, or did not answer in time. Several times in a row,
    /// and it comes after the others for a while; once may be due to the name that was asked for.
    /// Returns whether that is to be told.
    pub(super) fn note_failure(&mut self, address: SocketAddr, now: Instant) -> bool {
        let found = self.servers.iter_mut().find(|server| server.address == address);
        let Some(server) = found else { return false };
        server.failures += 1;
        if server.failures < FAILURES {
            return false;
        }
        server.failures = 0;
        server.demoted_until = Some(now + DEMOTION);
        // One that comes and goes is told now and then.
        let is_due = server.silence_told.is_none_or(|at| now >= at + TOLD_INTERVAL);
        if server.is_told_silent || !is_due {
            return false;
        }
        (server.is_told_silent, server.silence_told) = (true, Some(now));
        true
    }

    /// Notes that this server answered, and returns whether that is to be told.
    pub(super) fn note_answer(&mut self, address: SocketAddr) -> bool {
        let found = self.servers.iter_mut().find(|server| server.address == address);
        found.is_some_and(|server| {
            server.failures = 0;
            std::mem::take(&mut server.is_told_silent)
        })
    }

    /// How a server is to be asked; `None`: it is none of these.
    pub(super) fn hop(&self, address: SocketAddr, now: Instant) -> Option<Hop> {
        let server = self.servers.iter().find(|server| server.address == address)?;
        let has_edns = server.lacks_edns_until.is_none_or(|until| until <= now);
        Some(Hop {
            cookie: has_edns.then(|| server.cookie.clone()),
            has_random_case: server.changes_spelling_until.is_none_or(|until| until <= now),
            passes_subnet: false,
        })
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.servers.iter().any(|server| server.address == address)
    }

    /// Takes what was learnt of a server, if it is one of these.
    pub(super) fn note_news(&mut self, address: SocketAddr, news: HopNews, now: Instant) {
        let found = self.servers.iter_mut().find(|server| server.address == address);
        let Some(server) = found else { return };
        match news {
            HopNews::Cookie(client, theirs) if client == server.cookie.0 => {
                server.cookie.1 = theirs;
            }
            HopNews::NoEdns => server.lacks_edns_until = Some(now + NO_EDNS_TIME),
            HopNews::ChangesSpelling => {
                let until = Some(now + SMALL_LETTERS_TIME);
                if std::mem::replace(&mut server.changes_spelling_until, until).is_none() {
                    log::warn!(
                        "{address}, to which queries are forwarded, changes the spelling of names: \
                         its replies are easier to forge"
                    );
                }
            }
            HopNews::Cookie(..) | HopNews::Again(_) => {}
        }
    }

    /// Notes that this server forwarded a probe to us.
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
#[path = "servers_tests.rs"]
mod tests;
