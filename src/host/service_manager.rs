//! The way to a service manager that wants to hear how a service gets on: systemd, and whoever speaks its protocol
//! (`sd_notify(3)`), datagrams to a local socket that a variable of the environment names.
//!
//! Without that variable nobody listens, and nothing here says a word. A manager that does not read is no reason to wait: what
//! does not fit into the socket is dropped, and told again by whoever tells it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::text::push_printable;

/// Where the manager listens, and what it wants to hear again and again (`sd_watchdog_enabled(3)`).
const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_TIME: &str = "WATCHDOG_USEC";
const WATCHDOG_PROCESS: &str = "WATCHDOG_PID";

/// The variables that are for this process alone: what it starts is not to speak in its name.
pub const FOR_THIS_PROCESS: [&str; 3] = [SOCKET, WATCHDOG_TIME, WATCHDOG_PROCESS];

/// The longest text of a status.
const LONGEST_STATUS: usize = 256;

/// What the manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceNews<'a> {
    /// The service does what it is for.
    Ready,
    /// It is on its way out.
    Stopping,
    /// It lives.
    Alive,
    /// How it is, in words, for whoever asks the manager.
    Status(&'a str),
}

impl fmt::Display for ServiceNews<'_> {
    /// As it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceNews::Ready => f.write_str("READY=1"),
            ServiceNews::Stopping => f.write_str("STOPPING=1"),
            ServiceNews::Alive => f.write_str("WATCHDOG=1"),
            ServiceNews::Status(text) => {
                // A line feed would begin another word of ours.
                let mut status = String::new();
                push_printable(text, LONGEST_STATUS, &mut status);
                write!(f, "STATUS={status}")
            }
        }
    }
}

/// The service manager that started this process.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// It wants to hear within this time that this process lives; `None`: it does not ask.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that the environment names; `None`: it names none. `process`: the ID of this process.
    ///
    /// # Errors
    /// When that is no name of a socket, or the system has none left. Whether somebody listens is found out when it is
    /// told something.
    pub fn find(
        variable: impl Fn(&str) -> Option<OsString>,
        process: u32,
    ) -> io::Result<Option<ServiceManager>> {
        let Some(name) = variable(SOCKET).filter(|name| !name.is_empty()) else { return Ok(None) };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let address = address(&name)?;
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_meant = variable(WATCHDOG_PROCESS).is_none()
            || number(WATCHDOG_PROCESS) == Some(u64::from(process));
        let time = number(WATCHDOG_TIME).filter(|time| is_meant && *time > 0);
        Ok(Some(ServiceManager { socket, address, watchdog: time.map(Duration::from_micros) }))
    }

    /// The time within which it wants to hear that this process lives; `None`: it does not ask.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it something.
    ///
    /// # Errors
    /// When it does not read what it was told before, or does not listen now.
    pub fn tell(&self, told: ServiceNews<'_>) -> io::Result<()> {
        self.socket.send_to_addr(told.to_string().as_bytes(), &self.address).map(drop)
    }
}

/// A path, or after `@` a name that is in no file system.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither an absolute path nor a name after @",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An abstract socket, which no other test has.
    fn manager(name: &str) -> (UnixDatagram, OsString) {
        let name = format!("idetcd-test-{name}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        (socket, format!("@{name}").into())
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut octets = [0; 1024];
        socket.set_nonblocking(true).expect("a socket");
        let length = socket.recv(&mut octets).expect("a datagram");
        String::from_utf8_lossy(&octets[..length]).into_owned()
    }

    #[test]
    fn it_hears_each_word_by_itself() {
        let (socket, name) = manager("words");
        let variable = |wanted: &str| (wanted == SOCKET).then(|| name.clone());
        let found = ServiceManager::find(variable, 1).expect("a socket").expect("a manager");
        for (told, wanted) in [
            (ServiceNews::Ready, "READY=1"),
            (ServiceNews::Alive, "WATCHDOG=1"),
            (ServiceNews::Stopping, "STOPPING=1"),
            (ServiceNews::Status("worker1.tf.local"), "STATUS=worker1.tf.local"),
            (ServiceNews::Status("a\nREADY=1"), "STATUS=a\\nREADY=1"),
        ] {
            found.tell(told).expect("told");
            assert_eq!(heard(&socket), wanted);
        }
        assert_eq!(found.watchdog(), None);
        drop(socket);
        assert!(found.tell(ServiceNews::Ready).is_err());
    }

    #[test]
    fn the_watchdog_is_for_one_process() {
        let (_socket, name) = manager("watchdog");
        for (time, process, wanted) in [
            ("2000000", None, Some(2)),
            ("2000000", Some("7"), Some(2)),
            ("2000000", Some("8"), None),
            ("2000000", Some("x"), None),
            ("0", None, None),
            ("-1", None, None),
            ("", None, None),
        ] {
            let variable = |wanted: &str| match wanted {
                SOCKET => Some(name.clone()),
                WATCHDOG_TIME => Some(time.into()),
                _ => process.map(OsString::from),
            };
            let found = ServiceManager::find(variable, 7).expect("a socket").expect("a manager");
            assert_eq!(found.watchdog(), wanted.map(Duration::from_secs), "{time} {process:?}");
        }
    }

    #[test]
    fn nobody_is_told_where_nobody_listens() {
        for (name, wanted) in
            [(None, true), (Some(""), true), (Some("run/notify"), false), (Some("@"), false)]
        {
            let variable = |_: &str| name.map(OsString::from);
            let found = ServiceManager::find(variable, 7);
            assert_eq!(found.is_ok_and(|found| found.is_none()), wanted, "{name:?}");
        }
    }
}
