//! Certificates and keys for the connections to etcd, followed as their files change.
//!
//! They are read and checked at the start, where one that cannot be used is an error, and looked at again
//! before each new connection and now and then. From then on what was read last stays in use until the
//! files hold something better: a certificate without its key yet is no reason to lose etcd.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ClientConfig;

use super::access::Access;
use super::certificate_end::{CertificateEnd, wall_clock};
use super::tls::{TlsFiles, TlsMaterial};
use crate::failure::Failure;
use crate::host::file_mark::FileMark;

/// What is trusted and shown now, shared between all who connect.
#[derive(Clone, Debug)]
pub struct Certificates {
    files: Arc<TlsFiles>,
    state: Arc<Mutex<InUse>>,
}

#[derive(Debug)]
struct InUse {
    /// How the files looked before they were read; a file that could not be looked at is as good as changed.
    marks: Vec<Option<FileMark>>,
    used: TlsMaterial,
    /// The last word on files that cannot be used, unless that is over.
    told: Option<String>,
}

impl Certificates {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(super) fn read(access: &Access) -> Result<Certificates, Failure> {
        let files = TlsFiles::of(access)?;
        let state = InUse { marks: marks(&files), used: files.read()?, told: None };
        Ok(Certificates { files: Arc::new(files), state: Arc::new(Mutex::new(state)) })
    }

    fn state(&self) -> MutexGuard<'_, InUse> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to use for a new connection.
    pub(super) fn current(&self) -> Arc<ClientConfig> {
        self.refresh();
        self.state().used.config.clone()
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.paths()
    }

    /// When each file of the options ends.
    pub fn ends(&self) -> Vec<CertificateEnd> {
        self.state().used.ends.clone()
    }

    /// Reads the files anew if they changed, or could not be used the last time.
    pub(super) fn refresh(&self) {
        let mut state = self.state();
        let marks = marks(&self.files);
        let is_still = |(mark, before): (&Option<FileMark>, &Option<FileMark>)| match (mark, before)
        {
            (Some(mark), Some(before)) => mark.is_still(before),
            _ => false,
        };
        if marks.iter().zip(&state.marks).all(is_still) {
            return;
        }
        let read = self.files.read();
        let read = read.and_then(|made| {
            // What is in use stays in use, whatever the time.
            if made.hash != state.used.hash {
                self.files.check_time(&made, wall_clock())?;
            }
            Ok(made)
        });
        match read {
            Ok(made) => state.replace(made, marks),
            Err(failure) => state.tell(&failure),
        }
    }
}

fn marks(files: &TlsFiles) -> Vec<Option<FileMark>> {
    files.paths().map(|path| FileMark::of(path).ok()).collect()
}

impl InUse {
    fn replace(&mut self, made: TlsMaterial, marks: Vec<Option<FileMark>>) {
        self.marks = marks;
        let was_told = self.told.take().is_some();
        if made.hash == self.used.hash {
            if was_told {
                log::info!("the certificates in use can be read again");
            }
            return;
        }
        self.used = made;
        let ends = self.used.ends.iter().map(CertificateEnd::to_string).collect::<Vec<_>>();
        log::info!("certificates were read anew: {}", ends.join(", "));
    }

    fn tell(&mut self, failure: &Failure) {
        let text = failure.to_string();
        if self.told.as_ref() != Some(&text) {
            log::warn!("{text}; what was read before stays in use");
            self.told = Some(text);
        }
    }
}
