//! `--hosts-file` and `--file-sd`: all names, for programs that do not ask DNS.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{
    Directory, Etcd, Node, PATIENCE, PATTERN, Prober, Signal, free_port, is_private, lookup, run,
    until,
};

const BEGIN: &str = "# BEGIN idetcd worker{{.ID}}.tf.local.\n";
const END: &str = "# END idetcd worker{{.ID}}.tf.local.\n";

fn holds(path: &str, wanted: &str) {
    let mut found = String::new();
    let deadline = Instant::now() + PATIENCE;
    while found != wanted {
        assert!(Instant::now() < deadline, "wanted:\n{wanted}\nfound:\n{found}");
        thread::sleep(Duration::from_millis(5));
        found = fs::read_to_string(path).unwrap_or_default();
    }
}

fn section(lines: &str) -> String {
    format!("{BEGIN}{lines}{END}")
}

const OWN: &str = "10.0.0.2\tworker1.tf.local\nfd00::2\tworker1.tf.local\n";

fn stop(mut node: Node) {
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
}

/// The files in a directory: no drafts are left.
fn files(directory: &Directory) -> usize {
    fs::read_dir(directory.path()).expect("a directory").count()
}

#[test]
fn names_stand_in_a_section_of_the_file_and_all_else_stays_as_it_is() {
    let (mut etcd, directory) = (Etcd::start(), Directory::new());
    let (real, path) = (directory.file("real"), directory.file("hosts"));
    let (before, after) = ("127.0.0.1\tlocalhost\r\n\n# a comment", "\n10.9.9.9 printer\n\t\n");
    fs::write(&real, before).expect("written");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("a mode");
    symlink("real", &path).expect("a link");
    let node = Node::in_cluster(&etcd, 1, 9, &["--hosts-file", &path]);
    let with = |lines: &str| format!("{before}\n{}", section(lines));
    holds(&path, &with(OWN));
    // Somebody adds a line behind it.
    let text = fs::read_to_string(&path).expect("there") + after;
    fs::write(&path, &text).expect("written");
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.0.0.3"}"#);
    let both = format!("{OWN}10.0.0.3\tworker3.tf.local\n");
    holds(&path, &format!("{}{after}", with(&both)));
    assert_eq!(fs::metadata(&real).expect("there").mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&path).expect("there").is_symlink());
    // While etcd is away, and after the end of the node, it stays.
    etcd.kill();
    node.wait_for_log("lost: ");
    assert_eq!(fs::read_to_string(&path).expect("there"), format!("{}{after}", with(&both)));
    stop(node);
    assert_eq!(fs::read_to_string(&path).expect("there"), format!("{}{after}", with(&both)));
    // The next one knows nothing yet.
    let node = Node::at(&etcd.endpoint(), 1, 9, &["--hosts-file", &path]);
    node.wait_for_log("out of reach");
    assert_eq!(fs::read_to_string(&path).expect("there"), format!("{}{after}", with(&both)));
    let inode = fs::metadata(&real).expect("there").ino();
    etcd.restart();
    node.slot();
    etcd.delete("worker3.tf.local.");
    holds(&path, &format!("{}{after}", with(OWN)));
    assert_ne!(fs::metadata(&real).expect("there").ino(), inode, "replaced as a whole");
    assert_eq!(files(&directory), 2);
}

