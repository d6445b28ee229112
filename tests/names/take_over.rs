//! Who has a name back that holds its addresses already, when, and by which token programs tell the
//! two lives apart.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use support::network::{HUB, Network};
use support::{
    Action, Cluster, Directory, Etcd, Node, PATIENCE, Phase, Proxy, Signal, is_private, lookup,
    run, until,
};

const LEASE: Duration = Duration::from_secs(3);
const SHORT_LEASE: [&str; 2] = ["--lease-ttl", "3"];
const NAME: &str = "worker1.tf.local.";

/// What etcd may take to delete the keys of a lease that ran out, and nodes to see it.
const DELAY: Duration = Duration::from_secs(3);

/// A node with the addresses of all others here, and this ID.
fn node(endpoint: &str, id: &str, more: &[&str]) -> Node {
    Node::at(endpoint, 1, 9, &[&["--node-id", id], more].concat())
}

/// The lines of a file, once there are so many.
fn lines(path: &str, count: usize) -> Vec<String> {
    until(PATIENCE, "so many lines", || {
        let text = fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() == count).then_some(lines)
    })
}

#[test]
fn the_token_of_a_program_grows_when_its_node_comes_back_after_a_crash() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    let (endpoint, script) =
        (etcd.endpoint(), format!("echo $IDETCD_NAME $IDETCD_REVISION >>{told}; exec sleep 1000"));
    let arguments = ["exec", "--pattern", support::PATTERN, "--endpoints", &endpoint];
    let record = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--port", "53"];
    let program = ["--node-id", "a", "--", "sh", "-c", &script];
    let mut node = Node::start(&[&arguments[..], &record, &program].concat());
    for life in 1..=3 {
        let lines = lines(&told, life);
        let tokens: Vec<u64> = lines
            .iter()
            .map(|line| line.strip_prefix("worker1.tf.local ").expect("the name"))
            .map(|token| token.parse().expect("a token"))
            .collect();
        assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
        // It is the revision of the put: whoever reads the key sees it.
        assert_eq!(etcd.mod_revision_of(NAME), tokens.last().copied());
        node.kill();
        node.restart();
    }
}

#[test]
fn the_same_node_has_its_name_back_at_once_and_nothing_of_its_former_life_stays() {
    let etcd = Etcd::start();
    let proxy = Proxy::new(&etcd.address());
    let long = ["--lease-ttl", "3600", "--etcd-timeout", "0.3"];
    let mut node = node(&proxy.endpoint(), "a", &long);
    assert_eq!(node.slot(), 1);
    let former = etcd.lease_of(NAME).expect("a lease");
    node.kill();
    let began = Instant::now();
    node.restart();
    assert_eq!(node.slot(), 1);
    let elapsed = began.elapsed();
    println!("named again after {elapsed:?}");
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    until(PATIENCE, "one lease is left", || (etcd.leases().len() == 1).then_some(()));
    let lease = etcd.lease_of(NAME).expect("a lease");
    assert_ne!(lease, former);
    assert_eq!(etcd.leases(), [lease]);
    // The same where a call of that start is lost, whichever.
    for (phase, path) in [
        (Phase::Reply, "/v3/kv/txn"),
        (Phase::Request, "/v3/kv/txn"),
        (Phase::Request, "/v3/lease/revoke"),
        (Phase::Reply, "/v3/lease/revoke"),
    ] {
        node.kill();
        let mut times = 0;
        proxy.police(move |passing| {
            let is_meant = passing.phase == phase && passing.path == path;
            times += usize::from(is_meant);
            if is_meant && times == 1 { Action::Silence } else { Action::Pass }
        });
        node.restart();
        assert_eq!(node.slot(), 1, "{phase:?} {path}");
        until(PATIENCE, &format!("one lease is left after {phase:?} {path}"), || {
            (etcd.leases().len() == 1).then_some(())
        });
        assert_eq!(etcd.leases().first(), etcd.lease_of(NAME).as_ref());
        assert_eq!(etcd.keys().len(), 1, "{:?}", etcd.keys());
        assert!(!node.log().contains("lost worker"), "{}", node.log());
    }
}

