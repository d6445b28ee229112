//! A file that is kept as it is wanted, by a process that waits for the file system in our place.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::keeper::{FileHelper, Keeper};
use super::order::FileOrder;
use super::role::{FileRole, TextFile};
use crate::notify::parent_death::remedy;
use crate::server::wakeup::WakeSet;

/// The time that the file system has at the start, where nobody is answered yet.
const START_TIME: Duration = Duration::from_secs(2);

/// The time after which a file system that does not answer is told of.
const LATE: Duration = Duration::from_secs(5);

/// A file, and what is wanted of it.
#[derive(Debug)]
pub(in crate::notify) struct KeptFile {
    /// The option that names it, without the dashes.
    option: &'static str,
    path: PathBuf,
    role: FileRole,
    keeper: Keeper,
    /// What wakes us for answers.
    wakeups: WakeSet,
    wanted: FileOrder,
    /// When the first of the orders that were not answered yet was given.
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
    /// One that nothing is wanted of yet. What an earlier process left is removed, where it is not to
    /// stay; `sample`: a text such as those that it will have.
    ///
    /// # Errors
    /// When the file cannot be written. That this is not known in time is none.
    pub(in crate::notify) fn start(
        (option, path, role): (&'static str, PathBuf, FileRole),
        sample: String,
        retry_interval: Duration,
        wakeups: WakeSet,
        now: Instant,
    ) -> io::Result<KeptFile> {
        let mut file = KeptFile {
            option,
            path,
            role,
            keeper: Keeper::Nobody,
            wakeups,
            wanted: FileOrder::Prepare(sample),
            unanswered_since: None,
            is_late: false,
            retry_interval,
            retry_at: None,
            has_failed: false,
            is_closed: false,
        };
        file.prepare(now)?;
        if role.is_owned() {
            file.wanted = FileOrder::Remove;
        }
        Ok(file)
    }

    fn prepare(&mut self, now: Instant) -> io::Result<()> {
        if let Err(error) = self.start_keeper() {
            let (option, path, remedy) = (self.option, self.path.display(), remedy(&error));
            log::warn!(
                "--{option}: no process starts for it: {error}; {remedy}; should the file system of \
                 {path} hang, DNS will hang with it"
            );
            let mut file = TextFile::new(self.role, &self.path);
            self.wanted.carry_out(&mut file)?;
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
        self.keeper = Keeper::Process(FileHelper::start(self.role, &self.path, &self.wakeups)?);
        Ok(())
    }

    /// Has this text written, even if it is there already; `None`: the file is to be gone.
    pub(in crate::notify) fn set(&mut self, text: Option<String>, now: Instant) {
        self.wanted = text.map_or(FileOrder::Remove, FileOrder::Write);
        self.order(now);
    }

    /// The same, unless that is wanted anyway.
    pub(in crate::notify) fn keep(&mut self, text: Option<String>, now: Instant) {
        let is_wanted = match (&self.wanted, &text) {
            (FileOrder::Write(wanted), Some(text)) => wanted == text,
            (FileOrder::Write(_), None) | (_, Some(_)) => false,
            (_, None) => true,
        };
        if !is_wanted {
            self.set(text, now);
        }
    }

    /// Lets it be removed for good, where it is not to stay.
    pub(in crate::notify) fn close(&mut self, now: Instant) {
        (self.is_closed, self.retry_at) = (true, None);
        if matches!(self.keeper, Keeper::Nobody) && self.role.is_owned() {
            // Who wrote the file is gone, and with it what it knew of that.
            self.wanted = FileOrder::Remove;
            self.tell(now);
        }
        match &mut self.keeper {
            Keeper::Process(helper) => {
                helper.say_last();
                self.unanswered_since.get_or_insert(now);
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
            Keeper::Process(helper) => match helper.tell(&self.wanted) {
                Ok(()) => {
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
        self.unanswered_since = None;
    }

    /// A way to hear of what was ordered; `None`: that is done, or is not to be expected soon.
    pub(in crate::notify) fn unsettled(&self) -> Option<OwnedFd> {
        match &self.keeper {
            Keeper::Process(helper) if self.is_unsettled() => helper.descriptor().ok(),
            _ => None,
        }
    }

    /// Whether it is as it is wanted.
    pub(in crate::notify) fn is_as_wanted(&self) -> bool {
        self.is_idle() && self.retry_at.is_none() && !self.has_failed
    }

    /// Whether an answer is to be expected soon.
    pub(in crate::notify) fn is_unsettled(&self) -> bool {
        !self.is_idle() && !self.is_late
    }

    /// Whether the last order was answered.
    pub(in crate::notify) fn is_idle(&self) -> bool {
        if let Keeper::Process(helper) = &self.keeper { helper.is_settled() } else { true }
    }

    /// Hears what became of the last order; `None`: not yet known.
    fn hear(&mut self) -> Option<io::Result<()>> {
        let Keeper::Process(helper) = &mut self.keeper else { return None };
        match helper.hear() {
            Ok(heard) => {
                if helper.is_settled() {
                    self.unanswered_since = None;
                }
                heard
            }
            Err(last) => {
                let is_missed = !helper.is_settled() || !self.is_closed;
                self.lose_keeper();
                let ended = || Err(io::Error::other("the process for it ended"));
                if is_missed { Some(ended()) } else { last }
            }
        }
    }

    /// The time to run next.
    pub(in crate::notify) fn next(&self) -> Option<Instant> {
        let late_at = self.unanswered_since.filter(|_| !self.is_late).map(|since| since + LATE);
        [self.retry_at, late_at].into_iter().flatten().min()
    }

    /// Takes notice of answers, or that there is none, and tries again when it is time to.
    pub(in crate::notify) fn run(&mut self, now: Instant) {
        let heard = self.hear();
        if self.is_late && self.is_idle() {
            self.is_late = false;
            let (option, path) = (self.option, self.path.display());
            log::info!("--{option}: the file system of {path} answers again");
        }
        match heard {
            // It ended before the file was removed for good: another one does that, if it can.
            Some(Err(_)) if self.is_to_be_removed() => self.close(now),
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

    fn is_to_be_removed(&self) -> bool {
        self.is_closed && self.role.is_owned() && self.wanted != FileOrder::Remove
    }

    /// Gives up the hope for an answer soon, where there is none yet.
    pub(in crate::notify) fn give_up(&mut self) {
        if !self.is_idle() && !self.is_late {
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
            let (what, remedy) = if self.role.is_owned() {
                ("removed", "remove it by hand")
            } else {
                ("written", "it stays as it is")
            };
            if let Err(error) = done {
                log::error!("--{option}: {path} cannot be {what}: {error}; {remedy}");
            }
            return;
        }
        let (what, again) = match self.wanted {
            FileOrder::Write(_) => ("written", "written again"),
            FileOrder::Prepare(_) if !self.role.is_owned() => ("written", "as it is to be again"),
            FileOrder::Prepare(_) | FileOrder::Remove => ("removed", "removed now"),
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
