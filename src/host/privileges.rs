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

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Ports below need a right, unless the system is told otherwise (`ip(7)`).
const FIRST_FREE_PORT: u16 = 1024;

/// The rights of root that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// To bind ports below 1024, for addresses that come later.
    LowPorts,
}

impl Keep {
    /// The rights that are still needed: addresses that come later get a socket of their own where
    /// all are listened on.
    pub fn needed_by(mut listening: impl Iterator<Item = SocketAddr>) -> Keep {
        let is_low = |at: SocketAddr| at.ip().is_unspecified() && at.port() < FIRST_FREE_PORT;
        if listening.any(is_low) { Keep::LowPorts } else { Keep::Nothing }
    }
}

fn failure(why: impl fmt::Display) -> Failure {
    Failure::new(format!("--run-as: {why}"))
}

fn refused(step: &str, error: rustix::io::Errno) -> Failure {
    let error = io::Error::from(error);
    failure(format!("{step}: {error}; start as root, or leave the option out"))
}

fn remains(what: &str) -> Failure {
    failure(format!("{what}: the system did not let go of it; leave the option out"))
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
    accounts::find(wanted, &read(PASSWD)?, &read(GROUP)?).map_err(failure)
}

/// Finds out whether this process may become another user at all.
///
/// # Errors
/// Where it lacks the right.
pub fn can_give_up() -> Result<(), Failure> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    match capabilities(None) {
        Ok(sets) if !sets.effective.contains(needed) => {
            Err(refused("changing the user", rustix::io::Errno::PERM))
        }
        _ => Ok(()),
    }
}

/// Becomes that user and group alone, and makes sure that there is no way back.
///
/// The calls change one thread, as the kernel's do. That is enough, and without the C library's
/// signals to all threads, because this process has one.
///
/// # Errors
/// When the system refuses a step. The process is not to go on then: it may be half of each.
pub fn give_up(account: Account, keep: Keep) -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let refused = |step| move |error| refused(step, error);
    let kept = match keep {
        Keep::Nothing => CapabilitySet::empty(),
        Keep::LowPorts => CapabilitySet::NET_BIND_SERVICE,
    };
    set_keep_capabilities(keep == Keep::LowPorts).map_err(refused("keeping capabilities"))?;
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
    if set_thread_uid(Uid::ROOT).is_ok() {
        return Err(remains("the user root"));
    }
    if set_thread_groups(&[gid]).is_ok() || getgroups().is_ok_and(|groups| !groups.is_empty()) {
        return Err(remains("supplementary groups"));
    }
    let is_as_wanted = |sets: CapabilitySets| sets.permitted == kept && sets.inheritable.is_empty();
    if capabilities(None).is_ok_and(is_as_wanted) { Ok(()) } else { Err(remains("capabilities")) }
}
