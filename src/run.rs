//! Puts the rooms together: the only place that knows both the server and the node.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::accounts::Login;
use crate::announce::{self, Ended, Outcome, SetupError, leash};
use crate::cluster::{Directory, Keyspace};
use crate::connect::{Connect, ConnectError};
use crate::dns::{Elsewhere, Responder};
use crate::node::address::{AddressError, check_interface};
use crate::node::session::{End, Session};
use crate::node::{Settings, WhenFull};
use crate::options::{Announce, Forward, Listen, Options};
use crate::privileges::{self, Keep, PrivilegeError};
use crate::process::Process;
use crate::server::forward::{Forwarder, Source};
use crate::server::signals::Signals;
use crate::server::udp::UdpListener;
use crate::server::{Server, Shared, tcp};

/// Why the program ended other than by request.
#[derive(Debug)]
pub enum Failure {
    /// A socket could not be bound.
    Listen(SocketAddr, io::Error),
    /// Nothing could be listened on.
    NoSocket,
    /// The zone's own records could not be made.
    Zone(simple_dns::SimpleDnsError),
    /// The named interface is not there.
    Interface(AddressError),
    /// A certificate, a key or the password cannot be used.
    Connect(ConnectError),
    /// The system refused what forwarding needs.
    Forward(io::Error),
    /// The system refused the signal handlers.
    Signals(io::Error),
    /// Root was not given up.
    RunAs(PrivilegeError),
    /// Other programs cannot be told of the name.
    Announce(SetupError),
    /// No process could be started for the program to run under the name.
    Program(io::Error),
    /// The program was ended because this name was lost.
    NameLost(String),
    /// Every slot is taken.
    NoFreeSlot {
        /// The pattern, as it is spelt in etcd.
        pattern: String,
        /// The number of slots.
        limit: u32,
    },
}

/// What a shell adds to the number of a signal (POSIX, *Shell Command Language* §2.8.2).
const BY_SIGNAL: u8 = 128;

impl Failure {
    /// The exit status that goes with it.
    pub fn exit_status(&self) -> u8 {
        match self {
            Failure::NoFreeSlot { .. } => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Listen(address, error) => {
                write!(f, "--listen: {address}: {error}; {}", remedy(error))
            }
            Failure::NoSocket => f.write_str("--listen: there is no address to listen on"),
            Failure::Zone(error) => write!(f, "--pattern: its zone has no SOA: {error}"),
            Failure::Interface(error) => error.fmt(f),
            Failure::Connect(error) => error.fmt(f),
            Failure::Forward(error) => write!(f, "--forward: {error}"),
            Failure::Signals(error) => write!(f, "cannot handle signals: {error}"),
            Failure::RunAs(error) => error.fmt(f),
            Failure::Announce(error) => error.fmt(f),
            Failure::Program(error) => {
                write!(f, "exec: no process starts: {error}; {}", leash::remedy(error))
            }
            Failure::NameLost(name) => {
                write!(f, "exec: {name} was lost, so the program was ended; start anew")
            }
            Failure::NoFreeSlot { pattern, limit } => write!(
                f,
                "no free slot: {pattern} has {limit} names and all are taken; raise --limit, or \
                 stop a node"
            ),
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another server has it: stop that one, or listen on another address or port"
        }
        io::ErrorKind::PermissionDenied => {
            "start as root or with CAP_NET_BIND_SERVICE, or listen on a port above 1023"
        }
        io::ErrorKind::AddrNotAvailable => "give an address of this host",
        _ => "give another address",
    }
}

