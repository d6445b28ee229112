//! All names read, however often contact with etcd is lost meanwhile.
//!
//! Where thousands of nodes read all names at once, some page of many is late, and to begin anew for that would be
//! what keeps etcd from answering any. So what was read is kept, and the next attempt goes on with the page that is
//! missing, at the same revision, of whatever member.
//!
//! That pages of two histories come together is prevented as it is without a pause, and none of it begins anew with
//! the next attempt:
//! - All pages are read as of the grant of one lease, the witness, or of before it (see [`super::witness`]). It is asked for before
//!   reading goes on, and once a watch is open: a history that has it has all names as they were then. Where there is
//!   none, or it is gone, or its time is over, what was read is dropped.
//! - Where there is no witness, the state of etcd's log is that of before the first page (see [`super::position`]):
//!   whatever is restored in between has a shorter one, which is seen when the watch is opened.
//! - Each reply is held against all that was heard before (see [`super::heard`]), and each page against the number of
//!   keys that the one before left (see [`crate::etcd::Pages`]): what contradicts ends in
//!   [`SessionError::NoHistory`] or [`crate::etcd::ErrorKind::Malformed`].
//!
//! Only where a reply did not come, or a member spoke of itself, is anything kept: not after those errors, nor where the
//! revision was forgotten, or a value is too large. A page that fails too often is not tried again either.

use super::full_sync::FullSync;
use super::position::Position;
use super::session::Session;
use super::under_way::SyncUnderWay;
use super::{Host, Result, SessionError};
use crate::etcd::Etcd;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Reads all names, keeping the lease alive meanwhile. If it fails because contact was lost, the next call goes on.
    pub(super) fn read_everything(&mut self) -> Result<()> {
        let under_way = match self.resume_reading()? {
            None => self.begin_reading()?,
            resumed => resumed,
        };
        let Some(mut under_way) = under_way else { return Ok(()) };
        match self.read_pages(&mut under_way) {
            Ok(()) => self.have_everything(under_way),
            Err(error) => {
                self.keep_reading(under_way, &error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// `None`: there is nothing to read.
    fn begin_reading(&mut self) -> Result<Option<SyncUnderWay>> {
        let witness = self.call_witness()?;
        let revision = witness.map_or(0, |witness| witness.revision);
        // Of before the first page: a backup that is restored from now on has a shorter log. With a witness that need not
        // be asked: what is restored from now on has it not, or all that is read.
        let status = if witness.is_none() { self.status()? } else { None };
        let Some(mut sync) = FullSync::begin(&self.host, revision) else { return Ok(None) };
        sync.look_for(self.own_mark());
        Ok(Some(SyncUnderWay::new(sync, status)))
    }

    /// What was read before contact was lost; `None`: nothing, or nothing that can be gone on with.
    fn resume_reading(&mut self) -> Result<Option<SyncUnderWay>> {
        let Some(under_way) = self.under_way.take() else { return Ok(None) };
        match self.witness_lives() {
            Ok(true) => Ok(Some(under_way)),
            Ok(false) => Ok(None),
            Err(error) => {
                self.keep_reading(under_way, &error);
                Err(error)
            }
        }
    }

    fn read_pages(&mut self, under_way: &mut SyncUnderWay) -> Result<()> {
        while under_way.read_page(&mut self.client, &self.host)? {
            self.heed_page()?;
            self.stay_named()?;
            self.keep_witness()?;
        }
        Ok(())
    }

    /// Keeps what was read, if the error leaves it as it was.
    fn keep_reading(&mut self, under_way: SyncUnderWay, error: &SessionError) {
        let SessionError::Etcd(error) = error else { return };
        if self.witness.is_some() && under_way.can_go_on_after(error) {
            self.under_way = Some(under_way);
        }
    }

    /// Puts what was read in place of the directory.
    fn have_everything(&mut self, under_way: SyncUnderWay) {
        let SyncUnderWay { mut sync, status, .. } = under_way;
        self.marked = sync.take_marked();
        let mut history = sync.finish(&self.host);
        history.is_position_refused = status.is_none() && self.witness.is_none();
        history.position = status.map(|status| Position::reached(&status, history.latest()));
        self.proof.end();
        self.proof.right_at(history.latest());
        self.history = Some(history);
        self.first_count = None;
        (self.turn, self.own_put) = (None, None);
        // What was put since the revision that was read.
        self.missing = self.witness.map(|witness| witness.granted_at);
        self.serial_asked_at = 0;
        if let Some(job) = &mut self.job {
            job.forget();
        }
        self.contact.follow(self.host.now());
        // It is followed once a watch is open.
        self.mark();
        self.note_late_claims();
    }
}
