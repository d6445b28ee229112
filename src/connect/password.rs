//! The file with the password, read at the start and again whenever etcd refuses what was read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;
use crate::host::secret_file;

/// A file whose first line is the password.
#[derive(Debug)]
pub(super) struct PasswordFile {
    path: PathBuf,
    /// The last word on a file that cannot be used, unless that is over.
    told: Mutex<Option<String>>,
}

impl PasswordFile {
    pub(super) fn new(path: &Path) -> PasswordFile {
        PasswordFile { path: path.to_owned(), told: Mutex::new(None) }
    }

    /// Reads the password.
    ///
    /// # Errors
    /// When there is none, with what to do.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let path = self.path.display();
        first_line(&self.path)
            .map_err(|why| Failure::new(format!("--password-file: {path}: {why}")))
    }

    /// The password as it is now; `None`: it cannot be read, which is told once.
    pub(super) fn read_anew(&self) -> Option<String> {
        let read = self.read();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let why = read.as_ref().err().map(Failure::to_string);
        if let Some(why) = why.as_ref().filter(|_| *told != why) {
            log::warn!("{why}; the password that was read before stays in use");
        }
        *told = why;
        read.ok()
    }
}

fn first_line(path: &Path) -> Result<String, String> {
    let text = secret_file::read(path)?.text;
    let line = text.lines().next().filter(|line| !line.is_empty());
    Ok(line.ok_or("its first line is empty; put the password there")?.to_owned())
}
