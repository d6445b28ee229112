//! One client's connection: requests that are answered in turn. Nothing here waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::page::{Body, Page, PageSource, PartOfBody};
use super::reply::{self, LAST_CHUNK, Length};
use super::request::{self, Head, HttpRequest};
use crate::clock;
use crate::server::timers::View;

/// The longest time for a request to come as a whole, and for a reply to be taken on.
const PROGRESS_TIME: Duration = Duration::from_secs(10);

/// The longest time between two requests: those that look every half minute stay.
const TIME_BETWEEN_REQUESTS: Duration = Duration::from_secs(60);

/// Octets read at a time.
const READ_AT_ONCE: usize = 2048;

/// A body that is on its way.
struct Outgoing {
    parts: Box<dyn PartOfBody>,
    is_in_chunks: bool,
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpTurn {
    /// It waits for the client.
    Waits,
    /// There is more to do at once.
    HasMore,
    /// It is over.
    Over,
}

pub(super) struct HttpConnection {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    body: Option<Outgoing>,
    /// It ends with the reply that is on its way.
    is_last: bool,
    /// It ends then at the latest.
    pub(super) deadline: Instant,
}

impl HttpConnection {
    pub(super) fn new(stream: TcpStream, now: Instant) -> HttpConnection {
        HttpConnection {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            body: None,
            is_last: false,
            deadline: now + PROGRESS_TIME,
        }
    }

    /// Whether nothing is asked, or on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.body.is_none()
    }

    /// Goes on until it has to wait for the client, or has made so many pages, or `parts` of them, which are counted
    /// down.
    pub(super) fn progress(
        &mut self,
        now: Instant,
        pages: &mut dyn PageSource,
        view: View<'_>,
        parts: &mut usize,
    ) -> io::Result<HttpTurn> {
        loop {
            if !self.send(now)? {
                return Ok(HttpTurn::Waits);
            }
            if self.body.is_none() {
                if self.is_last {
                    return Ok(HttpTurn::Over);
                }
                let head = request::head(&self.input);
                if head == Head::Partial {
                    if self.receive(now)? {
                        continue;
                    }
                    return Ok(HttpTurn::Waits);
                }
                if *parts > 0 {
                    self.answer(head, now, pages, view);
                }
            } else if *parts > 0 {
                self.write_part(view);
            }
            if *parts == 0 {
                return Ok(HttpTurn::HasMore);
            }
            *parts -= 1;
        }
    }

    /// Sends what there is; `false`: the client does not take it yet.
    fn send(&mut self, now: Instant) -> io::Result<bool> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.sent += length;
                    self.deadline = now + PROGRESS_TIME;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.output.is_empty() && self.body.is_none() {
            self.deadline = now + TIME_BETWEEN_REQUESTS;
        }
        self.output.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Reads once; `false`: nothing came yet.
    fn receive(&mut self, now: Instant) -> io::Result<bool> {
        let mut octets = [0; READ_AT_ONCE];
        loop {
            return match self.stream.read(&mut octets) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    if self.input.is_empty() {
                        self.deadline = now + PROGRESS_TIME;
                    }
                    self.input.extend_from_slice(octets.get(..length).unwrap_or_default());
                    Ok(true)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    fn answer(&mut self, head: Head, now: Instant, pages: &mut dyn PageSource, view: View<'_>) {
        match head {
            Head::Partial => {}
            Head::Wrong(status) => {
                self.is_last = true;
                self.write(Page::status(status), false, false);
            }
            Head::Whole(request, length) => {
                self.input.drain(..length);
                self.is_last = request.is_last;
                let page = pages.page(&request.path, now, view);
                let HttpRequest { is_head, is_old, .. } = request;
                self.write(page.unwrap_or_else(|| Page::status(404)), is_head, is_old);
            }
        }
    }

    fn write(&mut self, page: Page, is_head: bool, is_old: bool) {
        let Page { status, content_type, body } = page;
        let length = match &body {
            Body::Text(text) => Length::Octets(text.len()),
            Body::Parts(_) if is_old => Length::UntilEnd,
            Body::Parts(_) => Length::Chunks,
        };
        self.is_last |= length == Length::UntilEnd;
        let head = reply::head(status, content_type, length, self.is_last, clock::unix_time());
        self.output.extend_from_slice(head.as_bytes());
        match body {
            _ if is_head => {}
            Body::Text(text) => self.output.extend_from_slice(text.as_bytes()),
            Body::Parts(parts) => {
                self.body = Some(Outgoing { parts, is_in_chunks: length == Length::Chunks });
            }
        }
    }

    fn write_part(&mut self, view: View<'_>) {
        let Some(body) = &mut self.body else { return };
        let mut text = String::new();
        let has_more = body.parts.next(view, &mut text);
        let is_in_chunks = body.is_in_chunks;
        if is_in_chunks && !text.is_empty() {
            text = reply::chunk(&text);
        }
        if !has_more {
            self.body = None;
            text.push_str(if is_in_chunks { LAST_CHUNK } else { "" });
        }
        self.output.extend_from_slice(text.as_bytes());
    }
}

impl AsFd for HttpConnection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
