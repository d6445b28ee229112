//! Watching ranges of keys: one long reply, a JSON object a line.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use serde_json::{Value, json};

use super::header::header;
use super::json::{self, Wrong};
use super::kv::key_value;
use super::reply::{is_time_up, reply, transport_error};
use super::slices::Slices;
use super::{
    Clock, Error, ErrorKind, GatewayClient, KeyValue, ReadBound, ReadDeadline, ResponseHeader,
};

/// The longest line read, in octets: etcd's messages are smaller, as they come in fragments, but for those of
/// one huge value.
const MAX_LINE: usize = 16 * 1024 * 1024;
/// Octets read at a time.
const STREAM_BUFFER: usize = 8 * 1024;
/// The largest line whose memory is kept for the next one.
const MAX_KEPT: usize = 1024 * 1024;
/// The largest error body read, in octets.
const MAX_ERROR: u64 = 64 * 1024;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was written.
    Put,
    /// It was deleted, or its lease ended.
    Delete,
}

/// One change of one key (`mvccpb.Event`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// The key as it is now; `mod_revision` is the revision of this change.
    pub kv: KeyValue,
}

/// A range to watch (`WatchCreateRequest`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRange {
    /// The first key.
    pub key: Vec<u8>,
    /// The first key that is past the range.
    pub range_end: Vec<u8>,
    /// The first revision whose changes are sent; 0: from now on.
    pub start_revision: i64,
    /// Leave out what is written, and send what is deleted (`NOPUT`).
    pub deletions_only: bool,
}

/// Some changes in one of the ranges (`WatchResponse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchReply {
    /// The header. Its revision may be past that of the events, and events of other ranges may
    /// still be to come: only the events' `mod_revision` says what was seen.
    pub header: ResponseHeader,
    /// Which of the ranges it is about, by index. Each progresses on its own.
    pub range: usize,
    /// The changes, in order. May be empty.
    pub events: Vec<Event>,
    /// False: a fragment. More changes of the last revision here follow in the next replies, so it
    /// is not seen in full yet.
    pub complete: bool,
}

/// The stream of a watch, as it is followed.
pub trait WatchStream {
    /// The endpoint that is watched.
    fn endpoint(&self) -> &str;

    /// The next changes, waiting for them until the deadline; what has arrived is returned even
    /// when that has passed. `None`: the deadline passed, or there may be something else to do, such as
    /// where the network of this host changed; call again, nothing is lost. After an error
    /// ([`ErrorKind::Compacted`], [`ErrorKind::WatchEnded`], [`ErrorKind::Malformed`],
    /// [`ErrorKind::TooLarge`]: read the keys anew and watch from there) the watch is over.
    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error>;
}

/// A watch of some ranges.
pub struct Watch {
    endpoint: String,
    stream: BufReader<ureq::BodyReader<'static>>,
    clock: Clock,
    read_deadline: ReadDeadline,
    slices: Slices,
    /// The line that is being read.
    line: Vec<u8>,
    /// What came before all ranges were acknowledged.
    early: VecDeque<WatchReply>,
    /// The header of the last acknowledgement.
    created: ResponseHeader,
}

/// A line of the stream.
#[derive(Debug, PartialEq)]
enum Line {
    Created(ResponseHeader),
    Changes(WatchReply),
}

impl GatewayClient {
    /// Opens a watch at the endpoint in use, and waits until every range is acknowledged.
    pub(super) fn open_watch(&self, ranges: &[WatchRange]) -> Result<Watch, Error> {
        let deadline = self.clock.now().checked_add(self.timeout());
        let bound = ReadBound { deadline, ..ReadBound::default() };
        self.read_deadline.during(bound, || self.open(ranges, deadline))
    }

    fn open(&self, ranges: &[WatchRange], deadline: Option<Instant>) -> Result<Watch, Error> {
        let endpoint = self.endpoint().to_owned();
        let timed_out = || Error::new(ErrorKind::TimedOut, &endpoint, "");
        let failed = |error| transport_error(&endpoint, &error);
        // No time-out of ureq's may cover the reply: it would end the watch.
        let request = self.request("/v3/watch").config().timeout_global(None);
        let request = request.timeout_connect(Some(self.timeout())).build();
        let mut response = request.send(requests(ranges).as_bytes()).map_err(failed)?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            let body = response.body_mut().with_config().limit(MAX_ERROR).read_to_vec();
            reply(&endpoint, status, &body.map_err(failed)?, &self.slices)?;
            return Err(Error::malformed(&endpoint, &format!("HTTP status {status}")));
        }
        let mut watch = Watch {
            stream: BufReader::with_capacity(STREAM_BUFFER, response.into_body().into_reader()),
            endpoint: endpoint.clone(),
            clock: self.clock.clone(),
            read_deadline: self.read_deadline.clone(),
            slices: self.slices.clone(),
            line: Vec::new(),
            early: VecDeque::new(),
            created: ResponseHeader::default(),
        };
        let mut awaited = ranges.len();
        while awaited > 0 {
            match watch.read_line()?.ok_or_else(timed_out)? {
                Line::Created(header) => {
                    watch.created = header;
                    awaited -= 1;
                }
                Line::Changes(changes) => watch.early.push_back(changes),
            }
            if awaited > 0 && deadline.is_some_and(|deadline| self.clock.now() >= deadline) {
                return Err(timed_out());
            }
        }
        Ok(watch)
    }
}

