//! Calls to etcd, each reply of which is held against the history that is known.

use super::heard::{Heard, Reading};
use super::session::Session;
use super::{Host, Result, SessionError};
use crate::cluster::Directory;
use crate::etcd::{Error, Etcd};

impl<H: Host, E: Etcd> Session<H, E> {
    /// Makes a call to etcd that only a member answers which is not behind, and notes that it answered.
    ///
    /// # Errors
    /// Those of the call; [`SessionError::NoHistory`]: it was answered out of another history. Then it may
    /// have been carried out there.
    pub(super) fn ask<T>(&mut self, call: impl FnOnce(&mut E) -> Result<T, Error>) -> Result<T> {
        let reply = call(&mut self.client)?;
        self.heed(Reading::Present)?;
        Ok(reply)
    }

    /// The same for a call that a member answers as far as it has got.
    pub(super) fn ask_member<T>(
        &mut self,
        call: impl FnOnce(&mut E) -> Result<T, Error>,
    ) -> Result<T> {
        let reply = call(&mut self.client)?;
        self.heed(Reading::Local)?;
        Ok(reply)
    }

    /// Takes note of a page of a range that was read.
    pub(super) fn heed_page(&mut self) -> Result<()> {
        self.heed(Reading::Present)
    }

    /// Takes note that a watch told a change of this revision: etcd has reached it.
    pub(super) fn heed_change(&mut self, revision: i64) {
        self.heard = self.heard.map(|heard| heard.changed_at(revision));
    }

    /// Notes that etcd's history is not the one that is known, for this reason.
    pub(super) fn break_off(&mut self, why: &str) -> SessionError {
        log::info!("{why}: reading everything anew");
        self.note_restore();
        SessionError::NoHistory
    }

    /// Takes note that another history was found.
    pub(super) fn note_restore(&mut self) {
        self.is_restored = true;
        if self.has_table() {
            self.table.note_restore();
        } else {
            self.host.directory(Directory::end_history);
        }
    }

    /// Notes that etcd answered, and holds its header against what was heard before.
    fn heed(&mut self, reading: Reading) -> Result<()> {
        self.heard();
        // A reply without a header, or one of a proxy's, says nothing.
        let header = self.client.last_header().filter(|header| header.cluster_id != 0);
        let Some(header) = header else { return Ok(()) };
        let why = self.heard.and_then(|heard| heard.contradiction(&header, reading));
        if let Some(why) = why {
            self.heard = None;
            return Err(self.break_off(&why));
        }
        let first = || Heard::first(&header, reading);
        self.heard = Some(self.heard.map_or_else(first, |heard| heard.and(&header, reading)));
        if reading == Reading::Present {
            self.heed_term(header.raft_term);
        }
        Ok(())
    }
}
