//! `--name-file`: whole while the name is owned, and not there else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, until};

const SHORT_LEASE: &str = "3";

/// What the file holds; `None`: it is not there.
fn held(path: &str) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{path}: {error}"),
    }
}

fn is_gone(path: &str) -> Option<()> {
    held(path).is_none().then_some(())
}

/// The names of all files in a directory.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("text");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort_unstable();
    names
}

fn start(etcd: &Etcd, path: &str) -> Node {
    Node::in_cluster(etcd, 1, 3, &["--lease-ttl", SHORT_LEASE, "--name-file", path])
}

#[test]
fn it_holds_the_name_while_it_is_owned_and_goes_with_it() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let mut node = start(&etcd, &path);
    node.slot();
    let named = || held(&path).filter(|text| text == "worker1.tf.local\n");
    until(PATIENCE, "the name", named);
    let mode = fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
    assert_eq!(files(directory.path()), ["name"]);
    // Another name under which to be found: the file changes with it.
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "another", || held(&path).filter(|text| text == "worker2.tf.local\n"));
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0));
    assert_eq!(files(directory.path()), Vec::<String>::new());
}

#[test]
fn it_is_gone_while_the_name_is_in_doubt_and_comes_back_when_it_is_kept() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let node = start(&etcd, &path);
    until(PATIENCE, "the name", || held(&path));
    // etcd's clock stands still as well, so the lease lives on there.
    etcd.signal(Signal::STOP);
    node.wait_for_log("worker1.tf.local. is in doubt");
    until(PATIENCE, "gone", || is_gone(&path));
    etcd.signal(Signal::CONT);
    let again = until(PATIENCE, "kept or claimed again", || held(&path));
    assert_eq!(again, "worker1.tf.local\n");
}

#[test]
fn it_is_removed_by_a_node_that_was_frozen_beyond_its_lease() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let node = start(&etcd, &path);
    until(PATIENCE, "the name", || held(&path));
    node.signal(Signal::STOP);
    until(PATIENCE, "its lease ends", || etcd.keys().is_empty().then_some(()));
    // Without etcd it cannot get another name, but its clock tells it that this one is no more.
    etcd.signal(Signal::STOP);
    node.signal(Signal::CONT);
    until(PATIENCE, "gone", || is_gone(&path));
    etcd.signal(Signal::CONT);
}

#[test]
fn it_is_gone_before_the_name_is_given_back() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let node = start(&etcd, &path);
    until(PATIENCE, "the name", || held(&path));
    // The release waits for etcd a second, and by then the file is gone long since.
    etcd.signal(Signal::STOP);
    node.signal(Signal::TERM);
    until(PATIENCE, "gone", || is_gone(&path));
    assert!(!node.log().contains("stays until its lease runs out"), "{}", node.log());
    node.wait_for_log("stays until its lease runs out");
    etcd.signal(Signal::CONT);
}

#[test]
fn what_an_earlier_life_left_is_removed_before_etcd_is_heard() {
    let directory = Directory::new();
    let path = directory.file("name");
    fs::write(&path, "worker9.tf.local\n").expect("written");
    fs::write(directory.file(".name.new"), "worker9.tf").expect("written");
    // Nothing listens at that port.
    let node = Node::at("http://127.0.0.1:1", 1, 3, &["--name-file", &path]);
    node.wait_for_log("out of reach");
    assert_eq!(files(directory.path()), Vec::<String>::new());
}

#[test]
fn the_file_of_a_running_node_is_not_removed_by_a_second_one_that_cannot_listen() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let node = start(&etcd, &path);
    until(PATIENCE, "the name", || held(&path));
    let listen = node.address().to_string();
    let arguments = ["--pattern", PATTERN, "--listen", &listen, "--name-file", &path];
    assert_eq!(Node::start(&arguments).wait(PATIENCE).code(), Some(1));
    assert_eq!(held(&path).as_deref(), Some("worker1.tf.local\n"));
}