#[test]
fn targets_for_prometheus_are_written_when_they_are_known_and_only_when_they_differ() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("idetcd.json");
    fs::write(&path, "what was").expect("written");
    let more = ["--file-sd", &path, "--file-sd-port", "8080", "--resolve", "db.tf.local."];
    let early = Node::at("http://127.0.0.1:1", 1, 9, &more);
    early.wait_for_log("out of reach");
    thread::sleep(Duration::from_millis(300));
    stop(early);
    assert_eq!(fs::read_to_string(&path).expect("there"), "what was");
    etcd.put("db.tf.local.", br#"{"ipv6":"fd00::9"}"#);
    let node = Node::in_cluster(&etcd, 1, 9, &more);
    let wanted = json!([
        {"targets": ["10.0.0.2:8080"], "labels": {"__meta_idetcd_group": "worker.tf.local",
            "__meta_idetcd_id": "1", "__meta_idetcd_ipv4": "10.0.0.2",
            "__meta_idetcd_ipv6": "fd00::2", "__meta_idetcd_name": "worker1.tf.local",
            "__meta_idetcd_port": "53", "__meta_idetcd_ready": "true",
            "__meta_idetcd_drained": "false"}},
        {"targets": ["[fd00::9]:8080"], "labels": {"__meta_idetcd_group": "db.tf.local",
            "__meta_idetcd_ipv6": "fd00::9", "__meta_idetcd_name": "db.tf.local",
            "__meta_idetcd_ready": "true", "__meta_idetcd_drained": "false"}},
    ]);
    let says = || serde_json::from_str::<Value>(&fs::read_to_string(&path).ok()?).ok();
    until(PATIENCE, "the targets", || says().filter(|it| *it == wanted));
    // The same again, as by a node that publishes what it did, is no reason to write.
    let inode = || fs::metadata(&path).expect("there").ino();
    let first = inode();
    etcd.put("db.tf.local.", br#"{"ipv6":"fd00::9", "more": 1}"#);
    stop(node);
    let node = Node::in_cluster(&etcd, 1, 9, &more);
    node.slot();
    until(PATIENCE, "answered", || lookup(node.address(), "worker1.tf.local."));
    thread::sleep(Duration::from_millis(1500));
    assert_eq!((says(), inode()), (Some(wanted), first));
    assert_eq!(files(&directory), 1);
}

/// Counts how often a file is replaced.
struct Counter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<(u64, i64, i64)>>,
}

impl Counter {
    fn start(path: &str) -> Counter {
        let (stop, path) = (Arc::new(AtomicBool::new(false)), path.to_owned());
        let is_over = stop.clone();
        let thread = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(about) = fs::metadata(&path) {
                    seen.insert((about.ino(), about.mtime(), about.mtime_nsec()));
                }
                thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Counter { stop, thread }
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic").len()
    }
}

