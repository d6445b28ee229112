//! `idetcd exec`: a program that lives as long as the name does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, lookup, until};

mod doubt;
mod lease;
mod leftovers;
mod together;

/// On a lease that does not end meanwhile.
fn start(etcd: &Etcd, number: u32, more: &[&str], program: &[&str]) -> Node {
    start_on(etcd, number, 60, more, program)
}

/// On a lease of so many seconds.
fn start_on(etcd: &Etcd, number: u32, lease: u32, more: &[&str], program: &[&str]) -> Node {
    let (endpoint, ipv4) = (etcd.endpoint(), format!("10.0.0.{number}"));
    let lease = lease.to_string();
    let common =
        ["exec", "--pattern", PATTERN, "--endpoints", &endpoint, "--listen", "127.0.0.1:0"];
    let record =
        ["--lease-ttl", &lease, "--ipv4", &ipv4, "--ipv6", "none", "--port", "53", "--limit", "1"];
    let record = [&record[..], &["--node-id", &ipv4]].concat();
    Node::start(&[&common[..], &record, more, &["--"], program].concat())
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))
}

#[test]
fn the_program_runs_under_the_name_and_its_status_is_handed_on() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    let script = format!("echo $IDETCD_NAME $IDETCD_INDEX \"$1\" >{told}; sleep 1; exit 42");
    let mut node = start(&etcd, 1, &[], &["sh", "-c", &script, "sh", "--an argument"]);
    let told = until(PATIENCE, "it runs", || text(&told));
    assert_eq!(told, "worker1.tf.local 0 --an argument\n");
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.1"));
    assert_eq!(node.wait(PATIENCE).code(), Some(42), "{}", node.log());
    assert!(etcd.keys().is_empty(), "released: {:?}", etcd.keys());
}

#[test]
fn the_program_of_a_node_without_a_name_is_not_started_but_dns_is_answered() {
    let etcd = Etcd::start();
    let first = start(&etcd, 1, &[], &["sleep", "1000"]);
    first.wait_for_log("starting sleep as process");
    let mut second = start(&etcd, 2, &["--wait"], &["sleep", "1000"]);
    second.wait_for_log("waiting for one");
    assert_eq!(lookup(second.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.1"));
    assert!(!second.log().contains("starting sleep"), "{}", second.log());
    // Signals that ask nothing are nobody's yet, the others end it as a shell would tell.
    second.signal(Signal::USR1);
    second.signal(Signal::TERM);
    assert_eq!(second.wait(PATIENCE).code(), Some(128 + 15), "{}", second.log());
    let mut third = start(&etcd, 2, &[], &["sleep", "1000"]);
    assert_eq!(third.wait(PATIENCE).code(), Some(3), "{}", third.log());
}

#[test]
fn signals_are_passed_on_and_the_end_by_one_is_told_as_a_shell_does() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    let signals = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::TERM, "TERM"),
    ];
    let traps: String =
        signals.iter().map(|(_, name)| format!("trap 'echo {name} >>{told}' {name}; ")).collect();
    let script = format!("{traps} echo ready >>{told}; while :; do sleep 0.05; done");
    let mut node = start(&etcd, 1, &[], &["sh", "-c", &script]);
    until(PATIENCE, "ready", || text(&told));
    let mut wanted = "ready\n".to_owned();
    for (signal, name) in signals {
        node.signal(signal);
        wanted += &format!("{name}\n");
        until(PATIENCE, name, || text(&told).filter(|told| *told == wanted));
    }
    assert!(node.is_running() && lookup(node.address(), "worker1.tf.local.").is_some());
    assert!(!node.log().contains("state:"), "USR1 is the program's: {}", node.log());
    // Its own end by a signal.
    let line = node.wait_for_log(" as process ");
    let pid = line.split("process ").nth(1).and_then(|rest| rest.split(' ').next());
    support::run("kill", &["-KILL", pid.expect("a process")]);
    assert_eq!(node.wait(PATIENCE).code(), Some(128 + 9), "{}", node.log());

    let mut node = start(&etcd, 1, &[], &["sleep", "1000"]);
    node.wait_for_log(" as process ");
    let began = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(128 + 15), "{}", node.log());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(etcd.keys().is_empty(), "{:?}", etcd.keys());
}

