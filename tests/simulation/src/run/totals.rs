//! The sum of many runs, as it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Report;
use crate::faults::kind::FaultKind;

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    seeds: u64,
    clusters: Duration,
    nodes: Duration,
    calls: u64,
    changes: u64,
    turns: u64,
    starts: u64,
    mishaps: u64,
    most_requests: u32,
    faults: BTreeMap<FaultKind, u64>,
    /// The real time that it took.
    pub took: Duration,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.clusters += report.time;
        self.nodes += report.time.saturating_mul(u32::try_from(report.nodes).unwrap_or(u32::MAX));
        self.calls += report.tally.calls;
        self.changes += report.tally.changes;
        self.turns += report.tally.turns;
        self.starts += report.tally.starts;
        self.mishaps += report.tally.mishaps;
        self.most_requests = self.most_requests.max(report.load.requests);
        for (kind, count) in &report.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = |time: Duration| time.as_secs_f64() / 3600.0;
        let took = self.took.as_secs_f64().max(1e-9);
        writeln!(f, "seeds                          {}", self.seeds)?;
        writeln!(f, "simulated node-hours           {:.1}", hours(self.nodes))?;
        writeln!(f, "simulated cluster-hours        {:.1}", hours(self.clusters))?;
        writeln!(f, "processes started              {}", self.starts)?;
        writeln!(f, "turns of processes             {}", self.turns)?;
        writeln!(f, "requests to etcd               {}", self.calls)?;
        writeln!(f, "lost, late or twice            {}", self.mishaps)?;
        writeln!(f, "messages of watches            {}", self.changes)?;
        writeln!(f, "most requests of a node        {} in 10 s", self.most_requests)?;
        writeln!(f, "faults                         {}", self.faults.values().sum::<u64>())?;
        for (kind, count) in &self.faults {
            writeln!(f, "  {:<28} {count}", kind.name())?;
        }
        writeln!(f, "real time                      {took:.1} s")?;
        writeln!(f, "cluster-minutes a second       {:.0}", hours(self.clusters) * 60.0 / took)?;
        write!(f, "node-hours a second            {:.1}", hours(self.nodes) / took)
    }
}
