//! Giving up root for good, once everything that needs it is open.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};

use super::accounts::{self, Account, Login, RunAs};
use crate::failure::Failure;

/// Ports below need a right, unless the system is told otherwise (`ip(7)`).
const FIRST_FREE_PORT: u16 = 1024;

/// The rights of root that go on to be needed: to bind a port below 1024, for addresses that come
/// later, which get a socket of their own where all are listened on.
pub fn lasting_rights(mut listening: impl Iterator<Item = SocketAddr>) -> CapabilitySet {
    let is_low = |at: SocketAddr| at.ip().is_unspecified() && at.port() < FIRST_FREE_PORT;
    if listening.any(is_low) { CapabilitySet::NET_BIND_SERVICE } else { CapabilitySet::empty() }
}

fn failure(why: impl fmt::Display) -> Failure {
    Failure::new(format!("--run-as: {why}"))
}

fn refused(step: &str, error: rustix::io::Errno) -> Failure {
    let error = io::Error::from(error);
    failure(format!("{step}: {error}; start as root, or leave the option out"))
}

/// Finds the user and the group that are wanted, while the files can be read for certain.
///
/// # Errors
/// When they are not found. A file that is missing, as on a machine with one user, knows nobody.
pub fn look_up(wanted: &RunAs) -> Result<Login, Failure> {
    let read = |path| match std::fs::read(path) {
        Ok(octets) => Ok(String::from_utf8_lossy(&octets).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => {
            Err(failure(format!("{path}: {error}; let it be read, or give numbers: UID:GID")))
        }
    };
    accounts::find(wanted, &read("/etc/passwd")?, &read("/etc/group")?).map_err(failure)
}

/// Finds out whether this process may become another user at all.
///
/// # Errors
/// Where it lacks the right.
pub fn can_give_up() -> Result<(), Failure> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    if capabilities(None).is_ok_and(|sets| !sets.effective.contains(needed)) {
        return Err(refused("changing the user", rustix::io::Errno::PERM));
    }
    Ok(())
}

/// Becomes that user and group alone, with what is `kept` of root's rights, and makes sure that there
/// is no way back.
///
/// The calls change one thread, as the kernel's do. That is enough, and without the C library's
/// signals to all threads, because this process has one.
///
/// # Errors
/// When the system refuses a step. The process is not to go on then: it may be half of each.
pub fn give_up(account: Account, kept: CapabilitySet) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let refused = |step| move |error| refused(step, error);
    set_keep_capabilities(!kept.is_empty()).map_err(refused("keeping capabilities"))?;
    // The user last: the others need root.
    set_thread_groups(&[]).map_err(refused("leaving the supplementary groups"))?;
    set_thread_res_gid(gid, gid, gid).map_err(refused("changing the group"))?;
    set_thread_res_uid(uid, uid, uid).map_err(refused("changing the user"))?;
    set_keep_capabilities(false).map_err(refused("keeping capabilities"))?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(refused("dropping capabilities"))?;
    verify(gid, kept)
}

fn verify(gid: Gid, kept: CapabilitySet) -> Result<(), Failure> {
    let is_as_wanted = |sets: CapabilitySets| sets.permitted == kept && sets.inheritable.is_empty();
    let left = if set_thread_uid(Uid::ROOT).is_ok() {
        "the user root"
    } else if set_thread_groups(&[gid]).is_ok() || getgroups().is_ok_and(|them| !them.is_empty()) {
        "supplementary groups"
    } else if !capabilities(None).is_ok_and(is_as_wanted) {
        "capabilities"
    } else {
        return Ok(());
    };
    Err(failure(format!("{left}: the system did not let go of it; leave the option out")))
}
