//! The options of programs that start together: `idetcd exec --count N[:MAX]`.

use std::time::Duration;

use getopts::Matches;

use super::values::{optional_number, path_to_write, wrong};
use crate::cluster::{JobName, Keyspace, MOST_MEMBERS};
use crate::failure::Failure;
use crate::node::{JobSettings, OnPeerLost};
use crate::notify::{ListSettings, WhenInDoubt};
use crate::text;

/// The options that mean nothing without `--count`.
const WITH_COUNT: [&str; 4] = ["timeout", "job", "list-file", "on-peer-lost"];

/// What becomes of the program while etcd does not say whose the name is.
pub(super) fn when_in_doubt(matches: &Matches) -> Result<WhenInDoubt, Failure> {
    match matches.opt_str("when-in-doubt").as_deref() {
        None | Some("end") => Ok(WhenInDoubt::End),
        Some("keep") => Ok(WhenInDoubt::Keep),
        Some(other) => wrong("when-in-doubt", format!("{other:?} is neither end nor keep")),
    }
}

/// The job, and what its program finds of it; `None`: the program waits for nobody.
pub(super) fn job(
    matches: &Matches,
    keyspace: &Keyspace,
) -> Result<Option<(JobSettings, ListSettings)>, Failure> {
    let Some(count) = matches.opt_str("count") else {
        return match WITH_COUNT.iter().find(|option| matches.opt_present(option)) {
            Some(option) => wrong(option, "means nothing without --count N; give that as well"),
            None => Ok(None),
        };
    };
    let (least, most) = counts(&count, keyspace.limit)?;
    let name = match matches.opt_str("job") {
        None => JobName::default(),
        Some(text) => text.parse().or_else(|why| wrong("job", format!("{text:?}: {why}")))?,
    };
    let on_peer_lost = match matches.opt_str("on-peer-lost").as_deref() {
        None | Some("keep") => OnPeerLost::Keep,
        Some("end") => OnPeerLost::End,
        Some(other) => return wrong("on-peer-lost", format!("{other:?} is neither end nor keep")),
    };
    let timeout = optional_number(matches, "timeout")?.map(|s: u32| Duration::from_secs(s.into()));
    let file = path_to_write(matches, "list-file")?;
    let job = JobSettings { name, least, most, on_peer_lost, timeout };
    Ok(Some((job, ListSettings { file, timeout })))
}

fn counts(text: &str, limit: u32) -> Result<(usize, usize), Failure> {
    let (least, most) = text.split_once(':').unwrap_or((text, text));
    let number = |text| text::number::<u32>(text).filter(|n| (1..=MOST_MEMBERS).contains(n));
    let (Some(least), Some(most)) = (number(least), number(most)) else {
        let why = format!("is not N or N:MAX, whole numbers from 1 to {MOST_MEMBERS}");
        return wrong("count", format!("{text:?} {why}"));
    };
    if least > most {
        return wrong("count", format!("{least} is more than {most}; write {most}:{least}"));
    }
    if most > limit {
        return wrong("count", format!("{most} nodes will never have {limit} names (--limit)"));
    }
    let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Ok((size(least), size(most)))
}
