//! A connection to a server whose table is taken. Nothing here waits, and no turn takes long.

use std::cmp::Ordering;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follow::Follow;
use super::leave_reason::LeaveReason;
use super::link_error::LinkError;
use super::outcome::{FollowOutcome, FollowStep, Reached, TransferAnswer};
use super::silence::SilenceLimit;
use super::stream::{Received, TableStream};
use super::trust::LinkGuard;
use crate::cluster::{Directory, Freshness, NodePlace, TransferredChange, compare_serials};
use crate::dns::transfer_in::{
    ChangeSet, TransferContent, TransferError, TransferReader, TransferState, TransferZones,
    WholeTable,
};
use crate::node::TableServer;

/// Octets that are read in one turn, but for the message that is begun.
const TRANSFER_OCTETS_PER_TURN: usize = 32 * 1024;

/// The number of names that are changed before DNS is answered again.
const NAMES_PER_TURN: usize = 128;

/// What a turn brought.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// Nothing to be used yet.
    Nothing,
    /// All names, to be put in place of the directory.
    Whole(Box<Directory>, Reached),
    /// The directory is where the server was.
    Reached(Reached),
}

/// What was read, and what is to be done with it.
#[derive(Debug)]
enum Work {
    None,
    /// Whole zones are read.
    ReadsWhole(WholeTable),
    /// Changes are read.
    ReadsChanges(ChangeSet),
    /// All came: what is gone is forgotten.
    Forgets(WholeTable, Reached),
    /// All came: it is applied.
    Applies(ChangeSet, Reached),
}

/// The connection.
#[derive(Debug)]
pub(super) struct TableLink<S> {
    pub(super) server: TableServer,
    zones: Arc<TransferZones>,
    stream: S,
    pub(super) follow: Follow,
    guard: LinkGuard,
    /// The reply that is being read.
    reader: Option<TransferReader>,
    work: Work,
    changes: Vec<(NodePlace, TransferredChange)>,
    /// More octets may have come than were read.
    has_more: bool,
    /// When to look again if nothing comes.
    due_at: Instant,
}

impl<S: TableStream> TableLink<S> {
    /// Begins to follow a server, to which this leads.
    pub(super) fn new(
        server: TableServer,
        (stream, guard): (S, LinkGuard),
        zones: Arc<TransferZones>,
        (max_lag, silence): (Duration, SilenceLimit),
        now: Instant,
    ) -> TableLink<S> {
        TableLink {
            server,
            stream,
            follow: Follow::new(zones.names().count(), max_lag, silence, now),
            guard,
            zones,
            reader: None,
            work: Work::None,
            changes: Vec::new(),
            has_more: false,
            due_at: now,
        }
    }

