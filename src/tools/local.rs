//! A look at this host: the user that a node would be, and the files that it would write or read
//! again. Nothing is created, changed or removed, so some of it is told by modes alone.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::Access;
use rustix::io::Errno;
use rustix::process::geteuid;

use super::report::Finding;
use super::report::Severity::{Bad, Good, Note};
use crate::connect::Password;
use crate::host::accounts::{Account, Login};
use crate::host::privileges;
use crate::notify::file_failure;
use crate::options::Options;
use crate::server::forward::{ForwardRoute, ForwardTo};

/// The permissions of others in a mode, and the bit that lets only owners remove files.
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const SEARCH: u32 = 0o1;
const STICKY: u32 = 0o1000;

/// Looks at the user and the files that the options name.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let Some(wanted) = &options.run_as else { return files(options, None) };
    match privileges::look_up(wanted) {
        Ok(Login { account, .. }) => {
            [vec![change_to(account)], files(options, Some(account))].concat()
        }
        Err(error) => vec![Finding::new(Bad, "run-as", error)],
    }
}

fn change_to(account: Account) -> Finding {
    let Account { uid, gid } = account;
    match privileges::can_give_up() {
        Ok(()) => Finding::new(Good, "run-as", format!("a node would be user {uid}, group {gid}")),
        Err(error) => Finding::new(Bad, "run-as", error),
    }
}

/// Looks at the files, as whom the node would be, without supplementary groups; `None`: whoever
/// looks.
fn files(options: &Options, who: Option<Account>) -> Vec<Finding> {
    let notify = &options.notify;
    let written = [
        ("name-file", notify.name_file.as_ref()),
        ("id-file", notify.id_file.as_ref()),
        ("metrics-file", notify.metrics_file.as_ref()),
        ("hosts-file", notify.hosts_file.as_ref()),
        ("file-sd", notify.targets_file.as_ref().map(|(path, _)| path)),
        ("list-file", notify.list.as_ref().and_then(|list| list.file.as_ref())),
    ];
    let written = written.into_iter().filter_map(|(option, path)| Some((option, path?)));
    let may_write = |option, path: &Path| match try_to_write(path, who) {
        // It is written in place where it cannot be replaced.
        Err(_) if option == "hosts-file" && may_write_in_place(path, who) => Ok(()),
        done => done,
    };
    let written = written.map(|(option, path)| match may_write(option, path) {
        Ok(()) => Finding::new(Good, "files", format!("{} can be written", path.display())),
        Err(error) => Finding::new(Bad, "files", file_failure(option, path, &error).to_string()),
    });
    let named_in = |route: &'_ ForwardRoute| match &route.to {
        ForwardTo::ResolvConf(path) => Some(path.clone()),
        ForwardTo::Servers(_) => None,
    };
    let read = options.forward.routes.iter().filter_map(named_in).filter_map(|path| {
        let error = try_to_read(&path, who).err()?;
        let text = "until it can be read, other names are answered with SERVFAIL";
        let path = path.display();
        Some(Finding::new(Note, "files", format!("--forward: {path}: {error}; {text}")))
    });
    let hosts = options.hosts.iter().filter_map(|path| {
        let (error, path) = (try_to_read(path, who).err()?, path.display());
        let text =
            "until it can be, none of its hosts is answered for: create it, let this user read it, \
                    or give another";
        let text = format!("--hosts: {path} cannot be read: {error}; {text}");
        Some(Finding::new(Note, "files", text))
    });
    let again = who.map(|account| read_again(options, account)).unwrap_or_default();
    written.chain(read).chain(hosts).chain(again).collect()
}

/// Notes about files that were read by who started this, and could not be read again.
fn read_again(options: &Options, who: Account) -> Vec<Finding> {
    let access = &options.connect.access;
    let pair = access.certificate.iter().flat_map(|(cert, key)| [("cert", cert), ("key", key)]);
    let password = access.user.iter().filter_map(|user| match &user.password {
        Password::File(path) => Some(("password-file", path)),
        Password::Given(_) => None,
    });
    let files = access.cacert.iter().map(|path| ("cacert", path)).chain(pair).chain(password);
    let unreadable = files.filter_map(|(option, path)| {
        let (error, path) = (try_to_read(path, Some(who)).err()?, path.display());
        let text = "a change of it would take a restart; let that user read it";
        Some(Finding::new(Note, "files", format!("--{option}: {path}: {error}; {text}")))
    });
    unreadable.collect()
}

/// Finds out, without doing it, whether a file could be written.
fn try_to_write(path: &Path, who: Option<Account>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let about = fs::metadata(directory)?;
    if !about.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    let may_write = rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK);
    match (who, may_write) {
        (Some(account), Ok(()) | Err(Errno::ACCESS | Errno::PERM)) => {
            enter(directory, &about, WRITE, account)?
        }
        (_, told) => told?,
    }
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() && !there.is_symlink() => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "it is no regular file"))
        }
        Ok(there) if !may_remove(&about, &there, who) => Err(Errno::ACCESS.into()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn may_write_in_place(path: &Path, who: Option<Account>) -> bool {
    let Ok(about) = fs::metadata(path) else { return false };
    let is_allowed = match who {
        Some(account) => account.uid == 0 || allows(&about, WRITE, account),
        None => rustix::fs::access(path, Access::WRITE_OK).is_ok(),
    };
    about.is_file() && is_allowed
}

/// In a directory such as `/tmp` only the owners of a file and of the directory remove it.
fn may_remove(directory: &Metadata, file: &Metadata, who: Option<Account>) -> bool {
    let uid = who.map_or_else(|| geteuid().as_raw(), |account| account.uid);
    directory.mode() & STICKY == 0 || [0, file.uid(), directory.uid()].contains(&uid)
}

fn try_to_read(path: &Path, who: Option<Account>) -> io::Result<()> {
    let Some(account) = who else { return File::open(path).map(drop) };
    let about = fs::metadata(path)?;
    match path.canonicalize()?.parent() {
        Some(directory) if allows(&about, READ, account) => {
            enter(directory, &fs::metadata(directory)?, SEARCH, account)
        }
        _ => Err(Errno::ACCESS.into()),
    }
}

/// Finds out whether a user gets to a directory and has this right there.
fn enter(directory: &Path, about: &Metadata, right: u32, account: Account) -> io::Result<()> {
    let whole = directory.canonicalize()?;
    let above = whole.ancestors().skip(1).map(fs::metadata).collect::<io::Result<Vec<_>>>()?;
    let may_enter = above.iter().all(|about| allows(about, SEARCH, account));
    let may = may_enter && allows(about, right | SEARCH, account);
    may.then_some(()).ok_or_else(|| Errno::ACCESS.into())
}

/// By the mode alone: a list of further rights (`acl(5)`) is not looked at.
fn allows(about: &Metadata, right: u32, account: Account) -> bool {
    let place = match (about.uid() == account.uid, about.gid() == account.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    (about.mode() >> place) & right == right
}
