//! Runs seeds of the simulation, and tells what does not hold.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use simulation::invariants::{Invariant, Violation};
use simulation::run::many::run_many;
use simulation::run::scale;
use simulation::run::totals::{Totals, processor_time};
use simulation::run::{Report, Settings, run};
use simulation::world::scene::ClientKind;
use simulation::world::trace::Trace;

const USAGE: &str = "\
Usage: scripts/simulate [OPTION]...
Simulates clusters on virtual time: real sessions, a model of etcd, and faults. A seed is a run.

  --seeds N         how many seeds [100]
  --from SEED       the first of them [1]
  --hours H         simulated time of each, in hours [0.2]
  --nodes N         nodes of each cluster [as the seed has it]
  --faults KIND[,...]  these kinds of faults only; none: no faults [as the seed has it]
  --without KIND[,...]  none of these kinds of faults
  --clocks on|off   clocks that run at different rates [as the seed has it]
  --long            up to 100 nodes, long leases, and an hour or so between times of faults
  --strangers N     names that others have for ever, so that all are read page by page
  --jobs            nodes run programs that start together
  --auto-leases     leases are the longer the more names there are, so that names go to longer ones
  --quiet           nothing goes wrong, and all clusters are alike: how fast it is
  --gateway         the product's own client, by way of etcd's JSON gateway: slower by far
  --ignore NAME[,...]  do not judge these
  --go-on           go on after a violation, and count them
  --scale N[,...]   so many nodes at once, and once more after a power cut: what etcd has to do
  --tables          some nodes take the table of all names from others, as the seed has it
  --moves           nodes of the plugin are replaced by idetcd [as the seed has it]
  --watchers N      the highest ID whose node watches all names for others [with --scale: 64]
  --members M       with --scale: etcd's members [3]
  --seed S          this seed only, with the history of what does not hold
  --trace           with --seed or --scale: print everything that happens
  --lines N         lines of history [60]
";

/// What the command line says.
struct Options {
    from: u64,
    seeds: u64,
    settings: Settings,
    seed: Option<u64>,
    is_traced: bool,
    goes_on: bool,
    lines: usize,
    scale: Vec<usize>,
    members: usize,
}

fn read(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        from: 1,
        seeds: 100,
        settings: Settings { time: Duration::from_secs(720), ..Settings::default() },
        seed: None,
        is_traced: false,
        goes_on: false,
        lines: 60,
        scale: Vec::new(),
        members: 3,
    };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name}: a value is missing"));
        match name.as_str() {
            "--seeds" => options.seeds = number(&name, &value()?)?,
            "--from" => options.from = number(&name, &value()?)?,
            "--nodes" => options.settings.wanted.nodes = Some(number(&name, &value()?)?),
            "--hours" => {
                let hours: f64 = number(&name, &value()?)?;
                options.settings.time = Duration::try_from_secs_f64(hours * 3600.0)
                    .map_err(|error| format!("{name}: {error}"))?;
            }
            "--seed" => options.seed = Some(number(&name, &value()?)?),
            "--lines" => options.lines = number(&name, &value()?)?,
            "--faults" => {
                let text = value()?;
                let kinds = text.split(',').filter(|kind| *kind != "none").map(str::parse);
                options.settings.wanted.faults = Some(kinds.collect::<Result<_, _>>()?);
            }
            "--without" => {
                let kinds = value()?.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?;
                options.settings.wanted.without = kinds;
            }
            "--clocks" => options.settings.wanted.clocks = Some(value()? == "on"),
            "--ignore" => {
                for text in value()?.split(',') {
                    let found = Invariant::ALL.iter().find(|it| it.to_string() == text);
                    let found = found.ok_or(format!("{name}: nothing is called {text}"))?;
                    options.settings.bounds.ignored.insert(*found);
                }
            }
            "--gateway" => options.settings.client = ClientKind::Gateway,
            "--scale" => {
                let text = value()?;
                let counts = text.split(',').map(|count| number(&name, count));
                options.scale = counts.collect::<Result<_, _>>()?;
            }
            "--watchers" => {
                options.settings.wanted.watchers = Some(number(&name, &value()?)?);
            }
            "--members" => options.members = number(&name, &value()?)?,
            "--strangers" => options.settings.wanted.strangers = Some(number(&name, &value()?)?),
            "--moves" => options.settings.wanted.has_moves = Some(true),
            "--tables" => options.settings.wanted.has_tables = true,
            "--auto-leases" => options.settings.wanted.has_auto_leases = true,
            "--jobs" => options.settings.wanted.has_jobs = true,
            "--long" => options.settings.wanted.is_long = true,
            "--quiet" => options.settings.is_quiet = true,
            "--trace" => options.is_traced = true,
            "--go-on" => options.goes_on = true,
            "--help" => return Err(USAGE.to_owned()),
            _ => return Err(format!("{name}: no such option\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}: {text} is no number"))
}

fn tell(report: &Report) {
    if let Some(violation) = &report.violation {
        println!(
            "seed {}: {} at {:.6} s: {}",
            report.seed,
            violation.invariant,
            violation.at.as_secs_f64(),
            violation.text
        );
    }
}

/// Runs one seed again, and tells how it came about.
fn tell_history(seed: u64, options: &Options) -> bool {
    let trace = if options.is_traced { Trace::print() } else { Trace::keep(options.lines) };
    let report = run(seed, &options.settings, trace.clone());
    if report.violation.is_some() {
        trace.lines().iter().for_each(|line| println!("{line}"));
    }
    tell(&report);
    report.violation.is_some()
}

/// Prints what etcd has to do for many nodes at once.
fn tell_scale(options: &Options) -> ExitCode {
    let mut is_well = true;
    println!("{}", scale::HEADS);
    let trace = if options.is_traced { Trace::print() } else { Trace::off() };
    for nodes in &options.scale {
        let watchers = options.settings.wanted.watchers.unwrap_or(64);
        scale::measure(*nodes, options.members, watchers, &trace, |row| {
            println!("{row}");
            if let Some(Violation { invariant, text, .. }) = &row.violation {
                println!("{invariant}: {text}");
            }
            is_well &= row.known.is_some() && row.violation.is_none();
        });
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if let Some(seed) = options.seed {
        return if tell_history(seed, &options) { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    if !options.scale.is_empty() {
        return tell_scale(&options);
    }
    let began = Instant::now();
    let mut totals = Totals::default();
    let mut violations: Vec<Report> = Vec::new();
    let end = options.from.saturating_add(options.seeds);
    run_many(options.from, end, &options.settings, |report| {
        totals.add(&report);
        let is_well = report.violation.is_none();
        if !is_well {
            tell(&report);
            violations.push(report);
        }
        is_well || options.goes_on
    });
    totals.took = began.elapsed();
    totals.processor = processor_time();
    println!("{totals}");
    let mut by_kind: BTreeMap<Invariant, u64> = BTreeMap::new();
    for violation in violations.iter().filter_map(|report| report.violation.as_ref()) {
        *by_kind.entry(violation.invariant).or_default() += 1;
    }
    for (invariant, count) in by_kind {
        println!("{:<30} {count} seeds", format!("violated: {invariant}"));
    }
    let Some(first) = violations.first() else { return ExitCode::SUCCESS };
    if !options.goes_on {
        tell_history(first.seed, &options);
    }
    ExitCode::FAILURE
}
