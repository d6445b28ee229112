//! Puts the rooms together: the only place that knows the server, the node, and who is told.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cluster::{Directory, Network, NodeId};
use crate::connect::{Certificates, Connect, ExpiryWatch};
use crate::dns::cache::Cache;
use crate::dns::tsig::TsigKey;
use crate::dns::{Forwarding, Responder};
use crate::failure::Failure;
use crate::host::accounts::Login;
use crate::host::sandbox::Sandbox;
use crate::host::{log_process, machine, privileges};
use crate::node::address::check_interface;
use crate::node::network::HostNetwork;
use crate::node::session::{Session, SessionEnd};
use crate::node::{Counter, Host, JobNews, NodeSettings, Owned, TableServer, TableState, WhenFull};
use crate::notify::{self, Ended, Notifier, Outcome, file_failure, parent_death};
use crate::options::Options;
use crate::random::Random;
use crate::server::forward::Forwarder;
use crate::server::hosts_file::HostsFile;
use crate::server::http::HttpServer;
use crate::server::listen::{Absent, listen, listen_for_http};
use crate::server::network::NetworkWatch;
use crate::server::reading_progress::ReadingProgress;
use crate::server::ready_file::ReadyFile;
use crate::server::secondaries::{NotifyTargets, Secondaries};
use crate::server::signals::Signals;
use crate::server::table::{TableLimits, TableTrust};
use crate::server::timers::{Timer, View};
use crate::server::tsig_files;
use crate::server::udp::UdpListener;
use crate::server::{Interest, Server, Shared, Wake};

/// The time that files have to become as they are wanted, where something waits for that.
const FILE_TIME: Duration = Duration::from_secs(1);

/// What a shell adds to the number of a signal (POSIX, *Shell Command Language* §2.8.2).
const BY_SIGNAL: u8 = 128;

