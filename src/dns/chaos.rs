//! The server's account of itself, in the class CHAOS: `dig CH TXT version.bind @localhost`.

use super::content::Content;
use super::stats::Counters;
use super::wire::rrtype;
use crate::cluster::{Directory, Freshness, NodeAccount};

/// What the state of etcd is asked for by.
pub const ETCD_STATE: &str = "etcd.bind.";

/// What the server's own name is asked for by.
pub const OWN_NAME: &str = "id.server.";

/// The text that [`ETCD_STATE`] has where all is well.
pub const IN_SYNC: &str = "etcd in sync";

/// Writes what there is to tell of something.
type Tell = fn(&Directory, &Counters, &mut Vec<String>);

/// Room for all of them at once, which is one allocation.
const MOST_TEXTS: usize = 24;

/// What is told by its own name, and all of it as `stats.bind`.
const STATS: [(&[u8], Tell); 11] = [
    (b"queries.bind.", |_, counters, texts| {
        let (queries, dropped) = (counters.queries, counters.dropped);
        texts.push(format!("queries {queries} dropped {dropped}"));
    }),
    (b"answers.bind.", |_, counters, texts| {
        let answers = counters.answers();
        texts.extend(answers.map(|(rcode, count)| format!("answers {rcode} {count}")));
    }),
    (b"forwarded.bind.", |_, counters, texts| {
        let (forwarded, unanswered) = (counters.forwarded, counters.unanswered);
        texts.push(format!("forwarded {forwarded} unanswered {unanswered}"));
    }),
    (ETCD_STATE.as_bytes(), |directory, _, texts| {
        let state = match directory.freshness() {
            Freshness::Empty => "etcd never reached",
            Freshness::Incomplete => "etcd incomplete",
            Freshness::Synced => IN_SYNC,
            Freshness::Stale => "etcd out of reach",
            Freshness::Expired => "etcd out of reach for too long",
        };
        texts.push(state.to_owned());
    }),
    (b"revision.bind.", |directory, _, texts| {
        texts.push(format!("revision {}", directory.revision()));
    }),
    (b"slots.bind.", |directory, _, texts| texts.push(format!("slots {}", directory.occupied()))),
    (b"group.bind.", |directory, _, texts| texts.push(format!("group {}", directory.grouped()))),
    (b"ready.bind.", |directory, _, texts| {
        let standing = directory.own_standing();
        texts.extend(standing.map(|it| it.note().unwrap_or_else(|| "ready".to_owned())));
    }),
    // The seconds for which the name is owned and will be at the least, and the fencing token; or what that waits for.
    (b"owned.bind.", |directory, _, texts| {
        let nameless = directory.account.nameless.iter().filter(|_| directory.own().is_none());
        texts.extend(nameless.map(|why| format!("nameless {why}")));
        texts.extend(directory.account.owned().map(|(revision, since, left)| {
            format!("owned {} {} {revision}", since.as_secs(), left.as_secs())
        }));
    }),
    (b"addresses.bind.", |directory, _, texts| {
        let name = directory.own_name();
        let record = name.and_then(|name| directory.record(name.as_bytes()));
        texts.extend(record.map(|record| format!("published {record}")));
        let host = directory.account.addresses();
        if !host.is_empty() {
            let host: Vec<String> = host.iter().map(ToString::to_string).collect();
            texts.push(format!("host {}", host.join(" ")));
        }
    }),
    // Where what is answered comes from, and how old it may be in seconds.
    (b"source.bind.", |directory, _, texts| {
        let NodeAccount { endpoint, table_server, now, .. } = &directory.account;
        texts.extend(endpoint.iter().map(|endpoint| format!("endpoint {endpoint}")));
        texts.extend(
            table_server.iter().map(|(slot, address)| {
                format!("table {} {address}", directory.pattern().name(*slot))
            }),
        );
        // What is no more kept up has an age.
        let word = if directory.proven_at().is_some() { "lag" } else { "heard" };
        texts.extend(now.zip(directory.last_proven_at()).map(|(now, proven_at)| {
            format!("{word} {}", now.saturating_duration_since(proven_at).as_secs())
        }));
    }),
];

/// Returns the answer to a question of the class CHAOS; `None`: nothing is known by that name.
pub(super) fn content<'a>(
    name: &[u8],
    qtype: u16,
    directory: &Directory,
    counters: &Counters,
) -> Option<Content<'a>> {
    let texts = match name {
        b"version.bind." | b"version.server." => {
            vec![concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned()]
        }
        b"hostname.bind." | b"id.server." => directory.own_name().into_iter().collect(),
        _ => {
            let is_all = name == b"stats.bind.";
            let mut asked = STATS.iter().filter(|(known, _)| is_all || *known == name).peekable();
            asked.peek()?;
            let mut texts = Vec::with_capacity(MOST_TEXTS);
            asked.for_each(|(_, tell)| tell(directory, counters, &mut texts));
            texts
        }
    };
    match qtype {
        rrtype::TXT | rrtype::ANY => Some(Content::Texts(texts)),
        _ => Some(Content::Empty),
    }
}
