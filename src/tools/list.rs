//! `idetcd list`: who has which name.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::session::heard;
use super::snapshot::{self, KeyContent, KeyEntry, Snapshot, Whose};
use super::table::{self, Cell, Style, Tone, table};
use super::tf_config;
use crate::cluster::{Keyspace, Names, SlotId};
use crate::connect::Connect;
use crate::etcd::{Etcd, GatewayClient, LeaseId};
use crate::failure::Failure;
use crate::host::terminal::{ProgressLine, columns};
use crate::node::Host;
use crate::notify::name_lists::{ListFormat, ListedNode};
use crate::options::{Form, Options};
use crate::server::Shared;
use crate::text::{grouped, printable};

/// The columns that are left out first on a narrow terminal: PORT, SLOT, IPV6, SECONDS.
const DISPENSABLE: [usize; 4] = [4, 0, 3, 5];

const HEADING: [&str; 7] = ["SLOT", "NAME", "IPV4", "IPV6", "PORT", "SECONDS", "NOTE"];

/// The time that a key stays, if its node does nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Until it is deleted.
    Endless,
    /// As long as its lease has left.
    Left(Duration),
    /// etcd does not tell this user.
    Unknown,
}

pub(super) fn run(
    form: Form,
    port: Option<u16>,
    options: &Options,
    place: &Shared,
) -> Result<(), Failure> {
    let keyspace = &options.node.keyspace;
    let mut client = Connect::prepare(&options.connect)?.client(place);
    let mut snapshot = heard(place, snapshot::read(&mut client, keyspace, place))?;
    match place.network().own_addresses() {
        Ok(own) => snapshot.find_mine(&own, port),
        Err(why) => log::warn!("{why}; so no name is marked as this host's"),
    }
    match form {
        Form::Table => {
            let lives = lives(&mut client, place, &snapshot)?;
            table::write(&rendered(&snapshot, &lives, table::style(), columns(io::stdout())))
        }
        Form::Json => {
            let lives = lives(&mut client, place, &snapshot)?;
            table::write(&format!("{}\n", to_json(&snapshot, &lives, keyspace)))
        }
        Form::Hosts => table::write(&snapshot.entries.iter().map(hosts_lines).collect::<String>()),
        Form::Targets { port } => table::write(&targets(&snapshot, keyspace, port)),
        Form::TfConfig { port } => {
            let config = tf_config::config(&snapshot, keyspace, port).map_err(Failure::new)?;
            tell_about_task(&snapshot);
            table::write(&format!("{config}\n"))
        }
    }
}

/// Asks how long each entry stays, once for all keys on one lease, and says on a terminal how far it is.
fn lives(
    client: &mut GatewayClient,
    place: &Shared,
    snapshot: &Snapshot,
) -> Result<Vec<Life>, Failure> {
    let mut known: HashMap<i64, Life> = HashMap::from([(0, Life::Endless)]);
    let mut lives = Vec::with_capacity(snapshot.entries.len());
    let (mut line, of) = (ProgressLine::new(place.now()), grouped(snapshot.entries.len()));
    for LeaseId(id) in snapshot.entries.iter().map(|entry| entry.lease) {
        let life = match known.get(&id) {
            Some(life) => *life,
            None => match client.lease_time_to_live(LeaseId(id)) {
                Ok(life) => Life::Left(life.map(|life| life.left).unwrap_or_default()),
                Err(error) if error.is_denied() => Life::Unknown,
                Err(error) => return heard(place, Err(error)),
            },
        };
        known.insert(id, life);
        lives.push(life);
        let text = || format!("asked how long {} of {of} names stay", grouped(lives.len()));
        line.show(text, None, place.now());
    }
    Ok(lives)
}

/// Logs what is left out of `TF_CONFIG`, and why.
fn tell_about_task(snapshot: &Snapshot) {
    for entry in &snapshot.entries {
        if let KeyContent::Unusable(error) = &entry.content {
            log::warn!("{} is left out: {error}", entry.name);
        }
    }
    let whose: Vec<Whose> = snapshot.entries.iter().map(|entry| entry.whose).collect();
    if whose.contains(&Whose::Here) {
        let remedy = "say by --port N which one this is";
        log::warn!("several nodes are on this host, so there is no task; {remedy}");
    } else if !whose.contains(&Whose::Mine) {
        log::warn!("none of the nodes is on this host, so there is no task");
    }
}

