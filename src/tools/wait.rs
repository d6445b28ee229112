//! `idetcd wait`: until so many nodes are named.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::follow::{FollowEnd, follow};
use super::session::stopped;
use crate::cluster::{Directory, Freshness, SlotId};
use crate::failure::Failure;
use crate::host::terminal::ProgressLine;
use crate::node::Host;
use crate::options::Options;
use crate::server::Shared;
use crate::server::reading_progress::first_reading;
use crate::server::timers::{Timer, View};

/// The names that are told to be nobody's.
const MOST_FREE: usize = 5;

pub(super) fn run(
    count: usize,
    timeout: Option<Duration>,
    options: &Options,
    place: &Shared,
) -> Result<(), Failure> {
    let deadline = timeout.and_then(|timeout| place.now().checked_add(timeout));
    let line = Arc::new(Mutex::new(ProgressLine::new(place.now())));
    place.lock().add_timer(Box::new(WaitProgress { count, deadline, line: line.clone() }));
    let end = follow(options, place, deadline, &mut || named(place) >= count);
    lock(&line).end();
    match end? {
        FollowEnd::Done => Ok(()),
        FollowEnd::Stopped => Err(stopped()),
        FollowEnd::Late => {
            let seconds = timeout.unwrap_or_default().as_secs();
            Err(Failure::new(timed_out(count, seconds, place)))
        }
    }
}

/// Says on a terminal how far it is.
struct WaitProgress {
    count: usize,
    deadline: Option<Instant>,
    line: Arc<Mutex<ProgressLine>>,
}

impl Timer for WaitProgress {
    fn next(&self) -> Option<Instant> {
        lock(&self.line).next()
    }

    fn run(&mut self, now: Instant, view: View<'_>) {
        let text = || progress(self.count, view.directory);
        lock(&self.line).show(text, self.deadline, now);
    }
}

fn lock(line: &Mutex<ProgressLine>) -> MutexGuard<'_, ProgressLine> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many are named, and the lowest names that nobody has.
fn progress(count: usize, directory: &Directory) -> String {
    if directory.freshness() == Freshness::Empty {
        let reading = first_reading(directory).map(|reading| reading.to_string());
        return reading.unwrap_or_else(|| "waiting for etcd".to_owned());
    }
    let named: BTreeSet<u32> = directory
        .slots()
        .filter(|(_, record)| record.is_some())
        .map(|(slot, _)| slot.get())
        .take_while(|slot| usize::try_from(*slot).is_ok_and(|slot| slot <= count))
        .collect();
    let free = (1..).filter(|slot| !named.contains(slot)).filter_map(SlotId::new);
    let lacking = count.saturating_sub(directory.named());
    let name = |slot| directory.pattern().name(slot).trim_end_matches('.').to_owned();
    let free: Vec<String> = free.take(lacking.min(MOST_FREE)).map(name).collect();
    let more = if lacking > free.len() { " ..." } else { "" };
    let free = free.join(" ");
    format!("{} of {count} nodes are named; nobody is {free}{more}", directory.named())
}

fn timed_out(count: usize, seconds: u64, place: &Shared) -> String {
    if place.directory(|directory| directory.freshness()) == Freshness::Empty {
        return format!("etcd was not heard for {seconds} s (--timeout)");
    }
    let (named, pattern) = (named(place), place.directory(|names| names.pattern().to_string()));
    format!("{named} of {count} nodes of {pattern} are named after {seconds} s (--timeout)")
}

/// The number of nodes with a name of the pattern, as far as the directory knows.
fn named(place: &Shared) -> usize {
    place.directory(|directory| directory.named())
}
