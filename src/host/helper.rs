//! Processes that do for this one what may take for ever.
//!
//! Whoever touches a file on a server that is gone, or on a disk that dies, waits until it is back, and
//! no mode of a file helps against that. So it is not for the one thread that answers DNS. A second
//! thread would do, but for the end: a process with a thread that is stuck in the kernel keeps its
//! sockets, so that no other could start in its place. Another process can be left behind.
//!
//! A helper is this very program, called by another name. It listens to its parent by its standard input, a
//! socket, on which it also answers, and ends when that does: when the parent has, however.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/// The file of this process, whatever stands at its path by now.
pub const OURSELVES: &str = "/proc/self/exe";

/// The name by which a helper is called, so that it knows what it is. Nobody types that.
const HELPER_NAME: &str = "idetcd: helper";

/// Those that were given up before the system said that they have ended.
static LEFT_BEHIND: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// A helper, as its parent has it.
#[derive(Debug)]
pub struct Helper {
    /// `None`: it was left behind.
    child: Option<Child>,
    socket: UnixStream,
}

impl Helper {
    /// Starts one for a task, which it is told with these words.
    ///
    /// # Errors
    /// When no process starts.
    pub fn start(task: &str, words: &[&OsStr]) -> io::Result<Helper> {
        if cfg!(test) {
            // This program is another one there.
            return Err(ErrorKind::Unsupported.into());
        }
        forget_ended();
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        let mut command = Command::new(OURSELVES);
        command.arg0(HELPER_NAME).arg(task).args(words);
        // Out of reach of what a terminal sends to all of a group.
        command.process_group(0).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        Ok(Helper { child: Some(command.spawn()?), socket })
    }

    /// The way to it; nothing waits there.
    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Tells it something, as a whole.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`]: it has enough to do, and was told nothing of this. Any other: it is gone.
    pub fn tell(&self, octets: &[u8]) -> io::Result<()> {
        loop {
            return match (&self.socket).write(octets) {
                Ok(length) if length == octets.len() => Ok(()),
                Ok(_) => Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Reads what it said; none: nothing more for now.
    ///
    /// # Errors
    /// It is gone, or said that it will say no more.
    pub fn hear(&self, said: &mut [u8]) -> io::Result<usize> {
        loop {
            return match (&self.socket).read(said) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                heard => heard,
            };
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Whoever is stuck must not be waited for.
        lock_left_behind().extend(self.child.take());
        forget_ended();
    }
}

fn lock_left_behind() -> MutexGuard<'static, Vec<Child>> {
    LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets no helper that has ended stay in the system's table of processes.
fn forget_ended() {
    lock_left_behind().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// The task of this process with its words; `None`: it is no helper.
pub fn task(arguments: &[OsString]) -> Option<(&str, &[OsString])> {
    let [name, task, words @ ..] = arguments else { return None };
    task.to_str().filter(|_| *name == HELPER_NAME).map(|task| (task, words))
}

/// The way to the parent, as a helper has it. A request to end that goes to all processes of a service
/// is not for a helper, which has work to do when the parent has ended.
///
/// # Errors
/// When the system refuses a handler or a descriptor.
pub fn parent() -> io::Result<UnixStream> {
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_called_so_is_a_helper() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let called = words(&[HELPER_NAME, "log", "a"]);
        assert_eq!(task(&called), Some(("log", &words(&["a"])[..])));
        for others in [&[][..], &["idetcd", "log"], &[HELPER_NAME]] {
            assert_eq!(task(&words(others)), None, "{others:?}");
        }
    }
}