/// Serves until the process is asked to stop, or the program that it runs ends. Returns the exit
/// status: that of the program, or 0.
///
/// # Errors
/// When something that the options name cannot be used, no slot is free, or the name under which a
/// program ran was lost. etcd being out of reach is none: the node waits for it.
pub fn run(options: Options) -> Result<u8, Failure> {
    options.origins.warn();
    if let Some(corefile) = &options.corefile {
        corefile.log();
    }
    let sandbox = options.sandbox();
    let has_program = options.notify.program.is_some();
    let mut node = options.node;
    let network = NetworkWatch::open();
    if let Some(name) = &node.interface {
        check_interface(name, network.current()).map_err(Failure::new)?;
    }
    let connect = Connect::prepare(&options.connect)?;
    let keys = tsig_files::read(&options.tsig_keys)?;
    let key = keys.first().cloned();
    let login = options.run_as.as_ref().map(privileges::look_up).transpose()?;
    let absent = match node.when_full {
        WhenFull::Exit => Absent::Fail,
        WhenFull::Wait => Absent::Await,
    };
    let (listeners, acceptors) = listen(&options.listen, absent)?;
    let http = listen_for_http(&options.http, absent)?;
    if let Some(Login { account, .. }) = login {
        let kept = privileges::lasting_rights(listeners.iter().map(|listener| listener.address));
        privileges::give_up(account, kept)?;
    }
    let Some(first) = listeners.first() else {
        return Err(Failure::new("--listen: there is no address to listen on"));
    };
    node.port.get_or_insert(first.address.port());
    if node.node_id.is_none() {
        node.node_id = found_id(listeners.iter().map(|listener| listener.address));
    }
    node.node_id = node.node_id.map(|id| id.on_host(Some(&machine::host_name())));
    let keyspace = node.keyspace.clone();
    let zones: Vec<String> =
        options.forward.routes.iter().map(|route| route.zone.clone()).collect();
    let forwarding = (!zones.is_empty()).then(|| Forwarding::of(zones));
    let cache = options.forward.cache;
    let cache = (forwarding.is_some() && cache > 0).then(|| Cache::new(cache));
    let forwarder = forwarding.is_some().then(|| Forwarder::new(options.forward)).transpose();
    let forwarder = forwarder.map_err(|error| Failure::new(format!("--forward: {error}")))?;
    let responder = Responder::new(&keyspace, options.ttl)
        .map_err(|error| Failure::new(format!("--pattern: its zone has no SOA: {error}")))?
        .with_reverse(&options.reverse)
        .map_err(|error| Failure::new(format!("--reverse: a zone has no SOA: {error}")))?
        .with_allowed(options.allow.clone())
        .with_keys(keys)
        .with_transferable(options.allow_transfer)
        .with_forwarding(forwarding);
    let no_signals = |error| Failure::new(format!("cannot handle signals: {error}"));
    let signals = Signals::new().map_err(no_signals)?;
    // A program gets the signals, and its end is what asks this process to stop.
    if options.notify.program.is_none() {
        signals.obey().map_err(no_signals)?;
    }
    if options.is_sandboxed {
        enter(sandbox, &connect);
    }
    if let Err(error) = log_process::start() {
        log::info!(
            "the log: no process starts for it: {error}; should its disk hang, DNS will hang"
        );
    }
    let ready_file = options.ready_file.map(|path| {
        ReadyFile::open(&path, &signals.wakeups()).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::new(format!(
                "--ready-file: {}: {error}; let this user (see --run-as) search its directory, or \
                     give a file in another",
                path.display()
            )),
            _ => file_failure("ready-file", &path, &error),
        })
    });
    let ready_file = ready_file.transpose()?;
    let writes_hosts = options.hosts == options.notify.hosts_file;
    // Not before the sockets are ours: where another idetcd runs, these are its files.
    let notifier = notify::set_up(options.notify, keyspace.clone(), login, &signals)?
        .with_certificates(connect.certificates().cloned());
    node.remembered = notifier.remembered();
    for address in listeners.iter().map(|listener| listener.address) {
        log::info!("listening on {address}");
    }
    let mut directory = Directory::new(keyspace);
    // The nodes that do not watch etcd take the table from those that do.
    let transfers = responder.transfers() || node.may_have_followers();
    if transfers {
        directory.keep_journal();
    }
    let has_secondaries = transfers || !options.notify_targets.also.is_empty();
    let secondaries = has_secondaries
        .then(|| secondaries(&options.notify_targets, key.as_ref(), &listeners, &responder));
    let is_open = options.allow.is_empty() && forwarder.is_some();
    let mut server = Server::new(listeners, acceptors, network, responder, directory, signals)
        .with_rate_limit(options.rrl)
        .with_forwarder(forwarder)
        .with_cache(cache)
        .with_hosts_file(options.hosts.map(|path| HostsFile::new(path, writes_hosts)))
        .with_table_limits(TableLimits { max_lag: node.max_lag, max_stale: node.max_stale })
        .with_table_trust(TableTrust::new(key))
        .with_secondaries(secondaries)
        .with_ready_file(ready_file);
    if is_open {
        server = server.forwarding_for_own_networks();
    }
    let server = Shared::new(server);
    if let Some(certificates) = connect.certificates() {
        let watch = ExpiryWatch::new(certificates.clone(), server.now());
        server.lock().add_timer(Box::new(watch));
    }
    // A program has the terminal for itself.
    if !has_program && log::log_enabled!(log::Level::Info) {
        server.lock().add_timer(Box::new(ReadingProgress::new(server.now())));
    }
    let client = connect.client(&server);
    let process = Process::new(server, notifier);
    serve_http(http, options.allow, &process)?;
    lock(&process.notifier).serves(process.now());
    let end = Session::new(process.clone(), client, node.clone(), Random::from_system()).run();
    match (end, process.finish()) {
        // Whoever took the name may have taken the last one.
        (_, Some(lost @ (Outcome::NameLost(_) | Outcome::LeaseEnding(_)))) => status_of(lost),
        (SessionEnd::NoFreeSlot, _) => Err(no_free_slot(&node)),
        (SessionEnd::Stopped, None) => Ok(0),
        (SessionEnd::Stopped, Some(outcome)) => status_of(outcome),
    }
}

