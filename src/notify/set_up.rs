//! What is wanted of the notifier, and how it is made ready.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use super::awaited_list::{AwaitedList, ListSettings};
use super::change_hook::{ChangeHook, ChangeSettings};
use super::files::FileRole;
use super::files::KeptFile;
use super::hooks::Hooks;
use super::id_file::{ID_RETRY_INTERVAL, IdFile};
use super::list_file::{self, LIST_RETRY_INTERVAL, ListFile};
use super::listing::Listing;
use super::metrics::{MetricsFile, SCRAPE_INTERVAL};
use super::name_lists::ListFormat;
use super::notifier::{Notifier, Recipients};
use super::program::Program;
use super::program_settings::ProgramSettings;
use super::supervision::{ReadyWhen, Supervision};
use super::{children, parent_death};
use crate::clock;
use crate::cluster::Keyspace;
use crate::failure::Failure;
use crate::host::accounts::Login;
use crate::host::service_manager::ServiceManager;
use crate::server::signals::Signals;

/// The time after which the file of the name is tried again.
const NAME_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The files and programs that are told of this node's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifySettings {
    /// The file that holds the name while it is owned.
    pub name_file: Option<PathBuf>,
    /// The file that remembers the ID, for a life that begins when the lease of this one is over.
    pub id_file: Option<PathBuf>,
    /// The command to run when a name is owned.
    pub on_claim: Option<String>,
    /// The command to run when it no longer is.
    pub on_lost: Option<String>,
    /// The command to run when a name came or went, or has other addresses.
    pub on_change: Option<ChangeSettings>,
    /// The time that a hook may run on when its end is waited for; whole seconds.
    pub hook_grace: Duration,
    /// The program to run for as long as the name is owned.
    pub program: Option<ProgramSettings>,
    /// The list that the program waits for; `None`: it waits for none.
    pub list: Option<ListSettings>,
    /// The file of figures for Prometheus.
    pub metrics_file: Option<PathBuf>,
    /// The file such as `/etc/hosts` that has all names in a section.
    pub hosts_file: Option<PathBuf>,
    /// The file that has all nodes as targets for Prometheus, and their port.
    pub targets_file: Option<(PathBuf, u16)>,
    /// When the service manager hears that this process has started, if there is one.
    pub ready_when: ReadyWhen,
}

/// What tells the service manager that started this process; `None`: there is none.
fn supervision(ready_when: ReadyWhen) -> Option<Supervision> {
    let manager = ServiceManager::find(|name| std::env::var_os(name), std::process::id());
    let manager = manager.unwrap_or_else(|error| {
        log::warn!("NOTIFY_SOCKET: {error}; the service manager is told nothing");
        None
    });
    manager.map(|manager| Supervision::new(manager, ready_when, clock::now()))
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
    let text = format!("--{option}: {}: {error}; {remedy}", path.display());
    // That one is not there is mostly a slip of the pen.
    if error.kind() == ErrorKind::NotFound { Failure::usage(text) } else { Failure::new(text) }
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
    let kept = |(option, path, role): (_, PathBuf, _), sample, retry| {
        let (wakeups, now) = (signals.wakeups(), clock::now());
        let file = KeptFile::start((option, path.clone(), role), sample, retry, wakeups, now);
        file.map_err(|error| file_failure(option, &path, &error))
    };
    let own = |option, path, retry| kept((option, path, FileRole::Owned), String::new(), retry);
    let name_file = wanted.name_file.map(|path| own("name-file", path, NAME_RETRY_INTERVAL));
    let metrics = wanted.metrics_file.map(|path| own("metrics-file", path, SCRAPE_INTERVAL));
    let (name_file, metrics) = (name_file.transpose()?, metrics.transpose()?);
    let id_file = wanted.id_file.map(|path| {
        let file =
            kept(("id-file", path.clone(), FileRole::Lasting), String::new(), ID_RETRY_INTERVAL);
        file.map(|file| IdFile::start(file, &path, keyspace.limit))
    });
    let id_file = id_file.transpose()?;
    let awaited = wanted.list.map(|settings| {
        let file = settings.file.clone().map(|path| own("list-file", path, NAME_RETRY_INTERVAL));
        Ok::<_, Failure>(AwaitedList::new(settings, file.transpose()?, clock::now()))
    });
    let awaited = awaited.transpose()?;
    let list = |(option, path, role), format: ListFormat| {
        let sample = list_file::sample(format, &keyspace.pattern);
        let file = kept((option, path, role), sample, LIST_RETRY_INTERVAL)?;
        Ok(ListFile::new(file, format))
    };
    let hosts = wanted.hosts_file.map(|path| ("hosts-file", path, FileRole::Section));
    let hosts = hosts.map(|file| list(file, ListFormat::Hosts));
    let targets = wanted
        .targets_file
        .map(|(path, port)| list(("file-sd", path, FileRole::Lasting), ListFormat::Targets(port)));
    let lists = hosts.into_iter().chain(targets).collect::<Result<_, Failure>>()?;
    let hooks = Hooks::new(wanted.on_claim, wanted.on_lost, wanted.hook_grace);
    if wanted.program.is_some() {
        parent_death::probe().map_err(|error| {
            let remedy = parent_death::remedy(&error);
            Failure::new(format!("exec: no process would start: {error}; {remedy}"))
        })?;
        children::adopt_orphans();
    }
    let change_hook = wanted.on_change.map(|hook| ChangeHook::new(hook, wanted.hook_grace));
    let are_hooks_wanted = hooks.are_wanted() || change_hook.is_some();
    let has_children = are_hooks_wanted || wanted.program.is_some() || children::is_init();
    if has_children {
        // What is woken by it looks after all children.
        signals.watch(Signal::CHILD.as_raw()).map_err(no_signals)?;
    }
    let program = |settings| Program::new(settings, |signal| signals.watch(signal));
    let program = wanted.program.map(program).transpose().map_err(no_signals)?;
    let metrics = metrics.map(|file| MetricsFile::new(file, clock::now()));
    let listing = Listing::new(lists, change_hook);
    let supervision = supervision(wanted.ready_when);
    let told = Recipients {
        name_file,
        id_file,
        hooks,
        program,
        list: awaited,
        metrics,
        listing,
        supervision,
    };
    Ok(Notifier::new(keyspace, login, signals.stop.clone(), told))
}
