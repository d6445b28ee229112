//! Whole runs: a range of seeds that find nothing, those that once found something, and the promise that a
//! seed is a run.

use std::time::Duration;

use super::found::FOUND;
use super::many::run_many;
use super::totals::Totals;
use super::{Report, Settings, run};
use crate::faults::plan::Wanted;
use crate::world::scene::ClientKind;
use crate::world::trace::Trace;

/// The seeds that are run: as many as take less than a minute of two cores.
const SEEDS: u64 = 400;

/// As many lines as there are.
const ALL_LINES: usize = 1_000_000;

fn settings(seconds: u64) -> Settings {
    Settings { time: Duration::from_secs(seconds), ..Settings::default() }
}

fn told(report: &Report) -> String {
    format!("seed {}: {:?}", report.seed, report.violation)
}

#[test]
fn a_range_of_seeds_finds_nothing() {
    let (mut violations, mut totals) = (Vec::new(), Totals::default());
    run_many(1, SEEDS + 1, &settings(120), |report| {
        totals.add(&report);
        violations.extend(report.violation.is_some().then(|| told(&report)));
        true
    });
    println!("{totals}");
    assert_eq!(violations, [""; 0]);
}

/// Seeds that found something about programs that start together.
const JOBS_FOUND: [u64; 7] = [114, 167, 249, 250, 542, 879, 880];

#[test]
fn programs_that_start_together_find_nothing() {
    let wanted = Wanted { has_jobs: true, ..Wanted::default() };
    let settings = |seconds| Settings { wanted: wanted.clone(), ..settings(seconds) };
    let (mut violations, mut starts) = (Vec::new(), 0);
    let mut add = |report: Report| {
        starts += report.starts_by_list;
        violations.extend(report.violation.is_some().then(|| told(&report)));
        true
    };
    run_many(1, 61, &settings(400), &mut add);
    for seed in JOBS_FOUND {
        run_many(seed, seed + 1, &settings(720), &mut add);
    }
    assert_eq!(violations, [""; 0]);
    assert!(starts > 1000, "{starts} programs were started");
}

#[test]
fn seeds_that_found_something_find_nothing_now() {
    for found in FOUND {
        let report = run(found.seed, &found.settings(), Trace::off());
        assert_eq!(report.violation, None, "{}: {found:?}", told(&report));
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_octet_for_octet() {
    let traced = |seed| {
        let trace = Trace::keep(ALL_LINES);
        let report = run(seed, &settings(60), trace.clone());
        (trace.lines(), report.tally, report.violation)
    };
    for seed in 1..6 {
        let (lines, tally, violation) = traced(seed);
        assert!(lines.len() > 100, "seed {seed}: {} lines", lines.len());
        assert_eq!(traced(seed), (lines, tally, violation.clone()), "seed {seed}");
        // With nobody who reads it, it is the same run.
        let report = run(seed, &settings(60), Trace::off());
        assert_eq!((report.tally, report.violation), (tally, violation), "seed {seed}");
    }
    assert_ne!(traced(1).0, traced(2).0);
}

#[test]
fn the_clients_of_the_product_and_of_the_simulation_ask_the_same() {
    let asked = |seed, client| {
        let trace = Trace::keep(ALL_LINES);
        let report = run(seed, &Settings { client, ..settings(60) }, trace.clone());
        let is_asked = |line: &String| line.contains(" asks ");
        let lines: Vec<String> = trace.lines().into_iter().filter(is_asked).collect();
        (lines, report.violation)
    };
    // Each of them has faults of its own; some have balancers.
    for seed in 1..11 {
        let (direct, violation) = asked(seed, ClientKind::Direct);
        assert!(direct.len() > 50 && violation.is_none(), "{seed}: {} {violation:?}", direct.len());
        let (gateway, violation) = asked(seed, ClientKind::Gateway);
        assert_eq!(violation, None, "{seed}");
        for (one, other) in direct.iter().zip(&gateway) {
            assert_eq!(one, other, "{seed}");
        }
        assert_eq!(direct.len(), gateway.len(), "{seed}");
    }
}

#[test]
fn sessions_over_the_gateway_find_nothing() {
    let (mut violations, mut totals) = (Vec::new(), Totals::default());
    let settings = Settings { client: ClientKind::Gateway, ..settings(60) };
    run_many(11, 51, &settings, |report| {
        totals.add(&report);
        violations.extend(report.violation.is_some().then(|| told(&report)));
        true
    });
    println!("{totals}");
    assert_eq!(violations, [""; 0]);
}
