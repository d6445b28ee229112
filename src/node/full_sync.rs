//! All names, read page by page and put in place of the directory; and one change of them.

use std::time::{Duration, Instant};
use std::vec::IntoIter;

use super::own_mark::OwnMark;
use super::state::History;
use super::{Counter, Host};
use crate::cluster::{
    Applied, Directory, Entry, KeyRange, LONGEST_RECORD, NamesRead, SlotId, SnapshotBuilder,
    fingerprint,
};
use crate::etcd::{Error, Etcd, Event, EventKind, KeyValue, LARGE_VALUE, Order, Pages, Range};

/// The number of changes that are applied before DNS is answered again.
pub(super) const MOST_AT_ONCE: usize = 64;

/// How long all names may take to be read before the log says how far that is.
const UNTOLD: Duration = Duration::from_secs(5);

/// What stands for a value that is too large to be read is no record.
const _: () = assert!(LARGE_VALUE > LONGEST_RECORD);

/// All names on their way into a new directory. The old one answers until it is finished.
#[derive(Debug)]
pub(super) struct FullSync {
    snapshot: SnapshotBuilder,
    /// The range that is being read, by its index.
    index: usize,
    pages: Pages,
    /// Keys that were read, of all ranges.
    read: usize,
    /// When the log is to say how far it is; `None`: it did.
    told_at: Option<Instant>,
    /// The ranges after that.
    rest: IntoIter<KeyRange>,
    history: History,
    /// What is looked for in the records of the pattern, and the slots where it was found.
    mark: Option<OwnMark>,
    marked: Vec<SlotId>,
}

impl FullSync {
    /// One that has read nothing, as of a revision; 0: the present one. `None`: there are no names to read.
    pub(super) fn begin(host: &impl Host, revision: i64) -> Option<FullSync> {
        let snapshot = host.directory(|directory| SnapshotBuilder::new(directory));
        let mut rest = snapshot.keyspace().ranges().into_iter();
        let pages = Pages::new(Range { revision, ..range_of(&rest.next()?) });
        Some(FullSync {
            snapshot,
            index: 0,
            pages,
            read: 0,
            told_at: Some(host.now() + UNTOLD),
            rest,
            history: History::default(),
            mark: None,
            marked: Vec::new(),
        })
    }

    /// Looks for records of earlier lives of this node as well.
    pub(super) fn look_for(&mut self, mark: Option<OwnMark>) {
        self.mark = mark;
    }

    /// The slots of the pattern that hold such records.
    pub(super) fn take_marked(&mut self) -> Vec<SlotId> {
        std::mem::take(&mut self.marked)
    }

    /// Reads the next page, so that something else can be done after each. Returns whether there may be
    /// more. If it fails, what was read before stays as it is, and it can be called again.
    ///
    /// # Errors
    /// Those of [`Pages::next`].
    pub(super) fn read_page(
        &mut self,
        client: &mut impl Etcd,
        host: &impl Host,
    ) -> Result<bool, Error> {
        let Some(kvs) = self.pages.next(client)? else { return Ok(self.begin_next_range()) };
        self.read += kvs.len();
        self.tell_how_far(host);
        for kvs in kvs.chunks(MOST_AT_ONCE) {
            for kv in kvs {
                if self.mark.as_ref().is_some_and(|mark| mark.is_on(&kv.value)) {
                    self.marked.extend(self.snapshot.keyspace().slot_of(&kv.key));
                }
                let applied = self.snapshot.apply(self.index, entry(kv, EventKind::Put));
                let is_logged = |d: &mut Directory| d.knows_unusable(&kv.key, kv.mod_revision);
                if !host.directory(is_logged) {
                    log(kv, &applied);
                }
            }
            host.sleep_until(host.now());
        }
        Ok(true)
    }

    fn tell_how_far(&mut self, host: &impl Host) {
        let of = self.pages.left().map(|left| self.read + left);
        let reading = NamesRead { names: self.read, of };
        host.directory(|directory| directory.account.reading = Some(reading));
        if self.told_at.take_if(|at| *at <= host.now()).is_some() {
            log::info!("reading takes long: {reading} so far");
        }
    }

    /// Returns whether there is one.
    fn begin_next_range(&mut self) -> bool {
        let header = self.pages.header().unwrap_or_default();
        let revision = header.revision;
        self.history.cluster_id = header.cluster_id;
        self.history.revisions.push(revision);
        let Some(range) = self.rest.next() else { return false };
        self.index += 1;
        // All of them are read at the revision of the first.
        self.pages = Pages::new(Range { revision, ..range_of(&range) });
        true
    }

    /// Lets the names that were read take the place of the directory. Returns where it stands then.
    pub(super) fn finish(mut self, host: &impl Host) -> History {
        while self.snapshot.forget_unread(MOST_AT_ONCE) {
            host.sleep_until(host.now());
        }
        let snapshot = self.snapshot.finish();
        let (names, revision) = (snapshot.len(), self.history.latest());
        let mut old = host.directory(|directory| directory.replace(snapshot, revision));
        while old.shrink(MOST_AT_ONCE) {
            host.sleep_until(host.now());
        }
        host.note(Counter::FullSync);
        log::info!("full sync: {names} names at revision {revision}");
        self.history
    }
}

/// Reads all names at one revision and replaces the directory.
///
/// # Errors
/// Those of the calls to etcd. The old directory stays then.
pub fn full_sync(client: &mut impl Etcd, host: &impl Host) -> Result<History, Error> {
    let Some(mut reading) = FullSync::begin(host, 0) else { return Ok(History::default()) };
    while reading.read_page(client, host)? {}
    Ok(reading.finish(host))
}

pub(super) fn range_of((key, range_end): &KeyRange) -> Range {
    Range::new(key.clone(), Some(range_end.clone()))
}

/// The same with the keys that changed last first.
pub(super) fn newest_of(range: &KeyRange) -> Range {
    Range { order: Order::NewestFirst, ..range_of(range) }
}

/// Applies one event of a range.
pub fn apply_event(host: &impl Host, range: usize, event: &Event) {
    let entry = entry(&event.kv, event.kind);
    let applied = host.directory(|directory| directory.apply(range, entry));
    log(&event.kv, &applied);
}

/// A key as the directory takes it.
pub(super) fn entry(kv: &KeyValue, kind: EventKind) -> Entry<'_> {
    let value = match kind {
        EventKind::Put => Some(kv.value.as_slice()),
        EventKind::Delete => None,
    };
    // A value that is no record may be too large to be read each time.
    let compared = (kv.value.len() <= LONGEST_RECORD).then_some(kv.value.as_slice());
    let fingerprint = fingerprint(kv.lease.0, compared);
    Entry { key: &kv.key, value, mod_revision: kv.mod_revision, fingerprint }
}

fn log(kv: &KeyValue, applied: &Applied) {
    let key = String::from_utf8_lossy(&kv.key);
    match applied {
        Applied::Unusable(error) => log::warn!("{key} is not a record: {error}"),
        Applied::Changed => log::debug!("{key} changed at revision {}", kv.mod_revision),
        Applied::Ignored => {}
    }
}
