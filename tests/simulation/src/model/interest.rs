//! Who watches a key.

use std::collections::{BTreeSet, HashMap};

use idetcd::etcd::WatchRange;

use super::span::Span;

/// The streams that watch keys at a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Interest {
    /// Those that watch just one key.
    single: HashMap<Vec<u8>, BTreeSet<u64>>,
    /// Those that watch many, by the range, of which there are few.
    wide: Vec<(Vec<u8>, Vec<u8>, BTreeSet<u64>)>,
}

impl Interest {
    fn of(&mut self, range: &WatchRange) -> &mut BTreeSet<u64> {
        if let Some(key) = Span::new(&range.key, &range.range_end).single() {
            return self.single.entry(key.to_vec()).or_default();
        }
        let same =
            self.wide.iter().position(|(key, end, _)| *key == range.key && *end == range.range_end);
        let place = same.unwrap_or_else(|| {
            self.wide.push((range.key.clone(), range.range_end.clone(), BTreeSet::new()));
            self.wide.len() - 1
        });
        &mut self.wide[place].2
    }

    pub(super) fn add(&mut self, stream: u64, range: &WatchRange) {
        self.of(range).insert(stream);
    }

    pub(super) fn remove(&mut self, stream: u64, range: &WatchRange) {
        let streams = self.of(range);
        streams.remove(&stream);
        if streams.is_empty() {
            if let Some(key) = Span::new(&range.key, &range.range_end).single() {
                self.single.remove(key);
            }
            self.wide.retain(|(_, _, streams)| !streams.is_empty());
        }
    }

    /// The streams that watch a key.
    pub(super) fn streams(&self, key: &[u8]) -> impl Iterator<Item = u64> {
        let wide = self.wide.iter().filter(|(first, end, _)| Span::new(first, end).contains(key));
        let wide = wide.map(|(_, _, streams)| streams);
        self.single.get(key).into_iter().chain(wide).flatten().copied()
    }
}
