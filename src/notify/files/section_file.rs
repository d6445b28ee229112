//! A section of a file that others write as well, such as `/etc/hosts`.
//!
//! The file is replaced as a whole, with its mode and owner. Where that cannot be, as in a container
//! whose `/etc/hosts` is a mount of its own, it is written in place: readers may see half of it for a
//! moment then.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::atomic_file::{AtomicFile, no_regular_file, settle};
use super::section::with_section;

/// The most octets that such a file may have: a bound, far from those of any system.
const LARGEST_FILE: u64 = 64 << 20;

/// How often it is read anew because somebody else wrote it meanwhile.
const READ_ROUNDS: usize = 5;

#[derive(Debug)]
pub(super) struct SectionFile {
    path: PathBuf,
}

/// A file as it was found.
struct FileAsFound {
    octets: Vec<u8>,
    /// `None`: it is not there.
    about: Option<Metadata>,
}

impl SectionFile {
    pub(super) fn new(path: &Path) -> SectionFile {
        SectionFile { path: path.to_owned() }
    }

    /// Finds out whether it can be written, and has room for a section like this.
    pub(super) fn probe(&self, section: &str) -> io::Result<()> {
        let path = self.target();
        let found = FileAsFound::at(&path)?;
        composed(&found.octets, section)?;
        match AtomicFile::new(&path).probe() {
            Err(_) if OpenOptions::new().write(true).open(&path).is_ok() => Ok(()),
            done => done,
        }
    }

    /// Puts the section in its place, if it is not there.
    pub(super) fn write(&self, section: &str) -> io::Result<()> {
        let path = self.target();
        for _ in 0..READ_ROUNDS {
            let found = FileAsFound::at(&path)?;
            let wanted = composed(&found.octets, section)?;
            if found.about.is_some() && wanted == found.octets {
                return Ok(());
            }
            let is_as_found = || FileAsFound::at(&path).map(|now| now.octets == found.octets);
            let confirm = || if is_as_found()? { Ok(()) } else { Err(Errno::AGAIN.into()) };
            let replaced =
                AtomicFile::lasting(&path).replace(&wanted, found.about.as_ref(), confirm);
            match replaced {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if is_fixed(&error) && found.about.is_some() => {
                    // What is wrong with the file itself is no matter then.
                    return write_in_place(&path, &wanted).map_err(|_| error);
                }
                done => return done,
            }
        }
        Err(io::Error::from(Errno::BUSY))
    }

    /// The file that a link leads to: the link is to stay.
    fn target(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }
}

impl FileAsFound {
    fn at(path: &Path) -> io::Result<FileAsFound> {
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(FileAsFound { octets: Vec::new(), about: None });
            }
            Err(error) => return Err(error),
        };
        if !about.is_file() {
            return Err(no_regular_file());
        }
        if about.len() > LARGEST_FILE {
            return Err(Errno::FBIG.into());
        }
        Ok(FileAsFound { octets: fs::read(path)?, about: Some(about) })
    }
}

fn composed(text: &[u8], section: &str) -> io::Result<Vec<u8>> {
    with_section(text, section.as_bytes()).map_err(|_| unpaired_marks())
}

/// The error where the lines that mark the section are no pair.
pub(super) fn unpaired_marks() -> io::Error {
    io::Error::other("its lines # BEGIN idetcd and # END idetcd are no pair: remove them")
}

/// Whether a file cannot be replaced, but may be written: something is mounted on it, or its directory
/// is closed to us.
fn is_fixed(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::BUSY | Errno::XDEV | Errno::ROFS | Errno::ACCESS | Errno::PERM))
}

fn write_in_place(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(octets)?;
    file.set_len(octets.len() as u64)?;
    settle(&file)
}
