//! Sockets, signals, and the one sleep of the process.
//!
//! [`Server::wait`] is where the process sleeps, and nowhere else: whoever waits for something
//! (etcd's reply, a moment to pass) waits there, and queries are answered meanwhile. Nothing in it
//! talks to etcd.

pub mod attempt;
pub mod client;
mod connection;
pub mod forward;
mod forwarded;
mod framed;
mod host;
pub mod hosts_file;
pub mod http;
pub mod id_source;
mod interfaces;
pub mod listen;
pub mod network;
mod own_networks;
pub mod reading_progress;
pub mod ready_file;
pub mod secondaries;
mod service;
pub mod signals;
pub mod socket;
pub mod socket_set;
pub mod table;
mod table_host;
mod tcp;
pub mod timers;
pub mod tsig_files;
pub mod udp;
mod wait;
pub mod wakeup;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock;
use crate::cluster::{Directory, Network};
use crate::dns::cache::Cache;
use crate::dns::{RateLimiter, Responder};
use crate::node::network::HostNetwork;
use forward::Forwarder;
use hosts_file::HostsFile;
use http::HttpServer;
use interfaces::Interfaces;
use network::NetworkWatch;
use ready_file::ReadyFile;
use secondaries::Secondaries;
use service::Service;
use signals::Signals;
use table::{TableLimits, TableTrust};
use tcp::Connections;
use timers::Timer;
use udp::UdpListener;

/// The readiness of a descriptor that a caller of [`Server::wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data to read, or the end of the stream.
    Readable,
    /// Room to write, or the outcome of a connect.
    Writable,
}

/// The reason why [`Server::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The caller's descriptor is ready, or has an error to tell.
    Ready,
    /// The deadline passed.
    TimedOut,
    /// The process was asked to stop; see [`crate::node::Host::begin_release`].
    Stopping,
}

/// The DNS sockets, what they answer from, and the signals.
pub struct Server {
    listeners: Vec<UdpListener>,
    network: NetworkWatch,
    interfaces: Interfaces,
    acceptors: Vec<TcpListener>,
    connections: Connections,
    service: Service,
    signals: Signals,
    timers: Vec<Box<dyn Timer>>,
    /// What says whether this node is ready; `None`: it always is.
    ready_file: Option<ReadyFile>,
    /// Who is told of changes; `None`: nobody is.
    secondaries: Option<Secondaries>,
    /// What serves HTTP; `None`: nothing does.
    http: Option<HttpServer>,
    /// The hosts that are answered for beside; `None`: there are none.
    hosts_file: Option<HostsFile>,
    /// The networks for which other names are forwarded; `None`: for whoever may ask.
    own_networks: Option<Vec<Network>>,
    /// Whether the last poll found answers of theirs.
    have_answered: bool,
    /// Which of the signals, the listeners for UDP, those for TCP, and the connections, in this
    /// order, the last poll found ready.
    ready: Vec<bool>,
    /// Whether [`Server::wait`] waits again after a request to stop, for the last call to etcd.
    releasing: bool,
    /// How long a table taken from another node can be answered from, and whose is believed, while it is not
    /// taken.
    table_limits: TableLimits,
    /// When the sleep is over at the latest, unless this process stands still.
    wakes_at: Instant,
    table_trust: TableTrust,
    /// This host's address on the latest connection to etcd; `None` before the first.
    pub source_address: Option<IpAddr>,
}

/// The server as its users share it. One thread, so the lock is never contended; it is held for
/// one wait or one change of the directory, and never across a call to etcd.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Server>>);

