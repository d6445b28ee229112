//! This host's network, as the kernel tells it and its changes (`rtnetlink(7)`).
//!
//! A change is told some time after it began: what comes with it is part of it, and what is undone
//! at once is none.

mod attributes;
mod message;
mod table;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, send, socket_with,
};

use crate::clock;
use crate::cluster::Network;
use crate::node::network::{HostNetwork, is_publishable};
use crate::server::socket;
use crate::server::wakeup::WakeSet;
use message::{ELSEWHERE, RTM_GETADDR, RTM_GETLINK, Told, messages, request};
use table::Table;

/// The time from the first sign of a change to its telling.
const SETTLE: Duration = Duration::from_millis(150);

/// The least time between two changes that are told: each may be published.
const SPACING: Duration = Duration::from_millis(500);

/// The time between two looks where the system tells of no changes.
const UNTOLD_INTERVAL: Duration = Duration::from_secs(5);

/// What is listened to: interfaces, addresses and routes of both families (`RTMGRP_LINK`,
/// `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`).
const MULTICAST_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// Room for one datagram: the kernel's are never larger.
const DATAGRAM: usize = 32 * 1024;

/// Datagrams that are read before DNS gets its turn again.
const EVENTS_AT_ONCE: usize = 64;

/// The network as it was told last, and what follows its changes.
#[derive(Debug)]
pub struct NetworkWatch {
    /// Where the kernel tells, and what is known; `Err`: the system refuses it.
    kernel: io::Result<Kernel>,
    current: Arc<HostNetwork>,
    /// When `current` was told.
    told_at: Instant,
    /// When to look what changed; `None`: nothing did.
    due: Option<Instant>,
}

impl NetworkWatch {
    /// Looks at what there is, and listens to changes.
    pub fn open() -> NetworkWatch {
        let now = clock::now();
        let kernel = Kernel::open();
        let current = Arc::new(network(&kernel));
        let due = kernel.is_err().then_some(now + UNTOLD_INTERVAL);
        NetworkWatch { kernel, current, told_at: now, due }
    }

    /// The network as it was told last. Another one is another `Arc`.
    pub fn current(&self) -> &Arc<HostNetwork> {
        &self.current
    }

    /// The networks of this host, by its addresses as they are known now; `Err`: the system does not tell.
    pub(super) fn networks(&self) -> Result<Vec<Network>, &io::Error> {
        self.kernel.as_ref().map(|kernel| kernel.table.networks())
    }

    /// Lets changes end the sleep. Where that is refused, so is all of it.
    pub(super) fn woken_by(mut self, set: &WakeSet) -> NetworkWatch {
        let refused = match &self.kernel {
            Ok(kernel) => set.add(kernel.socket.as_fd()).err(),
            Err(_) => None,
        };
        if let Some(error) = refused {
            self.kernel = Err(error);
            self.current = Arc::new(network(&self.kernel));
            self.due = Some(self.told_at + UNTOLD_INTERVAL);
        }
        self
    }

    /// When to [look](NetworkWatch::look) next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due
    }

    /// Takes what the kernel has to tell.
    pub(super) fn take_events(&mut self, now: Instant) {
        let Ok(kernel) = &mut self.kernel else { return };
        if kernel.take_events() && self.due.is_none() {
            self.due = Some((now + SETTLE).max(self.told_at + SPACING));
        }
    }

    /// Says whether the network is another one than before, if it is time to look.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|at| at > now) {
            return false;
        }
        self.due = match &mut self.kernel {
            Ok(kernel) => match kernel.catch_up() {
                Ok(()) => None,
                Err(error) => {
                    log::debug!("asking for the addresses of this host: {error}");
                    Some(now + UNTOLD_INTERVAL)
                }
            },
            Err(_) => Some(now + UNTOLD_INTERVAL),
        };
        let found = network(&self.kernel);
        if found == *self.current {
            return false;
        }
        self.current = Arc::new(found);
        self.told_at = now;
        true
    }
}

