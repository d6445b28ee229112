//! A process that writes the log where that may take for ever: where standard error is a file on a disk,
//! or on another machine.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat, fstatfs};

use super::helper::{Helper, parent};
use crate::clock;

/// The word for this task.
pub const LOG_TASK: &str = "log";

/// File systems that are in memory (`statfs(2)`): tmpfs and ramfs. They do not hang.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// The time for the last lines to be written.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);

/// Octets copied at a time.
const LOG_CHUNK: usize = 64 * 1024;

/// The time that a writer has to live before another one is started in its place.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// A process that writes, and when it was started.
type Writer = (Helper, Instant);

static WRITER: Mutex<Option<Writer>> = Mutex::new(None);

fn writer() -> MutexGuard<'static, Option<Writer>> {
    WRITER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts that process, if there is a need for it.
///
/// # Errors
/// When there is, and no process starts.
pub fn start() -> io::Result<()> {
    if may_hang() {
        *writer() = Some(start_writer()?);
    }
    Ok(())
}

fn start_writer() -> io::Result<Writer> {
    Ok((Helper::start(LOG_TASK, &[])?, clock::now()))
}

fn may_hang() -> bool {
    let stderr = io::stderr();
    let is_file = fstat(&stderr).is_ok_and(|it| FileType::from_raw_mode(it.st_mode).is_file());
    // The kernel's word has no sign, the library's may have one.
    is_file && fstatfs(&stderr).is_ok_and(|it| !IN_MEMORY.contains(&(it.f_type as u32)))
}

/// Has a line written. If that process was killed, another one is started. `None`: there is no such process,
/// or no more.
pub(super) fn write(line: &str) -> Option<io::Result<()>> {
    let mut writer = writer();
    let (helper, started) = writer.as_ref()?;
    let told = helper.tell(line.as_bytes());
    match &told {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
        _ => return Some(told),
    }
    if clock::now().saturating_duration_since(*started) < SHORTEST_LIFE {
        return Some(Err(io::ErrorKind::WouldBlock.into()));
    }
    *writer = start_writer().ok();
    let (helper, _) = writer.as_ref()?;
    Some(helper.tell(line.as_bytes()))
}

/// Waits a moment for the last lines to be written. What is logged after that is written directly.
pub fn finish() {
    let Some((helper, _)) = writer().take() else { return };
    let socket = helper.socket();
    if socket.shutdown(Shutdown::Write).is_ok() {
        // It has nothing to say, but ends.
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        let _ = poll(&mut fds, Timespec::try_from(LAST_LINES_TIME).ok().as_ref());
    }
}

/// What that process does: to write what it is told to standard error, for as long as that takes.
///
/// # Errors
/// When it cannot listen.
pub fn run() -> io::Result<()> {
    let (mut parent, mut chunk) = (parent()?, vec![0; LOG_CHUNK]);
    loop {
        let length = match parent.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        // Nobody is left to tell when standard error fails.
        let _ = io::stderr().write_all(chunk.get(..length).unwrap_or_default());
    }
}
