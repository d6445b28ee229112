//! A program that ends with this process, however that ends: killed, it cannot end the program, and
//! its successor would start a second one under the same name beside it. So it is killed as well, since it may
//! take its time over any other signal.
//!
//! Only a process itself can ask for a signal at its parent's death (`PR_SET_PDEATHSIG`, `prctl(2)`),
//! so the child is this very program first, asks, and becomes the other one then.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::Access;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use crate::failure::Failure;
use crate::host::helper::OURSELVES;

/// The name by which the child is called, so that it knows what it is. Nobody types that.
const NAME: &str = "idetcd: exec";

/// The exit statuses of a shell (POSIX, *Shell Command Language* §2.8.2).
const CANNOT_EXECUTE: u8 = 126;
const COMMAND_NOT_FOUND: u8 = 127;

/// The program as a child of this process that ends with it.
pub(super) fn command(words: &[String]) -> Command {
    let mut command = Command::new(OURSELVES);
    command.arg0(NAME).arg(getpid().as_raw_nonzero().to_string()).args(words);
    command
}

/// Finds out whether this user may start the file of this process, before there is a name.
///
/// # Errors
/// When it may not, or there is no such file.
pub(super) fn probe() -> io::Result<()> {
    Ok(rustix::fs::access(OURSELVES, Access::EXEC_OK)?)
}

/// The remedy where no process starts.
pub fn remedy(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "mount /proc",
        Some(Errno::ACCESS) => {
            "let this user (see --run-as) execute the file of idetcd, as by chmod a+rx"
        }
        Some(Errno::PERM) => "let it start processes, by seccomp or what else forbids it",
        _ => "see what the system lets this user have: processes, memory",
    }
}

/// The words of the child that a program begins as; `None`: this process is no such child.
pub fn words_of_child(arguments: &[OsString]) -> Option<&[OsString]> {
    arguments.split_first().filter(|(name, _)| *name == NAME).map(|(_, words)| words)
}

/// Becomes the program. Returns only if that fails: why, with the exit status that tells it.
pub fn become_program(words: &[OsString]) -> Failure {
    let [parent, program, arguments @ ..] = words else {
        return Failure::with_status("exec: there is no program", COMMAND_NOT_FOUND);
    };
    let error = follow(parent, program, arguments);
    let status = match error.kind() {
        io::ErrorKind::NotFound => COMMAND_NOT_FOUND,
        _ => CANNOT_EXECUTE,
    };
    let (program, remedy) = (program.display(), remedy_for(program, &error));
    Failure::with_status(format!("exec: {program}: {error}; {remedy}"), status)
}

/// The remedy where the program cannot be executed (`execve(2)`).
fn remedy_for(program: &OsStr, error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::ACCESS) if !Path::new(program).is_dir() => {
            "make it executable for this user, as by chmod a+rx"
        }
        Some(Errno::NOEXEC) => "begin it with #! and its interpreter, or build it for this machine",
        _ => "give a program after the --",
    }
}

fn follow(parent: &OsStr, program: &OsStr, arguments: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have died before we asked.
    let ours = getppid().map(Pid::as_raw_nonzero).map(|pid| pid.to_string());
    if ours.is_none_or(|ours| *parent != *ours) {
        return io::Error::other("idetcd ended");
    }
    Command::new(program).args(arguments).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_fits_what_the_system_says() {
        for (program, errno, wanted) in [
            ("/etc/passwd", Errno::ACCESS, "make it executable"),
            ("/etc", Errno::ACCESS, "give a program"),
            // Some C libraries hand such a file to a shell instead.
            ("/etc/passwd", Errno::NOEXEC, "begin it with #!"),
            ("/nowhere", Errno::NOENT, "give a program"),
        ] {
            let told = remedy_for(OsStr::new(program), &errno.into());
            assert!(told.starts_with(wanted), "{program} {errno}: {told}");
        }
    }
}
