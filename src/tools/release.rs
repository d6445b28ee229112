//! `idetcd release`: takes a name away by hand.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use super::session::{heard, stopped};
use super::table::{self, output_failure};
use crate::cluster::{NodeId, Record, RecordError};
use crate::connect::Connect;
use crate::etcd::{
    Compare, Equal, Error, Etcd, EventKind, GatewayClient, KeyValue, LeaseId, Op, Range, Txn,
    WatchRange, WatchStream, read_key,
};
use crate::failure::Failure;
use crate::node::Host;
use crate::options::{Confirmation, Options};
use crate::server::{Interest, Shared, Wake};
use crate::text::excerpt;

/// The time in which a node that runs takes its name again. It hears of the deletion at once.
const AFTERMATH: Duration = Duration::from_secs(1);

/// The most that is shown of a value that is not a record, in characters.
const LONGEST_VALUE_SHOWN: usize = 200;

/// Shows what stands at the name, asks, deletes just that, and looks whether it comes back.
pub(super) fn run(
    name: &str,
    confirmation: Confirmation,
    options: &Options,
    place: &Shared,
) -> Result<(), Failure> {
    let mut client = Connect::prepare(&options.connect)?.client(place);
    let key = format!("{}{name}", options.node.keyspace.prefix).into_bytes();
    let reply = heard(place, read_key(&mut client, key))?;
    let Some(found) = reply.kvs.first() else {
        return Err(Failure::new(format!("{name} is nobody's: there is nothing to release")));
    };
    table::write(&description(name, found, left(&mut client, place, found.lease)?))?;
    if confirmation == Confirmation::Ask && !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "release asks before it deletes, and there is no terminal; give --yes",
        ));
    }
    if confirmation == Confirmation::Ask && !is_meant(name, place)? {
        return Err(Failure::new(format!("{name} was left as it is")));
    }
    let revision = delete(&mut client, place, name, found)?;
    let next = successor(&mut client, place, found, revision).unwrap_or_else(|error| {
        log::warn!("cannot see whether its node takes it again: {error}");
        None
    });
    match next {
        Some(next) if next.value == found.value => Err(Failure::new(format!(
            "{name} was deleted, and its node, which runs, took it again at once: stop the node"
        ))),
        Some(next) => {
            table::write(&format!("released {name}; now it is that of {}\n", shown(&next.value)))
        }
        None => table::write(&format!("released {name}\n")),
    }
}

/// The time that the lease has left; `None`: it is gone, or etcd does not tell this user.
fn left(
    client: &mut GatewayClient,
    place: &Shared,
    id: LeaseId,
) -> Result<Option<Duration>, Failure> {
    if id == LeaseId(0) {
        return Ok(None);
    }
    match client.lease_time_to_live(id) {
        Err(error) if error.is_denied() => Ok(None),
        reply => heard(place, reply.map(|life| life.map(|life| life.left))),
    }
}

/// Describes the key, and what to think of before it is deleted.
fn description(name: &str, found: &KeyValue, left: Option<Duration>) -> String {
    let what = shown(&found.value);
    if found.lease == LeaseId(0) {
        return format!("{name}: {what}, put without a lease: it stays until it is deleted\n");
    }
    let end = left.map_or_else(String::new, |left| {
        format!(", which ends in {} s if nobody renews it", left.as_secs())
    });
    let lease = found.lease;
    let advice = if NodeId::of(&found.value).is_some() || Record::parse(&found.value).is_err() {
        "A node that runs takes its name again at once: stop it there instead."
    } else {
        // All that we publish has an ID, where the host has any.
        "If that is a node of the CoreDNS plugin and runs, CoreDNS crashes when it is to renew the name: stop it \
         there instead. Another node that runs takes its name again at once."
    };
    format!(
        "{name}: {what}, on lease {lease}{end}\n{advice} A node that died loses it with its lease.\n"
    )
}

fn shown(value: &[u8]) -> String {
    match Record::parse(value) {
        Ok(record) => record.to_string(),
        Err(error @ RecordError::TooLong) => format!("no record: {error}"),
        Err(_) if value.is_empty() => "no record but an empty value".to_owned(),
        Err(_) => {
            format!(
                "no record but {}",
                excerpt(&String::from_utf8_lossy(value), LONGEST_VALUE_SHOWN)
            )
        }
    }
}

/// Asks on the terminal. A signal while it waits for the answer ends the tool.
fn is_meant(name: &str, place: &Shared) -> Result<bool, Failure> {
    let mut terminal = io::stderr();
    let asked = write!(terminal, "release {name}? [y/N] ").and_then(|()| terminal.flush());
    asked.map_err(output_failure)?;
    let stdin = io::stdin();
    let wake = place.lock().wait(Some((stdin.as_fd(), Interest::Readable)), None);
    if wake.map_err(output_failure)? == Wake::Stopping {
        return Err(stopped());
    }
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(output_failure)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Deletes what was shown, and nothing that came since; returns the revision of that.
fn delete(
    client: &mut GatewayClient,
    place: &Shared,
    name: &str,
    found: &KeyValue,
) -> Result<i64, Failure> {
    let key = found.key.clone();
    let txn = Txn {
        compare: vec![Compare { key: key.clone(), to: Equal::ModRevision(found.mod_revision) }],
        success: vec![Op::Delete(key.clone())],
        failure: vec![Op::Range(Range::new(key, None))],
    };
    let reply = heard(place, client.txn(&txn))?;
    // A transaction that was carried out twice, as its first reply was lost, finds nothing.
    if let Some(other) = reply.ranges.first().and_then(|range| range.kvs.first()) {
        let text = "changed meanwhile, so nothing was deleted: now it is that of";
        return Err(Failure::new(format!("{name} {text} {}", shown(&other.value))));
    }
    Ok(reply.header.revision)
}

/// The key of the node that takes the name within a moment, as far as that can be seen.
fn successor(
    client: &mut GatewayClient,
    place: &Shared,
    found: &KeyValue,
    revision: i64,
) -> Result<Option<KeyValue>, Error> {
    let key = found.key.clone();
    let range_end = [key.as_slice(), &[0]].concat();
    let range = WatchRange { key, range_end, start_revision: revision + 1, deletions_only: false };
    let end = place.now() + AFTERMATH;
    let mut watch = client.watch(&[range])?;
    while place.now() < end {
        let Some(reply) = watch.next(end)? else { continue };
        if let Some(put) = reply.events.into_iter().find(|event| event.kind == EventKind::Put) {
            return Ok(Some(put.kv));
        }
    }
    Ok(None)
}