#[test]
fn a_lost_name_ends_the_program_gently_then_by_force_and_exits_with_1() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (told, again) = (directory.file("told"), directory.file("again"));
    let hooks = directory.file("hooks");
    let (claim, lost) = (format!("echo claim >>{hooks}"), format!("echo lost >>{hooks}"));
    let seen = directory.file("seen");
    // Heeds SIGTERM, but takes its time, in which the name is others' to claim.
    let script = format!(
        "trap 'echo TERM >{told}; until test -e {seen}; do sleep 0.01; done; exit 0' TERM; \
         echo >>{again}; while :; do sleep 0.05; done"
    );
    let more = ["--on-claim", &claim, "--on-lost", &lost];
    let mut node = start(&etcd, 1, &more, &["sh", "-c", &script]);
    until(PATIENCE, "it runs", || text(&again));
    etcd.delete("worker1.tf.local.");
    until(PATIENCE, "it is being ended", || text(&told));
    // Whatever the dying node wanted of etcd, it would have by the time it hears of this key.
    etcd.put("worker2.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "DNS is current", || lookup(node.address(), "worker2.tf.local."));
    assert_eq!(etcd.keys().len(), 1, "{:?}: {}", etcd.keys(), node.log());
    fs::write(&seen, "").expect("written");
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    assert_eq!(text(&told).as_deref(), Some("TERM\n"));
    assert_eq!(text(&again).as_deref(), Some("\n"), "it is started once");
    assert_eq!(text(&hooks).as_deref(), Some("claim\nlost\n"));
    assert!(node.log().contains("worker1.tf.local was lost"), "{}", node.log());
    assert!(!node.log().contains("re-claimed"), "{}", node.log());

    // Does not heed it, and neither does what it started; DNS is answered meanwhile.
    let stubborn = format!("trap '' TERM; sleep 1000 & echo $! >{told}; wait; wait");
    fs::remove_file(&told).expect("removed");
    let mut node = start(&etcd, 1, &["--grace", "1"], &["sh", "-c", &stubborn]);
    let grandchild = until(PATIENCE, "it runs", || text(&told));
    etcd.delete("worker1.tf.local.");
    node.wait_for_log("is no longer owned: ending process");
    until(PATIENCE, "DNS is answered", || lookup(node.address(), "worker2.tf.local."));
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    assert!(node.log().contains("did not end in time (--grace): killing it"), "{}", node.log());
    let process = format!("/proc/{}/cmdline", grandchild.trim());
    let is_gone = || fs::read(&process).map_or(true, |words| words.is_empty()).then_some(());
    until(PATIENCE, "the grandchild is gone", is_gone);
}

#[test]
fn a_program_that_is_stopped_ends_when_it_is_asked_to() {
    let etcd = Etcd::start();
    let mut node = start(&etcd, 1, &[], &["sh", "-c", "kill -STOP $$"]);
    let line = node.wait_for_log(" as process ");
    let pid = line.split("process ").nth(1).and_then(|rest| rest.split(' ').next());
    let status = format!("/proc/{}/status", pid.expect("a process"));
    until(PATIENCE, "it stops", || {
        fs::read_to_string(&status).ok().filter(|status| status.contains("T (stopped)"))
    });
    node.signal(Signal::TERM);
    assert_eq!(node.wait(PATIENCE).code(), Some(128 + 15), "{}", node.log());
}

#[test]
fn a_signal_after_the_program_ended_ends_the_wait_for_hooks() {
    let etcd = Etcd::start();
    let mut node = start(&etcd, 1, &["--on-lost", "sleep 1000"], &["true"]);
    node.wait_for_log("waiting for hooks to end");
    node.signal(Signal::TERM);
    // Rather than after the usual ten seconds.
    assert_eq!(node.wait(Duration::from_secs(5)).code(), Some(0), "{}", node.log());
    assert!(node.log().contains("--on-lost: process"), "{}", node.log());
}