#[test]
fn a_node_that_cannot_be_told_from_others_has_its_name_back_when_the_lease_is_over() {
    let etcd = Etcd::start();
    let mut before = node(&etcd.endpoint(), "boot-1", &SHORT_LEASE);
    assert_eq!(before.slot(), 1);
    let token = etcd.mod_revision_of(NAME);
    before.kill();
    let began = Instant::now();
    let after = node(&etcd.endpoint(), "boot-2", &SHORT_LEASE);
    let line = after.wait_for_log("waiting to see whether its lease ends");
    assert!(line.contains("worker1.tf.local. holds this node's addresses, 10.0.0.2 fd00::2"));
    // DNS is answered meanwhile, and follows what changes.
    etcd.put("worker7.tf.local.", br#"{"ipv4":"10.9.9.7"}"#);
    until(PATIENCE, "known at once", || lookup(after.address(), "worker7.tf.local."));
    assert_eq!(etcd.mod_revision_of(NAME), token, "not taken yet");
    assert_eq!(after.slot(), 1);
    let elapsed = began.elapsed();
    println!("named again after {elapsed:?} of a lease of {LEASE:?}");
    assert!(elapsed < LEASE + DELAY, "{elapsed:?}");
    assert!(etcd.mod_revision_of(NAME) > token);
}

#[test]
fn a_name_whose_lease_ends_while_etcd_is_away_is_tried_first_when_it_is_there_again() {
    let etcd = Etcd::start();
    let lowest = Node::in_cluster(&etcd, 7, 9, &SHORT_LEASE);
    assert_eq!(lowest.slot(), 1);
    let mut before = node(&etcd.endpoint(), "boot-1", &SHORT_LEASE);
    assert_eq!(before.slot(), 2);
    before.kill();
    let proxy = Proxy::new(&etcd.address());
    let long = ["--lease-ttl", "60", "--etcd-timeout", "0.5"];
    let after = node(&proxy.endpoint(), "boot-2", &long);
    after.wait_for_log("waiting to see whether its lease ends");
    proxy.freeze(true);
    until(PATIENCE, "its lease ends", || (!etcd.has("worker2.tf.local.")).then_some(()));
    lowest.signal(Signal::TERM);
    until(PATIENCE, "a lower one is free", || (!etcd.has(NAME)).then_some(()));
    after.wait_for_log("lost");
    proxy.freeze(false);
    assert_eq!(after.slot(), 2, "{}", after.log());
}

#[test]
fn without_an_id_nodes_on_one_machine_are_told_apart_by_their_sockets() {
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let common = ["--pattern", support::PATTERN, "--endpoints", &endpoint, "--lease-ttl", "3"];
    let record = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--port", "53"];
    let nodes: Vec<Node> = (1..=2)
        .map(|slot| {
            let node = Node::start(&[&common[..], &record].concat());
            assert_eq!(node.slot(), slot);
            node
        })
        .collect();
    let values: Vec<String> = etcd.keys().into_iter().map(|(_, value)| value).collect();
    assert!(values[0] != values[1] && values.iter().all(|value| value.contains("node_id")));
    assert!(!nodes[0].log().contains("lost worker"), "{}", nodes[0].log());
}

/// The content of two name files: both are read anew if the first changed meanwhile.
fn names(files: &[String; 2]) -> [Option<String>; 2] {
    let read = |path: &String| fs::read_to_string(path).ok();
    loop {
        let (first, second, again) = (read(&files[0]), read(&files[1]), read(&files[0]));
        if first == again {
            return [first, second];
        }
    }
}

#[test]
fn addresses_that_move_to_another_host_leave_the_name_with_the_first_while_it_lives() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let proxy = Proxy::new(&etcd.address());
    let files = [directory.file("first"), directory.file("second")];
    let options = |file| ["--lease-ttl", "6", "--etcd-timeout", "0.5", "--name-file", file];
    let first = node(&proxy.endpoint(), "host-1", &options(&files[0]));
    assert_eq!(first.slot(), 1);
    // The first keeps its lease alive, but hears of nothing any more.
    proxy.police(|passing| match (passing.phase, passing.path.as_str()) {
        (Phase::Request, "/v3/watch") => Action::Silence,
        _ => Action::Pass,
    });
    proxy.reset();
    first.wait_for_log("lost");
    let second = node(&etcd.endpoint(), "host-2", &options(&files[1]));
    let began = Instant::now();
    let mut named = None;
    while named.is_none_or(|at: Instant| at.elapsed() < Duration::from_secs(8)) {
        let [one, other] = names(&files);
        assert!(one.is_none() || one != other, "{one:?} of both: {}", second.log());
        if other.is_some() {
            named.get_or_insert_with(Instant::now);
        }
        assert!(began.elapsed() < PATIENCE * 2, "{}", second.log());
        std::thread::sleep(Duration::from_millis(2));
    }
    let [one, other] = names(&files);
    assert_eq!(one.as_deref(), Some("worker1.tf.local\n"), "{}", first.log());
    assert_eq!(other.as_deref(), Some("worker2.tf.local\n"), "{}", second.log());
    let line = second.wait_for_log("is the name of another node");
    for part in [NAME, "10.0.0.2 fd00::2 port 53", "is host-1, ours host-2", "--ipv4, --ipv6"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!first.log().contains("lost worker"), "{}", first.log());
}

