//! A file that its readers find whole or not at all, whenever this process may end.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everybody may read it, whatever the umask.
const MODE: u32 = 0o644;

/// A small file that is replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AtomicFile {
    /// The option that names it, without the dashes.
    option: &'static str,
    path: PathBuf,
    /// In the same directory, and always the same, so that kills leave one at most. Hidden, and
    /// with an ending that no collector of files looks for.
    draft: PathBuf,
    /// Whether the last change failed, which is told once.
    has_failed: bool,
}

impl AtomicFile {
    pub(super) fn new(option: &'static str, path: PathBuf) -> AtomicFile {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".new");
        AtomicFile { option, draft: path.with_file_name(name), path, has_failed: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what an earlier process left, and finds out whether it can be written.
    pub(super) fn prepare(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if !there.is_file() && !there.is_symlink() => {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "it is no regular file"));
            }
            Ok(_) => fs::remove_file(&self.path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.write_draft("")?;
        remove(&self.draft)
    }

    /// Puts the text in its place; `None`: the file is to be gone. Says whether that is so; if not,
    /// what was there stays, and the caller tries again at this interval.
    pub(super) fn set(&mut self, text: Option<&str>, retry: Duration) -> bool {
        let (result, done, again) = match text {
            Some(text) => (self.write(text), "written", "written again"),
            None => (remove(&self.path), "removed", "removed now"),
        };
        let (option, path) = (self.option, self.path.display());
        match &result {
            Ok(()) if self.has_failed => log::info!("--{option}: {path} is {again}"),
            Err(error) if !self.has_failed => log::error!(
                "--{option}: {path} cannot be {done}: {error}; trying again every {} s",
                retry.as_secs()
            ),
            _ => {}
        }
        self.has_failed = result.is_err();
        result.is_ok()
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let written = self.write_draft(text).and_then(|()| fs::rename(&self.draft, &self.path));
        // That it failed is told already.
        written.inspect_err(|_| drop(remove(&self.draft)))
    }

    fn write_draft(&self, text: &str) -> io::Result<()> {
        remove(&self.draft)?;
        // Never through a link that somebody put there.
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(MODE).open(&self.draft)?;
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.write_all(text.as_bytes())
    }

    /// Removes it for good, if it is there.
    pub(super) fn discard(&self) {
        if let Err(error) = remove(&self.path) {
            let (option, path) = (self.option, self.path.display());
            log::error!("--{option}: {path} cannot be removed: {error}; remove it by hand");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