#[test]
fn a_program_that_does_not_start_is_told_as_a_shell_does() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let plain = directory.file("plain");
    fs::write(&plain, "no program").expect("written");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("permissions");
    let inside = directory.path().to_str().expect("text");
    for (program, wanted, remedy) in [
        ("no-such-program", 127, "give a program"),
        ("/no/such/program", 127, "give a program"),
        (&plain, 126, "make it executable"),
        (inside, 126, "give a program"),
    ] {
        let mut node = start(&etcd, 1, &[], &[program]);
        assert_eq!(node.wait(PATIENCE).code(), Some(wanted), "{program}: {}", node.log());
        assert!(node.log().contains(&format!("idetcd: exec: {program}: ")), "{}", node.log());
        assert!(node.log().contains(&format!("; {remedy}")), "{}", node.log());
        assert!(etcd.keys().is_empty(), "released: {:?}", etcd.keys());
    }
}

#[test]
fn hooks_and_name_file_go_with_it() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (name, log) = (directory.file("name"), directory.file("log"));
    let (claim, lost) = (format!("echo claim >>{log}"), format!("sleep 0.5; echo lost >>{log}"));
    let more = ["--name-file", &name, "--on-claim", &claim, "--on-lost", &lost];
    let script = format!("while ! grep -q claim {log}; do sleep 0.05; done; cat {name} >>{log}");
    let mut node = start(&etcd, 1, &more, &["sh", "-c", &script]);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert_eq!(text(&log).as_deref(), Some("claim\nworker1.tf.local\nlost\n"));
    assert!(!fs::exists(&name).expect("a look"));
}

#[test]
fn it_starts_when_on_claim_has_ended_or_its_grace_time_is_over() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (order, release) = (directory.file("order"), directory.file("release"));
    let claim = format!(
        "echo begins >>{order}; until test -e {release}; do sleep 0.01; done; echo ends >>{order}"
    );
    let script = format!("echo program >>{order}");
    let mut node = start(&etcd, 1, &["--on-claim", &claim], &["sh", "-c", &script]);
    node.wait_for_log("claimed worker1");
    until(PATIENCE, "the hook runs", || text(&order));
    assert!(lookup(node.address(), "worker1.tf.local.").is_some());
    assert!(!node.log().contains("starting sh as process"), "{}", node.log());
    fs::write(&release, "").expect("written");
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert_eq!(text(&order).as_deref(), Some("begins\nends\nprogram\n"));

    // It is not ended for that.
    let claim = format!("until test -e {order}; do sleep 0.01; done; echo ends >>{order}");
    fs::remove_file(&order).expect("removed");
    let more = ["--on-claim", &claim, "--grace", "1"];
    let script = format!("echo program >{order}; until grep -q ends {order}; do sleep 0.01; done");
    let mut node = start(&etcd, 1, &more, &["sh", "-c", &script]);
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    assert_eq!(text(&order).as_deref(), Some("program\nends\n"));
}

#[test]
fn bad_input_is_told_in_one_line_with_status_2() {
    for (option, value) in [
        ("--name-file", "/run/"),
        ("--metrics-file", ""),
        ("--on-claim", ""),
        ("--on-lost", " "),
        ("--grace", "-1"),
        ("--run-as", ":"),
    ] {
        let mut node = Node::start(&["--pattern", PATTERN, option, value]);
        assert_eq!(node.wait(PATIENCE).code(), Some(2), "{option}: {}", node.log());
        let log = node.log();
        assert!(log.starts_with(&format!("idetcd: {option}: ")), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
    let mut node = Node::start(&["exec", "--pattern", PATTERN, "--"]);
    assert_eq!(node.wait(PATIENCE).code(), Some(2), "{}", node.log());
    let wanted = "idetcd: exec: the program is missing; write idetcd exec [OPTION]... -- PROGRAM";
    assert!(node.log().starts_with(wanted), "{}", node.log());
}

#[test]
fn a_program_that_is_not_there_is_not_told_to_be_started() {
    let etcd = Etcd::start();
    let mut node = start(&etcd, 1, &[], &["/nonexist"]);
    assert_eq!(node.wait(PATIENCE).code(), Some(127), "{}", node.log());
    let log = node.log();
    assert!(log.contains("starting /nonexist as process ") && !log.contains("started"), "{log}");
    assert!(log.contains("exec: /nonexist: No such file or directory"), "{log}");
}
