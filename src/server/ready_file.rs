//! A file whose existence says that this node is ready.
//!
//! What happens in its directory is told by the kernel (`inotify(7)`), and only then is the file looked at: a
//! file system that hangs tells nothing, and is not waited for. Where the kernel does not tell, because the
//! directory is gone for instance, it is looked at every second.

use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use super::wakeup::WakeSet;
use crate::clock;

/// The time between two looks where nothing is told.
const READY_INTERVAL: Duration = Duration::from_secs(1);

/// Room for some events: one has 16 octets, and the name of a file, which has 255 at most.
const EVENTS_ROOM: usize = 4096;

/// The events that are read before DNS gets its turn again.
const HAPPENINGS_AT_ONCE: usize = 256;

/// The file, and whether it was there when it was looked at last.
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
    /// Its name in its directory, as events tell it.
    name: CString,
    /// Where events come from; `None`: the system has no room for it.
    events: Option<OwnedFd>,
    /// When to look; `None`: an event tells.
    look_at: Option<Instant>,
    is_there: bool,
    /// Whether it was told that it may not be looked at.
    is_denied: bool,
}

impl ReadyFile {
    /// Looks whether it is there, and follows what becomes of it. What ends sleeps is told of it.
    ///
    /// # Errors
    /// When the directory cannot be used, or what is in it not be looked at.
    pub fn open(path: &Path, wakeups: &WakeSet) -> io::Result<ReadyFile> {
        let name = path.file_name().unwrap_or_default();
        let name = CString::new(name.as_bytes()).map_err(io::Error::other)?;
        if !directory(path).metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if let Some(error) = denied(path) {
            return Err(error);
        }
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let events = events.map_err(io::Error::from);
        let events = events.and_then(|events| wakeups.add(events.as_fd()).map(|()| events));
        let events = events.inspect_err(|error| log::debug!("--ready-file: inotify: {error}"));
        let mut file = ReadyFile {
            path: path.to_owned(),
            name,
            events: events.ok(),
            look_at: None,
            is_there: false,
            is_denied: false,
        };
        file.follow(clock::now());
        Ok(file)
    }

    /// Whether it was there when it was looked at last.
    pub fn is_there(&self) -> bool {
        self.is_there
    }

    /// When to look next, if nothing happens before.
    pub(super) fn next(&self) -> Option<Instant> {
        self.look_at
    }

    /// Has events told from now on, and looks: what happened before is seen, what happens later told.
    fn follow(&mut self, now: Instant) {
        // What others do to the directory itself ends that.
        let told = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let add =
            |events: &OwnedFd| inotify::add_watch(events, directory(&self.path), told).is_ok();
        let is_told = self.events.as_ref().is_some_and(add);
        self.look_at = (!is_told).then_some(now + READY_INTERVAL);
        self.see();
    }

    fn see(&mut self) {
        self.is_there = self.path.symlink_metadata().is_ok();
        let is_denied = !self.is_there && denied(&self.path).is_some();
        if is_denied && !self.is_denied {
            let path = self.path.display();
            log::warn!(
                "--ready-file: {path} may not be looked at any more: this node is not ready"
            );
        }
        self.is_denied = is_denied;
    }

    /// Reads what happened, and says whether the file came or went.
    pub(super) fn take_events(&mut self, now: Instant) -> bool {
        let Some(events) = &self.events else { return false };
        let mut buffer = [MaybeUninit::uninit(); EVENTS_ROOM];
        let mut reader = Reader::new(events, &mut buffer);
        let (mut is_touched, mut ended) = (false, None);
        for _ in 0..HAPPENINGS_AT_ONCE {
            let Ok(event) = reader.next() else { break };
            // Where some were lost, anything may have happened.
            let anything = ReadFlags::QUEUE_OVERFLOW;
            let of_directory = ReadFlags::IGNORED
                | ReadFlags::DELETE_SELF
                | ReadFlags::MOVE_SELF
                | ReadFlags::UNMOUNT;
            is_touched |= event.events().intersects(anything);
            is_touched |= event.file_name() == Some(self.name.as_c_str());
            if event.events().intersects(of_directory) {
                ended = Some(event.wd());
            }
        }
        if let Some(watch) = ended {
            // It may be another directory of that name by now, or none.
            let _ = inotify::remove_watch(events, watch);
            return self.look(now);
        }
        let was_there = self.is_there;
        if is_touched {
            self.see();
        }
        was_there != self.is_there
    }

    /// Looks anew, and says whether the file came or went.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let was_there = self.is_there;
        self.follow(now);
        was_there != self.is_there
    }
}

/// Says that it may not be looked at, rather than that it is not there.
fn denied(path: &Path) -> Option<io::Error> {
    path.symlink_metadata().err().filter(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(OsStr::new(".")))
}
