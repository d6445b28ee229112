//! What is asked of one server, and when it is left: the decisions on one connection. Pure: time is given, and
//! what the server tells.
//!
//! At first all zones are asked for whole, one after the other; then, again and again, what changed. The serial is
//! that of the server's table only, and of this connection: the next process at that address, or another server,
//! may have told of other things by the same number, where etcd was restored in between. So with each connection
//! everything is read anew, and as well where the server has read everything anew.
//!
//! Who is followed and gets out of step is not left for that: once it is in step again it tells what changed, and all
//! others would have to tell everything. Meanwhile another one is looked for, which is asked first how fresh it is.

use std::time::{Duration, Instant};

use super::leave_reason::LeaveReason;
use super::outcome::{FollowOutcome, FollowStep, Reached, TransferAnswer};
use super::silence::SilenceLimit;
use crate::dns::TableProof;
use crate::dns::transfer_in::{TransferContent, TransferRequest};

/// The longest time for all zones, and for what changed in them.
const LONGEST_READING: Duration = Duration::from_secs(60);
const LONGEST_REFRESH: Duration = Duration::from_secs(5);

/// The longest time between two questions for what changed, and the part of the longest lag that it is at most:
/// the rest is the server's, whose own proof grows old until it is renewed.
const REFRESH_PERIOD: Duration = Duration::from_secs(1);
const REFRESH_PART: u32 = 16;

/// From which part of the longest lag on a server's table is called ageing: time is left to find another one. One that
/// is well proves its own anew before that.
const AGEING: (u32, u32) = (5, 6);

/// The shortest time between two questions, however often it is told that something changed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FollowStage {
    /// It is asked how fresh it is: what changed since this serial, which is another server's.
    Looking(u32),
    /// All zones are read, and this one is next.
    Reading(usize),
    /// What changed is read, and this one is next.
    Refreshing(usize),
    /// Nothing, until it is time to.
    Resting,
}

/// One server that is followed.
#[derive(Debug)]
pub struct Follow {
    zones: usize,
    max_lag: Duration,
    stage: FollowStage,
    /// Whether an answer is awaited.
    is_asked: bool,
    /// When the stage began, the latest question was asked, and the server was heard last.
    since: Instant,
    asked_at: Instant,
    heard_at: Instant,
    /// When to ask what changed.
    next_at: Instant,
    /// Something changed, the server says.
    is_told: bool,
    /// Everything is to be read anew when it is asked next.
    is_doubted: bool,
    /// Of each zone, as it was read last.
    serials: Vec<u32>,
    /// Of the first answer of what is under way.
    reached: Option<Reached>,
    /// The revision of what was read last, and the number of the server's reading.
    held: Option<(i64, u32)>,
    reading: u32,
    /// Until when what was read last is not too old.
    fresh_until: Instant,
    is_ageing: bool,
    /// It is out of step, and what was read last is too old.
    is_stale: bool,
    /// Since when its table must be known to be etcd's, to be read at all.
    fresher_than: Option<Instant>,
    silence: SilenceLimit,
}

impl Follow {
    /// A server that is asked for everything first. Its silence counts from now on, connecting included.
    pub fn new(zones: usize, max_lag: Duration, silence: SilenceLimit, now: Instant) -> Follow {
        Follow {
            zones,
            max_lag,
            stage: FollowStage::Reading(0),
            is_asked: false,
            since: now,
            asked_at: now,
            heard_at: now,
            next_at: now,
            is_told: false,
            is_doubted: false,
            serials: vec![0; zones],
            reached: None,
            held: None,
            reading: 0,
            fresh_until: now,
            is_ageing: false,
            is_stale: false,
            fresher_than: None,
            silence,
        }
    }

    /// Only if its table is known to be etcd's at a later time than this, which is that of another server with this serial.
    #[must_use]
    pub fn if_fresher(self, (than, serial): (Instant, u32)) -> Follow {
        Follow { stage: FollowStage::Looking(serial), fresher_than: Some(than), ..self }
    }

    /// Whichever table it has will do, if it is in step: there is no other one any more.
    pub fn if_in_step(&mut self) {
        self.fresher_than = None;
    }

    /// Takes note that something came from the server.
    pub fn heard(&mut self, now: Instant) {
        if self.is_asked {
            self.silence.note(now.saturating_duration_since(self.silent_since()));
        }
        self.heard_at = now;
    }

    /// Takes note that the server says that something changed.
    pub fn told(&mut self) {
        self.is_told = true;
    }

    /// How long it may be silent, by what it took so far.
    pub fn silence(&self) -> SilenceLimit {
        self.silence
    }

    fn silent_since(&self) -> Instant {
        self.heard_at.max(self.asked_at)
    }

    /// Whether the server's table is so old that another one is to be found, or the server says that it is out of step.
    pub fn is_ageing(&self) -> bool {
        self.is_ageing
    }

    /// Whether the server says that it is out of step, and what was read of it is too old by now.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// The serial of the first zone, as it was read last.
    pub fn serial(&self) -> u32 {
        self.serials.first().copied().unwrap_or_default()
    }

    /// Lets everything be read anew when it is asked next, unless it is being read: what is known here is not what was
    /// taken.
    pub fn doubt(&mut self) {
        self.is_doubted = !matches!(self.stage, FollowStage::Reading(_) | FollowStage::Looking(_));
    }

