//! Who owned which name from when to when, by the nodes' logs.

use std::collections::BTreeMap;

/// From when to when a node owned a name, in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ownership {
    node: usize,
    name: String,
    from: i64,
    to: i64,
}

/// What the checker found.
#[derive(Debug, Default)]
pub struct Found {
    pub ownerships: usize,
    /// Two nodes owned one name.
    pub overlaps: Vec<String>,
    /// They did so because the key was changed by hand; for how long at most.
    pub excused: usize,
    pub longest_excused: i64,
}

/// For so long after a change by hand the old owner may not have heard of it: the lease, and what a
/// node that was frozen or cut off meanwhile believes until then.
const EXCUSE: i64 = 15_000;

/// Reads all logs. `deaths` are the times at which each node ended without saying so.
pub fn check(logs: &[String], deaths: &[Vec<i64>], tampered: &[(String, i64)], end: i64) -> Found {
    let mut all: Vec<Ownership> = Vec::new();
    for (node, (log, deaths)) in logs.iter().zip(deaths).enumerate() {
        all.extend(ownerships(node, log, deaths, end));
    }
    let mut found = Found { ownerships: all.len(), ..Found::default() };
    for ownership in all.iter().filter(|ownership| ownership.to < ownership.from) {
        found.overlaps.push(format!("{ownership:?} began after its lease had run out"));
    }
    let mut by_name: BTreeMap<&str, Vec<&Ownership>> = BTreeMap::new();
    for ownership in &all {
        by_name.entry(&ownership.name).or_default().push(ownership);
    }
    for (name, mut owners) in by_name {
        owners.sort_by_key(|ownership| ownership.from);
        for (index, one) in owners.iter().enumerate() {
            for other in owners[index + 1..].iter().filter(|o| o.node != one.node) {
                let overlap = one.to.min(other.to) - other.from;
                if overlap <= 0 {
                    continue;
                }
                let by_hand = tampered.iter().any(|(key, at)| {
                    key == name && (one.from..=other.from).contains(at) && other.from - at < EXCUSE
                });
                if by_hand {
                    found.excused += 1;
                    found.longest_excused = found.longest_excused.max(overlap);
                } else {
                    found.overlaps.push(format!("{one:?} and {other:?}, {overlap} ms"));
                }
            }
        }
    }
    found
}

fn ownerships(node: usize, log: &str, deaths: &[i64], end: i64) -> Vec<Ownership> {
    let mut ownerships = Vec::new();
    let mut current: Option<(String, i64)> = None;
    let mut finish = |current: &mut Option<(String, i64)>, to: i64| {
        if let Some((name, from)) = current.take() {
            // A process that was killed owned until then, whatever a later life says.
            let to = deaths.iter().copied().find(|death| *death > from).map_or(to, |d| d.min(to));
            ownerships.push(Ownership { node, name, from, to });
        }
    };
    for line in log.lines() {
        let Some((at, change)) = read(line) else { continue };
        match change {
            Change::Begins(name) => {
                finish(&mut current, at);
                current = Some((name, at));
            }
            Change::Ends(ago) => finish(&mut current, at - ago),
        }
    }
    finish(&mut current, end);
    ownerships
}

/// The name that the end of a log says is owned.
pub fn last_owned(log: &str) -> Option<String> {
    let change = log.lines().rev().find_map(read)?.1;
    match change {
        Change::Begins(name) => Some(name),
        Change::Ends(_) => None,
    }
}

enum Change {
    Begins(String),
    /// So many milliseconds before.
    Ends(i64),
}

fn read(line: &str) -> Option<(i64, Change)> {
    let (stamp, rest) = line.split_once('Z')?;
    let text = rest.trim_start().split_once(' ')?.1.trim_start();
    let words: Vec<&str> = text.split(' ').collect();
    let change = match words.as_slice() {
        ["claimed" | "re-claimed", name, ..] => Change::Begins((*name).to_owned()),
        ["kept", name, ..] => Change::Begins(name.trim_end_matches(':').to_owned()),
        ["lost", name, ..] if name.starts_with("worker") => Change::Ends(0),
        ["releasing", ..] => Change::Ends(0),
        [_, "is", "in", "doubt:", "its", "lease", "ran", "out", seconds, ..] => {
            Change::Ends((seconds.parse::<f64>().ok()? * 1000.0) as i64)
        }
        _ => return None,
    };
    Some((milliseconds(stamp)?, change))
}

/// Of `2026-11-24T17:24:39.060`. Runs do not go past the end of a month.
fn milliseconds(stamp: &str) -> Option<i64> {
    let (date, time) = stamp.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split([':', '.']).map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (time.next()??, time.next()??);
    let (second, millisecond) = (time.next()??, time.next()??);
    // Days since 1970, counted with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millisecond)
}

#[test]
fn two_owners_are_found_and_a_change_by_hand_is_excused() {
    let line =
        |second: u32, text: &str| format!("2026-11-24T17:00:{second:02}.000Z info  {text}\n");
    let first = line(1, "claimed worker1.tf.local. (slot 1 of 9): 10.0.0.1")
        + &line(9, "worker1.tf.local. is in doubt: its lease ran out 3.500 s ago by this clock");
    let early = line(5, "claimed worker1.tf.local. (slot 1 of 9): 10.0.0.2");
    let late = line(6, "re-claimed worker1.tf.local. (slot 1 of 9): 10.0.0.2");
    let at = |second: i64| milliseconds("2026-11-24T17:00:00.000").expect("a time") + second * 1000;
    let end = at(20);
    let run = |logs: [&String; 2], deaths: [Vec<i64>; 2], tampered: &[(String, i64)]| {
        check(&logs.map(Clone::clone), &deaths, tampered, end)
    };
    let none = || [Vec::new(), Vec::new()];
    assert_eq!(run([&first, &late], none(), &[]).overlaps.len(), 0);
    let found = run([&first, &early], none(), &[]);
    assert_eq!((found.overlaps.len(), found.ownerships), (1, 2), "{found:?}");
    let key = "worker1.tf.local.".to_owned();
    let found = run([&first, &early], none(), &[(key, at(4))]);
    assert_eq!((found.overlaps.len(), found.excused, found.longest_excused), (0, 1, 500));
    assert_eq!(run([&first, &early], [vec![at(3)], Vec::new()], &[]).overlaps.len(), 0);
    assert_eq!(at(0), 1_795_539_600_000);
    assert_eq!(last_owned(&first), None);
    assert_eq!(last_owned(&late).as_deref(), Some("worker1.tf.local."));
}
