//! Child processes: started, told apart when they end, never waited for.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process_group, set_child_subreaper,
    test_kill_process_group, wait,
};

use crate::host::service_manager::FOR_THIS_PROCESS;

/// The time that a child that was killed may need to be gone.
pub(super) const AFTER_KILL: Duration = Duration::from_secs(1);

/// A variable of a child's environment; `None`: the child is to have no such variable, even where we do.
pub(super) type Variable = (&'static str, Option<OsString>);

/// The end of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Killed(u8),
}

impl Ended {
    fn new(status: WaitStatus) -> Option<Ended> {
        let octet = |value: i32| u8::try_from(value).ok();
        let exited = status.exit_status().and_then(octet).map(Ended::Exited);
        exited.or_else(|| status.terminating_signal().and_then(octet).map(Ended::Killed))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "exit status {status}"),
            Ended::Killed(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Starts a child with these variables beside ours, at the head of a process group of its own, so that
/// a signal reaches what it starts as well. Our descriptors are all closed on exec, our handlers
/// end with it, and no signal is blocked.
pub(super) fn start(command: &mut Command, environment: Vec<Variable>) -> io::Result<Pid> {
    for name in FOR_THIS_PROCESS {
        command.env_remove(name);
    }
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.process_group(0).spawn()?;
    Ok(Pid::from_child(&child))
}

/// Lets what our children leave behind become ours rather than that of process 1, so that we hear of
/// its end, and it is gone then.
pub(super) fn adopt_orphans() {
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        log::debug!("processes that a child leaves behind will go unnoticed: {error}");
    }
}

/// Whether we are process 1 of a container, to which all orphans come.
pub(super) fn is_init() -> bool {
    getpid().is_init()
}

/// Takes notice of all children that ended. Those of others among them, which we inherited, are gone
/// with that too.
pub(super) fn reap() -> Vec<(Pid, Ended)> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        ended.extend(Ended::new(status).map(|how| (pid, how)));
    }
    ended
}

/// Sends a signal to a child and to what it started.
pub(super) fn signal(group: Pid, signal: Signal) {
    // It may have ended this very moment.
    let _ = kill_process_group(group, signal);
}

/// Whether a child, or something that it started and that stayed in its group, is still there.
pub(super) fn are_left(group: Pid) -> bool {
    !matches!(test_kill_process_group(group), Err(rustix::io::Errno::SRCH))
}
