//! `idetcd wait`: until so many nodes are named.

use std::time::Duration;

use super::follow::{FollowEnd, follow};
use super::session::stopped;
use crate::cluster::Freshness;
use crate::failure::Failure;
use crate::node::Host;
use crate::options::Options;
use crate::server::Shared;

pub(super) fn run(
    count: usize,
    timeout: Option<Duration>,
    options: &Options,
    place: &Shared,
) -> Result<(), Failure> {
    let deadline = timeout.and_then(|timeout| place.now().checked_add(timeout));
    match follow(options, place, deadline, &mut || named(place) >= count)? {
        FollowEnd::Done => Ok(()),
        FollowEnd::Stopped => Err(stopped()),
        FollowEnd::Late => {
            let seconds = timeout.unwrap_or_default().as_secs();
            Err(Failure::new(timed_out(count, seconds, place)))
        }
    }
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
