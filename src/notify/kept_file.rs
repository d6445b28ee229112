//! A file that is kept as it is wanted, by a process that waits for the file system in our place.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::atomic_file::AtomicFile;
use super::file_order::{ANSWER, FileOrder, outcome};
use super::keeper::Keeper;
use super::parent_death::remedy;
use crate::server::wakeup::WakeSet;

/// The time that the file system has at the start, where nobody is answered yet.
const START_TIME: Duration = Duration::from_secs(2);

/// The time after which a file system that does not answer is told of.
const LATE: Duration = Duration::from_secs(5);

/// A file, and what is wanted of it.
#[derive(Debug)]
pub(super) struct KeptFile {
    /// The option that names it, without the dashes.
    option: &'static str,
    path: PathBuf,
    keeper: Keeper,
    /// What wakes us for answers.
    wakeups: WakeSet,
    wanted: FileOrder,
    /// Orders that were not answered yet, and when the first of them was given.
    unanswered: usize,
    unanswered_since: Option<Instant>,
    /// Whether it was told that there is no answer.
    is_late: bool,
    /// The time after which it is tried again, and when that is next; `None`: it is as wanted, or will be.
    retry_interval: Duration,
    retry_at: Option<Instant>,
    /// Whether the last change failed, which is told once.
    has_failed: bool,
    /// Whether the keeper was told to end.
    is_closed: bool,
}

impl KeptFile {
    /// One that is gone: what an earlier process left is removed.
    ///
    /// # Errors
    /// When the file cannot be written. That this is not known in time is none.
    pub(super) fn start(
        option: &'static str,
        path: PathBuf,
        retry_interval: Duration,
        wakeups: WakeSet,
        now: Instant,
    ) -> io::Result<KeptFile> {
        let mut file = KeptFile {
            option,
            path,
            keeper: Keeper::Nobody,
            wakeups,
            wanted: FileOrder::Prepare,
            unanswered: 0,
            unanswered_since: None,
            is_late: false,
            retry_interval,
            retry_at: None,
            has_failed: false,
            is_closed: false,
        };
        file.prepare(now)?;
        file.wanted = FileOrder::Remove;
        Ok(file)
    }

    fn prepare(&mut self, now: Instant) -> io::Result<()> {
        if let Err(error) = self.start_keeper() {
            let (option, path, remedy) = (self.option, self.path.display(), remedy(&error));
            log::warn!(
                "--{option}: no process starts for it: {error}; {remedy}; should the file system of \
                 {path} hang, DNS will hang with it"
            );
            let mut file = AtomicFile::new(&self.path);
            file.prepare()?;
            self.keeper = Keeper::Ourselves(file);
            return Ok(());
        }
        self.order(now);
        if let Some(socket) = self.unsettled() {
            let mut fds = [PollFd::new(&socket, PollFlags::IN)];
            poll(&mut fds, Timespec::try_from(START_TIME).ok().as_ref())?;
        }
        match self.hear() {
            Some(prepared) => prepared,
            None => {
                self.tell_late();
                Ok(())
            }
        }
    }

    fn start_keeper(&mut self) -> io::Result<()> {
        self.keeper = Keeper::start(&self.path, &self.wakeups)?;
        Ok(())
    }

    /// Has this text written, even if it is there already; `None`: the file is to be gone.
    pub(super) fn set(&mut self, text: Option<String>, now: Instant) {
        self.wanted = text.map_or(FileOrder::Remove, FileOrder::Write);
        self.order(now);
    }

    /// The same, unless that is wanted anyway.
    pub(super) fn keep(&mut self, text: Option<String>, now: Instant) {
        let is_wanted = match (&self.wanted, &text) {
            (FileOrder::Write(wanted), Some(text)) => wanted == text,
            (FileOrder::Write(_), None) | (_, Some(_)) => false,
            (_, None) => true,
        };
        if !is_wanted {
            self.set(text, now);
        }
    }

    /// Lets it be removed for good.
    pub(super) fn close(&mut self, now: Instant) {
        (self.is_closed, self.retry_at) = (true, None);
        if matches!(self.keeper, Keeper::Nobody) {
            // Who wrote the file is gone, and with it what it knew of that.
            self.wanted = FileOrder::Remove;
            self.tell(now);
        }
        match &mut self.keeper {
            Keeper::Process(helper) => {
                if helper.socket().shutdown(Shutdown::Write).is_ok() {
                    self.unanswered += 1;
                    self.unanswered_since.get_or_insert(now);
                }
            }
            Keeper::Ourselves(file) => {
                let done = file.discard();
                self.note(done, now);
            }
            Keeper::Nobody => {}
        }
    }

