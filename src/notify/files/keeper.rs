//! Who does what is to be done with a file.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::order::{ANSWER, FileOrder, outcome};
use super::process::FILE_TASK;
use super::role::{FileRole, TextFile};
use crate::host::helper::Helper;
use crate::server::wakeup::WakeSet;

/// Who does what is to be done with a file.
#[derive(Debug)]
pub(super) enum Keeper {
    Process(FileHelper),
    /// That process ended, and another one is to be started.
    Nobody,
    /// This process itself, since no other starts.
    Ourselves(TextFile),
}

/// A process for a file, and what it was told.
#[derive(Debug)]
pub(super) struct FileHelper {
    helper: Helper,
    /// Messages that were not answered yet.
    unanswered: usize,
    /// Those that are still to be told of the last order, each when there is no other to be answered.
    untold: VecDeque<Vec<u8>>,
    /// Whether there will be no other order, and whether that was said.
    is_last: bool,
    is_over: bool,
}

impl FileHelper {
    /// A process for the file at this path, whose answers wake us.
    ///
    /// # Errors
    /// When none starts.
    pub(super) fn start(role: FileRole, path: &Path, wakeups: &WakeSet) -> io::Result<FileHelper> {
        let helper = Helper::start(FILE_TASK, &[role.word(), path.as_os_str()])?;
        wakeups.add(helper.socket().as_fd())?;
        Ok(FileHelper {
            helper,
            unanswered: 0,
            untold: VecDeque::new(),
            is_last: false,
            is_over: false,
        })
    }

    /// Tells what is wanted instead of all before.
    ///
    /// # Errors
    /// Those of [`Helper::tell`].
    pub(super) fn tell(&mut self, order: &FileOrder) -> io::Result<()> {
        self.untold = order.encode().into();
        self.tell_next().inspect_err(|_| self.untold.clear())
    }

    fn tell_next(&mut self) -> io::Result<()> {
        if let Some(message) = self.untold.front() {
            self.helper.tell(message)?;
            self.untold.pop_front();
            self.unanswered += 1;
        }
        Ok(())
    }

    /// Says that there will be no more after what was ordered, which is answered once more.
    pub(super) fn say_last(&mut self) {
        self.is_last = true;
        if self.untold.is_empty() && !self.is_over {
            self.is_over = true;
            self.unanswered += usize::from(self.helper.socket().shutdown(Shutdown::Write).is_ok());
        }
    }

    /// Whether all that it was to be told was answered.
    pub(super) fn is_settled(&self) -> bool {
        self.unanswered == 0 && self.untold.is_empty()
    }

    /// Hears what became of the last order; `None`: that is not yet known, or was heard before.
    ///
    /// # Errors
    /// When the process ended, with what was heard last.
    pub(super) fn hear(&mut self) -> Result<Option<io::Result<()>>, Option<io::Result<()>>> {
        let mut last = None;
        loop {
            let mut answer = [0; ANSWER];
            match self.helper.hear(&mut answer) {
                Ok(0) => break,
                Ok(_) => {
                    self.unanswered = self.unanswered.saturating_sub(1);
                    last = Some(outcome(answer));
                }
                Err(_) => return Err(last),
            }
        }
        if self.unanswered == 0 && !self.untold.is_empty() {
            self.tell_next().map_err(|_| None)?;
            if self.is_last {
                self.say_last();
            }
        }
        Ok(last.filter(|_| self.is_settled()))
    }

    /// What is readable when there is something to hear.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.helper.socket().as_fd().try_clone_to_owned()
    }
}
