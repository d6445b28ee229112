//! A session on virtual time, a seed, and an etcd in memory: what the seams are for.

mod claiming;
mod contact;
mod following;
mod large_values;
mod longer_leases;
mod overtaking;
mod proving;
mod renewing;
mod republishing;
mod restores;
mod resuming;
mod table;
mod this_host;
mod world;

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::session::SessionEnd;
pub(super) use world::newborn;

/// A node's life in a world of this seed: what happened, and what is left in etcd.
fn live(seed: u64) -> (Vec<(Duration, String)>, usize) {
    let (world, session) = newborn(seed);
    assert_eq!(session.run(), SessionEnd::Stopped);
    (world.log.take(), world.store.borrow().keys.len())
}

#[test]
fn a_life_from_claim_to_release_is_the_same_for_the_same_seed() {
    for seed in 0..100 {
        let (log, left) = live(seed);
        assert!(log.iter().any(|(_, what)| what == "owns 1"), "seed {seed}: {log:#?}");
        let end = log.iter().rfind(|(_, what)| what.starts_with("owns"));
        assert!(end.is_some_and(|(_, what)| what == "owns none"), "seed {seed}: {log:#?}");
        // A release whose requests are all lost leaves the name to the end of the lease.
        assert!(left == 0 || log.iter().filter(|(_, what)| what == "revoke").count() == 2);
        assert_eq!(live(seed).0, log, "seed {seed}");
    }
    assert_ne!(live(1).0, live(2).0);
}

#[test]
fn time_and_chance_come_from_outside() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["node", "etcd"] {
        let mut paths = vec![source.join(room)];
        while let Some(path) = paths.pop() {
            if path
                .to_str()
                .is_some_and(|name| name.ends_with("_tests.rs") || name.ends_with("_tests"))
            {
                continue;
            }
            if path.is_dir() {
                paths.extend(fs::read_dir(path).unwrap().map(|file| file.unwrap().path()));
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in
                ["Instant::now", "elapsed()", "SystemTime", "RandomState", "from_system", "sleep("]
            {
                assert!(!code.contains(word), "{word} in {}", path.display());
            }
        }
    }
}