    /// Lets what is wanted be done.
    fn order(&mut self, now: Instant) {
        self.retry_at = None;
        // That a process ended may not be known before it is told something.
        let is_told = self.tell(now) || (matches!(self.keeper, Keeper::Nobody) && self.tell(now));
        if !is_told {
            self.retry_at = Some(now + self.retry_interval);
        }
    }

    /// Tells the keeper what is wanted; `false`: it was not told.
    fn tell(&mut self, now: Instant) -> bool {
        if matches!(self.keeper, Keeper::Nobody) && self.start_keeper().is_err() {
            return false;
        }
        match &mut self.keeper {
            Keeper::Process(helper) => match helper.tell(&self.wanted.encode()) {
                Ok(()) => {
                    self.unanswered += 1;
                    self.unanswered_since.get_or_insert(now);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.lose_keeper(),
            },
            Keeper::Ourselves(file) => {
                let done = self.wanted.carry_out(file);
                self.note(done, now);
                return true;
            }
            Keeper::Nobody => {}
        }
        false
    }

    fn lose_keeper(&mut self) {
        self.keeper = Keeper::Nobody;
        (self.unanswered, self.unanswered_since) = (0, None);
    }

    /// A way to hear of what was ordered; `None`: that is done, or is not to be expected soon.
    pub(super) fn unsettled(&self) -> Option<OwnedFd> {
        match &self.keeper {
            Keeper::Process(helper) if self.unanswered > 0 && !self.is_late => {
                helper.socket().as_fd().try_clone_to_owned().ok()
            }
            _ => None,
        }
    }

    /// Whether it is as it is wanted.
    pub(super) fn is_as_wanted(&self) -> bool {
        self.unanswered == 0 && self.retry_at.is_none() && !self.has_failed
    }

    /// Whether the last order was answered.
    pub(super) fn is_idle(&self) -> bool {
        self.unanswered == 0
    }

    /// Hears what became of the orders; `None`: not yet known.
    fn hear(&mut self) -> Option<io::Result<()>> {
        let mut last = None;
        while let Keeper::Process(helper) = &self.keeper {
            let mut answer = [0; ANSWER];
            match helper.hear(&mut answer) {
                Ok(0) => break,
                Ok(_) => {
                    self.unanswered = self.unanswered.saturating_sub(1);
                    last = Some(outcome(answer));
                }
                Err(_) => {
                    let is_missed = self.unanswered > 0 || !self.is_closed;
                    self.lose_keeper();
                    let ended = || Err(io::Error::other("the process for it ended"));
                    return if is_missed { Some(ended()) } else { last };
                }
            }
        }
        if self.unanswered > 0 {
            return None;
        }
        self.unanswered_since = None;
        last
    }

    /// The time to run next.
    pub(super) fn next(&self) -> Option<Instant> {
        let late_at = self.unanswered_since.filter(|_| !self.is_late).map(|since| since + LATE);
        [self.retry_at, late_at].into_iter().flatten().min()
    }

    /// Takes notice of answers, or that there is none, and tries again when it is time to.
    pub(super) fn run(&mut self, now: Instant) {
        let heard = self.hear();
        if self.is_late && self.unanswered == 0 {
            self.is_late = false;
            let (option, path) = (self.option, self.path.display());
            log::info!("--{option}: the file system of {path} answers again");
        }
        match heard {
            // It ended before the file was removed for good: another one does that, if it can.
            Some(Err(_)) if self.is_closed && self.wanted != FileOrder::Remove => self.close(now),
            Some(done) => self.note(done, now),
            None => {}
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.order(now);
        }
        if self.unanswered_since.is_some_and(|since| since + LATE <= now) {
            self.give_up();
        }
    }

    /// Gives up the hope for an answer soon, where there is none yet.
    pub(super) fn give_up(&mut self) {
        if self.unanswered > 0 && !self.is_late {
            self.tell_late();
        }
    }

    fn tell_late(&mut self) {
        self.is_late = true;
        let (option, path) = (self.option, self.path.display());
        log::warn!("--{option}: the file system of {path} does not answer; going on without");
    }

    fn note(&mut self, done: io::Result<()>, now: Instant) {
        let (option, path) = (self.option, self.path.display());
        if self.is_closed {
            if let Err(error) = done {
                log::error!("--{option}: {path} cannot be removed: {error}; remove it by hand");
            }
            return;
        }
        let (what, again) = match self.wanted {
            FileOrder::Write(_) => ("written", "written again"),
            FileOrder::Prepare | FileOrder::Remove => ("removed", "removed now"),
        };
        match &done {
            Ok(()) if self.has_failed => log::info!("--{option}: {path} is {again}"),
            Err(error) if !self.has_failed => log::error!(
                "--{option}: {path} cannot be {what}: {error}; trying again every {} s",
                self.retry_interval.as_secs()
            ),
            _ => {}
        }
        self.has_failed = done.is_err();
        self.retry_at = done.is_err().then(|| now + self.retry_interval);
    }
}