/// Serves until the process is asked to stop, or the program that it runs ends. Returns the exit
/// status: that of the program, or 0.
///
/// # Errors
/// See [`Failure`]. etcd being out of reach is none: the node waits for it.
pub fn run(options: Options) -> Result<u8, Failure> {
    if let Some(origin) = &options.origin {
        origin.log();
    }
    if let Some(name) = &options.interface {
        check_interface(name).map_err(Failure::Interface)?;
    }
    let connect = Connect::prepare(&options).map_err(Failure::Connect)?;
    let login = options.run_as.as_ref().map(privileges::look_up).transpose();
    let login = login.map_err(Failure::RunAs)?;
    let (listeners, acceptors) = listen(&options.listen)?;
    if let Some(Login { account, .. }) = login {
        let keep = Keep::needed_by(listeners.iter().map(UdpListener::address));
        privileges::give_up(account, keep).map_err(Failure::RunAs)?;
    }
    let first = listeners.first().ok_or(Failure::NoSocket)?.address();
    let keyspace = Arc::new(options.keyspace.clone());
    let settings = settings(&options, &keyspace, first.port());
    let responder = Responder::new(&keyspace, options.ttl).map_err(Failure::Zone)?;
    let forwarder = options.forward.map(forwarder).transpose()?;
    let elsewhere = match forwarder {
        Some(_) => Elsewhere::Forward,
        None => Elsewhere::Refuse,
    };
    let responder = responder.with_allowed(options.allow).with_elsewhere(elsewhere);
    let directory = Directory::new(keyspace.clone());
    let signals = signals(&options.announce).map_err(Failure::Signals)?;
    // Not before the sockets are ours: where another idetcd runs, these are its files.
    let announcer = announce::set_up(options.announce, keyspace.clone(), login, &signals)
        .map_err(Failure::Announce)?;
    let server = Server::new(listeners, acceptors, responder, directory, signals)
        .with_rate_limit(options.rrl)
        .with_forwarder(forwarder);
    for address in server.addresses() {
        log::info!("listening on {address}");
    }
    let server = Shared::new(server);
    let client = connect.client(&server);
    let process = Process::new(server, announcer);
    let end = Session::new(process.clone(), client, settings).run();
    match (end, process.finish()) {
        // Whoever took the name may have taken the last one.
        (_, Some(Outcome::NameLost(name))) => Err(Failure::NameLost(name)),
        (End::NoFreeSlot, _) => Err(Failure::NoFreeSlot {
            pattern: keyspace.pattern.to_string(),
            limit: keyspace.limit,
        }),
        (End::Stopped, None) => Ok(0),
        (End::Stopped, Some(outcome)) => status_of(outcome),
    }
}

fn status_of(outcome: Outcome) -> Result<u8, Failure> {
    match outcome {
        Outcome::Ended(Ended::Exited(status)) => Ok(status),
        Outcome::Ended(Ended::Killed(signal)) | Outcome::Stopped(signal) => Ok(BY_SIGNAL | signal),
        Outcome::NotStarted(error) => Err(Failure::Program(error)),
        Outcome::NameLost(name) => Err(Failure::NameLost(name)),
        Outcome::NeverNamed => Ok(0),
    }
}

/// A program gets the signals, and its end is what asks this process to stop.
fn signals(wanted: &Announce) -> io::Result<Signals> {
    let signals = Signals::new()?;
    if wanted.program.is_none() {
        signals.obey()?;
    }
    Ok(signals)
}

fn forwarder(forward: Forward) -> Result<Forwarder, Failure> {
    let source = match forward {
        Forward::Servers(servers) => Source::Given(servers),
        Forward::ResolvConf(path) => Source::ResolvConf(path),
    };
    Forwarder::new(source).map_err(Failure::Forward)
}

/// What the operator wants of a node whose first DNS socket has this port.
pub fn settings(options: &Options, keyspace: &Arc<Keyspace>, first_port: u16) -> Settings {
    Settings {
        keyspace: keyspace.clone(),
        when_full: if options.wait { WhenFull::Wait } else { WhenFull::Exit },
        max_stale: options.max_stale,
        lease_ttl: options.lease_ttl,
        ipv4: options.ipv4,
        ipv6: options.ipv6,
        interface: options.interface.clone(),
        port: options.port.unwrap_or(first_port),
    }
}

/// How often another port is tried, where the system chose one for UDP that is taken for TCP.
const PORT_TRIES: usize = 16;

/// Binds every address for UDP and for TCP. What may fail is left out.
///
/// # Errors
/// [`Failure::Listen`], of the first that must work and does not.
pub fn listen(wanted: &[Listen]) -> Result<(Vec<UdpListener>, Vec<TcpListener>), Failure> {
    let (mut listeners, mut acceptors) = (Vec::new(), Vec::new());
    for listen in wanted {
        match listen_on_both(listen.address) {
            Ok((udp, tcp)) => {
                listeners.push(udp);
                acceptors.push(tcp);
            }
            Err(error) if !listen.required && is_without_family(&error) => {
                log::info!("not listening on {}: {error}", listen.address);
            }
            Err(error) => return Err(Failure::Listen(listen.address, error)),
        }
    }
    Ok((listeners, acceptors))
}

fn listen_on_both(address: SocketAddr) -> io::Result<(UdpListener, TcpListener)> {
    let mut tries = PORT_TRIES;
    loop {
        let udp = UdpListener::bind(address)?;
        match tcp::listen_on(udp.address()) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 || tries == 0 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

/// Whether the host has no such address family, as where IPv6 is switched off.
fn is_without_family(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}
