//! A suspended machine, as one process of it sees that: the process stands still, `CLOCK_BOOTTIME` is
//! ahead afterwards, `CLOCK_MONOTONIC` and what it waits for by that clock are not, and the resume is
//! told as a jump of the wall clock.
//!
//! The process is moved into a time namespace whose clock is ahead (`time_namespaces(7)`), by a debugger,
//! because only a process itself can move.

use std::time::Duration;
use std::{env, fs};

use rustix::process::geteuid;
use rustix::time::{ClockId, clock_gettime, clock_settime};

use super::process::{Running, repository};
use super::{Node, PATIENCE, command, install, until};

/// Whether that can be done here; if not, says why.
pub fn can_suspend() -> bool {
    let is_known = env::consts::ARCH == "x86_64";
    if !is_known || !geteuid().is_root() {
        println!("skipped: only root can suspend a process, and on x86_64");
        return false;
    }
    if clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime)).is_err() {
        println!("skipped: not allowed to set the clock");
        return false;
    }
    install(&["gdb:gdb"]);
    true
}

/// Suspends a node that was not before, and resumes it after so long by the clock of others.
pub fn suspend(node: &Node, duration: Duration) {
    let ahead = duration.as_secs().to_string();
    let mut unshare = command("unshare");
    let holder = Running::start(unshare.args(["--time", "--boottime", &ahead, "sleep", "1000"]));
    let namespace = |id: u32| fs::read_link(format!("/proc/{id}/ns/time")).ok();
    let (node_id, holder_id) = (node.child.id(), holder.id());
    let is_ahead = || (namespace(holder_id)? != namespace(node_id)?).then_some(());
    until(PATIENCE, "a time namespace", is_ahead);
    let script = repository("tests/support/src/suspend.gdb");
    let debugger = command("gdb")
        .args(["--batch", "-nx", "-p", &node_id.to_string()])
        .args(["-ex", &format!("set $holder = {holder_id}")])
        .arg("-x")
        .arg(script)
        .output()
        .expect("gdb");
    assert!(namespace(holder_id).is_some(), "the holder of the namespace lives");
    assert_eq!(namespace(node_id), namespace(holder_id), "{debugger:?}");
    // To what it shows: off by the time between the two calls.
    clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime)).expect("set");
}
