//! Files on a disk that hangs, and a log that nobody reads: DNS goes on.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::frozen::FrozenDisk;
use support::{
    Directory, Etcd, Node, PATIENCE, PATTERN, Prober, Signal, command, exchange, free_port, idetcd,
    is_private, lookup, question, run, until,
};

/// The longest that a query may wait, on a machine that does other things as well.
const BOUND: Duration = Duration::from_millis(250);

/// A node whose log goes to a file by way of a shell, if one is named.
fn start(etcd: &Etcd, listen: &str, log: Option<&str>, more: &[&str]) -> Node {
    let redirect = log.map_or("exec \"$@\"".to_owned(), |log| format!("exec \"$@\" 2>>{log}"));
    let wrapper = ["sh".to_owned(), "-c".to_owned(), redirect, "sh".to_owned()];
    let arguments = ["--pattern", PATTERN, "--limit", "3", "--endpoints", &etcd.endpoint()];
    let own = ["--listen", listen, "--ipv4", "10.0.0.2", "--port", "53"];
    Node::start_by(&wrapper, &[&arguments[..], &own, more].concat())
}

/// The processes that a node started.
fn children(node: &Node) -> Vec<String> {
    let pid = node.child.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("a running process");
    children.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_name_file_on_a_disk_that_hangs_costs_no_answer() {
    if FrozenDisk::is_possible() && is_private!() {
        is_made_up_for("name");
    }
}

#[test]
fn a_metrics_file_on_a_disk_that_hangs_costs_no_answer() {
    if FrozenDisk::is_possible() && is_private!() {
        is_made_up_for("metrics");
    }
}

#[test]
fn a_hosts_file_on_a_disk_that_hangs_costs_no_answer() {
    if FrozenDisk::is_possible() && is_private!() {
        is_made_up_for("hosts");
    }
}

#[test]
fn a_log_on_a_disk_that_hangs_costs_no_answer() {
    if FrozenDisk::is_possible() && is_private!() {
        is_made_up_for("log");
    }
}

/// What could not be written while the disk hung is written then.
fn is_made_up_for(what: &str) {
    run("ip", &["link", "set", "lo", "up"]);
    let (etcd, disk) = (Etcd::start(), FrozenDisk::mount());
    let [name, metrics, hosts, log] = ["name", "metrics", "hosts", "log"].map(|it| disk.file(it));
    let more = match what {
        "name" => vec!["--name-file", &name],
        "metrics" => vec!["--metrics-file", &metrics],
        "hosts" => vec!["--hosts-file", &hosts],
        _ => vec![],
    };
    let listen = format!("127.0.0.1:{}", free_port());
    let server = listen.parse().expect("an address");
    let log = (what == "log").then_some(log.as_str());
    let mut node = start(&etcd, &listen, log, &more);
    let put_at = || etcd.mod_revision_of("worker1.tf.local.");
    let first = until(PATIENCE, "named", put_at);
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    until(PATIENCE, "the file", || disk.holds(what).filter(|text| !text.is_empty()));
    let prober = Prober::start(server, "worker1.tf.local.");
    disk.freeze();
    // The name is lost, and claimed again: all of that is to be written.
    etcd.delete("worker1.tf.local.");
    until(PATIENCE, "named again", || put_at().filter(|revision| *revision > first));
    etcd.put("worker7.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "followed", || lookup(server, "worker7.tf.local."));
    thread::sleep(Duration::from_secs(7));
    let probed = prober.stop();
    println!("{what} on a disk that hangs: {probed:?}, {} resident", node.status("VmRSS"));
    assert_eq!(probed.lost, 0, "{what}: {probed:?}");
    assert!(probed.worst < BOUND, "{what}: {probed:?}");
    assert_eq!(node.status("Threads"), "1");
    let told = node.log().matches("does not answer; going on without").count();
    assert_eq!(told, usize::from(log.is_none()), "{what}: {}", node.log());
    disk.thaw();
    let wanted = match what {
        "name" => "worker1.tf.local\n",
        "metrics" => "idetcd_name_claims_total 2\n",
        "hosts" => "10.9.9.9\tworker7.tf.local\n",
        _ => "re-claimed worker1.tf.local.",
    };
    until(PATIENCE, wanted, || disk.holds(what).filter(|text| text.contains(wanted)));
    if log.is_none() {
        node.wait_for_log("answers again");
    }
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{what}");
    let last = disk.holds(what);
    assert_eq!(last.is_some(), ["log", "hosts"].contains(&what), "{what}: after the end");
    let is_whole = |text: &String| text.contains("released worker1") || text.ends_with("local.\n");
    assert!(last.as_ref().is_none_or(is_whole), "{what}: {last:?}");
}

#[test]
fn a_node_ends_and_another_one_takes_its_place_while_the_disk_hangs() {
    if !FrozenDisk::is_possible() || !is_private!() {
        return;
    }
    run("ip", &["link", "set", "lo", "up"]);
    let (etcd, disk) = (Etcd::start(), FrozenDisk::mount());
    let [name, metrics, id] = ["name", "metrics", "id"].map(|it| disk.file(it));
    let listen = format!("127.0.0.1:{}", free_port());
    let server = listen.parse().expect("an address");
    let more = ["--name-file", &name, "--metrics-file", &metrics, "--id-file", &id];
    let mut node = start(&etcd, &listen, None, &more);
    until(PATIENCE, "the name", || disk.holds("name").filter(|text| !text.is_empty()));
    until(PATIENCE, "the ID", || disk.holds("id").filter(|text| text == "1\n"));
    disk.freeze();
    let began = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    println!("ended within {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(disk.holds("name").is_some(), "nobody could remove it");
    // Killed, it is gone as well, and the next one has the port at once.
    let mut node = start(&etcd, &listen, None, &more);
    node.wait_for_log("--name-file: the file system of ");
    node.wait_for_log("--id-file: the file system of ");
    until(PATIENCE, "answered", || lookup(server, "worker1.tf.local."));
    node.kill();
    let node = start(&etcd, &listen, None, &more);
    node.wait_for_log("claimed worker1");
    disk.thaw();
    node.wait_for_log("answers again");
    until(PATIENCE, "the name", || disk.holds("name").filter(|text| text == "worker1.tf.local\n"));
    until(PATIENCE, "figures", || disk.holds("metrics").filter(|text| text.ends_with('\n')));
    // Those that were left behind are gone, and left the files of the living alone.
    thread::sleep(Duration::from_secs(1));
    assert_eq!(disk.holds("name").as_deref(), Some("worker1.tf.local\n"));
    assert!(disk.holds("metrics").is_some());
}

#[test]
fn the_file_goes_with_a_node_that_is_killed_and_its_keeper_is_started_anew() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let mut node = Node::in_cluster(&etcd, 1, 3, &["--name-file", &path]);
    let says = |wanted: &str| {
        let text = || fs::read_to_string(&path).ok().filter(|text| text == wanted);
        until(PATIENCE, wanted, text);
    };
    says("worker1.tf.local\n");
    let keeper = children(&node).into_iter().find(|pid| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.contains("file") && words.contains(&path)
    });
    let keeper = keeper.expect("a process for the file");
    let status = fs::read_to_string(format!("/proc/{keeper}/status")).expect("its status");
    for field in ["VmRSS", "RssAnon"] {
        println!("{}", status.lines().find(|line| line.starts_with(field)).expect("a line"));
    }
    // A request to end is for the node; this one has work left then.
    for signal in ["-TERM", "-INT", "-HUP"] {
        run("kill", &[signal, &keeper]);
    }
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    says("worker2.tf.local\n");
    assert!(!node.log().contains("the process for it ended"), "{}", node.log());
    run("kill", &["-KILL", &keeper]);
    node.wait_for_log("cannot be written: the process for it ended; trying again every 1 s");
    node.wait_for_log("is written again");
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    says("worker3.tf.local\n");
    node.kill();
    until(PATIENCE, "gone", || (!fs::exists(&path).expect("looked at")).then_some(()));
}

#[test]
fn without_proc_a_node_writes_its_file_itself_and_says_so() {
    if !is_private!() {
        return;
    }
    run("ip", &["link", "set", "lo", "up"]);
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let path = directory.file("name");
    let hidden = "mount -t tmpfs tmpfs /proc && exec \"$@\"";
    let wrapper = ["unshare", "--mount", "sh", "-c", hidden, "sh"].map(str::to_owned);
    let arguments = ["--pattern", PATTERN, "--endpoints", &etcd.endpoint(), "--name-file", &path];
    let more = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.2"];
    let mut node = Node::start_by(&wrapper, &[&arguments[..], &more].concat());
    let line = node.wait_for_log("--name-file: no process starts for it: ");
    assert!(line.contains("; mount /proc; "), "{line}");
    node.wait_for_log("claimed worker1");
    let named = || fs::read_to_string(&path).ok().filter(|text| text == "worker1.tf.local\n");
    until(PATIENCE, "the name", named);
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(0));
    assert!(!fs::exists(&path).expect("looked at"));
}

