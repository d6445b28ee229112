//! `KV.Range`: now, or at a revision of the past.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use idetcd::etcd::{KeyValue, LeaseId, Order, Range};

use super::keys::{History, Version};
use super::refusal::Refusal;
use super::span::Span;
use super::store::Store;

/// Changes that are looked at for the newest keys before all keys are; each costs about as much as a key.
const MOST_CHANGES: usize = 1000;

/// What a range has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kvs: Vec<KeyValue>,
    pub(super) count: usize,
    pub(super) more: bool,
}

/// A key that is read.
type Read<'a> = (&'a History, &'a Version);

impl Store {
    /// Reads a range, at what is being changed if something is.
    pub(super) fn range(&self, range: &Range) -> Result<Found, Refusal> {
        let now = self.revision();
        let revision = if range.revision > 0 { range.revision } else { now };
        if revision > now {
            return Err(Refusal::FUTURE);
        }
        if revision < self.compacted() {
            return Err(Refusal::COMPACTED);
        }
        let span = Span::new(&range.key, range.range_end.as_deref().unwrap_or_default());
        let count = self.count_at(span, revision);
        if range.count_only {
            return Ok(Found { kvs: Vec::new(), count, more: false });
        }
        let limit = usize::try_from(range.limit).ok().filter(|limit| *limit > 0);
        let most = limit.unwrap_or(usize::MAX);
        let read = match range.order {
            _ if count == 0 => Vec::new(),
            Order::Key => self.keys_at(span, revision).take(most).collect(),
            Order::CreateRevision => {
                let mut all: Vec<_> = self.keys_at(span, revision).collect();
                all.sort_by_key(|(_, version)| version.created);
                all
            }
            Order::NewestFirst => self.newest(span, revision, most.min(count)),
        };
        let read = read.into_iter().take(most);
        let kvs = read.map(|read| key_value(read, range.keys_only)).collect();
        Ok(Found { kvs, count, more: count > most })
    }

    fn keys_at<'a>(&'a self, span: Span<'a>, revision: i64) -> impl Iterator<Item = Read<'a>> {
        let histories = self.keys.span(span);
        histories.filter_map(move |history| Some((history, history.at(revision)?)))
    }

    /// The number of keys at a revision: those of now, corrected by what changed since.
    fn count_at(&self, span: Span<'_>, revision: i64) -> usize {
        let since = self.changes_after(revision);
        if since.len() > self.keys.len() / 2 + MOST_CHANGES {
            return self.keys_at(span, revision).count();
        }
        let changed = since.iter().map(|change| &*change.key).filter(|key| span.contains(key));
        let mut count = self.keys.count(span);
        for key in changed.collect::<BTreeSet<_>>() {
            let history = self.keys.get(key);
            let is_live = |version: Option<_>| usize::from(version.is_some());
            count += is_live(history.and_then(|history| history.at(revision)));
            count -= is_live(history.and_then(History::now));
        }
        count
    }

    /// At least so many keys that changed last, the latest first; in the order of keys those that changed
    /// at once.
    fn newest<'a>(&'a self, span: Span<'a>, revision: i64, wanted: usize) -> Vec<Read<'a>> {
        let mut read: Vec<Read<'a>> = Vec::new();
        let mut is_cut_short = false;
        for (looked_at, change) in self.changes_until(revision).iter().rev().enumerate() {
            let modified = change.version.modified;
            // All that changed at once belong together.
            let is_next = read.last().is_some_and(|last| last.1.modified != modified);
            if read.len() >= wanted && is_next {
                break;
            }
            is_cut_short = looked_at > self.keys.len() + MOST_CHANGES;
            if is_cut_short {
                break;
            }
            if !change.version.is_live() || !span.contains(&change.key) {
                continue;
            }
            let history = self.keys.get(&change.key);
            read.extend(history.and_then(|history| {
                let version = history.at(revision).filter(|then| then.modified == modified)?;
                Some((history, version))
            }));
        }
        if is_cut_short {
            read = self.keys_at(span, revision).collect();
        }
        read.sort_by(|one, other| {
            let key = |read: &Read<'_>| (Reverse(read.1.modified), read.0.key.clone());
            key(one).cmp(&key(other))
        });
        read
    }
}

/// As a reply has it.
pub(super) fn key_value((history, version): Read<'_>, keys_only: bool) -> KeyValue {
    let value = version.value.as_deref().filter(|_| !keys_only).unwrap_or_default();
    KeyValue {
        key: history.key.to_vec(),
        value: value.to_vec(),
        create_revision: version.created,
        mod_revision: version.modified,
        lease: LeaseId(version.lease),
    }
}
