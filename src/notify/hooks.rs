//! Commands that are run when the name comes and goes, one at a time and in order.
//!
//! A hook may take its time while nothing waits for its end. What comes next, and the end of this
//! process too, gives it a grace time and then kills it: a hook that hangs must not keep from other
//! programs that the name is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::children::Ended;
use super::hook_process::HookProcess;
use super::identity::Identity;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameEvent {
    Claim,
    Lost,
}

/// The hooks, and what is left to run of them.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Commands for `/bin/sh -c`.
    on_claim: Option<String>,
    on_lost: Option<String>,
    /// The time that one may run on when another, or the program, waits for it.
    grace: Duration,
    running: Option<HookProcess>,
    /// Until when the program is not started because of the one that runs; `None`: it does not wait for that.
    holds_program_until: Option<Instant>,
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
            if self.is_closing || !self.waiting.is_empty() {
                running.hasten(self.grace, now);
            }
            return;
        }
        while let Some((event, identity)) = self.waiting.pop_front() {
            let (option, Some(command)) = self.hook(event) else { continue };
            let started = HookProcess::start(option, command, identity.environment(), now);
            if let Some(running) = started {
                self.running = Some(running);
                self.holds_program_until = (event == NameEvent::Claim).then_some(now + self.grace);
                return self.advance(now);
            }
        }
    }

    /// A child ended; it may be one of the hooks.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended, now: Instant) {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else { return };
        running.tell_end(ended, now);
        self.holds_program_until = None;
        self.advance(now);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let running = self.running.as_ref().and_then(HookProcess::next);
        running.into_iter().chain(self.holds_program_until).min()
    }

    /// Whether the program is to wait, for the hook of the claim to end or for its grace time to be over.
    pub(super) fn hold_program(&self) -> bool {
        let is_to_run = self.waiting.iter().any(|(event, _)| *event == NameEvent::Claim);
        is_to_run || self.holds_program_until.is_some()
    }

    pub(super) fn run(&mut self, now: Instant) {
        self.holds_program_until.take_if(|at| *at <= now);
        if let Some(running) = &mut self.running {
            running.run(self.grace, now);
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
        (left > 0).then(|| HookProcess::time_to_end(self.grace).saturating_mul(left))
    }

    /// Ends the one that runs.
    pub(super) fn kill(&mut self) {
        self.waiting.clear();
        self.holds_program_until = None;
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }
}
