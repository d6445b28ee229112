//! A file of hosts that are answered for, which may change.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::dns::Responder;
use crate::dns::forwarding::is_within;
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
    /// Whether it is still to be told that it has names of zones that are answered for here.
    tells_left_out: bool,
    /// Whether there is what it said before.
    was_read: bool,
}

impl HostsFile {
    /// Has not looked at it yet. `is_ours`: this node writes its own names into it.
    pub fn new(path: PathBuf, is_ours: bool) -> HostsFile {
        let (seen, look_at, told) = (None, None, None);
        HostsFile { path, seen, look_at, told, tells_left_out: !is_ours, was_read: false }
    }

    /// The hosts, if it is time to look and the file changed. One that cannot be read says nothing: what was read
    /// before stays. Names in zones that are answered for here are left out.
    pub(super) fn look(&mut self, now: Instant, responder: &Responder) -> Option<HostsTable> {
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
                let is_own = |name: &[u8]| responder.zone_names().any(|it| is_within(name, it));
                let (hosts, left_out) = HostsTable::parse(&text, &is_own);
                if let Some(first) = left_out.first().filter(|_| self.tells_left_out) {
                    self.tells_left_out = false;
                    let (count, first) = (left_out.len(), String::from_utf8_lossy(first));
                    log::warn!(
                        "--hosts: {path}: names in zones that are answered for here are left out: \
                         {count}, such as {first}"
                    );
                }
                self.was_read = true;
                // What was wrong is told once more when it is so again.
                let was_wrong = self.told.take().is_some();
                if mark != self.seen || was_wrong {
                    let names = if hosts.len() == 1 { "name" } else { "names" };
                    log::info!("{path}: {} {names}", hosts.len());
                }
                self.seen = mark;
                Some(hosts)
            }
            Err(error) => {
                if self.told.as_ref() != Some(&error) {
                    let until = if self.was_read {
                        "what it said before counts until it can be"
                    } else {
                        "none of its hosts is answered for until it can be: create it, let this user read \
                         it, or give another file"
                    };
                    log::warn!("--hosts: {path} cannot be read: {error}; {until}");
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