/// Without what is in it: ureq wants what it waits with to be printable, and the words for all of the server are
/// a twentieth of the binary.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// Wraps the server, so that the transport of the etcd client can wait in it as well.
    pub fn new(server: Server) -> Self {
        Shared(Arc::new(Mutex::new(server)))
    }

    /// The server itself. Drop the guard before anything that talks to etcd.
    pub fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Takes over sockets that are bound already.
    pub fn new(
        mut listeners: Vec<UdpListener>,
        acceptors: Vec<TcpListener>,
        network: NetworkWatch,
        responder: Responder,
        mut directory: Directory,
        signals: Signals,
    ) -> Self {
        directory.account.have_addresses(network.current().own_addresses().unwrap_or_default());
        let interfaces = Interfaces::of(&listeners);
        interfaces.follow(network.current(), &mut listeners);
        Server {
            network: network.woken_by(&signals.wakeup.set),
            interfaces,
            listeners,
            acceptors,
            connections: Connections::default(),
            service: Service::new(responder, directory),
            signals,
            timers: Vec::new(),
            ready_file: None,
            secondaries: None,
            http: None,
            hosts_file: None,
            own_networks: None,
            have_answered: false,
            ready: Vec::new(),
            releasing: false,
            table_limits: TableLimits::default(),
            wakes_at: clock::now(),
            table_trust: TableTrust::default(),
            source_address: None,
        }
    }

    /// Lets each client's network have so many replies a second over UDP.
    #[must_use]
    pub fn with_rate_limit(mut self, rate: Option<u32>) -> Self {
        self.service.limiter = rate.map(RateLimiter::new);
        self
    }

    /// Forwards queries for names outside of all zones.
    #[must_use]
    pub fn with_forwarder(mut self, forwarder: Option<Forwarder>) -> Self {
        self.service.forwarder = forwarder;
        self.update_own_addresses();
        self
    }

    /// Answers for the hosts in a file as well.
    #[must_use]
    pub fn with_hosts_file(mut self, file: Option<HostsFile>) -> Self {
        self.hosts_file = file;
        self.look_at_hosts(clock::now());
        self
    }

    fn look_at_hosts(&mut self, now: Instant) {
        if let Some(hosts) =
            self.hosts_file.as_mut().and_then(|file| file.look(now, &self.service.responder))
        {
            self.service.responder.set_hosts(hosts);
        }
    }

    /// Keeps replies to forwarded queries.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Cache>) -> Self {
        self.service.cache = cache;
        self
    }

    /// Says how long a table taken from another node can be answered from.
    #[must_use]
    pub fn with_table_limits(mut self, limits: TableLimits) -> Self {
        self.table_limits = limits;
        self
    }

    /// Says whose table is believed.
    #[must_use]
    pub fn with_table_trust(mut self, trust: TableTrust) -> Self {
        self.table_trust = trust;
        self
    }

    /// Lets this node be ready while a file is there.
    #[must_use]
    pub fn with_ready_file(mut self, file: Option<ReadyFile>) -> Self {
        self.ready_file = file;
        self
    }

    /// Tells other servers of changes.
    #[must_use]
    pub fn with_secondaries(mut self, secondaries: Option<Secondaries>) -> Self {
        self.secondaries = secondaries;
        self
    }

    /// Serves HTTP as well.
    pub fn set_http(&mut self, http: Option<HttpServer>) {
        self.http = http;
    }

    /// Whether this node is ready.
    pub fn is_ready(&self) -> bool {
        self.ready_file.as_ref().is_none_or(ReadyFile::is_there)
    }

    fn update_own_addresses(&mut self) {
        let own = self.addresses();
        if let Some(forwarder) = &mut self.service.forwarder {
            forwarder.set_own(own, clock::now());
        }
    }

    /// Runs a timer from now on.
    pub fn add_timer(&mut self, timer: Box<dyn Timer>) {
        self.timers.push(timer);
    }

    /// The addresses that are listened on, in the order of the options.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Whether all addresses of this host at this port are this process's.
    pub fn has_port(&self, port: u16) -> bool {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let has = |ip| self.listeners.iter().any(|it| it.address == SocketAddr::new(ip, port));
        any.into_iter().all(has)
    }

    /// This host's network as it is known now. It is another `Arc` when it has changed.
    pub fn network(&self) -> &Arc<HostNetwork> {
        self.network.current()
    }

    /// Follows the network of this host, if it is time to, and says whether it changed.
    fn follow_network(&mut self, now: Instant) -> bool {
        let before = self.network.current().clone();
        let is_changed = self.network.look(now);
        if is_changed {
            if self.network.current().lost_address_of(&before) {
                // The same servers may tell another network something else.
                self.service.outdate_kept(".", now);
            }
            self.interfaces.follow(self.network.current(), &mut self.listeners);
            self.update_own_addresses();
            self.update_own_networks();
            let own = self.network().own_addresses().unwrap_or_default();
            self.service.directory.account.have_addresses(own);
        }
        is_changed
    }

    /// Whether SIGTERM, SIGINT or SIGHUP came.
    pub fn is_stopping(&self) -> bool {
        self.signals.stop.load(Ordering::Relaxed)
    }

    /// What asks the process to stop, as one of these signals does, once it is set.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.signals.stop.clone()
    }

    /// Lets [`Server::wait`] wait again, until the process is asked to stop once more.
    pub fn resume(&mut self) {
        self.signals.stop.store(false, Ordering::Relaxed);
        self.releasing = false;
    }
}
