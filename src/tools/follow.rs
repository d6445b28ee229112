//! The names in etcd, read and followed for as long as a tool wants to know of their changes, whatever
//! etcd does meanwhile.

use std::time::{Duration, Instant};

use crate::connect::Connect;
use crate::etcd::{Error, Etcd, GatewayClient, Range, Watch, WatchStream, advised};
use crate::failure::Failure;
use crate::node::backoff::Backoff;
use crate::node::{Host, apply_event, full_sync};
use crate::options::Options;
use crate::random::Random;
use crate::server::Shared;

/// A watch that tells nothing may be one of a member that is frozen: after so long it is asked
/// whether it lives.
const SILENCE: Duration = Duration::from_secs(10);

/// The reason why the names are followed no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowEnd {
    /// `is_done` said so.
    Done,
    /// The time is up.
    Late,
    /// A signal came.
    Stopped,
}

/// Follows the names in the directory of `place`, until `is_done`, which is asked whenever they may have
/// changed, or the time is up.
///
/// # Errors
/// When the files that the options name cannot be used. etcd being out of reach is none.
pub(super) fn follow(
    options: &Options,
    place: &Shared,
    deadline: Option<Instant>,
    is_done: &mut dyn FnMut() -> bool,
) -> Result<FollowEnd, Failure> {
    let mut client = Connect::prepare(&options.connect)?.client(place);
    client.timeout_mut().not_after = deadline;
    let backoff = Backoff::default();
    let mut follower = Follower { client, place, is_done, deadline, told: false, backoff };
    let mut random = Random::from_system();
    loop {
        let followed = follower.follow();
        if place.is_stopping() {
            return Ok(FollowEnd::Stopped);
        }
        if (follower.is_done)() {
            return Ok(FollowEnd::Done);
        }
        match followed {
            Ok(()) if !follower.is_late() => continue,
            Ok(()) => {}
            Err(error) => follower.tell(&error),
        }
        if follower.is_late() {
            return Ok(FollowEnd::Late);
        }
        let end = place.now() + follower.backoff.draw(&mut random);
        place.sleep_until(deadline.map_or(end, |deadline| deadline.min(end)));
    }
}

/// A reader of the names in etcd and of their changes.
struct Follower<'a> {
    client: GatewayClient,
    place: &'a Shared,
    is_done: &'a mut dyn FnMut() -> bool,
    deadline: Option<Instant>,
    /// Whether it was told that etcd is out of reach.
    told: bool,
    backoff: Backoff,
}

impl Follower<'_> {
    /// Reads all names, and follows their changes until that is enough, the time is up, or
    /// another endpoint answers.
    fn follow(&mut self) -> Result<(), Error> {
        let history = full_sync(&mut self.client, self.place)?;
        self.backoff.succeed(self.place.now());
        if (self.is_done)() {
            return Ok(());
        }
        let keyspace = self.place.directory(|directory| directory.keyspace().clone());
        let mut watch = self.client.watch(&history.watch_ranges(&keyspace))?;
        self.told = false;
        while !(self.is_done)() && !self.is_late() && watch.endpoint() == self.client.endpoint() {
            self.follow_once(&mut watch)?;
        }
        Ok(())
    }

    /// Applies what the watch tells next; after a long silence, asks whether etcd lives.
    fn follow_once(&mut self, watch: &mut Watch) -> Result<(), Error> {
        let silent_at = self.place.now() + SILENCE;
        let until = self.deadline.map_or(silent_at, |deadline| deadline.min(silent_at));
        if let Some(reply) = watch.next(until)? {
            self.backoff.succeed(self.place.now());
            for event in &reply.events {
                apply_event(self.place, reply.range, event);
            }
        } else if self.place.now() >= silent_at {
            let (first, end) = self.place.directory(|directory| directory.keyspace().slots());
            self.client.range(&Range { count_only: true, ..Range::new(first, Some(end)) })?;
            self.backoff.succeed(self.place.now());
        }
        Ok(())
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.place.now() >= deadline)
    }

    /// Tells once that etcd does not answer, or refuses, until it answers again.
    fn tell(&mut self, error: &Error) {
        let is_ours = error.is_compacted() || error.is_out_of_range() || self.is_late();
        if self.told || is_ours {
            log::debug!("{error}");
            return;
        }
        log::warn!("waiting for etcd: {}", advised(error));
        self.told = true;
    }
}
