//! One range of a watch, and where it stands in the changes of the store.

use idetcd::etcd::{Event, EventKind, KeyValue, LeaseId, WatchRange};

use super::Time;
use super::span::Span;
use super::store::{Change, Store};

/// One range of a stream.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    pub(super) range: WatchRange,
    /// The place in the changes from which on they are to be looked at.
    pub(super) from: usize,
    /// The first revision that is wanted.
    pub(super) start: i64,
    pub(super) stage: Stage,
}

/// How far a range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It begins in the past: the member will look after it at this time.
    Waiting(Time),
    /// The member has read the past for it, at this revision, when history began at that one.
    Reading { until: i64, compacted: i64 },
    /// Changes are handed on one by one.
    Following,
}

impl Follow {
    fn is_wanted(&self, change: &Change) -> bool {
        let version = &change.version;
        let is_forgotten = match self.stage {
            // With a compaction, a deletion at its very revision goes too.
            Stage::Reading { until, compacted } => {
                version.modified <= until && version.modified == compacted && !version.is_live()
            }
            Stage::Waiting(_) | Stage::Following => false,
        };
        version.modified >= self.start
            && !is_forgotten
            && !(self.range.deletions_only && version.is_live())
            && Span::new(&self.range.key, &self.range.range_end).contains(&change.key)
    }

    /// The revision of the next change that is wanted, among those up to a revision.
    pub(super) fn next(&mut self, store: &Store, visible: i64) -> Option<i64> {
        if matches!(self.stage, Stage::Waiting(_)) {
            return None;
        }
        for change in store.changes(self.from) {
            if change.version.modified > visible {
                break;
            }
            if self.is_wanted(change) {
                return Some(change.version.modified);
            }
            self.from += 1;
        }
        None
    }

    /// The changes of the next message, which begin at this revision, and the revision in its header.
    pub(super) fn take(&mut self, store: &Store, first: i64, most: usize) -> (Vec<Event>, i64) {
        let (until, most) = match self.stage {
            Stage::Reading { until, .. } if first <= until => (until, most),
            _ => (first, 1),
        };
        let mut events = Vec::new();
        let (mut revision, mut revisions) = (first, 1);
        for change in store.changes(self.from) {
            let modified = change.version.modified;
            if self.is_wanted(change) {
                revisions += usize::from(modified != revision);
                if modified > until || revisions > most {
                    break;
                }
                revision = modified;
                events.push(event(change));
            } else if modified > until {
                break;
            }
            self.from += 1;
        }
        if until == first {
            self.stage = Stage::Following;
        }
        (events, until)
    }
}

fn event(change: &Change) -> Event {
    let version = &change.version;
    let kind = if version.is_live() { EventKind::Put } else { EventKind::Delete };
    let kv = KeyValue {
        key: change.key.to_vec(),
        value: version.value.as_deref().unwrap_or_default().to_vec(),
        create_revision: version.created,
        mod_revision: version.modified,
        lease: LeaseId(version.lease),
    };
    Event { kind, kv }
}
