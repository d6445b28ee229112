use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::clock;
use crate::cluster::{Directory, Pattern, Record, SlotId};
use crate::dns::Counters;
use crate::node::network::HostNetwork;
use crate::notify::{NotifySettings, ReadyWhen, set_up};
use crate::server::signals::Signals;

const LEASE: Duration = Duration::from_secs(20);

/// A notifier that writes a name file, and what it sees of the server.
struct Scene {
    notifier: Notifier,
    file: PathBuf,
    directory: Directory,
    counters: Counters,
}

impl Scene {
    fn new(file: &str) -> Scene {
        let pattern = Pattern::parse("w{{.ID}}.tf.local.", 3).expect("a pattern");
        let keyspace = Arc::new(Keyspace::new(pattern, 3));
        let file = std::env::temp_dir().join(format!("{file}-{}", std::process::id()));
        let wanted = NotifySettings {
            name_file: Some(file.clone()),
            id_file: None,
            on_claim: None,
            on_lost: None,
            hook_grace: Duration::from_secs(1),
            program: None,
            list: None,
            metrics_file: None,
            hosts_file: None,
            on_change: None,
            targets_file: None,
            ready_when: ReadyWhen::Bound,
        };
        let signals = Signals::new().expect("signals");
        let notifier = set_up(wanted, keyspace.clone(), None, &signals).expect("a notifier");
        let (directory, counters) = (Directory::new(keyspace), Counters::default());
        Scene { notifier, file, directory, counters }
    }

    fn run(&mut self, now: Instant) {
        let network = &HostNetwork { interfaces: Ok(Vec::new()), default_sources: Vec::new() };
        let Scene { directory, counters, .. } = self;
        let view = View { directory, counters, network, table: None };
        self.notifier.run(now, view);
    }

    fn says(&self) -> Option<String> {
        fs::read_to_string(&self.file).ok()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

fn owned(valid_until: Instant) -> Option<Owned> {
    let slot = SlotId::new(2).expect("not zero");
    Some(Owned { slot, claim_revision: 7, record: Record::default(), valid_until })
}

#[test]
fn a_name_ends_with_its_lease_even_if_nobody_tells() {
    let mut scene = Scene::new("ends-with-its-lease");
    let start = clock::now();
    scene.notifier.ownership(owned(start + LEASE), start);
    assert_eq!(scene.says().as_deref(), Some("w2.tf.local\n"));
    // Renewed in time.
    let renewed = start + LEASE / 2;
    scene.notifier.ownership(owned(renewed + LEASE), renewed);
    assert_eq!(scene.notifier.next(), Some(renewed + LEASE));
    scene.run(start + LEASE);
    assert!(scene.says().is_some());
    scene.run(renewed + LEASE);
    assert_eq!(scene.says(), None);
    assert_eq!(scene.notifier.next(), None);
    // What comes too late is no name, and what comes in time is one again.
    scene.notifier.ownership(owned(renewed + LEASE), renewed + LEASE);
    assert_eq!(scene.says(), None);
    scene.notifier.ownership(owned(renewed + LEASE * 2), renewed + LEASE);
    assert_eq!(scene.says().as_deref(), Some("w2.tf.local\n"));
}

#[test]
fn a_name_that_was_announced_and_is_over_before_it_is_told_is_taken_back() {
    let mut scene = Scene::new("announced");
    let start = clock::now();
    let name = owned(start + LEASE);
    scene.notifier.announce(&name.expect("a name"), start);
    assert_eq!(scene.says().as_deref(), Some("w2.tf.local\n"));
    scene.notifier.ownership(name, start + LEASE);
    assert_eq!(scene.says(), None);
    scene.notifier.announce(&name.expect("a name"), start + LEASE);
    assert_eq!(scene.says(), None, "too late");
}