    /// The names that came so far, while all of them are read.
    pub(super) fn names_read(&self) -> Option<usize> {
        let (Work::ReadsWhole(whole) | Work::Forgets(whole, _)) = &self.work else { return None };
        Some(whole.names())
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn next_deadline(&self, now: Instant) -> Instant {
        if self.has_more || self.has_work() { now } else { self.due_at }
    }

    /// Takes note that the server says that something changed.
    pub(super) fn told(&mut self) {
        self.follow.told();
        // What is to be done when is found out in the next turn, which is to come at once.
        self.has_more = true;
    }

    fn has_work(&self) -> bool {
        matches!(self.work, Work::Forgets(..) | Work::Applies(..))
    }

    /// Goes on as far as it can without waiting, and without keeping DNS waiting. `unix_time` is that of
    /// signatures, in seconds since 1970; `directory` is what is compared with, and what changes are applied to;
    /// `draw_id` draws the ID of a question.
    ///
    /// # Errors
    /// Why the server is to be left. The directory has nothing then of what is not whole.
    pub(super) fn progress(
        &mut self,
        (now, unix_time): (Instant, u64),
        directory: &mut Directory,
        draw_id: impl FnOnce() -> u16,
    ) -> Result<LinkEvent, LinkError> {
        if !self.has_work() {
            self.receive((now, unix_time), directory)?;
        }
        if let Some(event) = self.go_on(directory)? {
            return Ok(event);
        }
        if self.has_work() {
            return Ok(LinkEvent::Nothing);
        }
        match self.follow.step(now) {
            FollowStep::Ask(index, request) => {
                let zone = self.zones.names().nth(index).unwrap_or_default().to_owned();
                let id = draw_id();
                let mut message = request.message(id, &zone);
                self.guard.sign(&mut message, unix_time);
                self.stream.push(&message);
                self.reader = Some(TransferReader::new(self.zones.clone(), &zone, request, id));
                self.due_at = now;
            }
            FollowStep::Wait(until) => self.due_at = until,
            FollowStep::Leave(reason) => return Err(LinkError::Leave(reason)),
        }
        self.stream.send()?;
        Ok(LinkEvent::Nothing)
    }

    /// Reads what came.
    fn receive(
        &mut self,
        (now, unix_time): (Instant, u64),
        directory: &Directory,
    ) -> Result<(), LinkError> {
        self.stream.send()?;
        self.has_more = false;
        let mut read = 0;
        loop {
            if let Some(length) = self.take_message((now, unix_time), directory)? {
                read += length;
            } else {
                match self.stream.receive()? {
                    Received::Data => self.follow.heard(now),
                    Received::Nothing => return Ok(()),
                    Received::End => {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                }
            }
            if read >= TRANSFER_OCTETS_PER_TURN || self.has_work() {
                self.has_more = true;
                return Ok(());
            }
        }
    }

    /// Takes the next message, if it is whole. Returns its length.
    fn take_message(
        &mut self,
        (now, unix_time): (Instant, u64),
        directory: &Directory,
    ) -> Result<Option<usize>, LinkError> {
        let TableLink { stream, guard, reader, changes, .. } = self;
        let Some(message) = stream.next_message()? else { return Ok(None) };
        let length = message.len();
        let reader = reader.as_mut().ok_or(TransferError::OtherMessage)?;
        let unsigned = guard.judge(message, unix_time)?;
        changes.clear();
        let state = reader.read(unsigned.as_deref().unwrap_or(message), changes)?;
        let is_too_old = reader.is_stale() || self.follow.is_too_old(reader.table_proof());
        if is_too_old && reader.content() == Some(TransferContent::Whole) {
            // At once: the rest may be long.
            return Err(LinkError::Leave(LeaveReason::Stale));
        }
        if reader.content() == Some(TransferContent::Whole) && is_before(reader.serial(), directory)
        {
            return Err(LinkError::Leave(LeaveReason::Older));
        }
        self.collect(directory)?;
        if state == TransferState::End {
            self.guard.judge_end()?;
            self.end_reply(now)?;
        }
        Ok(Some(length))
    }

    /// Keeps what a message changes.
    fn collect(&mut self, directory: &Directory) -> Result<(), TransferError> {
        let content = self.reader.as_ref().and_then(TransferReader::content);
        match (content, &self.work) {
            (Some(TransferContent::Whole), Work::None | Work::ReadsChanges(_)) => {
                self.work = Work::ReadsWhole(WholeTable::new(directory, &self.zones));
            }
            (Some(TransferContent::Changes), Work::None) => {
                self.work = Work::ReadsChanges(ChangeSet::new(&self.zones));
            }
            _ => {}
        }
        for (place, change) in self.changes.drain(..) {
            match &mut self.work {
                Work::ReadsWhole(whole) => whole.take(place, change)?,
                Work::ReadsChanges(set) => set.take(place, change)?,
                Work::None | Work::Forgets(..) | Work::Applies(..) => {}
            }
        }
        Ok(())
    }

    /// Decides on a reply that came whole.
    fn end_reply(&mut self, now: Instant) -> Result<(), LinkError> {
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let Some(content) = reader.content() else { return Ok(()) };
        let (serial, proof) = (reader.serial(), reader.table_proof());
        let answer = TransferAnswer { content, serial, proof, is_stale: reader.is_stale() };
        let outcome = self.follow.answer(answer, now).map_err(LinkError::Leave)?;
        self.work = match (outcome, std::mem::replace(&mut self.work, Work::None)) {
            (FollowOutcome::GoesOn, work) => work,
            (FollowOutcome::Anew | FollowOutcome::NotNow, _) => Work::None,
            (FollowOutcome::Whole(reached), Work::ReadsWhole(whole)) => {
                Work::Forgets(whole, reached)
            }
            (FollowOutcome::Changes(reached), Work::ReadsChanges(set)) => {
                Work::Applies(set, reached)
            }
            (FollowOutcome::Whole(reached) | FollowOutcome::Changes(reached), _) => {
                Work::Applies(ChangeSet::new(&self.zones), reached)
            }
        };
        Ok(())
    }

    /// Does a part of what is to be done with what came.
    fn go_on(&mut self, directory: &mut Directory) -> Result<Option<LinkEvent>, LinkError> {
        let (event, work) = match std::mem::replace(&mut self.work, Work::None) {
            Work::Forgets(mut whole, reached) => {
                if whole.forget_gone(NAMES_PER_TURN) {
                    (None, Work::Forgets(whole, reached))
                } else if is_before(reached.serial, directory) {
                    // What is in use went on meanwhile.
                    return Err(LinkError::Leave(LeaveReason::Older));
                } else {
                    let event = LinkEvent::Whole(Box::new(whole.finish()), reached);
                    (Some(event), Work::None)
                }
            }
            Work::Applies(mut set, reached) => {
                if set.apply(directory, NAMES_PER_TURN) {
                    (None, Work::Applies(set, reached))
                } else {
                    (Some(LinkEvent::Reached(reached)), Work::None)
                }
            }
            work => (None, work),
        };
        self.work = work;
        Ok(event)
    }
}

/// Whether a serial is before that of the directory (RFC 1982), if that has any.
fn is_before(serial: u32, directory: &Directory) -> bool {
    directory.freshness() != Freshness::Empty
        && compare_serials(serial, directory.serial()) == Some(Ordering::Less)
}
