//! Commands that are run when the name comes and goes, one at a time and in order.
//!
//! A hook may take its time while nothing waits for its end. What comes next, and the end of this
//! process too, gives it a grace time and then kills it: a hook that hangs must not keep from other
//! programs that the name is lost.

use std::collections::VecDeque;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::children::{self, AFTER_KILL, Ended};
use super::identity::Identity;

/// A hook that runs longer is told of once.
const LONG: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameEvent {
    Claim,
    Lost,
}

#[derive(Debug)]
struct Running {
    pid: Pid,
    option: &'static str,
    /// Until when the program is not started because of it; `None`: it does not wait for this one.
    holds_program_until: Option<Instant>,
    began: Instant,
    /// The time to kill it; `None`: nothing waits for its end, or it is killed already.
    kill_at: Option<Instant>,
    /// The time to log that it still runs; `None`: that is done.
    tell_at: Option<Instant>,
    is_killed: bool,
}

/// The hooks, and what is left to run of them.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Commands for `/bin/sh -c`.
    on_claim: Option<String>,
    on_lost: Option<String>,
    /// The time that one may run on when another, or the program, waits for it.
    grace: Duration,
    running: Option<Running>,
    waiting: VecDeque<(NameEvent, Identity)>,
    is_closing: bool,
}

impl Hooks {
    pub(super) fn new(on_claim: Option<String>, on_lost: Option<String>, grace: Duration) -> Hooks {
        Hooks { on_claim, on_lost, grace, ..Hooks::default() }
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.on_claim.is_some() || self.on_lost.is_some()
    }

    /// The option and the command that are for an event.
    fn hook(&self, event: NameEvent) -> (&'static str, Option<&str>) {
        match event {
            NameEvent::Claim => ("--on-claim", self.on_claim.as_deref()),
            NameEvent::Lost => ("--on-lost", self.on_lost.as_deref()),
        }
    }

    /// Runs the hook for an event as soon as those before have ended.
    pub(super) fn call(&mut self, event: NameEvent, identity: &Identity, now: Instant) {
        let waits = self.waiting.back().map(|(event, _)| *event);
        if event == NameEvent::Lost && waits == Some(NameEvent::Claim) {
            // Over before anybody was told: there is nothing to take back either.
            self.waiting.pop_back();
        } else if self.hook(event).1.is_some() {
            self.waiting.push_back((event, identity.clone()));
            self.advance(now);
        }
    }

    /// Starts the next one, unless one runs: then that has its grace time from now.
    fn advance(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            let is_waited_for = self.is_closing || !self.waiting.is_empty();
            if is_waited_for && !running.is_killed {
                running.kill_at.get_or_insert(now + self.grace);
            }
            return;
        }
        while let Some((event, identity)) = self.waiting.pop_front() {
            let (option, Some(command)) = self.hook(event) else { continue };
            match start(command, &identity) {
                Ok(pid) => {
                    log::debug!("{option}: started as process {pid}");
                    let (began, tell_at) = (now, Some(now + LONG));
                    let holds_program_until =
                        (event == NameEvent::Claim).then_some(now + self.grace);
                    self.running = Some(Running {
                        pid,
                        option,
                        holds_program_until,
                        began,
                        kill_at: None,
                        tell_at,
                        is_killed: false,
                    });
                    return self.advance(now);
                }
                Err(error) => log::error!("{option}: /bin/sh does not start: {error}"),
            }
        }
    }

    /// A child ended; it may be one of the hooks.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended, now: Instant) {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else { return };
        let seconds = now.saturating_duration_since(running.began).as_secs_f64();
        match ended {
            Ended::Exited(0) => log::debug!("{}: done in {seconds:.3} s", running.option),
            _ => log::warn!("{}: {ended} after {seconds:.3} s", running.option),
        }
        self.advance(now);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let Running { kill_at, tell_at, holds_program_until, .. } = self.running.as_ref()?;
        [kill_at, tell_at, holds_program_until].into_iter().flatten().min().copied()
    }

    /// Whether the program is to wait, for the hook of the claim to end or for its grace time to be over.
    pub(super) fn hold_program(&self) -> bool {
        let is_to_run = self.waiting.iter().any(|(event, _)| *event == NameEvent::Claim);
        is_to_run || self.running.as_ref().is_some_and(|it| it.holds_program_until.is_some())
    }

    pub(super) fn run(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let (option, pid) = (running.option, running.pid);
        if running.kill_at.take_if(|at| *at <= now).is_some() {
            let seconds = self.grace.as_secs();
            log::error!(
                "{option}: process {pid} did not end within {seconds} s (--grace): killing it"
            );
            children::signal(pid, Signal::KILL);
            running.is_killed = true;
        }
        running.holds_program_until.take_if(|at| *at <= now);
        if running.tell_at.take_if(|at| *at <= now).is_some() {
            log::warn!("{option}: process {pid} still runs after {} s", LONG.as_secs());
        }
    }

    /// Lets the end of this process wait for the hooks.
    pub(super) fn close(&mut self, now: Instant) {
        self.is_closing = true;
        self.advance(now);
    }

    /// The time that all that is left may take; `None`: nothing is.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        let left = self.waiting.len() + usize::from(self.running.is_some());
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        (left > 0).then(|| (self.grace + AFTER_KILL).saturating_mul(left))
    }

    /// Ends the one that runs.
    pub(super) fn kill(&mut self) {
        self.waiting.clear();
        if let Some(Running { option, pid, .. }) = self.running.take() {
            log::error!("{option}: process {pid} is killed, because idetcd ends");
            children::signal(pid, Signal::KILL);
        }
    }
}

fn start(command: &str, identity: &Identity) -> io::Result<Pid> {
    let mut shell = Command::new("/bin/sh");
    // What they print goes where the log goes: standard output is nobody's.
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::from(io::stderr()));
    children::start(&mut shell, identity)
}
