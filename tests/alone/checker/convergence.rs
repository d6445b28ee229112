//! What must be so again soon after the last fault.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::{exchange, question, read};

use super::{Run, lasting_name};

/// Within so long after the last fault every node owns a name again, and answers as etcd says.
const NAMED_WITHIN: Duration = Duration::from_secs(10);
const RIGHT_WITHIN: Duration = Duration::from_secs(2);
/// Within so long a change is answered by all then.
const CHANGED_WITHIN: Duration = Duration::from_secs(1);

impl Run {
    /// Waits for what must become true, while an init goes on; returns how long that took. What does
    /// not become true in time is a violation.
    fn within(
        &mut self,
        limit: Duration,
        what: &'static str,
        mut missing: impl FnMut(&Run) -> Option<String>,
    ) -> Duration {
        let began = Instant::now();
        while let Some(missing) = missing(self) {
            if began.elapsed() > limit {
                self.violations.push(format!("{what}: not within {limit:?}: {missing}"));
                break;
            }
            self.pass(Duration::from_millis(10));
        }
        began.elapsed()
    }

    /// Every node that is left has a name, or nothing within its limit is free, and its program
    /// writes under it.
    pub fn check_names(&mut self) {
        let took = self.within(NAMED_WITHIN, "named", |run| {
            let names = run.names()?;
            let left = run.plan.lasting_members();
            left.into_iter().find_map(|index| run.is_without_reason(index, &names))
        });
        println!("every node that can has a name, and writes under it, after {took:.2?}");
    }

    /// Says why it is not well that a node stands where it does.
    fn is_without_reason(&self, index: usize, names: &BTreeMap<u32, String>) -> Option<String> {
        let address = self.crew.members[index].host.address();
        let programs = self.register.alive(index);
        let Some((slot, _)) = names.iter().find(|(_, ipv4)| **ipv4 == address) else {
            let limit = self.plan.limit_of(index);
            let free = (1..=limit).find(|slot| !names.contains_key(slot))?;
            return Some(format!("node {index} has no name, and {free} of {limit} is free"));
        };
        let name = format!("worker{slot}.tf.local");
        let [program] = &programs[..] else {
            return Some(format!("node {index} has {name} and {} programs", programs.len()));
        };
        let recently = self.now().saturating_sub(Duration::from_secs(1));
        let writes = program.last_accepted.is_some_and(|at| at > recently);
        let is_well = program.name == name && writes;
        (!is_well).then(|| format!("node {index} has {name}, its program {program:?}"))
    }

    /// The addresses of the names that the nodes may have, by etcd; `None`: it does not say so.
    fn names(&self) -> Option<BTreeMap<u32, String>> {
        let keys = self.cluster.any().try_keys()?;
        let names = keys.iter().filter_map(|(key, value)| {
            let slot = key.strip_prefix("worker")?.strip_suffix(".tf.local.")?.parse().ok()?;
            let value: serde_json::Value = serde_json::from_str(value).ok()?;
            Some((slot, value["ipv4"].as_str()?.to_owned()))
        });
        Some(names.filter(|(slot, _)| *slot <= self.plan.limit()).collect())
    }

    /// All answers are those of etcd.
    pub fn check_answers(&mut self) {
        let took = self.within(RIGHT_WITHIN, "answered as etcd says", |run| {
            let names = run.names()?;
            let left = run.plan.lasting_members();
            left.into_iter().find_map(|index| run.wrong_answer(index, &names))
        });
        println!("every node answers as etcd says {took:.2?} later");
    }

    fn wrong_answer(&self, index: usize, names: &BTreeMap<u32, String>) -> Option<String> {
        let server = self.address(index);
        (1..=self.plan.limit()).find_map(|slot| {
            let (found, wanted) = (look_up(server, slot), names.get(&slot));
            let is_right = found.as_ref() == Some(&wanted.cloned());
            (!is_right).then(|| format!("{server} says of {slot} {found:?}, etcd {wanted:?}"))
        })
    }

    fn address(&self, index: usize) -> SocketAddr {
        let address = self.crew.members[index].host.address();
        format!("{address}:53").parse().expect("an address")
    }

    /// Changes are answered by all nodes soon.
    pub fn check_changes(&mut self) {
        let mut worst = Duration::ZERO;
        for number in 1..=10 {
            let address = format!("10.9.9.{number}");
            let value = format!(r#"{{"ipv4":"{address}"}}"#);
            self.cluster.any().put(&lasting_name(3), value.as_bytes());
            let wanted = Some(Some(address));
            let took = self.within(CHANGED_WITHIN, "a change is answered", |run| {
                let left = run.plan.lasting_members();
                let late = left
                    .into_iter()
                    .find(|index| ask(run.address(*index), &lasting_name(3)) != wanted)?;
                Some(format!("node {late} does not answer it"))
            });
            worst = worst.max(took);
        }
        println!("10 changes then: the last node answers after {worst:.2?} at worst");
    }
}

fn look_up(server: SocketAddr, slot: u32) -> Option<Option<String>> {
    ask(server, &format!("worker{slot}.tf.local."))
}

/// The address of a name, if it has one; `None`: no answer.
fn ask(server: SocketAddr, name: &str) -> Option<Option<String>> {
    let patience = Duration::from_millis(500);
    let reply = read(exchange(server, &question(name, TYPE::A), patience)?);
    Some(reply.answers.first().cloned())
}
