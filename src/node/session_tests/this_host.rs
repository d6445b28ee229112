//! Names whose records have addresses of this host and say nothing of their node, as the CoreDNS plugin puts them.

use std::sync::Arc;
use std::time::Duration;

use super::newborn;
use super::republishing::host;
use super::world::{Fate, ROUND_TRIP, World, put};
use crate::cluster::NodeId;
use crate::etcd::LeaseId;
use crate::node::network::HostNetwork;

const SECOND: Duration = Duration::from_secs(1);

/// Of the one who put it.
const THEIRS: LeaseId = LeaseId(99);

const OF_PLUGIN: &str = r#"{"ipv4":"10.0.0.1","ipv6":"fe80::1","port":"53"}"#;

/// A host with these two addresses on its card.
fn card() -> Arc<HostNetwork> {
    host(["10.0.0.1", "fe80::1"].map(|text| text.parse().expect(text)))
}

/// What else there is in a world.
type Case<'a> = &'a dyn Fn(&World);

fn stands(world: &World, slot: u32, value: &str, lease: LeaseId) {
    let mut kv = put(&format!("w{slot}.tf.local."), 1, lease).kv;
    kv.value = value.as_bytes().to_vec();
    let mut store = world.store.borrow_mut();
    store.keys.insert(kv.key.clone(), kv);
    (store.revision, store.entries) = (1, 100);
}

/// When a newcomer has the name 2, which others than 1 and 3 have taken; `None`: never.
fn named_after(at: impl FnOnce(&World), id: &str) -> Option<Duration> {
    let (world, mut session) = newborn(1);
    *world.network.borrow_mut() = card();
    session.settings.node_id = id.parse::<NodeId>().ok();
    for slot in [1, 3] {
        stands(&world, slot, &format!(r#"{{"ipv4":"10.0.1.{slot}","port":"53"}}"#), THEIRS);
    }
    at(&world);
    world.stop_at.set(world.began + 60 * SECOND);
    world.follow(|_, _| Fate::Answered(ROUND_TRIP));
    session.run();
    world.times("owns 2").first().copied()
}

#[test]
fn the_name_of_a_process_that_had_this_host_and_port_is_taken_over_at_once() {
    for id in ["n:7", ""] {
        let named = named_after(|world| stands(world, 2, OF_PLUGIN, THEIRS), id);
        assert!(named.is_some_and(|at| at < SECOND), "{named:?}");
    }
}

#[test]
fn a_name_that_may_be_anothers_is_left_alone_while_that_lives() {
    let cases: [(&str, Case); 6] = [
        ("the port is not ours alone", &|world| {
            world.has_port.set(false);
            stands(world, 2, OF_PLUGIN, THEIRS);
        }),
        ("another port", &|world| {
            stands(world, 2, &OF_PLUGIN.replace("53", "1053"), THEIRS);
        }),
        ("an address that may have moved", &|world| {
            stands(world, 2, r#"{"ipv4":"10.0.0.1","port":"53"}"#, THEIRS);
        }),
        ("nothing but a link-local address", &|world| {
            stands(world, 2, r#"{"ipv6":"fe80::1","port":"53"}"#, THEIRS);
        }),
        ("another host with the same link-local address", &|world| {
            stands(world, 2, &OF_PLUGIN.replace("10.0.0.1", "10.0.0.2"), THEIRS);
        }),
        ("another node of ours", &|world| {
            stands(world, 2, &OF_PLUGIN.replace("{", r#"{"node_id":"n:8","#), THEIRS);
        }),
    ];
    for (what, case) in cases {
        assert_eq!(named_after(case, "n:7"), None, "{what}");
    }
    // Two that are alike: at least one is another host's.
    let twice = |world: &World| {
        stands(world, 1, OF_PLUGIN, THEIRS);
        stands(world, 2, OF_PLUGIN, LeaseId(98));
    };
    assert_eq!(named_after(twice, "n:7"), None);
    assert_eq!(
        named_after(|world| stands(world, 2, OF_PLUGIN, LeaseId(0)), "n:7"),
        None,
        "by hand"
    );
}

#[test]
fn a_name_that_may_be_this_hosts_is_waited_for_and_taken_when_its_lease_ends() {
    // Addresses tell nothing here, but who lives renews its lease.
    let named = named_after(
        |world| {
            world.has_port.set(false);
            stands(world, 2, OF_PLUGIN, THEIRS);
            world.store.borrow_mut().ends.insert(THEIRS, 9 * SECOND);
            world.at(9 * SECOND, |world| {
                let mut store = world.store.borrow_mut();
                store.keys.remove(&b"w2.tf.local."[..]);
                store.revision += 1;
            });
        },
        "n:7",
    );
    assert!(named.is_some_and(|at| (9 * SECOND..16 * SECOND).contains(&at)), "{named:?}");
}
