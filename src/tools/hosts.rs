//! Lines for `/etc/hosts` (hosts(5)). Pure.

use std::net::IpAddr;

use super::snapshot::{Content, Entry, Snapshot};
use super::table::printable;

/// A line for each address of each name; what is not a node is told in a comment.
pub(super) fn lines(snapshot: &Snapshot) -> String {
    snapshot.entries.iter().map(line).collect()
}

fn line(entry: &Entry) -> String {
    let name = printable(&entry.name);
    match &entry.content {
        Content::Record(record) => {
            let addresses = [record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from)];
            let name = name.trim_end_matches('.');
            addresses.into_iter().flatten().map(|address| format!("{address}\t{name}\n")).collect()
        }
        Content::Unusable(error) => format!("# {name}: no record: {error}\n"),
        Content::Stray => format!("# {name}: none of these names\n"),
    }
}
