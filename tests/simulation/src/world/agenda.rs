//! What is to happen, and when: the order of the run.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::model::Time;

/// Things to come, the next one first. Of those at one time, `tie` decides, and then who was first.
#[derive(Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Entry<T>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: (Time, u32, u64),
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda { heap: BinaryHeap::new(), count: 0 }
    }
}

impl<T> Agenda<T> {
    /// Lets something happen at a time.
    pub fn add(&mut self, at: Time, tie: u32, what: T) {
        self.count += 1;
        self.heap.push(Entry { key: (at, tie, self.count), what });
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.key.0)
    }

    /// Takes the next thing.
    pub fn take(&mut self) -> Option<(Time, T)> {
        self.heap.pop().map(|entry| (entry.key.0, entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_comes_first_and_ties_are_broken() {
        let mut agenda = Agenda::default();
        for (at, tie, what) in [(2, 0, 'e'), (1, 7, 'c'), (1, 0, 'a'), (1, 0, 'b'), (1, 9, 'd')] {
            agenda.add(Duration::from_secs(at), tie, what);
        }
        assert_eq!(agenda.next(), Some(Duration::from_secs(1)));
        let order: String = std::iter::from_fn(|| agenda.take()).map(|(_, what)| what).collect();
        assert_eq!(order, "abcde");
    }
}
