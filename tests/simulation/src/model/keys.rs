//! All keys in order, each with its versions. How many there are in a span is known without a look at
//! each, for nodes ask that at every claim.

use std::sync::Arc;

use super::span::{End, Span};

/// Octets that many hold.
pub(super) type Octets = Arc<[u8]>;

/// The most keys in a block, before it is cut in two.
const BLOCK: usize = 512;

/// What stood at a key from a revision on.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// The revision at which the key came to be.
    pub(super) created: i64,
    /// The revision from which on.
    pub(super) modified: i64,
    /// The lease that it hangs on; 0: none.
    pub(super) lease: i64,
    /// The value; `None`: it was deleted.
    pub(super) value: Option<Octets>,
}

impl Version {
    pub(super) fn is_live(&self) -> bool {
        self.value.is_some()
    }
}

/// A key and its versions.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) key: Octets,
    newest: Version,
    older: Vec<Version>,
}

impl History {
    /// What stands there at a revision, unless it is nothing.
    pub(super) fn at(&self, revision: i64) -> Option<&Version> {
        let is_then = |version: &&Version| version.modified <= revision;
        let newest = Some(&self.newest).filter(is_then);
        newest.or_else(|| self.older.iter().rev().find(is_then)).filter(|version| version.is_live())
    }

    /// What stands there now, unless it is nothing.
    pub(super) fn now(&self) -> Option<&Version> {
        Some(&self.newest).filter(|version| version.is_live())
    }

    /// Forgets what nobody can read any more; false: nothing is left.
    fn compact(&mut self, revision: i64) -> bool {
        if self.newest.modified <= revision {
            self.older.clear();
            return self.newest.is_live();
        }
        let known = self.older.partition_point(|version| version.modified <= revision);
        let is_live_then = known > 0 && self.older[known - 1].is_live();
        self.older.drain(..known - usize::from(is_live_then));
        true
    }
}

/// Keys in order, in blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// None is empty.
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    histories: Vec<History>,
    live: usize,
}

impl Keys {
    /// The block that a key is in or belongs into, and its place there.
    fn find(&self, key: &[u8]) -> (usize, Result<usize, usize>) {
        let after = self.blocks.partition_point(|block| *block.histories[0].key <= *key);
        let block = after.saturating_sub(1);
        let place = self.blocks.get(block).map_or(Err(0), |block| {
            block.histories.binary_search_by(|history| (*history.key).cmp(key))
        });
        (block, place)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&History> {
        let (block, place) = self.find(key);
        Some(&self.blocks.get(block)?.histories[place.ok()?])
    }

    /// Puts a new version on top of a key's.
    pub(super) fn push(&mut self, key: &[u8], version: Version) -> Octets {
        let (at, place) = self.find(key);
        if self.blocks.is_empty() {
            self.blocks.push(Block { histories: Vec::new(), live: 0 });
        }
        let block = &mut self.blocks[at];
        block.live += usize::from(version.is_live());
        let place = match place {
            Ok(place) => {
                let history = &mut block.histories[place];
                block.live -= usize::from(history.newest.is_live());
                history.older.push(std::mem::replace(&mut history.newest, version));
                return history.key.clone();
            }
            Err(place) => place,
        };
        let key: Octets = key.into();
        let history = History { key: key.clone(), newest: version, older: Vec::new() };
        block.histories.insert(place, history);
        if block.histories.len() > BLOCK {
            let histories = block.histories.split_off(BLOCK / 2);
            let second = Block { live: live(&histories), histories };
            block.live -= second.live;
            self.blocks.insert(at + 1, second);
        }
        key
    }

    /// The keys of a span that have versions, in order, those that do not exist now as well.
    pub(super) fn span<'a>(&'a self, span: Span<'a>) -> impl Iterator<Item = &'a History> {
        let (block, place) = self.find(span.first);
        let (Ok(place) | Err(place)) = place;
        let blocks = self.blocks.get(block..).unwrap_or_default();
        let first = blocks.first().map_or(&[][..], |block| &block.histories[place..]);
        let others = blocks.iter().skip(1).flat_map(|block| &block.histories);
        first.iter().chain(others).take_while(move |history| !span.is_before(&history.key))
    }

    /// The number of keys of a span that exist now.
    pub(super) fn count(&self, span: Span<'_>) -> usize {
        let (first, place) = self.find(span.first);
        let (Ok(place) | Err(place)) = place;
        let (last, end) = match span.end {
            End::AtOnce => {
                return usize::from(self.get(span.first).is_some_and(|h| h.now().is_some()));
            }
            End::Before(end) if end <= span.first => return 0,
            End::Before(end) => self.find(end),
            End::Never => (self.blocks.len(), Ok(0)),
        };
        let (Ok(end) | Err(end)) = end;
        let Some(block) = self.blocks.get(first) else { return 0 };
        if first == last {
            return live(&block.histories[place..end]);
        }
        let between: usize = self.blocks[first + 1..last].iter().map(|block| block.live).sum();
        let last = self.blocks.get(last).map_or(0, |block| live(&block.histories[..end]));
        live(&block.histories[place..]) + between + last
    }

    /// The number of keys that have versions.
    pub(super) fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.histories.len()).sum()
    }

    /// Forgets the versions before those at a revision.
    pub(super) fn compact(&mut self, revision: i64) {
        for block in &mut self.blocks {
            block.histories.retain_mut(|history| history.compact(revision));
        }
        self.blocks.retain(|block| !block.histories.is_empty());
    }
}

fn live(histories: &[History]) -> usize {
    histories.iter().filter(|history| history.newest.is_live()).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use idetcd::random::Random;

    use super::*;

    #[test]
    fn spans_are_counted_as_if_one_by_one() {
        let mut random = Random::from_seed(3);
        let mut draw = |below: u64| random.draw() % below;
        let mut keys = Keys::default();
        let mut plain = BTreeMap::new();
        for revision in 2..6000 {
            let key = draw(2500).to_string().into_bytes();
            let value = (draw(3) > 0).then(|| Octets::from(&b"x"[..]));
            plain.insert(key.clone(), value.is_some());
            keys.push(&key, Version { created: revision, modified: revision, lease: 0, value });
            if revision % 10 == 0 {
                let (first, end) = (draw(2500).to_string(), draw(2500).to_string());
                for end in [end.as_str(), "", "\0"] {
                    let span = Span::new(first.as_bytes(), end.as_bytes());
                    let counted = plain.iter().filter(|(key, live)| **live && span.contains(key));
                    assert_eq!(keys.count(span), counted.count(), "{first} to {end:?}");
                    let listed = keys.span(span).map(|history| history.key.to_vec());
                    let wanted = plain.keys().filter(|key| span.contains(key)).cloned();
                    assert!(listed.eq(wanted), "{first} to {end:?}");
                }
            }
            if revision % 1000 == 0 {
                keys.compact(revision);
                plain.retain(|_, live| *live);
                assert_eq!(keys.len(), plain.len());
            }
        }
    }
}