/// The network by what the kernel told, or did not.
fn network(kernel: &io::Result<Kernel>) -> HostNetwork {
    let interfaces = match kernel {
        Ok(kernel) => Ok(kernel.table.interfaces()),
        Err(error) => Err(format!("netlink: {error}")),
    };
    let default_sources = ELSEWHERE.into_iter().filter_map(source_towards);
    HostNetwork { interfaces, default_sources: default_sources.collect() }
}

/// The address from which this host would speak to another one, if there is a route. Nothing is sent:
/// a socket for datagrams is bound when it is connected.
fn source_towards(ip: IpAddr) -> Option<IpAddr> {
    const DISCARD: u16 = 9;
    let address = SocketAddr::new(ip, DISCARD);
    let socket = socket::unbound(address, SocketType::DGRAM).ok()?;
    let _ = socket::begin_connect(&socket, address).ok()?;
    let source = UdpSocket::from(socket).local_addr().ok()?.ip();
    is_publishable(source).then_some(source)
}

/// The kernel's end of a socket.
#[derive(Debug)]
struct Kernel {
    socket: OwnedFd,
    table: Table,
    buffer: Vec<u8>,
    /// The number of the latest request.
    sequence: u32,
    /// Whether something was not told, so that everything has to be asked for.
    is_incomplete: bool,
}

/// Something that a datagram told.
enum Step {
    Changed,
    /// What was asked for is told in full.
    Finished,
    Nothing,
}

impl Kernel {
    fn open() -> io::Result<Kernel> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, MULTICAST_GROUPS))?;
        let table = Table::default();
        let buffer = vec![0; DATAGRAM];
        let mut kernel = Kernel { socket, table, buffer, sequence: 0, is_incomplete: true };
        kernel.catch_up()?;
        Ok(kernel)
    }

    /// Takes the changes that were told, and says whether there are any.
    fn take_events(&mut self) -> bool {
        let mut is_changed = false;
        for _ in 0..EVENTS_AT_ONCE {
            match self.receive() {
                Ok(Step::Changed) => is_changed = true,
                Ok(_) => {}
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    // There was no room for all of them (`ENOBUFS`).
                    log::debug!("changes of addresses were missed: {error}");
                    self.is_incomplete = true;
                    break;
                }
            }
        }
        is_changed || self.is_incomplete
    }

    /// Asks for everything, if something was missed.
    fn catch_up(&mut self) -> io::Result<()> {
        if !self.is_incomplete {
            return Ok(());
        }
        let before = std::mem::take(&mut self.table);
        self.is_incomplete = false;
        let told = [RTM_GETLINK, RTM_GETADDR].into_iter().try_for_each(|kind| self.ask(kind));
        if told.is_err() {
            self.table = before;
            self.is_incomplete = true;
        }
        told
    }

    /// Asks for all of a kind. The kernel has each part of its reply ready when the one before was
    /// taken, so there is no wait.
    fn ask(&mut self, kind: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        send(&self.socket, &request(kind, self.sequence), SendFlags::empty())?;
        loop {
            match self.receive() {
                Ok(Step::Finished) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                // What is asked for is told all the same.
                Err(Errno::NOBUFS) => self.is_incomplete = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes one datagram.
    fn receive(&mut self) -> rustix::io::Result<Step> {
        let room = &mut self.buffer[..];
        let (_, length, from) = recvfrom(&self.socket, room, RecvFlags::TRUNC)?;
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        if from.is_none_or(|from| from.pid() != 0) {
            // Not from the kernel.
            return Ok(Step::Nothing);
        }
        let Some(datagram) = self.buffer.get(..length) else {
            self.is_incomplete = true;
            return Ok(Step::Nothing);
        };
        let mut step = Step::Nothing;
        for message in messages(datagram) {
            let is_reply = message.sequence == self.sequence;
            self.is_incomplete |= message.is_interrupted;
            match message.told {
                Told::Change(change) => {
                    if self.table.apply(change) {
                        step = Step::Changed;
                    }
                }
                Told::Done if is_reply => step = Step::Finished,
                Told::Refused(error) if is_reply => {
                    let error = io::Error::from_raw_os_error(error);
                    return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
                }
                Told::Done | Told::Refused(_) | Told::Other => {}
            }
        }
        Ok(step)
    }
}
