//! The full sync: read all slots, page by page, and put them in place of the directory.

use super::{Host, Trouble};
use crate::cluster::{Applied, Directory, Entry};
use crate::etcd::{Client, Event, EventKind, KeyValue, Range};

/// Keys read at a time. Between two pages DNS is answered, so a page bounds how long it waits.
const PAGE: i64 = 500;

/// Where a snapshot stands in etcd's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The cluster that was read from.
    pub cluster_id: u64,
    /// The revision that was read.
    pub revision: i64,
}

/// Reads all slots at one revision and replaces the directory.
///
/// # Errors
/// Those of the calls to etcd. The old directory stays then.
pub fn full_sync(client: &mut Client, host: &impl Host) -> Result<History, Trouble> {
    let (mut snapshot, mut range) = host.directory(|directory| {
        let pattern = directory.pattern();
        let range = Range::new(pattern.first_key(), Some(pattern.end_key().into_bytes()));
        (directory.emptied(), Range { limit: PAGE, ..range })
    });
    let mut history = History::default();
    loop {
        let reply = client.range(&range)?;
        if range.revision == 0 {
            // All further pages are read at the revision of the first.
            range.revision = reply.header.revision;
            history.cluster_id = reply.header.cluster_id;
            history.revision = reply.header.revision;
        }
        for kv in &reply.kvs {
            let applied = snapshot.apply(entry(kv, EventKind::Put));
            let told = |d: &mut Directory| d.knows_unusable(&kv.key, kv.mod_revision);
            if !host.directory(told) {
                tell(kv, &applied);
            }
        }
        match reply.kvs.last() {
            Some(last) if reply.more => {
                range.key.clone_from(&last.key);
                range.key.push(0);
            }
            _ => break,
        }
    }
    let names = snapshot.len();
    host.directory(|directory| directory.replace(snapshot, history.revision));
    log::info!("full sync: {names} names at revision {}", history.revision);
    Ok(history)
}

/// Applies one event of the watch.
pub fn apply_event(host: &impl Host, event: &Event) {
    let applied = host.directory(|directory| directory.apply(entry(&event.kv, event.kind)));
    tell(&event.kv, &applied);
}

fn entry(kv: &KeyValue, kind: EventKind) -> Entry<'_> {
    let value = match kind {
        EventKind::Put => Some(kv.value.as_slice()),
        EventKind::Delete => None,
    };
    Entry { key: &kv.key, value, mod_revision: kv.mod_revision }
}

fn tell(kv: &KeyValue, applied: &Applied) {
    let key = String::from_utf8_lossy(&kv.key);
    match applied {
        Applied::Unusable(error) => log::warn!("{key} is not a record: {error}"),
        Applied::Changed => log::debug!("{key} changed at revision {}", kv.mod_revision),
        Applied::Ignored => {}
    }
}
