//! The server's account of itself, in the class CHAOS: `dig CH TXT version.bind @localhost`.

use super::content::Content;
use super::stats::Counters;
use super::wire::rrtype;
use crate::cluster::{Directory, Freshness};

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
        b"queries.bind." => vec![queries(counters)],
        b"answers.bind." => answers(counters),
        b"forwarded.bind." => vec![forwarded(counters)],
        b"etcd.bind." => vec![etcd(directory)],
        b"revision.bind." => vec![revision(directory)],
        b"slots.bind." => vec![slots(directory)],
        b"stats.bind." => {
            let mut all = vec![queries(counters)];
            all.extend(answers(counters));
            all.extend([
                forwarded(counters),
                etcd(directory),
                revision(directory),
                slots(directory),
            ]);
            all
        }
        _ => return None,
    };
    match qtype {
        rrtype::TXT | rrtype::ANY => Some(Content::Texts(texts)),
        _ => Some(Content::Empty),
    }
}

fn queries(counters: &Counters) -> String {
    format!("queries {} dropped {}", counters.queries, counters.dropped)
}

fn answers(counters: &Counters) -> Vec<String> {
    counters.answers().map(|(rcode, count)| format!("answers {rcode} {count}")).collect()
}

fn forwarded(counters: &Counters) -> String {
    format!("forwarded {} unanswered {}", counters.forwarded, counters.unanswered)
}

fn etcd(directory: &Directory) -> String {
    let state = match directory.freshness() {
        Freshness::Empty => "never reached",
        Freshness::Synced => "in sync",
        Freshness::Stale => "out of reach",
        Freshness::Expired => "out of reach for too long",
    };
    format!("etcd {state}")
}

fn revision(directory: &Directory) -> String {
    format!("revision {}", directory.revision())
}

fn slots(directory: &Directory) -> String {
    format!("slots {}", directory.occupied())
}