fn rendered(snapshot: &Snapshot, lives: &[Life], style: Style, width: Option<usize>) -> String {
    let rows = snapshot.entries.iter().zip(lives).map(|(entry, life)| row(entry, *life));
    table(HEADING, &rows.collect::<Vec<_>>(), style, width, &DISPENSABLE)
}

fn row(entry: &KeyEntry, life: Life) -> [Cell; 7] {
    let record = entry.record();
    [
        Cell::of(entry.slot),
        Cell::new(&entry.name),
        Cell::of(record.and_then(|record| record.ipv4)),
        Cell::of(record.and_then(|record| record.ipv6)),
        Cell::of(record.and_then(|record| record.port)),
        match life {
            Life::Endless => Cell::of(None::<u64>),
            Life::Left(left) => Cell::of(Some(left.as_secs())),
            Life::Unknown => Cell::new("?"),
        },
        note(entry),
    ]
}

fn note(entry: &KeyEntry) -> Cell {
    let (text, tone) = match (&entry.content, entry.whose) {
        (KeyContent::Unusable(error), _) => (format!("no record: {error}"), Tone::Bad),
        (KeyContent::Stray, _) => ("none of these names".to_owned(), Tone::Odd),
        (KeyContent::Node(_), Whose::Mine) => ("me".to_owned(), Tone::Good),
        (KeyContent::Node(_), Whose::Here) => ("here".to_owned(), Tone::Odd),
        (KeyContent::Node(_), Whose::Others) => ("-".to_owned(), Tone::Neutral),
    };
    match entry.node().and_then(|node| node.standing().note()) {
        None => Cell::new(&text).with(tone),
        Some(note) if entry.whose == Whose::Others => Cell::new(&note).with(Tone::Odd),
        Some(note) => Cell::new(&format!("{text}, {note}")).with(Tone::Odd),
    }
}

fn to_json(snapshot: &Snapshot, lives: &[Life], keyspace: &Keyspace) -> Value {
    let all: Vec<Names> = keyspace.names().collect();
    let (mut nodes, mut unusable, mut strays) = (Vec::new(), Vec::new(), Vec::new());
    for (entry, life) in snapshot.entries.iter().zip(lives) {
        let seconds = match life {
            Life::Left(left) => Some(left.as_secs()),
            Life::Endless | Life::Unknown => None,
        };
        let common = json!({"lease_seconds": seconds, "create_revision": entry.create_revision});
        match &entry.content {
            KeyContent::Node(_) => {
                let node = listed(entry, &all).map(|node| node.to_json()).unwrap_or_default();
                let whose =
                    json!({"me": entry.whose == Whose::Mine, "here": entry.whose != Whose::Others});
                nodes.push(with(with(node, common), whose));
            }
            KeyContent::Unusable(error) => {
                let pattern = all.get(entry.names).map(Names::to_string);
                let key = json!({"name": entry.name, "pattern": pattern,
                    "slot": entry.slot.map(SlotId::get), "reason": error.to_string()});
                unusable.push(with(common, key));
            }
            KeyContent::Stray => strays.push(entry.name.clone()),
        }
    }
    json!({"revision": snapshot.revision, "nodes": nodes, "unusable": unusable, "others": strays})
}

/// An object with the fields of another one as well.
fn with(mut object: Value, mut more: Value) -> Value {
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object_mut()) {
        object.append(more);
    }
    object
}

/// Targets for Prometheus; what is not a node is none.
fn targets(snapshot: &Snapshot, keyspace: &Keyspace, port: u16) -> String {
    let all: Vec<Names> = keyspace.names().collect();
    let nodes = snapshot.entries.iter().filter_map(|entry| listed(entry, &all));
    ListFormat::Targets(port).text(nodes)
}

/// The node of a key; `None`: it has none. `all` are the names of the keyspace.
fn listed<'a>(entry: &KeyEntry, all: &'a [Names]) -> Option<ListedNode<'a>> {
    let slot = entry.slot.unwrap_or(SlotId::FIRST);
    Some(ListedNode { names: all.get(entry.names)?, slot, node: entry.node()?.clone() })
}

/// A line for each address of a name; what is not a node is told in a comment.
fn hosts_lines(entry: &KeyEntry) -> String {
    let name = printable(&entry.name);
    match &entry.content {
        KeyContent::Node(_) => {
            let name = name.trim_end_matches('.');
            entry.addresses().map(|address| format!("{address}\t{name}\n")).collect()
        }
        KeyContent::Unusable(error) => format!("# {name}: no record: {error}\n"),
        KeyContent::Stray => format!("# {name}: none of these names\n"),
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
