//! A file of hosts that are answered for, which may change.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::dns::hosts::HostsTable;
use crate::host::file_mark::FileMark;

/// The time between two looks, while queries come.
const HOSTS_INTERVAL: Duration = Duration::from_secs(2);

/// The largest file that is read, in octets.
const LARGEST_HOSTS_FILE: u64 = 16 << 20;

/// The file, and what it was like.
#[derive(Debug)]
pub struct HostsFile {
    path: PathBuf,
    seen: Option<FileMark>,
    look_at: Option<Instant>,
    /// What is wrong with it, as it was told last.
    told: Option<String>,
}

impl HostsFile {
    /// Has not looked at it yet.
    pub fn new(path: PathBuf) -> HostsFile {
        HostsFile { path, seen: None, look_at: None, told: None }
    }

    /// The hosts, if it is time to look and the file changed. One that cannot be read says nothing: what was read
    /// before stays.
    pub(super) fn look(&mut self, now: Instant) -> Option<HostsTable> {
        if self.look_at.is_some_and(|at| now < at) {
            return None;
        }
        self.look_at = Some(now + HOSTS_INTERVAL);
        let mark = FileMark::of(&self.path).ok();
        if let (Some(mark), Some(seen)) = (&mark, &self.seen)
            && mark.is_still(seen)
        {
            return None;
        }
        let path = self.path.display();
        match self.read() {
            Ok(text) => {
                let hosts = HostsTable::parse(&text);
                if mark != self.seen || self.told.take().is_some() {
                    let names = if hosts.len() == 1 { "name" } else { "names" };
                    log::info!("{path}: {} {names}", hosts.len());
                }
                self.seen = mark;
                Some(hosts)
            }
            Err(error) => {
                if self.told.as_ref() != Some(&error) {
                    log::warn!(
                        "--hosts: {path}: {error}; what it said before counts until it can be read"
                    );
                }
                self.told = Some(error);
                self.seen = None;
                None
            }
        }
    }

    fn read(&self) -> Result<String, String> {
        let about = std::fs::metadata(&self.path).map_err(|error| error.to_string())?;
        if !about.is_file() {
            return Err("it is no regular file".to_owned());
        }
        if about.len() > LARGEST_HOSTS_FILE {
            return Err(format!("it has over {LARGEST_HOSTS_FILE} octets"));
        }
        let octets = std::fs::read(&self.path).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }
}