#[test]
fn a_link_is_replaced_and_never_written_through() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (path, victim) = (directory.file("name"), directory.file("victim"));
    fs::write(&victim, "untouched").expect("written");
    symlink(&victim, &path).expect("a link");
    symlink(&victim, directory.file(".name.new")).expect("a link");
    let _node = start(&etcd, &path);
    until(PATIENCE, "the name", || held(&path).filter(|text| text == "worker1.tf.local\n"));
    assert!(fs::symlink_metadata(&path).expect("the file").is_file());
    assert_eq!(held(&victim).as_deref(), Some("untouched"));
}

/// Names come and go, and the node is killed at any moment: whoever reads finds a whole name.
#[test]
fn kills_at_any_moment_leave_whole_files_and_no_litter() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let ended = Arc::new(AtomicBool::new(false));
    let reader = {
        let (ended, path) = (ended.clone(), path.clone());
        thread::spawn(move || {
            let mut seen = 0;
            while !ended.load(Ordering::Relaxed) {
                if let Some(text) = held(&path) {
                    let number =
                        text.strip_prefix("worker").and_then(|t| t.strip_suffix(".tf.local\n"));
                    assert!(number.is_some_and(|n| n.parse::<u32>().is_ok()), "{text:?}");
                    seen += 1;
                }
            }
            seen
        })
    };
    let mut node = start(&etcd, &path);
    for life in 0..25 {
        until(PATIENCE, "named", || held(&path));
        // Deleting the key makes the file go and come, the kill falls anywhere into that.
        let deadline = Instant::now() + Duration::from_micros(1_500 * (life % 12));
        etcd.try_delete("worker1.tf.local.");
        while Instant::now() < deadline {
            thread::yield_now();
        }
        node.kill();
        let found = files(directory.path());
        let is_known = |name: &String| ["name", ".name.new"].contains(&name.as_str());
        assert!(found.iter().all(is_known), "{found:?}");
        node.restart();
    }
    until(PATIENCE, "named", || held(&path));
    until(PATIENCE, "no litter", || (files(directory.path()) == ["name"]).then_some(()));
    ended.store(true, Ordering::Relaxed);
    let seen = reader.join().expect("only whole names");
    println!("{seen} whole names read");
}

#[test]
fn a_directory_that_is_missing_or_closed_is_told_at_the_start() {
    let directory = Directory::new();
    let missing = directory.file("missing/name");
    let inside = directory.path().to_str().expect("text").to_owned();
    for (path, status, wanted) in [
        (missing.as_str(), 2, "create its directory"),
        ("/proc/name", 2, "give a"),
        ("/dev/null", 1, "it is no regular file; give another file"),
        (inside.as_str(), 1, "it is no regular file; give another file"),
    ] {
        let arguments = ["--pattern", PATTERN, "--listen", "127.0.0.1:0", "--name-file", path];
        let mut node = Node::start(&arguments);
        assert_eq!(node.wait(PATIENCE).code(), Some(status), "{path}");
        let log = node.log();
        let line = log.lines().last().expect("a line");
        assert!(line.contains(&format!("--name-file: {path}: ")) && line.contains(wanted), "{log}");
    }
}

#[test]
fn a_directory_that_goes_later_is_told_once_and_tried_again() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let inner = directory.file("inner");
    fs::create_dir(&inner).expect("a directory");
    let path = directory.file("inner/name");
    // What is made anew is another directory to the kernel's rules.
    let more = ["--lease-ttl", SHORT_LEASE, "--name-file", &path, "--no-sandbox"];
    let node = Node::in_cluster(&etcd, 1, 3, &more);
    until(PATIENCE, "the name", || held(&path));
    fs::remove_dir_all(&inner).expect("removed");
    etcd.delete("worker1.tf.local.");
    node.wait_for_log("inner/name cannot be written: ");
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(node.log().matches("trying again every").count(), 1, "{}", node.log());
    fs::create_dir(&inner).expect("a directory");
    until(PATIENCE, "the name again", || held(&path));
    node.wait_for_log("inner/name is written again");
}