impl WatchStream for Watch {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn next(&mut self, deadline: Instant) -> Result<Option<WatchReply>, Error> {
        if let Some(changes) = self.early.pop_front() {
            return Ok(Some(changes));
        }
        let read_deadline = self.read_deadline.clone();
        let bound = ReadBound { deadline: Some(deadline), may_end_early: true, redials: false };
        read_deadline.during(bound, || {
            loop {
                match self.read_line()? {
                    Some(Line::Changes(changes)) => return Ok(Some(changes)),
                    Some(Line::Created(_)) if self.clock.now() < deadline => {}
                    _ => return Ok(None),
                }
            }
        })
    }
}

impl Watch {
    /// What the member told of itself when it acknowledged the last range.
    pub(super) fn created(&self) -> ResponseHeader {
        self.created
    }

    /// One line. `None`: it did not end in time; the part that came is kept.
    fn read_line(&mut self) -> Result<Option<Line>, Error> {
        let ended = |why: &str| Error::new(ErrorKind::WatchEnded, &self.endpoint, why);
        let room = (MAX_LINE + 1).saturating_sub(self.line.len());
        let mut stream = (&mut self.stream).take(u64::try_from(room).unwrap_or(u64::MAX));
        match stream.read_until(b'\n', &mut self.line) {
            Ok(_) => {}
            Err(error) if is_time_up(&error) => return Ok(None),
            Err(error) => return Err(ended(&error.to_string())),
        }
        if self.line.len() > MAX_LINE {
            let what = format!("a change of over {MAX_LINE} octets");
            return Err(Error::new(ErrorKind::TooLarge, &self.endpoint, &what));
        }
        if self.line.last() != Some(&b'\n') {
            return Err(ended("etcd closed the stream"));
        }
        let line = parse(&self.endpoint, self.slices.value(&self.line));
        self.line.clear();
        self.line.shrink_to(MAX_KEPT);
        line.map(Some)
    }
}

/// One request a range, one after the other in one body. The ID of each is its place, from 1,
/// for 0 would let etcd choose.
fn requests(ranges: &[WatchRange]) -> String {
    let request = |(id, range): (i64, &WatchRange)| {
        let filters = if range.deletions_only { &["NOPUT"][..] } else { &[] };
        json!({"create_request": {
            "watch_id": json::integer(id),
            "key": json::encode(&range.key),
            "range_end": json::encode(&range.range_end),
            "start_revision": json::integer(range.start_revision),
            "filters": filters,
            "fragment": true,
        }})
        .to_string()
    };
    (1..).zip(ranges).map(request).collect()
}

fn parse(endpoint: &str, value: serde_json::Result<Value>) -> Result<Line, Error> {
    let malformed = |what: &str| Error::malformed(endpoint, what);
    let value = value.map_err(|error| malformed(&format!("a line of the watch: {error}")))?;
    if let Some(result) = json::field(&value, "result") {
        return read(endpoint, result).map_err(|what| malformed(&what))?;
    }
    let Some((code, message)) = json::error(&value) else {
        return Err(malformed("a line of the watch without result"));
    };
    let said = Error::new(ErrorKind::Rejected(code), endpoint, &message);
    Err(Error::new(ErrorKind::WatchEnded, endpoint, &said.to_string()))
}

/// The outer result is about the shape, the inner one is what etcd says.
fn read(endpoint: &str, result: &Value) -> Result<Result<Line, Error>, Wrong> {
    if json::boolean(result, "canceled")? {
        let oldest: i64 = json::number(result, "compact_revision")?;
        let (kind, reason) = match json::text(result, "cancel_reason") {
            _ if oldest > 0 => (ErrorKind::Compacted(oldest), ""),
            "" => (ErrorKind::WatchEnded, "etcd canceled it"),
            reason => (ErrorKind::WatchEnded, reason),
        };
        return Ok(Err(Error::new(kind, endpoint, reason)));
    }
    if json::boolean(result, "created")? {
        return Ok(Ok(Line::Created(header(result).unwrap_or_default())));
    }
    let events = json::list(result, "events")?.iter().map(event).collect::<Result<_, _>>()?;
    let complete = !json::boolean(result, "fragment")?;
    let id: i64 = json::number(result, "watch_id")?;
    let range = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
    let range = range.ok_or("changes of an unknown watch")?;
    Ok(Ok(Line::Changes(WatchReply { header: header(result)?, range, events, complete })))
}

fn event(event: &Value) -> Result<Event, Wrong> {
    let kind = match json::field(event, "type") {
        None => EventKind::Put,
        Some(kind) if kind == "PUT" || kind == 0 => EventKind::Put,
        Some(kind) if kind == "DELETE" || kind == 1 => EventKind::Delete,
        Some(_) => return Err("an event of unknown type".to_owned()),
    };
    Ok(Event { kind, kv: key_value(json::field(event, "kv").ok_or("an event without kv")?)? })
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
