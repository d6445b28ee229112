//! Giving up root for good, once everything that needs it is open.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};

use crate::accounts::{self, Account, AccountError, Login, RunAs};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Ports below need a right, unless the system is told otherwise (`ip(7)`).
const FIRST_FREE_PORT: u16 = 1024;

/// What is kept of root's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// To bind ports below 1024, for addresses that come later.
    LowPorts,
}

impl Keep {
    /// What goes on to need a right: addresses that come later get a socket of their own where all
    /// are listened on.
    pub fn needed_by(mut listening: impl Iterator<Item = SocketAddr>) -> Keep {
        let is_low = |at: SocketAddr| at.ip().is_unspecified() && at.port() < FIRST_FREE_PORT;
        match listening.any(is_low) {
            true => Keep::LowPorts,
            false => Keep::Nothing,
        }
    }
}

/// Why root was not given up.
#[derive(Debug)]
pub enum PrivilegeError {
    /// This file cannot be read.
    Unreadable(&'static str, io::Error),
    /// Nobody is found by that name.
    Unknown(AccountError),
    /// The system refused this step.
    Refused(&'static str, io::Error),
    /// It said that all went well, and this is still there.
    Remains(&'static str),
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("--run-as: ")?;
        match self {
            PrivilegeError::Unreadable(path, error) => {
                write!(f, "{path}: {error}; let it be read, or give numbers: UID:GID")
            }
            PrivilegeError::Unknown(error) => error.fmt(f),
            PrivilegeError::Refused(step, error) => {
                write!(f, "{step}: {error}; start as root, or leave the option out")
            }
            PrivilegeError::Remains(what) => {
                write!(f, "{what}: the system did not let go of it; leave the option out")
            }
        }
    }
}

/// Finds the user and the group that are wanted, while the files can be read for certain.
///
/// # Errors
/// See [`PrivilegeError`]. A file that is missing, as on a machine with one user, knows nobody.
pub fn look_up(wanted: &RunAs) -> Result<Login, PrivilegeError> {
    let read = |path| match std::fs::read(path) {
        Ok(octets) => Ok(String::from_utf8_lossy(&octets).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(PrivilegeError::Unreadable(path, error)),
    };
    accounts::find(wanted, &read(PASSWD)?, &read(GROUP)?).map_err(PrivilegeError::Unknown)
}

/// Whether this process may become another user at all.
///
/// # Errors
/// [`PrivilegeError::Refused`], where it lacks the right.
pub fn can_give_up() -> Result<(), PrivilegeError> {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    match capabilities(None) {
        Ok(sets) if !sets.effective.contains(needed) => {
            let error = rustix::io::Errno::PERM.into();
            Err(PrivilegeError::Refused("changing the user", error))
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
/// See [`PrivilegeError`]. The process is not to go on then: it may be half of each.
pub fn give_up(account: Account, keep: Keep) -> Result<(), PrivilegeError> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let refused =
        |step| move |error: rustix::io::Errno| PrivilegeError::Refused(step, error.into());
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

fn verify(gid: Gid, kept: CapabilitySet) -> Result<(), PrivilegeError> {
    if set_thread_uid(Uid::ROOT).is_ok() {
        return Err(PrivilegeError::Remains("the user root"));
    }
    if set_thread_groups(&[gid]).is_ok() || getgroups().is_ok_and(|groups| !groups.is_empty()) {
        return Err(PrivilegeError::Remains("supplementary groups"));
    }
    let is_as_wanted = |sets: CapabilitySets| sets.permitted == kept && sets.inheritable.is_empty();
    match capabilities(None).is_ok_and(is_as_wanted) {
        true => Ok(()),
        false => Err(PrivilegeError::Remains("capabilities")),
    }
}
