//! What must hold of a [`Story`], whatever was done to the nodes.
//!
//! | judge | what it wants |
//! | --- | --- |
//! | one token | no two programs of a name have the same token |
//! | growing tokens | a later program of a name has a higher token than an earlier one |
//! | fenced | no write is accepted after one of a later owner |
//! | one alive | no two programs of a name are alive at one instant |
//!
//! A restored backup takes tokens back. Those that are in the backup still hold then; those after it
//! are compared with each other alone.
//!
//! Two may be alive at once, but not for longer than is said here, where nobody can help it:
//!
//! | reason | the earlier one ends at the latest |
//! | --- | --- |
//! | its key was changed by hand | [`HEARD`] and the grace time after that; where the node was disturbed, a lease after that |
//! | a leader of etcd that was frozen and replaced meanwhile goes on, and ends leases that its successor keeps alive (etcd's issue 15247) | the same |
//! | a backup without its claim was restored | a lease after the node is let to etcd again |
//! | its node was frozen, and could not end it | when the node is thawed |
//! | its node was killed, and SIGTERM does not end it | when it has lingered as long as it wants to |
//! | the machine ran nobody | as long later as it did so, twice |
//!
//! and each of them [`SLACK`] later at most. What it writes meanwhile is for its token to keep out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::story::{Disturbance, Life, Story, Trouble};
use super::{GRACE, LEASE};

/// For what a process does at once, on a machine with more to do.
pub const SLACK: Duration = Duration::from_millis(500);
/// So long after a change of its key an undisturbed node has been told.
pub const HEARD: Duration = Duration::from_millis(500);
/// What the machine does to others than us may not matter.
const NO_HOLD_UP: Duration = Duration::from_millis(10);

/// What was found.
#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// How often two were alive at once for a reason, and for how long at most.
    pub excused: BTreeMap<&'static str, (u32, Duration)>,
}

#[derive(Debug)]
pub struct Violation {
    pub judge: &'static str,
    pub what: String,
    /// Whose logs tell more.
    pub nodes: Vec<usize>,
}

/// Judges a run.
pub fn judge(story: &Story) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_name: BTreeMap<&str, Vec<&Life>> = BTreeMap::new();
    for life in &story.lives {
        by_name.entry(&life.name).or_default().push(life);
    }
    for lives in by_name.values() {
        for (index, later) in lives.iter().enumerate() {
            verdict.compare_tokens(story, &lives[..index], later);
            for earlier in &lives[..index] {
                verdict.look_for_overlap(story, earlier, later);
            }
        }
    }
    for (pair, times) in &story.returns {
        let (owner, later) = (&story.lives[pair.owner], &story.lives[pair.later_owner]);
        if is_comparable(story, owner, later) {
            let more = format!("the earlier one's writes were accepted again {times} times");
            verdict.add("fenced", owner, later, &more);
        }
    }
    verdict
}

/// Whether no backup took back the token of the earlier one before the later one began.
fn is_comparable(story: &Story, earlier: &Life, later: &Life) -> bool {
    let restores = story.restores.iter().take(later.epoch).skip(earlier.epoch);
    restores.into_iter().all(|restore| earlier.token <= restore.revision)
}

impl Verdict {
    fn add(&mut self, judge: &'static str, earlier: &Life, later: &Life, more: &str) {
        let what = format!("{}: {} and {}: {more}", earlier.name, tell(earlier), tell(later));
        self.violations.push(Violation { judge, what, nodes: vec![earlier.node, later.node] });
    }

    fn compare_tokens(&mut self, story: &Story, earlier: &[&Life], later: &Life) {
        let earlier = earlier.iter().filter(|earlier| is_comparable(story, earlier, later));
        // The worst one will do, and of several as bad the last one.
        let Some(earlier) = earlier.max_by_key(|earlier| earlier.token) else { return };
        if earlier.token < later.token {
            return;
        }
        if earlier.token == later.token {
            self.add("one token", earlier, later, "the same token");
        } else if !began_late(story, later) {
            self.add("growing tokens", earlier, later, "a lower token");
        }
    }

    fn look_for_overlap(&mut self, story: &Story, earlier: &Life, later: &Life) {
        let closed = |life: &Life| life.closed.unwrap_or(story.end);
        let overlap = closed(earlier).min(closed(later)).saturating_sub(later.opened);
        if overlap.is_zero() {
            return;
        }
        let reasons = [
            ("by hand", by_hand(story, earlier, later)),
            ("deposed leader", deposed(story, earlier, later)),
            ("restored", restored(story, earlier, later)),
            ("frozen", frozen(story, earlier, later)),
            ("killed", killed(story, earlier, later)),
            ("held up", held_up(story, earlier, later)),
        ];
        let end = closed(earlier);
        let reason = reasons.iter().find(|(_, until)| until.is_some_and(|until| end <= until));
        if let Some((reason, _)) = reason {
            let (count, longest) = self.excused.entry(reason).or_default();
            *count += 1;
            *longest = overlap.max(*longest);
            return;
        }
        let mut more = format!("both alive for {overlap:.3?}");
        for (reason, until) in reasons.iter().filter_map(|(r, until)| Some((r, (*until)?))) {
            more += &format!(", {reason}: allowed until {until:.3?}");
        }
        self.add("one alive", earlier, later, &more);
    }
}

