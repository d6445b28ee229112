//! The full sync: read all names, page by page, and put them in place of the directory; and how to
//! see that this is not needed.

use super::claim::digest;
use super::session::Session;
use super::state::History;
use super::{Counter, Host, Result, SessionError};
use crate::cluster::{Applied, Directory, Entry, KeyRange};
use crate::etcd::{Error, Etcd, Event, EventKind, KeyValue, Order, Range};

/// The number of changes that are applied before DNS is answered again.
pub(super) const MOST_AT_ONCE: usize = 128;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Reads everything, unless what is known can be followed up from where it stands.
    pub(super) fn sync(&mut self) -> Result<()> {
        if let Some(known) = self.history.clone() {
            let Some(why) = self.find_break(&known)? else { return Ok(()) };
            log::info!("{why}: reading everything anew");
            self.history = None;
        }
        self.history = Some(full_sync(&mut self.client, &self.host)?);
        self.heard();
        self.look_after_own_key()
    }

    /// Says why etcd's history does not go on from where we stand; `None`: it does, and the changes
    /// since can be followed up. Looks at each range as it was when we saw it last. In an older
    /// backup that was restored, or in another cluster, there is no such revision, or something else
    /// stood there.
    fn find_break(&mut self, known: &History) -> Result<Option<String>> {
        let ranges = self.settings.keyspace.ranges();
        for (index, (range, revision)) in ranges.iter().zip(&known.revisions).enumerate() {
            // What was learnt otherwise, as the own name from its claim, is ahead of the events.
            let seen = self.host.directory(|directory| directory.digest(index, *revision));
            let request = Range {
                revision: *revision,
                limit: 1,
                keys_only: true,
                order: Order::NewestFirst,
                ..range_of(range)
            };
            let reply = match self.ask(|client| client.range(&request)) {
                Err(SessionError::Etcd(error)) if error.is_out_of_range() => {
                    let why = format!("etcd cannot tell what changed since revision {revision}");
                    return Ok(Some(why));
                }
                reply => reply?,
            };
            let (now, then) = (reply.header.cluster_id, known.cluster_id);
            if now != then {
                return Ok(Some(format!("cluster {now:x} answers, no more {then:x}")));
            }
            if digest(&reply) != seen {
                let why = format!("etcd's history up to revision {revision} is not what was seen");
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// After a full sync no event says what became of the own key meanwhile.
    fn look_after_own_key(&mut self) -> Result<()> {
        let (Some(claimed), Some(lease)) = (self.membership.held(), self.lease) else {
            return Ok(());
        };
        match self.read_own_key(claimed)? {
            Some(kv) if claimed.stands(&kv, lease.id) => {}
            other => self.lose_to(claimed, other.as_ref()),
        }
        Ok(())
    }
}

fn range_of((key, range_end): &KeyRange) -> Range {
    Range::new(key.clone(), Some(range_end.clone()))
}

/// Reads all names at one revision and replaces the directory.
///
/// # Errors
/// Those of the calls to etcd. The old directory stays then.
pub fn full_sync(client: &mut impl Etcd, host: &impl Host) -> Result<History, Error> {
    let (mut snapshot, ranges) =
        host.directory(|directory| (directory.emptied(), directory.keyspace().ranges()));
    let mut history = History::default();
    for (index, range) in ranges.iter().enumerate() {
        // All pages are read at the revision of the first.
        let request = Range { revision: history.latest(), ..range_of(range) };
        let header = client.range_pages(request, |kvs| {
            for kvs in kvs.chunks(MOST_AT_ONCE) {
                for kv in kvs {
                    let applied = snapshot.apply(index, entry(kv, EventKind::Put));
                    let is_logged = |d: &mut Directory| d.knows_unusable(&kv.key, kv.mod_revision);
                    if !host.directory(is_logged) {
                        log(kv, &applied);
                    }
                }
                host.sleep_until(host.now());
            }
        })?;
        if index == 0 {
            history.cluster_id = header.cluster_id;
        }
        history.revisions.push(header.revision);
    }
    let (names, revision) = (snapshot.len(), history.latest());
    let mut old = host.directory(|directory| directory.replace(snapshot, revision));
    while old.shrink(MOST_AT_ONCE) {
        host.sleep_until(host.now());
    }
    host.note(Counter::FullSync);
    log::info!("full sync: {names} names at revision {revision}");
    Ok(history)
}

/// Applies one event of a range.
pub fn apply_event(host: &impl Host, range: usize, event: &Event) {
    let entry = entry(&event.kv, event.kind);
    let applied = host.directory(|directory| directory.apply(range, entry));
    log(&event.kv, &applied);
}

fn entry(kv: &KeyValue, kind: EventKind) -> Entry<'_> {
    let value = match kind {
        EventKind::Put => Some(kv.value.as_slice()),
        EventKind::Delete => None,
    };
    Entry { key: &kv.key, value, mod_revision: kv.mod_revision }
}

fn log(kv: &KeyValue, applied: &Applied) {
    let key = String::from_utf8_lossy(&kv.key);
    match applied {
        Applied::Unusable(error) => log::warn!("{key} is not a record: {error}"),
        Applied::Changed => log::debug!("{key} changed at revision {}", kv.mod_revision),
        Applied::Ignored => {}
    }
}
