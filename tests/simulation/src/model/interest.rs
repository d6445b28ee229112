//! Who watches a key.

use std::collections::{BTreeSet, HashMap};

use idetcd::etcd::WatchRange;

use super::span::Span;

/// The streams that watch keys at a member, and wait to hear of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Interest {
    /// Those that watch just one key.
    single: HashMap<Vec<u8>, Watchers>,
    /// Those that watch many, by the range, of which there are few.
    wide: Vec<(Vec<u8>, Vec<u8>, Watchers)>,
}

/// Those of one range.
#[derive(Clone, Debug, Default)]
struct Watchers {
    count: usize,
    /// Those that were not told that there is something: many changes may come before they look.
    waiting: BTreeSet<u64>,
}

impl Interest {
    fn of(&mut self, range: &WatchRange) -> &mut Watchers {
        if let Some(key) = Span::new(&range.key, &range.range_end).single() {
            return self.single.entry(key.to_vec()).or_default();
        }
        let same =
            self.wide.iter().position(|(key, end, _)| *key == range.key && *end == range.range_end);
        let place = same.unwrap_or_else(|| {
            self.wide.push((range.key.clone(), range.range_end.clone(), Watchers::default()));
            self.wide.len() - 1
        });
        &mut self.wide[place].2
    }

    pub(super) fn add(&mut self, stream: u64, range: &WatchRange) {
        let watchers = self.of(range);
        watchers.count += 1;
        watchers.waiting.insert(stream);
    }

    pub(super) fn remove(&mut self, stream: u64, range: &WatchRange) {
        let watchers = self.of(range);
        watchers.count = watchers.count.saturating_sub(1);
        watchers.waiting.remove(&stream);
        if watchers.count == 0 {
            if let Some(key) = Span::new(&range.key, &range.range_end).single() {
                self.single.remove(key);
            }
            self.wide.retain(|(_, _, watchers)| watchers.count > 0);
        }
    }

    /// A stream that was told has looked, and waits again.
    pub(super) fn wait(&mut self, stream: u64, range: &WatchRange) {
        self.of(range).waiting.insert(stream);
    }

    /// The streams that watch a key and wait; they do so no longer.
    pub(super) fn wake(&mut self, key: &[u8]) -> Vec<u64> {
        let wide = self.wide.iter_mut();
        let wide = wide.filter(|(first, end, _)| Span::new(first, end).contains(key));
        let woken = self.single.get_mut(key).into_iter().chain(wide.map(|(_, _, all)| all));
        woken.flat_map(|watchers| std::mem::take(&mut watchers.waiting)).collect()
    }
}