/// Gives up all files but those that are needed. What is not given up is no reason not to serve.
fn enter(sandbox: Result<Sandbox, &str>, connect: &Connect) {
    let mut sandbox = match sandbox {
        Ok(sandbox) => sandbox,
        Err(programs) => {
            return log::info!("no sandbox: {programs} would be in it; --no-sandbox says the same");
        }
    };
    let certificates = connect.certificates().into_iter().flat_map(Certificates::paths);
    sandbox.read.extend(certificates.map(Path::to_owned));
    if let Some(path) = sandbox.may_hang() {
        let path = path.display();
        return log::info!("no sandbox: the file system of {path} may not answer");
    }
    match sandbox.enter() {
        Ok(true) => log::debug!("sandbox: {}", sandbox.describe()),
        Ok(false) => log::debug!("no sandbox: this kernel has no Landlock"),
        Err(error) => log::warn!("no sandbox: {error}; --no-sandbox leaves it out"),
    }
}

/// Has HTTP served, if anything listens for it.
fn serve_http(
    acceptors: Vec<TcpListener>,
    allowed: Vec<Network>,
    process: &Process,
) -> Result<(), Failure> {
    if acceptors.is_empty() {
        return Ok(());
    }
    let http = HttpServer::new(acceptors, allowed, Box::new(process.notifier.clone()));
    let http = http.map_err(|error| Failure::new(format!("--http: {error}")))?;
    process.server.lock().set_http(Some(http));
    Ok(())
}

/// Those who are told of changes.
fn secondaries(
    targets: &NotifyTargets,
    key: Option<&Arc<TsigKey>>,
    listeners: &[UdpListener],
    responder: &Responder,
) -> Secondaries {
    let listening: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
    let names = responder.zone_names().map(str::to_owned).collect();
    Secondaries::open(targets, key, &listening, names)
}

/// The ID of a node that was given none. The sockets are bound, so no other process here has the same.
fn found_id(sockets: impl Iterator<Item = SocketAddr>) -> Option<NodeId> {
    let id = machine::server_id(sockets).and_then(|id| id.parse().ok());
    if id.is_none() {
        log::info!(
            "this host has no ID of its own: after a crash its name is free when its lease is over, \
             not at once; give one by --node-id"
        );
    }
    id
}

fn no_free_slot(node: &NodeSettings) -> Failure {
    let (pattern, limit) = (&node.keyspace.pattern, node.keyspace.limit);
    Failure::no_free_slot(format!(
        "no free slot: {pattern} has {limit} names and all are taken; raise --limit, or stop a node"
    ))
}

fn status_of(outcome: Outcome) -> Result<u8, Failure> {
    match outcome {
        Outcome::Ended(Ended::Exited(status)) => Ok(status),
        Outcome::Ended(Ended::Killed(signal)) | Outcome::Stopped(signal) => Ok(BY_SIGNAL | signal),
        Outcome::NotStarted(error) => Err(Failure::new(format!(
            "exec: no process starts: {error}; {}",
            parent_death::remedy(&error)
        ))),
        Outcome::NameLost(name) => Err(Failure::new(format!(
            "exec: {name} was lost, so the program was ended; start anew"
        ))),
        Outcome::LeaseEnding(name) => Err(Failure::new(format!(
            "exec: the lease of {name} was not renewed in time, so the program was ended; start anew"
        ))),
        Outcome::PeerLost(peer) => Err(Failure::new(format!(
            "exec: {peer} was lost (--on-peer-lost), so the program was ended; start anew"
        ))),
        Outcome::NoList(why) => Err(Failure::new(format!(
            "exec: {why} (--timeout), so the program was not started; start what is missing, or give more time"
        ))),
        Outcome::NeverNamed => Ok(0),
    }
}

/// The server and the notifier, as one host. One thread, so neither lock is ever contended: the
/// server's may be held while the notifier's is taken, and never the other way round.
#[derive(Clone, Debug)]
struct Process {
    server: Shared,
    notifier: Arc<Mutex<Notifier>>,
}

