//! Watches: streams of changes, each from a member as far as that stands.
//!
//! Nothing is kept for a stream but where it stands in the changes of the store, and who waits for a key is
//! found by that key, so that what does not change costs nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use idetcd::etcd::{ErrorKind, WatchRange, WatchReply};

use super::calls::Served;
use super::follow::{Follow, Stage};
use super::interest::Interest;
use super::member::State;
use super::refusal::Refusal;
use super::request::{Outcome, Reply};
use super::span::Span;
use super::store::Store;
use super::users::Caller;
use super::{Model, Time, limits};

/// How often a member looks after watches that begin in the past.
const CATCHING_UP: Duration = Duration::from_millis(100);

/// A stream of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// What comes next on the stream of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchOutput {
    /// Changes of one of the ranges, or a fragment of them.
    Reply(WatchReply),
    /// Nothing yet: nothing changed, or the member is frozen, cut off or behind.
    Nothing,
    /// A range wanted changes that are forgotten: history begins at this revision. The stream is over.
    Compacted(i64),
    /// The stream is over, with what is told of that.
    Ended(String),
}

/// A stream of several ranges.
#[derive(Clone, Debug)]
struct Stream {
    member: usize,
    ranges: Vec<Follow>,
    /// The rest of a message that was cut into fragments.
    fragments: VecDeque<WatchReply>,
    /// The end, after what is visible.
    end: Option<WatchOutput>,
    /// The last revision that it will ever tell of, if the member is gone.
    last: Option<i64>,
    is_ready: bool,
}

/// All streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    streams: BTreeMap<u64, Stream>,
    /// By member.
    interest: Vec<Interest>,
    /// When members look after ranges that begin in the past.
    waiting: BTreeSet<(Time, u64, usize)>,
    ready: Vec<WatchId>,
    last: u64,
}

impl Watches {
    pub(super) fn new(members: usize) -> Watches {
        Watches { interest: vec![Interest::default(); members], ..Watches::default() }
    }

    pub(super) fn next_look(&self) -> Option<Time> {
        self.waiting.first().map(|(at, ..)| *at)
    }

    pub(super) fn take_ready(&mut self) -> Vec<WatchId> {
        for WatchId(id) in &self.ready {
            if let Some(stream) = self.streams.get_mut(id) {
                stream.is_ready = false;
            }
        }
        std::mem::take(&mut self.ready)
    }

    fn note_ready(&mut self, id: u64) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_ready) else {
            return;
        };
        stream.is_ready = true;
        self.ready.push(WatchId(id));
    }

    /// A member stood at one revision, and stands at another.
    pub(super) fn wake(&mut self, member: usize, store: &Store, before: i64, now: i64) {
        for change in store.changes_after(before) {
            if change.version.modified > now {
                break;
            }
            let Watches { interest, streams, ready, .. } = self;
            for id in interest[member].streams(&change.key) {
                let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.is_ready) else {
                    continue;
                };
                stream.is_ready = true;
                ready.push(WatchId(id));
            }
        }
    }

    /// The connections to a member are gone; what it told of up to this revision arrives.
    pub(super) fn cut(&mut self, member: usize, last: i64) {
        let of_member = self.streams.iter().filter(|(_, stream)| stream.member == member);
        for id in of_member.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(id, WatchOutput::Ended("connection reset by peer".to_owned()), last);
        }
    }

    fn end(&mut self, id: u64, end: WatchOutput, last: i64) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.end.is_none()) {
            stream.end = Some(end);
            stream.last = Some(last);
        }
        self.unlist(id);
        self.note_ready(id);
    }

    /// Nothing new is to be told to a stream.
    fn unlist(&mut self, id: u64) {
        let Some(stream) = self.streams.get(&id) else { return };
        for (place, follow) in stream.ranges.iter().enumerate() {
            self.interest[stream.member].remove(id, &follow.range);
            if let Stage::Waiting(at) = follow.stage {
                self.waiting.remove(&(at, id, place));
            }
        }
    }

    pub(super) fn close(&mut self, WatchId(id): WatchId) {
        self.unlist(id);
        self.streams.remove(&id);
    }

    fn wait(&mut self, id: u64, place: usize, at: Time) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.ranges[place].stage = Stage::Waiting(at);
            self.waiting.insert((at, id, place));
        }
    }
}

