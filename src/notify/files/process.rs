//! A process that keeps a file as it is told, for as long as that takes, and removes what is not to stay
//! when it is told no more: its parent has ended then, and owns no name.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::order::{FileOrder, Hearing, answer};
use super::role::{FileRole, TextFile};
use crate::host::helper::parent;

/// The word for this task.
pub const FILE_TASK: &str = "file";

/// Octets heard at a time.
const HEARD_CHUNK: usize = 16 * 1024;

/// What that process does. It is told the file's role and path.
///
/// # Errors
/// When it cannot listen.
pub fn run(words: &[OsString]) -> io::Result<()> {
    let [role, path] = words else { return Err(ErrorKind::InvalidInput.into()) };
    let role = FileRole::of_word(role).ok_or(ErrorKind::InvalidInput)?;
    let mut file = TextFile::new(role, Path::new(path));
    let mut parent = parent()?;
    let mut hearing = Hearing::default();
    let mut goes_on = true;
    while goes_on {
        goes_on = listen(&mut parent, &mut hearing.octets)?;
        let mut messages: Vec<Option<FileOrder>> = Vec::new();
        while let Some(message) = hearing.take() {
            messages.push(message);
        }
        // Only the last one is what is wanted now; those before were overtaken while it was stuck.
        let Some(last) = messages.last() else { continue };
        // It may be here that the file system hangs. Once it answers, the file may be another node's.
        let _ = fs::symlink_metadata(path);
        if is_left_behind(&parent) {
            break;
        }
        let done = match last {
            // It would be removed at once, as would what one before this process left there.
            Some(FileOrder::Write(_)) if !goes_on && role.is_owned() => file.remove(),
            Some(last) => last.carry_out(&mut file),
            // There is more to come.
            None => Ok(()),
        };
        let answers = answer(&done).repeat(messages.len());
        if parent.write_all(&answers).is_err() {
            break;
        }
    }
    let discarded = file.discard();
    // It may be listening no more.
    let _ = parent.write_all(&answer(&discarded));
    Ok(())
}

/// Whether the parent has ended, rather than said that it will say no more.
fn is_left_behind(parent: &UnixStream) -> bool {
    let mut fds = [PollFd::new(parent, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}

/// Hears all that was said so far, something at least, or that the parent will say no more: `false`.
fn listen(parent: &mut UnixStream, heard: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; HEARD_CHUNK];
    loop {
        let length = match parent.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // The parent went without listening.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        };
        heard.extend_from_slice(chunk.get(..length).unwrap_or_default());
        let mut fds = [PollFd::new(&*parent, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if !matches!(poll(&mut fds, Some(&now)), Ok(1)) {
            return Ok(true);
        }
    }
}
