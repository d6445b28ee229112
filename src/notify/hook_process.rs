//! A hook that runs: a command of the user's, as a process group of its own.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::children::{self, AFTER_KILL, Ended, Variable};

/// A hook that runs longer is told of once.
const LONG: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct HookProcess {
    pub(super) pid: Pid,
    option: &'static str,
    began: Instant,
    /// The time to kill it; `None`: nothing waits for its end, or it is killed already.
    kill_at: Option<Instant>,
    /// The time to log that it still runs; `None`: that is done.
    tell_at: Option<Instant>,
    is_killed: bool,
}

impl HookProcess {
    /// Runs the command of an option by `/bin/sh -c`; `None`: no process starts, which is told.
    pub(super) fn start(
        option: &'static str,
        command: &str,
        environment: Vec<Variable>,
        now: Instant,
    ) -> Option<HookProcess> {
        let mut shell = Command::new("/bin/sh");
        // What they print goes where the log goes: standard output is nobody's.
        shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::from(io::stderr()));
        let started = children::start(&mut shell, environment);
        let failed = |error: &io::Error| log::error!("{option}: /bin/sh does not start: {error}");
        let pid = started.inspect_err(failed).ok()?;
        log::debug!("{option}: started as process {pid}");
        let (began, tell_at) = (now, Some(now + LONG));
        Some(HookProcess { pid, option, began, kill_at: None, tell_at, is_killed: false })
    }

    /// Lets it go on for so long, unless that was said before.
    pub(super) fn hasten(&mut self, grace: Duration, now: Instant) {
        if !self.is_killed {
            self.kill_at.get_or_insert(now + grace);
        }
    }

    /// Tells of its end.
    pub(super) fn tell_end(&self, ended: Ended, now: Instant) {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        match ended {
            Ended::Exited(0) => log::debug!("{}: done in {seconds:.3} s", self.option),
            _ => log::warn!("{}: {ended} after {seconds:.3} s", self.option),
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        [self.kill_at, self.tell_at].into_iter().flatten().min()
    }

    /// Kills it when its time is over, and tells if it runs for long.
    pub(super) fn run(&mut self, grace: Duration, now: Instant) {
        let (option, pid) = (self.option, self.pid);
        if self.kill_at.take_if(|at| *at <= now).is_some() {
            let seconds = grace.as_secs();
            log::error!(
                "{option}: process {pid} did not end within {seconds} s (--grace): killing it"
            );
            children::signal(pid, Signal::KILL);
            self.is_killed = true;
        }
        if self.tell_at.take_if(|at| *at <= now).is_some() {
            log::warn!("{option}: process {pid} still runs after {} s", LONG.as_secs());
        }
    }

    /// The time that the end of one may take.
    pub(super) fn time_to_end(grace: Duration) -> Duration {
        grace + AFTER_KILL
    }

    /// Ends it, because this process ends.
    pub(super) fn kill(self) {
        let HookProcess { option, pid, .. } = self;
        log::error!("{option}: process {pid} is killed, because idetcd ends");
        children::signal(pid, Signal::KILL);
    }
}