impl Model {
    /// Opens a stream, with all of its ranges or not at all.
    pub(super) fn open_watch(
        &mut self,
        member: usize,
        caller: Result<Caller, Refusal>,
        ranges: &[WatchRange],
    ) -> Served {
        let refused = |refusal: Refusal| Outcome::Error(ErrorKind::WatchEnded, refusal.of_watch());
        let spans = ranges.iter().map(|range| Span::new(&range.key, &range.range_end));
        let caller =
            caller.and_then(|caller| spans.into_iter().try_for_each(|span| caller.check(span)));
        if let Err(refusal) = caller {
            return refused(refusal).into();
        }
        self.watches.last += 1;
        let id = self.watches.last;
        let stands_at = self.members[member].applied.revision;
        let mut follows = Vec::new();
        for range in ranges {
            let start = if range.start_revision > 0 { range.start_revision } else { stands_at + 1 };
            let from = self.store.place(start);
            let stage = Stage::Following;
            self.watches.interest[member].add(id, range);
            follows.push(Follow { range: range.clone(), from, start, stage });
        }
        let past: Vec<usize> = (0..)
            .zip(&follows)
            .filter(|(_, follow)| follow.start <= stands_at)
            .map(|(place, _)| place)
            .collect();
        let stream = Stream {
            member,
            ranges: follows,
            fragments: VecDeque::new(),
            end: None,
            last: None,
            is_ready: false,
        };
        self.watches.streams.insert(id, stream);
        for place in past {
            self.await_look(member, id, place);
        }
        // A member that lags behind may have been asked from a revision that it reaches later.
        Reply::Watch(WatchId(id)).into()
    }

    fn await_look(&mut self, member: usize, id: u64, place: usize) {
        let at = self.members[member].tick(self.now + Duration::from_nanos(1), CATCHING_UP);
        self.watches.wait(id, place, at);
    }

    /// Members look after the watches that begin in the past.
    pub(super) fn look_after_watches(&mut self) {
        while let Some((at, id, place)) = self.watches.waiting.first().copied()
            && at <= self.now
        {
            self.watches.waiting.remove(&(at, id, place));
            let Some(stream) = self.watches.streams.get_mut(&id) else { continue };
            let member = &mut self.members[stream.member];
            if member.state != State::Up {
                member.postponed.push((id, place));
                continue;
            }
            let (until, compacted) = (member.applied.revision, member.applied.compacted);
            if stream.ranges[place].start < compacted {
                self.watches.end(id, WatchOutput::Compacted(compacted), 0);
                continue;
            }
            stream.ranges[place].stage = Stage::Reading { until, compacted };
            self.watches.note_ready(id);
        }
    }

    /// A member that was frozen looks after the watches again.
    pub(super) fn thaw_watches(&mut self, member: usize) {
        for (id, place) in std::mem::take(&mut self.members[member].postponed) {
            self.await_look(member, id, place);
        }
    }

    /// What the stream of a watch has next. Once it is over, it stays so.
    pub fn next_reply(&mut self, watch: WatchId, now: Time) -> WatchOutput {
        self.advance(now);
        let Some(stream) = self.watches.streams.get_mut(&watch.0) else {
            return WatchOutput::Ended("it was closed".to_owned());
        };
        if let Some(fragment) = stream.fragments.pop_front() {
            return WatchOutput::Reply(fragment);
        }
        let member = stream.member;
        let visible = stream.last.unwrap_or(self.members[member].applied.revision);
        let next = |(place, follow): (usize, &mut Follow)| {
            Some((follow.next(&self.store, visible)?, place))
        };
        let Some((first, place)) = stream.ranges.iter_mut().enumerate().filter_map(next).min()
        else {
            return stream.end.clone().unwrap_or(WatchOutput::Nothing);
        };
        let (events, revision) =
            stream.ranges[place].take(&self.store, first, self.limits.revisions);
        let pieces = limits::fragments(events, self.limits.fragment);
        let header = self.header(member, revision);
        let count = pieces.len();
        let replies = pieces.into_iter().enumerate().map(|(index, events)| WatchReply {
            header,
            range: place,
            events,
            complete: index + 1 == count,
        });
        let mut replies: VecDeque<_> = replies.collect();
        let first = replies.pop_front();
        if let Some(stream) = self.watches.streams.get_mut(&watch.0) {
            stream.fragments = replies;
        }
        first.map_or(WatchOutput::Nothing, WatchOutput::Reply)
    }
}
