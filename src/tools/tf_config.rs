//! `TF_CONFIG`, by which the servers of a TensorFlow cluster know each other and themselves. Pure.
//!
//! Every server must be given the same lists in the same order; only its own place, the task,
//! differs. The lists are ordered by slot, and a gap among the slots is none in a list.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use super::snapshot::{Snapshot, Whose};
use crate::cluster::{Keyspace, Names};

/// The value of `TF_CONFIG`, or why there is none: names that give no jobs, or nobody is named.
pub(super) fn config(snapshot: &Snapshot, keyspace: &Keyspace, port: u16) -> Result<Value, String> {
    let mut cluster = Map::new();
    let mut task = None;
    for (index, names) in keyspace.names().enumerate() {
        let job = job(&names)?;
        if cluster.contains_key(&job) {
            let text = format!("{names} is a second job {job}; give it another name");
            return Err(format!("--tf-config: {text}"));
        }
        let mut servers = Vec::new();
        let entries = snapshot.entries.iter().filter(|entry| entry.names == index);
        for (entry, address) in entries.filter_map(|one| Some((one, one.addresses().next()?))) {
            if entry.whose == Whose::Mine {
                task = Some(json!({"type": job, "index": servers.len()}));
            }
            servers.push(json!(SocketAddr::new(address, port).to_string()));
        }
        // A cluster that lacks a job starts, and fails later on.
        if servers.is_empty() {
            let remedy = match index {
                0 => "see idetcd wait --help",
                _ => "wait for them, or leave out that --resolve",
            };
            return Err(format!("--tf-config: no node of {names} is named yet; {remedy}"));
        }
        cluster.insert(job, Value::Array(servers));
    }
    let mut config = Map::from_iter([("cluster".to_owned(), Value::Object(cluster))]);
    config.extend(task.map(|task| ("task".to_owned(), task)));
    Ok(Value::Object(config))
}

/// The letters of the label with the ID; TensorFlow takes `[a-zA-Z][_a-zA-Z0-9]*` for a job.
fn job(names: &Names) -> Result<String, String> {
    let text = names.to_string();
    let (before, after) = match text.split_once("{{") {
        Some((before, rest)) => (before, rest.split_once("}}").map_or("", |(_, after)| after)),
        None => ("", text.as_str()),
    };
    let start = before.rsplit('.').next().unwrap_or_default();
    let end = after.split('.').next().unwrap_or_default();
    let is_kept = |character: &char| character.is_ascii_alphabetic() || *character == '_';
    let job: String = start.chars().chain(end.chars()).filter(is_kept).collect();
    let job = job.trim_matches('_');
    if job.is_empty() {
        return Err(format!("--tf-config: {names} gives no job: no letters stand with the ID"));
    }
    Ok(job.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Pattern, PublishedNode, SlotId};
    use crate::etcd::LeaseId;
    use crate::tools::snapshot::{KeyContent, KeyEntry};

    fn keyspace(pattern: &str, resolve: &[&str]) -> Keyspace {
        let mut keyspace = Keyspace::new(Pattern::parse(pattern, 9).expect(pattern), 9);
        let names = resolve.iter().map(|text| Names::parse(text, 9).expect("names"));
        keyspace.resolve = names.collect();
        keyspace
    }

    fn entry(names: usize, number: u32, value: &str, whose: Whose) -> KeyEntry {
        let content = match PublishedNode::parse(value.as_bytes(), 1) {
            Ok(node) => KeyContent::Node(node),
            Err(error) => KeyContent::Unusable(error),
        };
        KeyEntry {
            names,
            slot: SlotId::new(number),
            name: format!("name{number}"),
            content,
            lease: LeaseId(0),
            create_revision: 1,
            whose,
        }
    }

    #[test]
    fn lists_are_by_slot_and_the_task_is_a_place_in_one() {
        let keyspace = keyspace("worker{{.ID}}.tf.local.", &["ps{{.ID}}.tf.local."]);
        let entries = vec![
            entry(0, 2, r#"{"ipv4":"10.0.0.2","ipv6":"fd00::2","port":"53"}"#, Whose::Others),
            entry(0, 3, "x", Whose::Others),
            entry(0, 7, r#"{"ipv6":"fd00::7"}"#, Whose::Mine),
            entry(1, 1, r#"{"ipv4":"10.0.0.9"}"#, Whose::Others),
        ];
        let mut snapshot = Snapshot { revision: 1, entries };
        let cluster =
            json!({"worker": ["10.0.0.2:2222", "[fd00::7]:2222"], "ps": ["10.0.0.9:2222"]});
        let wanted = json!({"cluster": cluster, "task": {"type": "worker", "index": 1}});
        assert_eq!(config(&snapshot, &keyspace, 2222), Ok(wanted));
        snapshot.entries[2].whose = Whose::Here;
        assert_eq!(config(&snapshot, &keyspace, 2222), Ok(json!({"cluster": cluster})));
        snapshot.entries.pop();
        let without = config(&snapshot, &keyspace, 2222).expect_err("a job without servers");
        assert!(without.contains("no node of ps{{.ID}}.tf.local. is named yet"), "{without}");
        let nobody = config(&Snapshot::default(), &keyspace, 2222).expect_err("nobody");
        assert!(nobody.contains("no node of worker{{.ID}}.tf.local. is named yet"), "{nobody}");
    }

    #[test]
    fn jobs_are_the_letters_beside_the_id() {
        let table = [
            ("worker{{.ID}}.tf.local.", Ok("worker")),
            (r#"rack1.w-{{printf "%03d" .ID}}b.tf.local."#, Ok("wb")),
            ("gpu2_{{.ID}}.tf.local.", Ok("gpu")),
            ("{{.ID}}.worker.tf.local.", Err("gives no job")),
        ];
        for (pattern, wanted) in table {
            match (job(&Names::parse(pattern, 9).expect(pattern)), wanted) {
                (Ok(job), Ok(wanted)) => assert_eq!(job, wanted),
                (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error}"),
                (job, _) => panic!("{pattern}: {job:?}"),
            }
        }
        let twice = keyspace("w{{.ID}}.a.local.", &["w{{.ID}}.b.local."]);
        let entries = vec![entry(0, 1, r#"{"ipv4":"10.0.0.9"}"#, Whose::Others)];
        let one = Snapshot { revision: 1, entries };
        let error = config(&one, &twice, 1).expect_err("two jobs of one name");
        assert!(error.contains("w{{.ID}}.b.local. is a second job w"), "{error}");
    }
}
