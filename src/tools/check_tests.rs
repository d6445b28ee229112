use super::*;
use crate::cluster::PublishedNode;
use crate::options::{Command, parse};
use crate::tools::report::Severity;
use crate::tools::snapshot::{KeyEntry, Whose};

fn options(more: &[&str]) -> Options {
    let words = ["check", "--pattern", "worker{{.ID}}.tf.local.", "--limit", "3"];
    let words: Vec<String> = words.iter().chain(more).map(|word| (*word).to_owned()).collect();
    match parse(&words, &[], &|_, _| Ok(None)) {
        Ok(Command::Tool(_, options)) => *options,
        other => panic!("{other:?}"),
    }
}

fn record(last: u8) -> Record {
    Record { ipv4: Some([10, 0, 0, last].into()), ipv6: None, port: Some(53) }
}

/// Slots with the end of who has each, how many wait, more options, and what is told.
type Case<'a> = (&'a [(u32, u8)], usize, &'a [&'a str], Severity, &'a str);

#[test]
fn the_next_name_is_told_and_what_to_do_without_one() {
    let own = record(9);
    let table: [Case<'_>; 7] = [
        (&[], 0, &[], Good, "0 of 3 names of worker{{.ID}}.tf.local. are taken"),
        (&[(1, 1), (3, 3)], 0, &[], Good, "the next is worker2.tf.local."),
        (&[(1, 1), (7, 3)], 1, &[], Good, "1 waiting; the next is worker3.tf.local."),
        (&[(1, 1), (2, 2)], 1, &[], Note, "soon none may be free"),
        (&[(1, 1), (2, 2), (3, 3)], 0, &[], Bad, "raise --limit, stop a node, or give"),
        (&[(1, 1), (2, 2), (3, 3)], 2, &["--wait"], Note, "would wait as well"),
        (&[(1, 1), (2, 9), (3, 3)], 0, &[], Note, "worker2.tf.local. has this very"),
    ];
    for (taken, waiting, more, severity, text) in table {
        let node = |last| {
            let record = record(last);
            PublishedNode { record, is_ready: true, drain: None, details: None }
        };
        let entries = taken.iter().map(|(slot, last)| KeyEntry {
            names: 0,
            slot: SlotId::new(*slot),
            name: format!("worker{slot}.tf.local."),
            content: KeyContent::Node(node(*last)),
            lease: crate::etcd::LeaseId(0),
            create_revision: 1,
            whose: Whose::Others,
        });
        let snapshot = Snapshot { revision: 1, entries: entries.collect() };
        let finding = names(&options(more), Some(&own), &snapshot, waiting);
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert!(finding.text.contains(text), "{finding:?}");
    }
}
