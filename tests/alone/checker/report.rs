//! The end of a run: everything is ended, counted and judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use support::Signal;

use super::judge::{Verdict, Violation, judge};
use super::story::Story;
use super::watcher::Seen;
use super::{Crew, Run};

/// How many of the tens of thousands of answers may be late, for the machine's sake.
const MOST_LATE: u32 = 5;

/// The number of violations of one kind that are told.
const MOST_TOLD: usize = 5;

impl Run {
    pub fn finish(mut self) {
        self.end_everything();
        let mut story = std::mem::take(&mut self.story);
        story.lingers = self.lingers();
        story.end = self.now();
        {
            let records = self.register.records();
            story.lives = records.lives.clone();
            story.returns = records.returns.clone();
        }
        let Run { crew, machine, plan, mut violations, done, .. } = self;
        story.hold_ups = machine.stop();
        let verdict = judge(&story);
        let logs: Vec<String> = (0..crew.members.len()).map(|index| crew.log(index)).collect();
        let starts = crew.starts;
        let seen = crew.watcher.stop();
        violations.extend(complaints(seen));
        let faults: Vec<String> = done.iter().map(|(what, n)| format!("{n} {what}")).collect();
        println!("faults: {}", faults.join(", "));
        print(&story, &verdict, seen, starts);
        tell(&verdict, &logs);
        for violation in &violations {
            println!("VIOLATION: {violation}");
        }
        let count = violations.len() + verdict.violations.len();
        println!("seed {}: {count} violations", plan.seed);
        assert!(story.lives.len() > plan.nodes * 2, "nothing was disturbed");
        assert_eq!(count, 0, "seed {}", plan.seed);
    }

    /// Ends all nodes, and all programs that outlive them, by their process IDs.
    fn end_everything(&mut self) {
        for index in 0..self.crew.members.len() {
            self.crew.want(index, false);
            self.kill(index);
            self.register.signal(index, Signal::KILL);
        }
        let alive = |crew: &Crew, run: &Run| {
            (0..crew.members.len()).any(|index| !run.register.alive(index).is_empty())
        };
        let end = Instant::now() + Duration::from_secs(10);
        while alive(&self.crew, self) {
            assert!(Instant::now() < end, "a program does not end");
            // One that was only just being started.
            (0..self.crew.members.len())
                .for_each(|index| self.register.signal(index, Signal::KILL));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What is not well about the answers.
fn complaints(seen: Seen) -> Vec<String> {
    let mut complaints = Vec::new();
    for (count, what) in [
        (seen.lost, "queries to live nodes were lost"),
        (seen.denied, "times a name was denied that was always there"),
        (seen.withdrawn, "times a name was not answered that had been"),
    ] {
        if count > 0 {
            complaints.push(format!("{count} {what}"));
        }
    }
    // A busy machine holds up one now and then; a node that waits for etcd holds up all that come.
    if seen.late > MOST_LATE {
        complaints
            .push(format!("{} answers waited, the longest for {:.2?}", seen.late, seen.worst));
    }
    complaints
}

fn print(story: &Story, verdict: &Verdict, seen: Seen, starts: u32) {
    let sum = |count: fn(&super::story::Life) -> u32| story.lives.iter().map(count).sum::<u32>();
    let mut tokens: Vec<i64> = story.lives.iter().map(|life| life.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    println!(
        "{starts} processes; {} owners, {} tokens; {} writes accepted, {} refused",
        story.lives.len(),
        tokens.len(),
        sum(|life| life.accepted),
        sum(|life| life.refused)
    );
    let mut excused = String::new();
    for (reason, (count, longest)) in &verdict.excused {
        let _ = write!(excused, "; {reason} {count}, {longest:.2?} at most");
    }
    println!("two alive for a reason{}", if excused.is_empty() { ": never" } else { &excused });
    let held_up = story.hold_ups.iter().map(|hold_up| hold_up.length).max().unwrap_or_default();
    println!(
        "{} answers of live nodes: {} lost, {} late, {} denied, {} withdrawn, worst {:.2?}; a bare server \
         beside them: worst {:.2?}; the first answer of a process after {:.2?} at most; the machine \
         held up a thread for {held_up:.2?} at most",
        seen.asked,
        seen.lost,
        seen.late,
        seen.denied,
        seen.withdrawn,
        seen.worst,
        seen.control_worst,
        seen.slowest_start
    );
}

/// Tells some violations of each judge, and the logs of those who know more about the first of them.
fn tell(verdict: &Verdict, logs: &[String]) {
    let mut by_judge: BTreeMap<&str, Vec<&Violation>> = BTreeMap::new();
    for violation in &verdict.violations {
        by_judge.entry(violation.judge).or_default().push(violation);
    }
    let mut told: BTreeSet<usize> = BTreeSet::new();
    for (judge, violations) in by_judge {
        println!("VIOLATIONS, {judge}: {}", violations.len());
        for violation in violations.iter().take(MOST_TOLD) {
            println!("VIOLATION, {judge}: {}", violation.what);
        }
        told.extend(&violations[0].nodes);
    }
    for index in told {
        println!("--- node {index}\n{}", logs[index]);
    }
}
