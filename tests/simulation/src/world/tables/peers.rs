//! The network between machines.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::chance::Chance;

/// How slow a machine that is slow sends, on average for each part of a message.
const SLOW: Duration = Duration::from_millis(150);

/// The network between machines: how long a message takes, and which ways are cut.
#[derive(Debug)]
pub struct Peers {
    latency: Duration,
    /// How many faults cut the way from one machine to another.
    cuts: BTreeMap<(usize, usize), u32>,
    /// By how many faults each machine sends slowly.
    slow: BTreeMap<usize, u32>,
    /// The part of all words of a change, and of the answers to them, that are lost.
    pub lost_words: f64,
    chance: Chance,
}

impl Peers {
    /// One in which a message takes about this long, and nothing is cut.
    pub fn new(latency: Duration, chance: Chance) -> Peers {
        Peers { latency, cuts: BTreeMap::new(), slow: BTreeMap::new(), lost_words: 0.0, chance }
    }

    /// Cuts the way from one machine to another. Each cut is to be healed by itself.
    pub fn cut(&mut self, from: usize, to: usize) {
        *self.cuts.entry((from, to)).or_default() += 1;
    }

    /// Heals a cut.
    pub fn heal(&mut self, from: usize, to: usize) {
        let Some(cuts) = self.cuts.get_mut(&(from, to)) else { return };
        *cuts = cuts.saturating_sub(1);
        if *cuts == 0 {
            self.cuts.remove(&(from, to));
        }
    }

    /// Whether messages go this way.
    pub fn is_open(&self, from: usize, to: usize) -> bool {
        self.cuts.is_empty() || !self.cuts.contains_key(&(from, to))
    }

    /// Lets a machine send slowly, or not any more. Each time is to be undone by itself.
    pub fn set_slow(&mut self, machine: usize, is_slow: bool) {
        let slow = self.slow.entry(machine).or_default();
        *slow = if is_slow { *slow + 1 } else { slow.saturating_sub(1) };
        self.slow.retain(|_, count| *count > 0);
    }

    /// How long a message takes.
    pub(super) fn delay(&mut self) -> Duration {
        self.latency + self.chance.around(self.latency / 8)
    }

    /// The parts in which a message of so many octets leaves a machine: the octets of each, and the pause before
    /// it.
    pub(super) fn slices(&mut self, machine: usize, octets: usize) -> Vec<(usize, Duration)> {
        if !self.slow.contains_key(&machine) {
            return vec![(octets, Duration::ZERO)];
        }
        let mut slices = Vec::new();
        let mut left = octets;
        while left > 0 {
            let part = (1 + self.chance.below(left.min(2048))).min(left);
            slices.push((part, self.chance.around(SLOW)));
            left -= part;
        }
        slices
    }
}
