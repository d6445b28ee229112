//! A file that its readers find whole or not at all, whenever this process may end.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Everybody may read it, whatever the umask.
const MODE: u32 = 0o644;

/// A small file that is replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AtomicFile {
    path: PathBuf,
    /// In the same directory, and always the same, so that kills leave one at most. Hidden, and
    /// with an ending that no collector of files looks for.
    draft: PathBuf,
    /// It is to outlast the machine's power: what is put in its place is on disk before.
    is_lasting: bool,
    /// What was written last; `None`: it was removed since, or nothing was written.
    written: Option<Written>,
}

/// What tells a file from the one that somebody else put in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    device: u64,
    inode: u64,
    /// Numbers of files are used again.
    modified: (i64, i64),
}

impl Written {
    fn of(about: &Metadata) -> Written {
        let modified = (about.mtime(), about.mtime_nsec());
        Written { device: about.dev(), inode: about.ino(), modified }
    }
}

impl AtomicFile {
    pub(super) fn new(path: &Path) -> AtomicFile {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".new");
        let (draft, path) = (path.with_file_name(name), path.to_owned());
        AtomicFile { path, draft, is_lasting: false, written: None }
    }

    /// One that stays, however this machine ends: after a power cut it is the old one or the new one.
    pub(super) fn lasting(path: &Path) -> AtomicFile {
        AtomicFile { is_lasting: true, ..AtomicFile::new(path) }
    }

    /// Removes what an earlier process left, and finds out whether it can be written.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        self.check_kind()?;
        remove(&self.path)?;
        self.probe()
    }

    /// Finds out whether it can be written, and leaves it as it is.
    pub(super) fn probe(&self) -> io::Result<()> {
        self.check_kind()?;
        self.write_draft(b"")?;
        remove(&self.draft)
    }

    fn check_kind(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(there) if !there.is_file() && !there.is_symlink() => Err(no_regular_file()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the text in its place. If that fails, what was there stays.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        self.replace(text.as_bytes(), None, || Ok(()))
    }

    /// The same, with the mode and the owner of the file that is replaced, if one is given, and unless
    /// `confirm` fails once all is ready.
    pub(super) fn replace(
        &mut self,
        octets: &[u8],
        like: Option<&Metadata>,
        confirm: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let placed = self.write_draft(octets).and_then(|written| {
            if let Some(like) = like {
                self.make_like(like)?;
            }
            confirm()?;
            fs::rename(&self.draft, &self.path).map(|()| written)
        });
        // That it failed is told already.
        let placed = placed.inspect_err(|_| drop(remove(&self.draft)))?;
        self.written = Some(placed);
        Ok(())
    }

    fn make_like(&self, like: &Metadata) -> io::Result<()> {
        let own = fs::symlink_metadata(&self.draft)?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            chown(&self.draft, Some(like.uid()), Some(like.gid()))?;
        }
        fs::set_permissions(&self.draft, like.permissions())
    }

    fn write_draft(&self, octets: &[u8]) -> io::Result<Written> {
        remove(&self.draft)?;
        // Never through a link that somebody put there.
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(MODE).open(&self.draft)?;
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.write_all(octets)?;
        if self.is_lasting && !octets.is_empty() {
            settle(&file)?;
        }
        file.metadata().map(|about| Written::of(&about))
    }

    /// Removes it, if it is there.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        remove(&self.path)?;
        self.written = None;
        Ok(())
    }

    /// Removes it for good, unless it is another process's by now.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        let about = fs::symlink_metadata(&self.path);
        if self.written.is_none() || about.ok().map(|about| Written::of(&about)) != self.written {
            return Ok(());
        }
        self.remove()
    }
}

/// The error where a directory or a device is in the way.
pub(super) fn no_regular_file() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "it is no regular file")
}

/// Waits until what was written is on disk, where the file system knows of that.
pub(super) fn settle(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if [ErrorKind::InvalidInput, ErrorKind::Unsupported].contains(&error.kind()) => {
            Ok(())
        }
        settled => settled,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_wrote_meanwhile_is_not_discarded() {
        let name = format!("idetcd-atomic-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let says = || fs::read_to_string(&path).ok();
        let (mut one, mut other) = (AtomicFile::new(&path), AtomicFile::new(&path));
        one.prepare().expect("prepared");
        one.discard().expect("nothing to discard");
        one.write("one").expect("written");
        other.prepare().expect("prepared");
        assert_eq!(says(), None);
        other.write("other").expect("written");
        one.discard().expect("not its own");
        assert_eq!(says().as_deref(), Some("other"));
        other.write("again").expect("written");
        other.discard().expect("discarded");
        assert_eq!(says(), None);
        other.write("more").expect("written");
        other.remove().expect("removed");
        fs::write(&path, "of others").expect("written");
        other.discard().expect("not its own");
        assert_eq!(says().as_deref(), Some("of others"));
        one.remove().expect("removed");
        fs::create_dir(&path).expect("a directory");
        assert_eq!(one.prepare().map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
        fs::remove_dir(&path).expect("removed");
    }
}