    /// What to do now. What came has to be heard first: this process may have stood still.
    pub fn step(&mut self, now: Instant) -> FollowStep {
        let due_at = self.next_at.min(self.told_at().unwrap_or(self.next_at));
        if self.stage == FollowStage::Resting && due_at <= now {
            // Of one that is out of step nothing is read anew.
            let reads_anew = self.is_doubted && !self.is_ageing;
            let stage =
                if reads_anew { FollowStage::Reading(0) } else { FollowStage::Refreshing(0) };
            self.begin(stage, now);
        }
        let (index, longest) = match self.stage {
            FollowStage::Resting => return FollowStep::Wait(due_at),
            FollowStage::Looking(_) => (0, LONGEST_READING),
            FollowStage::Reading(index) => (index, LONGEST_READING),
            FollowStage::Refreshing(index) => (index, LONGEST_REFRESH),
        };
        if !self.is_asked {
            return self.ask(index, now);
        }
        let silent_at = self.silent_since() + self.silence.get();
        let slow_at = self.since + longest;
        if now >= silent_at {
            self.silence.exceeded();
            return FollowStep::Leave(LeaveReason::Silent);
        }
        if now >= slow_at {
            return FollowStep::Leave(LeaveReason::Slow);
        }
        FollowStep::Wait(silent_at.min(slow_at))
    }

    /// Whether nothing that comes with this is of use, whenever it was asked for.
    pub fn is_too_old(&self, proof: Option<TableProof>) -> bool {
        proof.is_some_and(|proof| proof.age.is_none_or(|age| age >= self.max_lag))
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// Why the server is to be left.
    pub fn answer(
        &mut self,
        answer: TransferAnswer,
        now: Instant,
    ) -> Result<FollowOutcome, LeaveReason> {
        let proof = answer.proof.ok_or(LeaveReason::NoProof)?;
        let proven_at = answer.proven_at(proof, self.asked_at, (self.max_lag, now));
        let Some(proven_at) = proven_at else {
            if self.stage == FollowStage::Refreshing(0) {
                (self.is_asked, self.is_ageing) = (false, true);
                self.is_stale = now >= self.fresh_until;
                self.rest();
                return Ok(FollowOutcome::NotNow);
            }
            return Err(LeaveReason::Stale);
        };
        if self.fresher_than.take().is_some_and(|than| proven_at <= than) {
            return Err(LeaveReason::NoFresher);
        }
        if self.is_doubted && self.stage == FollowStage::Refreshing(0) {
            self.begin(FollowStage::Reading(0), now);
            return Ok(FollowOutcome::Anew);
        }
        if matches!(self.stage, FollowStage::Looking(_)) {
            self.begin(FollowStage::Reading(0), now);
            // The whole will do, though what changed was asked for.
            if answer.content != TransferContent::Whole {
                return Ok(FollowOutcome::Anew);
            }
        }
        self.is_asked = false;
        let (revision, serial) = (proof.revision, answer.serial);
        let reached = match self.reached {
            // The oldest proof holds for all, and what changed after the first question is asked next time.
            Some(first) => Reached { proven_at: first.proven_at.min(proven_at), ..first },
            None => Reached { proven_at, revision, serial },
        };
        let index = match self.stage {
            FollowStage::Reading(index) | FollowStage::Refreshing(index) => index,
            FollowStage::Resting | FollowStage::Looking(_) => 0,
        };
        let is_refresh = matches!(self.stage, FollowStage::Refreshing(_));
        let is_first = index == 0 && !is_refresh;
        if is_first {
            self.reading = proof.reading;
        }
        // Of one of several zones the whole is of no use: the others' names would be missing.
        let is_unusable = is_refresh && answer.content == TransferContent::Whole && self.zones > 1;
        if self.reading != proof.reading || is_unusable {
            self.begin(FollowStage::Reading(0), now);
            return Ok(FollowOutcome::Anew);
        }
        if let Some(place) = self.serials.get_mut(index) {
            *place = serial;
        }
        self.reached = Some(reached);
        let is_same = answer.content == TransferContent::UpToDate
            && self.held == Some((revision, self.reading));
        if index + 1 < self.zones && !(is_refresh && index == 0 && is_same) {
            let next = index + 1;
            self.stage =
                if is_refresh { FollowStage::Refreshing(next) } else { FollowStage::Reading(next) };
            return Ok(FollowOutcome::GoesOn);
        }
        self.held = Some((reached.revision, self.reading));
        self.fresh_until = reached.proven_at + self.max_lag;
        let (part, parts) = AGEING;
        self.is_ageing = now >= reached.proven_at + self.max_lag * part / parts;
        self.is_stale = false;
        self.rest();
        let is_whole = !is_refresh || answer.content == TransferContent::Whole;
        Ok(if is_whole { FollowOutcome::Whole(reached) } else { FollowOutcome::Changes(reached) })
    }

    fn begin(&mut self, stage: FollowStage, now: Instant) {
        if stage == FollowStage::Reading(0) {
            self.is_doubted = false;
        }
        // What is told from now on may be missing in the answer.
        (self.stage, self.since, self.is_told) = (stage, now, false);
        (self.is_asked, self.reached) = (false, None);
    }

    fn rest(&mut self) {
        self.stage = FollowStage::Resting;
        self.next_at = self.since + REFRESH_PERIOD.min(self.max_lag / REFRESH_PART);
    }

    /// When to ask because something changed.
    fn told_at(&self) -> Option<Instant> {
        self.is_told.then(|| self.since + SHORTEST_PAUSE)
    }

    fn ask(&mut self, index: usize, now: Instant) -> FollowStep {
        (self.is_asked, self.asked_at) = (true, now);
        let request = match self.stage {
            FollowStage::Refreshing(_) => {
                TransferRequest::Since(self.serials.get(index).copied().unwrap_or_default())
            }
            FollowStage::Looking(serial) => TransferRequest::Since(serial),
            FollowStage::Reading(_) | FollowStage::Resting => TransferRequest::Whole,
        };
        FollowStep::Ask(index, request)
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