fn lock(notifier: &Mutex<Notifier>) -> MutexGuard<'_, Notifier> {
    notifier.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    fn new(server: Shared, notifier: Notifier) -> Process {
        let needs_timer = notifier.needs_timer();
        let notifier = Arc::new(Mutex::new(notifier));
        if needs_timer {
            server.lock().add_timer(Box::new(notifier.clone()));
        }
        Process { server, notifier }
    }

    /// Lets the hooks that are left, and the program where it is being ended, end while DNS is
    /// answered; a further request to stop ends the wait for them. Says what became of the
    /// program, if there was to be one.
    fn finish(&self) -> Option<Outcome> {
        // While requests are heard again: the end of the last hook asks the process to stop.
        self.server.lock().resume();
        let now = self.now();
        let grace = lock(&self.notifier).close(now);
        if let Some(grace) = grace {
            match self.server.lock().wait(None, Some(now + grace)) {
                Ok(Wake::Stopping | Wake::Ready) => {}
                Ok(Wake::TimedOut) => log::error!("the hooks or the program did not end in time"),
                Err(error) => log::error!("poll: {error}"),
            }
        }
        let outcome = lock(&self.notifier).finish(self.now());
        self.server.lock().resume();
        self.await_files();
        outcome
    }
}

impl Process {
    /// Lets the files become as they are wanted, for as long as a file system that is well may take, while
    /// DNS is answered.
    fn await_files(&self) {
        let deadline = self.now() + FILE_TIME;
        loop {
            let Some(descriptor) = lock(&self.notifier).unsettled_file() else { return };
            let waited = Some((descriptor.as_fd(), Interest::Readable));
            match self.server.lock().wait(waited, Some(deadline)) {
                Ok(Wake::Ready) => lock(&self.notifier).hear_of_files(self.now()),
                Ok(Wake::TimedOut) => return lock(&self.notifier).give_up_on_files(),
                // What comes then waits for them once more.
                Ok(Wake::Stopping) | Err(_) => return,
            }
        }
    }
}

impl Timer for Arc<Mutex<Notifier>> {
    fn next(&self) -> Option<Instant> {
        lock(self).next()
    }

    fn run(&mut self, now: Instant, view: View<'_>) {
        // A table that is taken from another node changes it without anybody's doing.
        lock(self).note_changes(view.directory.changes(), || now);
        lock(self).run(now, view);
    }
}

impl Host for Process {
    fn now(&self) -> Instant {
        self.server.now()
    }

    fn sleep_until(&self, deadline: Instant) {
        self.server.sleep_until(deadline);
    }

    fn is_stopping(&self) -> bool {
        self.server.is_stopping()
    }

    fn begin_release(&self) {
        lock(&self.notifier).stops(self.now());
        self.server.begin_release();
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.server.source_address()
    }

    fn network(&self) -> Arc<HostNetwork> {
        self.server.network()
    }

    fn has_port(&self, port: u16) -> bool {
        self.server.has_port(port)
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        let (given, changes) = self.server.directory(|directory| {
            let given = access(directory);
            (given, directory.changes())
        });
        lock(&self.notifier).note_changes(changes, || self.now());
        given
    }

    fn ownership(&self, owned: Option<Owned>) {
        if let Some(owned) = &owned {
            // Whoever is told of the name finds it in the file.
            lock(&self.notifier).announce(owned, self.now());
            self.await_files();
        }
        lock(&self.notifier).ownership(owned, self.now());
        if owned.is_none() {
            // Before it is given back, it is gone from there.
            self.await_files();
        }
    }

    fn loss(&self) {
        lock(&self.notifier).loss(self.now());
    }

    fn is_ready(&self) -> bool {
        self.server.is_ready()
    }

    fn take_table(&self, from: &[TableServer]) {
        self.server.take_table(from);
    }

    fn table(&self) -> TableState {
        self.server.table()
    }

    fn wants_name(&self) -> bool {
        lock(&self.notifier).wants_name()
    }

    fn note(&self, counter: Counter) {
        lock(&self.notifier).note(counter);
    }

    fn job(&self, news: JobNews) {
        lock(&self.notifier).job(news, self.now());
    }

    fn has_ended_well(&self) -> bool {
        lock(&self.notifier).has_ended_well()
    }
}
