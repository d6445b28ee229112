//! Connections to etcd on their way.
//!
//! What goes lost in the network is sent again by the kernel after one second, then after two, four and so on. Whoever
//! waits for the end of an outage asks for a further connection in between, and takes the one that comes about first.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::net::{SocketType, sockopt};

use crate::clock;
use crate::server::socket;
use crate::server::{Interest, Shared, Wake};

/// Idle time after which the kernel asks whether the peer of a silent connection still lives, and
/// the time between, and the number of, its unanswered questions (`tcp(7)`).
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_PROBES: u32 = 3;

/// The time after which a further connection is asked for.
const REDIAL: Duration = Duration::from_millis(400);

/// Opens a connection, and answers DNS meanwhile. Passing the deadline is an error of kind `TimedOut`; a request to stop
/// is one of kind `Other`, since `Interrupted` would be tried again by the standard library.
pub(super) fn dial(
    server: &Shared,
    address: SocketAddr,
    deadline: Option<Instant>,
    redials: bool,
) -> io::Result<TcpStream> {
    let mut dialled: Vec<OwnedFd> = Vec::new();
    loop {
        let socket = begin(address)?;
        if !socket::begin_connect(&socket, address)?.is_pending() {
            return Ok(TcpStream::from(socket));
        }
        dialled.push(socket);
        let redial_at = redials.then(|| clock::now() + REDIAL);
        match wait(server, &dialled, earliest(deadline, redial_at))? {
            Some(Wake::Ready) => {
                if let Some(socket) = take_ready(&mut dialled)? {
                    sockopt::socket_error(&socket)??;
                    return Ok(TcpStream::from(socket));
                }
            }
            Some(Wake::TimedOut) if deadline.is_none_or(|at| at > clock::now()) => {}
            Some(Wake::TimedOut) => return Err(ErrorKind::TimedOut.into()),
            Some(Wake::Stopping) => return Err(stopping()),
            // What went lost in the network before would be sent again only seconds later.
            None => dialled.clear(),
        }
    }
}

fn begin(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = socket::unbound(address, SocketType::STREAM)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEP_ALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&socket, KEEP_ALIVE_PROBES)?;
    Ok(socket)
}

/// Waits in the server until one of these is connected, or has failed. `None`: this host's network is another one by now.
fn wait(
    server: &Shared,
    dialled: &[OwnedFd],
    deadline: Option<Instant>,
) -> io::Result<Option<Wake>> {
    let wait_for = |fd: BorrowedFd<'_>, interest| {
        server.lock().wait_in_network(Some((fd, interest)), deadline)
    };
    if let [only] = dialled {
        return wait_for(only.as_fd(), Interest::Writable);
    }
    let all = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for socket in dialled {
        epoll::add(&all, socket, epoll::EventData::new_u64(0), epoll::EventFlags::OUT)?;
    }
    wait_for(all.as_fd(), Interest::Readable)
}

/// Takes one that is connected, or has failed; `None`: none is.
fn take_ready(dialled: &mut Vec<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    let mut fds: Vec<PollFd<'_>> =
        dialled.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let at = fds.iter().position(|fd| !fd.revents().is_empty());
    Ok(at.map(|at| dialled.swap_remove(at)))
}

/// The time that comes first.
pub(super) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// What a wait ends with when the process was asked to stop.
pub(super) fn stopping() -> io::Error {
    io::Error::other("the process was asked to stop")
}
