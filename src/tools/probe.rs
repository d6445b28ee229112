//! The rights that this user has in etcd, found out without using them.
//!
//! etcd checks the permissions for both branches of a transaction before it compares anything. So
//! the right to write is asked for by a transaction whose put is never carried out.

use crate::cluster::{JobKeys, KeyRange, Keyspace, Names, SlotId};
use crate::etcd::{Compare, Equal, Error, Etcd, GatewayClient, LeaseId, Op, Range, Txn};

/// A revision that no key has, so that comparing with it is always false.
const NEVER: i64 = -1;

/// A right that a node needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) purpose: String,
    /// The command that grants it.
    pub(super) remedy: String,
    access: KeyAccess,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyAccess {
    Read(KeyRange),
    Write(Vec<Vec<u8>>),
}

/// Everything that a node does with keys, in the order in which it does it. `ticket` is a key of the
/// queue, `job` the keys of its job, if it takes part in one.
pub(super) fn rights(keyspace: &Keyspace, ticket: Vec<u8>, job: Option<&JobKeys>) -> Vec<Right> {
    let mut rights = Vec::new();
    for (names, range) in keyspace.names().zip(keyspace.ranges()) {
        let kind = if rights.is_empty() { "readwrite" } else { "read" };
        rights.push(Right {
            purpose: format!("read {names}"),
            remedy: grant(kind, &names, &range.0),
            access: KeyAccess::Read(range),
        });
    }
    let own = Names::Numbered(keyspace.pattern.clone());
    let remedy = grant("readwrite", &own, &keyspace.slots().0);
    // The lowest and the highest name stand for all: a right is to a range of keys.
    let names = [1, keyspace.limit].map(SlotId::new);
    let keys = names.into_iter().flatten().map(|slot| keyspace.key(slot)).collect();
    let of_names = [
        (format!("write {own}"), KeyAccess::Write(keys)),
        ("read the queue".to_owned(), KeyAccess::Read(keyspace.queue())),
        ("write to the queue".to_owned(), KeyAccess::Write(vec![ticket])),
    ];
    let of_job = job.map(|keys| {
        let put = [keys.list(), keys.member(SlotId::FIRST), keys.joined(1, SlotId::FIRST)];
        [
            // Its other keys lie between.
            (
                "read the list of the job".to_owned(),
                KeyAccess::Read((keys.list(), keys.members().1)),
            ),
            ("write the list of the job".to_owned(), KeyAccess::Write(put.to_vec())),
        ]
    });
    for (purpose, access) in of_names.into_iter().chain(of_job.into_iter().flatten()) {
        rights.push(Right { purpose, remedy: remedy.clone(), access });
    }
    rights
}

/// The command that grants a right to all keys of these names; those of a pattern begin with the
/// first one's without its digit, and the queue's do as well.
fn grant(kind: &str, names: &Names, first: &[u8]) -> String {
    let first = String::from_utf8_lossy(first);
    let keys = match names {
        Names::Numbered(_) => {
            let digit = char::is_numeric;
            format!("'{}' --prefix", first.strip_suffix(digit).unwrap_or(&first))
        }
        Names::Single(_) => format!("'{first}'"),
    };
    format!("etcdctl role grant-permission ROLE {kind} {keys}")
}

impl Right {
    /// Finds out whether the user has it. [`Error::is_denied`]: it is missing; any other error: it is
    /// not known.
    pub(super) fn probe(&self, client: &mut GatewayClient) -> Result<(), Error> {
        match &self.access {
            KeyAccess::Read((first, end)) => {
                let range = Range::new(first.clone(), Some(end.clone()));
                client.range(&Range { count_only: true, ..range }).map(|_| ())
            }
            KeyAccess::Write(keys) => {
                keys.iter().try_for_each(|key| client.txn(&put_never(key.clone())).map(|_| ()))
            }
        }
    }
}

/// Puts a key under a condition that does not hold.
fn put_never(key: Vec<u8>) -> Txn {
    Txn {
        compare: vec![Compare { key: key.clone(), to: Equal::ModRevision(NEVER) }],
        success: vec![Op::Put { key, value: Vec::new(), lease: LeaseId(0) }],
        failure: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Pattern;

    #[test]
    fn a_node_reads_and_writes_names_and_queue_and_reads_what_else_it_answers_for() {
        let pattern = Pattern::parse("worker{{printf \"%03d\" .ID}}.tf.local.", 9).expect("good");
        let mut keyspace = Keyspace::new(pattern, 9);
        keyspace.prefix = "/a/".to_owned();
        keyspace.resolve =
            ["ps{{.ID}}.b.c.", "db.b.c."].map(|text| Names::parse(text, 9).expect(text)).to_vec();
        let rights = rights(&keyspace, b"ticket".to_vec(), None);
        let shown: Vec<(&str, &str)> = rights
            .iter()
            .map(|right| {
                (right.purpose.as_str(), right.remedy.rsplit("ROLE ").next().unwrap_or(""))
            })
            .collect();
        let own = "readwrite '/a/worker' --prefix";
        let name = "worker{{printf \"%03d\" .ID}}.tf.local.";
        let (read, write) = (format!("read {name}"), format!("write {name}"));
        let wanted = [
            (read.as_str(), own),
            ("read ps{{.ID}}.b.c.", "read '/a/ps' --prefix"),
            ("read db.b.c.", "read '/a/db.b.c.'"),
            (write.as_str(), own),
            ("read the queue", own),
            ("write to the queue", own),
        ];
        assert_eq!(shown, wanted);
    }
}
