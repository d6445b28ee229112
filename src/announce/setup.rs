//! From the options to an announcer: the files are tried, the signals watched.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::Signal;

use super::{
    Announcements, Announcer, Hooks, MetricsFile, NameFile, Program, WholeFile, children, leash,
};
use crate::accounts::Login;
use crate::cluster::Keyspace;
use crate::options::Announce;
use crate::server::signals::Signals;

/// Why nothing can be announced.
#[derive(Debug)]
pub enum SetupError {
    /// The file of this option cannot be written.
    File(&'static str, PathBuf, io::Error),
    /// The system refused a signal handler.
    Signals(io::Error),
    /// No process could be started for a program.
    Program(io::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::File(option, path, error) => {
                write!(f, "--{option}: {}: {error}; {}", path.display(), remedy(error))
            }
            SetupError::Signals(error) => write!(f, "cannot handle signals: {error}"),
            SetupError::Program(error) => {
                write!(f, "exec: no process would start: {error}; {}", leash::remedy(error))
            }
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "create its directory, or give a file in another",
        ErrorKind::PermissionDenied => {
            "let this user (see --run-as) write to its directory, or give a file in another"
        }
        _ => "give another file",
    }
}

/// Removes what an earlier life left, and gets ready to tell of a name. `login`: whom this process came
/// to be.
///
/// # Errors
/// See [`SetupError`].
pub fn set_up(
    wanted: Announce,
    keyspace: Arc<Keyspace>,
    login: Option<Login>,
    signals: &Signals,
) -> Result<Announcer, SetupError> {
    let name_file = wanted.name_file.map(|path| prepared("name-file", path)).transpose()?;
    let metrics = wanted.metrics_file.map(|path| prepared("metrics-file", path)).transpose()?;
    let hooks = Hooks::new(wanted.on_claim, wanted.on_lost, wanted.grace);
    if wanted.program.is_some() {
        leash::probe().map_err(SetupError::Program)?;
        children::adopt_orphans();
    }
    let has_children = hooks.are_wanted() || wanted.program.is_some() || children::is_init();
    if has_children {
        // What is woken by it looks after all children.
        signals.watch(Signal::CHILD.as_raw()).map_err(SetupError::Signals)?;
    }
    let program = |words| Program::new(words, wanted.grace, |signal| signals.watch(signal));
    let program = wanted.program.map(program).transpose().map_err(SetupError::Signals)?;
    let announcements = Announcements {
        name_file: name_file.map(NameFile::new),
        hooks,
        program,
        metrics: metrics.map(|file| MetricsFile::new(file, Instant::now())),
    };
    Ok(Announcer::new(keyspace, login, announcements, signals.stop_request()))
}

fn prepared(option: &'static str, path: PathBuf) -> Result<WholeFile, SetupError> {
    let file = WholeFile::new(path);
    match file.prepare() {
        Ok(()) => Ok(file),
        Err(error) => Err(SetupError::File(option, file.path().to_owned(), error)),
    }
}
