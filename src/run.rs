//! Puts the rooms together: the only place that knows both the server and the node.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::cluster::Directory;
use crate::dns::Responder;
use crate::etcd::{Client, ReadDeadline};
use crate::node::address::{AddressError, check_interface};
use crate::node::session::{End, Session};
use crate::node::{Host, Settings};
use crate::options::{Listen, Options};
use crate::server::udp::UdpListener;
use crate::server::{Server, Shared, transport};

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
    /// The system refused the signal handlers.
    Signals(io::Error),
    /// Every slot is taken.
    NoFreeSlot {
        /// The pattern, as it is spelt in etcd.
        pattern: String,
        /// The number of slots.
        limit: u32,
    },
}

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
            Failure::Signals(error) => write!(f, "cannot handle signals: {error}"),
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

/// Serves until the process is asked to stop.
///
/// # Errors
/// See [`Failure`]. etcd being out of reach is none: the node waits for it.
pub fn run(options: Options) -> Result<(), Failure> {
    if let Some(name) = &options.interface {
        check_interface(name).map_err(Failure::Interface)?;
    }
    let listeners = listen(&options.listen)?;
    let first = listeners.first().ok_or(Failure::NoSocket)?.address();
    let responder = Responder::new(&options.pattern, options.ttl).map_err(Failure::Zone)?;
    let directory = Directory::new(options.pattern.clone(), options.limit);
    let server = Server::new(listeners, responder, directory).map_err(Failure::Signals)?;
    for address in server.addresses() {
        log::info!("listening on {address}");
    }
    let server = Shared::new(server);
    let read_deadline = ReadDeadline::default();
    let agent = transport::agent(&server, {
        let read_deadline = read_deadline.clone();
        move || read_deadline.get()
    });
    let endpoints = options.endpoints.iter().map(|endpoint| endpoint.as_str().to_owned());
    let client = Client::new(agent, endpoints.collect(), options.etcd_timeout, read_deadline);
    let settings = Settings {
        pattern: options.pattern,
        limit: options.limit,
        lease_ttl: options.lease_ttl,
        ipv4: options.ipv4,
        ipv6: options.ipv6,
        interface: options.interface,
        port: options.port.unwrap_or(first.port()),
    };
    let pattern = settings.pattern.to_string();
    let limit = settings.limit;
    match Session::new(server, client, settings).run() {
        End::Stopped => Ok(()),
        End::NoFreeSlot => Err(Failure::NoFreeSlot { pattern, limit }),
    }
}

fn listen(wanted: &[Listen]) -> Result<Vec<UdpListener>, Failure> {
    let mut listeners = Vec::new();
    for listen in wanted {
        match UdpListener::bind(listen.address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if !listen.required && is_without_family(&error) => {
                log::info!("not listening on {}: {error}", listen.address);
            }
            Err(error) => return Err(Failure::Listen(listen.address, error)),
        }
    }
    Ok(listeners)
}

/// Whether the host has no such address family, as where IPv6 is switched off.
fn is_without_family(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

impl Host for Shared {
    fn sleep_until(&self, deadline: Instant) {
        if let Err(error) = self.lock().wait(None, Some(deadline)) {
            log::error!("poll: {error}");
        }
    }

    fn is_stopping(&self) -> bool {
        self.lock().is_stopping()
    }

    fn begin_release(&self) {
        self.lock().begin_release();
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.lock().source_address()
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        access(self.lock().directory_mut())
    }
}
