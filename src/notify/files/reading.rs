//! A small file that is read once at the start, by a process that waits for the file system in our place.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::order::{ANSWER, answer, outcome};
use crate::host::helper::{Helper, parent};

/// The word for this task.
pub const READ_TASK: &str = "read";

/// The most octets that are read: what is longer is cut off.
const LONGEST_TEXT: usize = 256;

/// Reads the beginning of a file; at most 256 octets of it.
///
/// # Errors
/// When it cannot be read, or not in this time ([`ErrorKind::TimedOut`]).
pub(in crate::notify) fn read_file(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    // Where no process starts, that was told when the file was to be kept.
    let Ok(helper) = Helper::start(READ_TASK, &[path.as_os_str()]) else { return beginning(path) };
    let socket = helper.socket().as_fd();
    poll(&mut [PollFd::new(&socket, PollFlags::IN)], Timespec::try_from(patience).ok().as_ref())?;
    let mut said = [0; ANSWER + LONGEST_TEXT];
    let length = helper.hear(&mut said)?;
    let (answer, text) = said.split_at(ANSWER);
    let text = length.checked_sub(ANSWER).and_then(|length| text.get(..length));
    match (answer.first_chunk(), text) {
        (Some(answer), Some(text)) => outcome(*answer).map(|()| text.to_vec()),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let longest = u64::try_from(LONGEST_TEXT).unwrap_or(u64::MAX);
    File::open(path)?.take(longest).read_to_end(&mut text)?;
    Ok(text)
}

/// What that process does. It is told the path, and says what it read, in one piece.
///
/// # Errors
/// When it cannot speak.
pub fn run(words: &[OsString]) -> io::Result<()> {
    let [path] = words else { return Err(ErrorKind::InvalidInput.into()) };
    let mut parent = parent()?;
    let (done, text) = match beginning(Path::new(path)) {
        Ok(text) => (Ok(()), text),
        Err(error) => (Err(error), Vec::new()),
    };
    parent.write_all(&[&answer(&done)[..], &text].concat())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_beginning_of_a_file_is_read() {
        let name = format!("idetcd-reading-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let patience = Duration::from_secs(1);
        let missing = read_file(&path, patience).map_err(|error| error.kind());
        assert_eq!(missing, Err(ErrorKind::NotFound));
        fs::write(&path, "7\n").expect("written");
        assert_eq!(read_file(&path, patience).expect("read"), b"7\n");
        fs::write(&path, "x".repeat(1000)).expect("written");
        assert_eq!(read_file(&path, patience).expect("read").len(), LONGEST_TEXT);
        fs::remove_file(&path).expect("removed");
    }
}