/// One program in a few words.
pub fn tell(life: &Life) -> String {
    let closed = life.closed.map_or("now".to_owned(), |closed| format!("{closed:.3?}"));
    format!(
        "node {} (token {}, process {}, {:.3?} to {closed}, {} writes, {} refused)",
        life.node, life.token, life.pid, life.opened, life.accepted, life.refused
    )
}

/// A program that was started just before its name was changed by hand may say its first word after
/// the next one. All that it writes is refused.
fn began_late(story: &Story, life: &Life) -> bool {
    let is_recent = |from: Duration| from <= life.opened && life.opened < from + HEARD + SLACK;
    let mut changes = story.by_hand.iter().filter(|change| change.name == life.name);
    life.accepted == 0 && changes.any(|change| is_recent(change.from))
}

/// Until when the earlier one may be alive because its key was changed by hand.
fn by_hand(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let changes = story.by_hand.iter().filter(|change| {
        change.name == earlier.name && earlier.opened <= change.until && change.from <= later.opened
    });
    changes.map(|change| hears_by(story, earlier.node, change.from, change.until)).max()
}

/// By when a node has no program under a name any more whose key was changed in this time.
fn hears_by(story: &Story, node: usize, from: Duration, until: Duration) -> Duration {
    // A node that has not heard of etcd for a lease has no name any more.
    let window = (from.saturating_sub(LEASE), until + HEARD + GRACE);
    let is_disturbed = disturbances(story, node).any(|d| touches(d, window));
    until + SLACK + if is_disturbed { LEASE } else { HEARD + GRACE }
}

/// Until when the earlier one may be alive because a former leader of etcd, as soon as it went on, ended its lease.
fn deposed(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let thawed = story.deposed.iter().copied();
    let thawed = thawed.filter(|thawed| {
        earlier.opened <= *thawed && (*thawed..*thawed + HEARD).contains(&later.opened)
    });
    thawed.map(|thawed| hears_by(story, earlier.node, thawed, thawed)).max()
}

fn touches(disturbance: &Disturbance, (from, until): (Duration, Duration)) -> bool {
    disturbance.from <= until && disturbance.until >= from
}

fn disturbances(story: &Story, node: usize) -> impl Iterator<Item = &Disturbance> {
    story.disturbances.iter().filter(move |d| d.node.is_none_or(|other| other == node))
}

fn restored(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let restores = story.restores.iter().take(later.epoch).skip(earlier.epoch);
    let without = restores.filter(|restore| earlier.token > restore.revision);
    without.map(|restore| restore.until + LEASE + SLACK).max()
}

fn frozen(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let frozen = disturbances(story, earlier.node).filter(|disturbance| {
        disturbance.trouble == Trouble::Frozen
            && disturbance.from <= later.opened
            && later.opened <= disturbance.until.saturating_add(SLACK)
    });
    frozen.map(|disturbance| disturbance.until.saturating_add(SLACK)).max()
}

fn killed(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let lingers = story.lingers.get(earlier.node).copied().unwrap_or_default();
    let kills = disturbances(story, earlier.node);
    let kills = kills.filter(|kill| kill.trouble == Trouble::Killed && kill.from <= later.opened);
    let (after, before): (Vec<Duration>, Vec<Duration>) =
        kills.map(|kill| kill.from).partition(|kill| *kill >= earlier.opened);
    // It may have been killed while its program was about to say its first word.
    let just_before = before.into_iter().max().filter(|kill| *kill + SLACK >= earlier.opened);
    let kill = after.into_iter().min().or(just_before)?;
    let end = kill + lingers + SLACK;
    // A machine that is frozen then has its time to linger when it is thawed.
    let is_frozen_then = |d: &&Disturbance| d.trouble == Trouble::Frozen && touches(d, (kill, end));
    let thawed = disturbances(story, earlier.node).filter(is_frozen_then).map(|d| d.until);
    Some(
        thawed
            .map(|thawed| thawed.saturating_add(lingers + SLACK))
            .max()
            .map_or(end, |t| t.max(end)),
    )
}

fn held_up(story: &Story, earlier: &Life, later: &Life) -> Option<Duration> {
    let around = Duration::from_secs(1);
    let until = earlier.closed.unwrap_or(story.end);
    let longest = story.held_up(later.opened.saturating_sub(around), until + around);
    (longest >= NO_HOLD_UP).then(|| later.opened + longest * 2)
}
