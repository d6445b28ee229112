//! Settings → [`Notifier`]: the files are tried, the signals watched.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::atomic_file::AtomicFile;
use super::hooks::Hooks;
use super::metrics::{MetricsFile, Tally};
use super::name_file::NameFile;
use super::notifier::Notifier;
use super::program::Program;
use super::{children, parent_death};
use crate::cluster::Keyspace;
use crate::failure::Failure;
use crate::host::accounts::Login;
use crate::server::signals::Signals;

/// The files and programs that are told of this node's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifySettings {
    /// The file that holds the name while it is owned.
    pub name_file: Option<PathBuf>,
    /// The command to run when a name is owned.
    pub on_claim: Option<String>,
    /// The command to run when it no longer is.
    pub on_lost: Option<String>,
    /// The time that a child may run on when its end is waited for; whole seconds.
    pub grace: Duration,
    /// The program to run for as long as the name is owned, with its arguments.
    pub program: Option<Vec<String>>,
    /// The file of figures for Prometheus.
    pub metrics_file: Option<PathBuf>,
}

/// The failure of the file of an option that cannot be written.
pub fn file_failure(option: &str, path: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "create its directory, or give a file in another",
        ErrorKind::PermissionDenied => {
            "let this user (see --run-as) write to its directory, or give a file in another"
        }
        _ => "give another file",
    };
    Failure::new(format!("--{option}: {}: {error}; {remedy}", path.display()))
}

fn no_signals(error: io::Error) -> Failure {
    Failure::new(format!("cannot handle signals: {error}"))
}

/// Removes what an earlier process left, and gets ready to tell of a name. `login`: the user that
/// this process became.
///
/// # Errors
/// When a file cannot be written, a signal handler is refused, or no process would start.
pub fn set_up(
    wanted: NotifySettings,
    keyspace: Arc<Keyspace>,
    login: Option<Login>,
    signals: &Signals,
) -> Result<Notifier, Failure> {
    let name_file = wanted.name_file.map(|path| prepared("name-file", path)).transpose()?;
    let metrics = wanted.metrics_file.map(|path| prepared("metrics-file", path)).transpose()?;
    let hooks = Hooks::new(wanted.on_claim, wanted.on_lost, wanted.grace);
    if wanted.program.is_some() {
        parent_death::probe().map_err(|error| {
            let remedy = parent_death::remedy(&error);
            Failure::new(format!("exec: no process would start: {error}; {remedy}"))
        })?;
        children::adopt_orphans();
    }
    let has_children = hooks.are_wanted() || wanted.program.is_some() || children::is_init();
    if has_children {
        // What is woken by it looks after all children.
        signals.watch(Signal::CHILD.as_raw()).map_err(no_signals)?;
    }
    let program = |words| Program::new(words, wanted.grace, |signal| signals.watch(signal));
    let program = wanted.program.map(program).transpose().map_err(no_signals)?;
    Ok(Notifier {
        keyspace,
        login,
        stop: signals.stop_request(),
        name_file: name_file.map(NameFile::new),
        hooks,
        program,
        metrics: metrics.map(|file| MetricsFile::new(file, Instant::now())),
        owned: None,
        tally: Tally::start(),
        is_closing: false,
    })
}

fn prepared(option: &'static str, path: PathBuf) -> Result<AtomicFile, Failure> {
    let file = AtomicFile::new(option, path);
    file.prepare().map_err(|error| file_failure(option, file.path(), &error))?;
    Ok(file)
}