#[test]
fn a_thousand_changes_are_few_writes_and_a_long_list_is_whole() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (hosts, targets) = (directory.file("hosts"), directory.file("targets.json"));
    let node = Node::in_cluster(&etcd, 1, 9000, &["--hosts-file", &hosts, "--file-sd", &targets]);
    holds(&hosts, &section(OWN));
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    let counters = [&hosts, &targets].map(|path| Counter::start(path));
    let began = Instant::now();
    let key = |slot: u32| format!("worker{slot}.tf.local.");
    for slot in 2..1002 {
        etcd.put(&key(slot), br#"{"ipv4":"10.1.0.1"}"#);
    }
    let took = began.elapsed();
    let record = |slot: u32| format!(r#"{{"ipv4":"10.2.{}.{}"}}"#, slot / 250, slot % 250);
    etcd.put_all((2..8000).map(|slot| (key(slot), record(slot))));
    let line = |slot: u32| format!("10.2.{}.{}\tworker{slot}.tf.local\n", slot / 250, slot % 250);
    let lines: String = (2..8000).map(line).collect();
    holds(&hosts, &section(&format!("{OWN}{lines}")));
    until(PATIENCE, "the targets", || {
        let text = fs::read_to_string(&targets).expect("there");
        let read: Value = serde_json::from_str(&text).expect("whole at any time");
        let all = read.as_array().expect("a list");
        let is_last = all.last().is_some_and(|last| last["targets"][0] == "10.2.31.249:9100");
        (all.len() == 7999 && is_last).then_some(())
    });
    let counts = counters.map(Counter::end);
    let probed = prober.stop();
    println!("1000 changes in {took:?} and 7998 more: written {counts:?} times, {probed:?}");
    assert_eq!(probed.lost, 0, "{probed:?}");
    let most = 3 + usize::try_from(began.elapsed().as_secs()).expect("few");
    assert!(counts.iter().all(|count| *count <= most), "{counts:?} in {:?}", began.elapsed());
}

#[test]
fn a_hosts_file_that_is_a_mount_of_its_own_is_written_in_place() {
    if !is_private!() {
        return;
    }
    run("ip", &["link", "set", "lo", "up"]);
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (outside, path) = (directory.file("outside"), directory.file("hosts"));
    let before = "127.0.0.1 localhost\n";
    let long = format!("{before}{}", section(&"10.0.0.9\tworker9.tf.local\n".repeat(9)));
    fs::write(&outside, long).expect("written");
    fs::write(&path, "").expect("written");
    run("mount", &["--bind", &outside, &path]);
    let node = Node::in_cluster(&etcd, 1, 9, &["--hosts-file", &path]);
    holds(&outside, &format!("{before}{}", section(OWN)));
    // As where all of the root is read-only but this.
    run("mount", &["-t", "tmpfs", "tmpfs", "/mnt"]);
    fs::write("/mnt/hosts", "").expect("written");
    let elsewhere = directory.file("elsewhere");
    fs::write(&elsewhere, before).expect("written");
    run("mount", &["--bind", &elsewhere, "/mnt/hosts"]);
    run("mount", &["-o", "remount,ro", "/mnt"]);
    let other = Node::in_cluster(&etcd, 2, 9, &["--hosts-file", "/mnt/hosts"]);
    let two = "10.0.0.3\tworker2.tf.local\nfd00::3\tworker2.tf.local\n";
    holds("/mnt/hosts", &format!("{before}{}", section(&format!("{OWN}{two}"))));
    holds(&outside, &format!("{before}{}", section(&format!("{OWN}{two}"))));
    stop(other);
    holds(&outside, &format!("{before}{}", section(OWN)));
    stop(node);
    run("umount", &[&path]);
    run("umount", &["/mnt/hosts"]);
    run("umount", &["/mnt"]);
}

#[test]
fn marks_that_are_no_pair_and_directories_that_are_not_there_are_told() {
    let directory = Directory::new();
    let (odd, json) = (directory.file("odd"), directory.file("a.json"));
    fs::write(&odd, BEGIN).expect("written");
    let inside = directory.path().to_str().expect("text").to_owned();
    let not_a_file = directory.file("d.json");
    fs::create_dir(&not_a_file).expect("a directory");
    let table: [(&[&str], i32, &str); 9] = [
        (&["--hosts-file", "/no/such/hosts"], 2, "--hosts-file: /no/such/hosts: No such file"),
        (&["--file-sd", "/no/such/a.json"], 2, "--file-sd: /no/such/a.json: No such file"),
        (&["--file-sd", "/run/a.txt"], 2, "--file-sd: /run/a.txt: Prometheus wants a name that"),
        (&["--file-sd-port", "80"], 2, "--file-sd-port: means nothing without --file-sd"),
        (&["--file-sd", &json, "--file-sd-port", "0"], 2, "--file-sd-port: \"0\" is not a whole"),
        (&["--file-sd", &json, "--hosts-file", &json], 2, "--file-sd: is the --hosts-file as well"),
        (&["--hosts-file", &odd], 1, "are no pair: remove them"),
        (&["--hosts-file", &inside], 1, "it is no regular file"),
        (&["--file-sd", &not_a_file], 1, "it is no regular file"),
    ];
    let listen = format!("127.0.0.1:{}", free_port());
    for (words, status, wanted) in table {
        let own = ["--pattern", PATTERN, "--endpoints", "http://127.0.0.1:1", "--listen", &listen];
        let mut node = Node::start(&[&own[..], words].concat());
        assert_eq!(node.wait(PATIENCE).code(), Some(status), "{words:?}: {}", node.log());
        assert!(node.log().contains(wanted), "{words:?}: {}", node.log());
    }
    assert_eq!(fs::read_to_string(&odd).expect("there"), BEGIN);
}

#[test]
fn what_takes_the_place_of_a_file_that_stays_is_on_disk_before() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (calls, hosts) = (directory.file("calls"), directory.file("hosts"));
    // -D: the node is our child, not the tracer.
    let words = ["strace", "-D", "-f", "-y", "-qq", "-o", &calls, "-e", "trace=fsync,/^rename"];
    let wrapper: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let (endpoint, pattern) = (etcd.endpoint(), ["--pattern", PATTERN, "--endpoints"]);
    let own = [&endpoint, "--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--ipv6", "none"];
    let _node = Node::start_by(&wrapper, &[&pattern[..], &own, &["--hosts-file", &hosts]].concat());
    let told = until(PATIENCE, "the file", || {
        let told = fs::read_to_string(&calls).ok()?;
        (fs::exists(&hosts).ok()? && told.contains("rename")).then_some(told)
    });
    let at = |call: &str| {
        told.lines().position(|line| line.contains(call) && line.contains(".hosts.new"))
    };
    let (settled, placed) = (at("fsync("), at("rename").expect("the draft takes its place"));
    assert!(settled.is_some_and(|settled| settled < placed), "{told}");
}