#[test]
fn a_name_that_is_renewed_as_the_plugin_does_or_has_no_lease_is_anothers() {
    let etcd = Etcd::start();
    let value = br#"{"ipv4":"10.0.0.2","ipv6":"fd00::2","port":"53"}"#;
    etcd.put_leased(NAME, value, 3);
    etcd.put("worker2.tf.local.", value);
    let node = node(&etcd.endpoint(), "a", &SHORT_LEASE);
    node.wait_for_log("worker1.tf.local. holds this node's addresses");
    etcd.put_leased(NAME, value, 60);
    let line = node.wait_for_log("worker1.tf.local. is the name of another node");
    assert!(line.contains("(its node ID is none, ours a)"), "{line}");
    node.wait_for_log(
        "worker2.tf.local. holds this node's addresses, 10.0.0.2 fd00::2 port 53, without",
    );
    assert_eq!(node.slot(), 3);
}

#[test]
fn a_host_is_known_by_its_machine_id_and_after_a_reboot_without_one_by_nothing() {
    if !is_private!() {
        return;
    }
    let directory = Directory::new();
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let etcd = cluster.any();
    // As if by the boot: this is seen by what is started from now on.
    let boot = |machine_id: &str, boot_id: &str| {
        for (path, text) in
            [("/etc/machine-id", machine_id), ("/proc/sys/kernel/random/boot_id", boot_id)]
        {
            let name = Path::new(path).file_name().expect("a name").to_string_lossy();
            let file = directory.file(&format!("{name}{}", text.len()));
            fs::write(&file, text).expect("written");
            run("mount", &["--bind", &file, path]);
        }
    };
    let value = || etcd.keys().into_iter().find(|(key, _)| key == NAME).map(|(_, value)| value);
    boot("3d1219c7c4c5404aaa1f6d2a48adfda4\n", "a\n");
    let mut node = Node::on(network.host(1), &cluster.endpoints(), 9, &SHORT_LEASE);
    assert_eq!(node.slot(), 1);
    let known = value().expect("a record");
    assert!(known.contains(r#""node_id":""#) && !known.contains("3d1219c7"), "{known}");
    let restart = |node: &mut Node| {
        node.kill();
        let began = Instant::now();
        node.restart();
        assert_eq!(node.slot(), 1);
        began.elapsed()
    };
    let waited = |node: &Node| node.log().contains("waiting to see whether its lease ends");
    let elapsed = restart(&mut node);
    println!("with a machine ID: {elapsed:?}");
    assert!(elapsed < Duration::from_secs(2) && !waited(&node), "{elapsed:?}: {}", node.log());
    assert_eq!(value().as_ref(), Some(&known));
    // The machine's ID is gone.
    boot("", "0ab4c1d2-6a5e-4b3f-9d21-0a1b2c3d4e5f\n");
    let elapsed = restart(&mut node);
    println!("after the ID changed: {elapsed:?}");
    assert!(elapsed < LEASE + DELAY && waited(&node), "{elapsed:?}: {}", node.log());
    assert_ne!(value().as_ref(), Some(&known));
    // Within one boot it is known by that.
    let elapsed = restart(&mut node);
    println!("within a boot: {elapsed:?}");
    assert!(elapsed < Duration::from_secs(2) && !waited(&node), "{elapsed:?}: {}", node.log());
    // No ID at all.
    boot("uninitialized\n", "\n");
    let elapsed = restart(&mut node);
    println!("without any ID: {elapsed:?}");
    assert!(node.log().contains("this host has no ID of its own"), "{}", node.log());
    let bare = value().expect("a record");
    assert_eq!(bare, r#"{"ipv4":"10.98.0.11","port":"53"}"#);
}