/// A process that is ended.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_pipe_that_nobody_reads_costs_no_answer_and_what_was_dropped_is_counted() {
    let etcd = Etcd::start();
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let listen = format!("127.0.0.1:{}", free_port());
    let arguments = ["--pattern", PATTERN, "--endpoints", &etcd.endpoint(), "--listen", &listen];
    let mut node = command(idetcd());
    node.args(arguments).args(["--ipv4", "10.0.0.2", "-v", "-v"]).stdout(Stdio::null());
    node.stderr(OwnedFd::from(writer.try_clone().expect("a copy")));
    let node = Ending(node.spawn().expect("idetcd"));
    let server = listen.parse().expect("an address");
    until(PATIENCE, "answered", || {
        let query = question("worker1.tf.local.", TYPE::A);
        let reply = exchange(server, &query, Duration::from_millis(200))?;
        (reply[3] & 0x0f == 0).then_some(())
    });
    // Somebody else writes there too, and as it would to any other pipe: it may block.
    let mut other = command("sh");
    other.args(["-c", "while :; do echo other; done"]).stderr(Stdio::null());
    let other = Ending(other.stdout(OwnedFd::from(writer)).spawn().expect("a shell"));
    let prober = Prober::start(server, "worker1.tf.local.");
    // Each query is a line of some hundred octets: far more than the pipe takes.
    thread::sleep(Duration::from_secs(4));
    let flags = fs::read_to_string(format!("/proc/{}/fdinfo/2", node.0.id())).expect("its flags");
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("octal");
    assert_eq!(flags & 0o4000, 0, "others find it as it was");
    // From now on it is read, a little at a time, so that it is full again and again.
    let reading = thread::spawn(move || {
        let (mut text, mut octets) = (Vec::new(), [0; 4096]);
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            let length = reader.read(&mut octets).expect("read");
            text.extend_from_slice(&octets[..length]);
            thread::sleep(Duration::from_millis(5));
        }
        (text, reader)
    });
    let (text, _reader) = reading.join().expect("read");
    let probed = prober.stop();
    drop(other);
    let text = String::from_utf8_lossy(&text).into_owned();
    let counts = text.lines().filter(|line| line.contains("lines dropped before this one")).count();
    println!("a log that nobody reads: {probed:?}, told {counts} times");
    assert_eq!(probed.lost, 0);
    assert!(probed.worst < BOUND, "{probed:?}");
    assert!(counts > 0, "{text}");
    // No line is torn, but for the first and the last that were read.
    let is_whole = |line: &str| line == "other" || line.starts_with("20");
    let lines: Vec<&str> = text.lines().collect();
    let torn = lines.iter().skip(1).rev().skip(1).filter(|line| !is_whole(line));
    assert_eq!(torn.count(), 0, "{text}");
}
