//! Who does what is to be done with a file.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use super::atomic_file::AtomicFile;
use super::file_process::FILE_TASK;
use crate::host::helper::Helper;
use crate::server::wakeup::WakeSet;

/// Who does what is to be done with a file.
#[derive(Debug)]
pub(super) enum Keeper {
    Process(Helper),
    /// That process ended, and another one is to be started.
    Nobody,
    /// This process itself, since no other starts.
    Ourselves(AtomicFile),
}

impl Keeper {
    /// A process for the file at this path, whose answers wake us.
    ///
    /// # Errors
    /// When none starts.
    pub(super) fn start(path: &Path, wakeups: &WakeSet) -> io::Result<Keeper> {
        let helper = Helper::start(FILE_TASK, &[path.as_os_str()])?;
        wakeups.add(helper.socket().as_fd())?;
        Ok(Keeper::Process(helper))
    }
}
