//! `--run-as`: root for as long as it takes to open what needs it, and never again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use simple_dns::TYPE;
use support::{
    Directory, Etcd, Node, PATIENCE, PATTERN, copy_program, exchange, idetcd, is_private, lookup,
    question, run, until,
};

/// `nobody` of every Linux, and a group that nobody is in.
const UID: u32 = 65_534;
const GID: u32 = 4242;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: only root can give root up");
    }
    is_root
}

/// A network of our own, in which port 53 is free.
fn bring_up() {
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["link", "add", "br0", "type", "bridge"]);
    run("ip", &["addr", "add", "10.98.0.1/24", "dev", "br0"]);
    run("ip", &["link", "set", "br0", "up"]);
}

fn arguments<'a>(endpoint: &'a str, listen: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["--pattern", PATTERN, "--endpoints", endpoint, "--listen", listen];
    [&common[..], &["--ipv4", "10.0.0.9", "--ipv6", "none"], more].concat()
}

fn is_answered_by(server: &str) -> bool {
    let server = server.parse().expect("an address");
    let query = question("worker1.tf.local.", TYPE::A);
    exchange(server, &query, std::time::Duration::from_millis(300)).is_some()
}

/// The capabilities of a process, by the field of `/proc/PID/status`.
fn capabilities(node: &Node, field: &str) -> u64 {
    u64::from_str_radix(&node.status(field), 16).expect("a mask")
}

const NET_BIND_SERVICE: u64 = 1 << 10;

#[test]
fn root_is_given_up_for_good_once_port_53_is_bound() {
    if !is_root() || !is_private!() {
        return;
    }
    bring_up();
    let (etcd, directory) = (Etcd::start(), Directory::new());
    // Closed to others but by its owner.
    chown(directory.path(), Some(UID), Some(GID)).expect("root");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).expect("root");
    let (name, figures, hook) =
        (directory.file("name"), directory.file("figures"), directory.file("hook"));
    let password = directory.file("password");
    fs::write(&password, "secret\n").expect("written");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("root");
    let on_claim = format!("{{ id -u; id -g; id -G; grep Cap /proc/self/status; }} >{hook}");
    let endpoint = etcd.endpoint();
    let more = [
        "--run-as",
        "65534:4242",
        "--user",
        "nobody",
        "--password-file",
        &password,
        "--name-file",
        &name,
        "--metrics-file",
        &figures,
        "--on-claim",
        &on_claim,
    ];
    let node = Node::start(&arguments(&endpoint, "0.0.0.0:53", &more));
    assert_eq!(node.slot(), 1);
    assert_eq!(node.status("Uid"), [UID; 4].map(|id| id.to_string()).join("\t"));
    assert_eq!(node.status("Gid"), [GID; 4].map(|id| id.to_string()).join("\t"));
    assert_eq!(node.status("Groups"), "");
    // All that is kept is what addresses that come later need.
    assert_eq!(capabilities(&node, "CapPrm"), NET_BIND_SERVICE);
    assert_eq!(capabilities(&node, "CapEff"), NET_BIND_SERVICE);
    assert_eq!((capabilities(&node, "CapInh"), capabilities(&node, "CapAmb")), (0, 0));
    assert!(is_answered_by("10.98.0.1:53"));
    run("ip", &["addr", "add", "10.98.0.2/24", "dev", "br0"]);
    until(PATIENCE, "a later address has a socket of its own", || {
        let sockets = run("ss", &["-Hlun", "src", "10.98.0.2:53"]);
        (!sockets.trim().is_empty() && is_answered_by("10.98.0.2:53")).then_some(())
    });
    for file in [&name, &figures] {
        let found = until(PATIENCE, "a file", || fs::metadata(file).ok());
        assert_eq!((found.uid(), found.gid()), (UID, GID), "{file}");
    }
    let told = until(PATIENCE, "the hook", || {
        fs::read_to_string(&hook).ok().filter(|told| told.contains("CapAmb"))
    });
    assert!(told.starts_with("65534\n4242\n4242\n"), "{told}");
    let held: Vec<&str> = told.lines().filter(|l| !l.starts_with("CapBnd")).skip(3).collect();
    assert!(held.iter().all(|line| line.ends_with("\t0000000000000000")), "{told}");
}

#[test]
fn a_high_port_or_one_address_needs_no_right_at_all() {
    if !is_root() {
        return;
    }
    let etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let node = Node::start(&arguments(&endpoint, "127.0.0.1:0", &["--run-as", "nobody"]));
    assert_eq!(node.slot(), 1);
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.9"));
    assert!(node.status("Uid").starts_with("65534\t"));
    assert_eq!((capabilities(&node, "CapPrm"), capabilities(&node, "CapEff")), (0, 0));
}

#[test]
fn another_user_with_the_one_capability_needs_no_root() {
    if !is_root() || !is_private!() {
        return;
    }
    bring_up();
    let etcd = Etcd::start();
    let (copy, _directory) = open_copy();
    let wrapper = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all,+net_bind_service",
        "--ambient-caps=-all,+net_bind_service",
        "--bounding-set=-all,+net_bind_service",
        "sh",
        "-c",
        // In place of the program that the build directory may close to others.
        &format!("shift; exec {copy} \"$@\""),
        "sh",
    ]
    .map(str::to_owned);
    let endpoint = etcd.endpoint();
    let node = Node::start_by(&wrapper, &arguments(&endpoint, "0.0.0.0:53", &[]));
    assert_eq!(node.slot(), 1);
    assert!(node.status("Uid").starts_with("65534\t"));
    assert!(is_answered_by("127.0.0.1:53"));
    run("ip", &["addr", "add", "10.98.0.2/24", "dev", "br0"]);
    until(PATIENCE, "a later address", || is_answered_by("10.98.0.2:53").then_some(()));
}

/// A copy of the program that other users can start.
fn open_copy() -> (String, Directory) {
    let directory = Directory::new();
    let open = fs::Permissions::from_mode(0o755);
    let copy = directory.file("idetcd");
    fs::set_permissions(directory.path(), open.clone()).expect("permissions");
    copy_program(&idetcd(), Path::new(&copy));
    fs::set_permissions(Path::new(&copy), open).expect("permissions");
    (copy, directory)
}

#[test]
fn whom_to_be_is_told_apart_from_who_cannot_be() {
    let arguments = |who| ["--pattern", PATTERN, "--listen", "127.0.0.1:0", "--run-as", who];
    for (who, status, wanted) in [
        ("", 2, "--run-as: \"\" is not USER"),
        (":daemon", 2, "--run-as: \":daemon\" is not USER"),
        ("nobody:", 2, "--run-as: \"nobody:\" is not USER"),
        ("a:b:c", 2, "--run-as: \"a:b:c\" is not USER"),
        ("no-such-user", 1, "--run-as: there is no user \"no-such-user\""),
        ("nobody:no-such-group", 1, "--run-as: there is no group \"no-such-group\""),
        ("4242", 1, "--run-as: user 4242 is not in /etc/passwd"),
        ("root", 1, "--run-as: that user is root"),
    ] {
        let mut node = Node::start(&arguments(who));
        assert_eq!(node.wait(PATIENCE).code(), Some(status), "{who}: {}", node.log());
        assert_eq!(node.log().lines().count(), 1, "{who}: {}", node.log());
        assert!(node.log().starts_with(&format!("idetcd: {wanted}")), "{who}: {}", node.log());
    }
    let (copy, _directory) = open_copy();
    if !is_root() {
        return;
    }
    let setpriv = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let replace = format!("shift; exec {setpriv} {copy} \"$@\"");
    let wrapper = ["sh", "-c", &replace, "sh"].map(str::to_owned);
    let mut node = Node::start_by(&wrapper, &arguments("nobody"));
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    assert!(node.log().contains("start as root, or leave the option out"), "{}", node.log());
}

#[test]
fn programs_find_the_home_of_the_new_user_and_not_that_of_root() {
    if !is_root() {
        return;
    }
    let etcd = Etcd::start();
    let (copy, _directory) = open_copy();
    let replace = format!("shift; HOME=/root USER=root LOGNAME=root exec {copy} \"$@\"");
    let wrapper = ["sh", "-c", &replace, "sh"].map(str::to_owned);
    let endpoint = etcd.endpoint();
    let tell = "echo $0 $HOME $USER $LOGNAME >&2";
    let hook = tell.replace("$0", "hook");
    for (who, wanted) in [("nobody", "/nonexistent nobody nobody"), ("4711:4711", "/")] {
        let more = ["--run-as", who, "--on-claim", &hook, "--", "sh", "-c", tell, "program"];
        let common = arguments(&endpoint, "127.0.0.1:0", &more);
        let mut node = Node::start_by(&wrapper, &[&["exec"], &common[..]].concat());
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
        for what in ["hook", "program"] {
            let line = format!("{what} {wanted}");
            assert!(node.log().lines().any(|told| told == line), "{line}: {}", node.log());
        }
    }
}

#[test]
fn a_binary_that_the_new_user_may_not_execute_is_told_before_there_is_a_name() {
    if !is_root() {
        return;
    }
    let etcd = Etcd::start();
    let (copy, _directory) = open_copy();
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(Path::new(&copy), closed).expect("permissions");
    let replace = format!("shift; exec {copy} \"$@\"");
    let wrapper = ["sh", "-c", &replace, "sh"].map(str::to_owned);
    let endpoint = etcd.endpoint();
    let common = arguments(&endpoint, "127.0.0.1:0", &["--run-as", "nobody", "--", "true"]);
    let mut node = Node::start_by(&wrapper, &[&["exec"], &common[..]].concat());
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    let last = node.log().lines().last().expect("a message").to_owned();
    let wanted = "let this user (see --run-as) execute the file of idetcd, as by chmod a+rx";
    assert!(last.starts_with("idetcd: exec: ") && last.ends_with(wanted), "{last}");
    assert!(!node.log().contains("claimed"), "{}", node.log());
}

#[test]
fn a_name_file_that_the_new_user_cannot_write_is_told_at_the_start() {
    if !is_root() {
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("root");
    let name = directory.file("name");
    let mut more = arguments("http://127.0.0.1:1", "127.0.0.1:0", &["--run-as", "nobody"]);
    more.extend(["--name-file", &name]);
    let mut node = Node::start(&more);
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    assert!(node.log().contains("let this user (see --run-as) write to its directory"));
}

#[test]
fn a_file_that_the_new_user_may_not_look_at_says_nothing_of_readiness() {
    if !is_root() {
        return;
    }
    let directory = Directory::new();
    let private = directory.file("private");
    fs::create_dir(&private).expect("a directory");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).expect("permissions");
    let ready = format!("{private}/ready");
    fs::write(&ready, "").expect("written");
    let more = ["--run-as", "nobody", "--ready-file", &ready];
    let common = ["--pattern", PATTERN, "--listen", "127.0.0.1:0"];
    let mut node = Node::start(&[&common[..], &more].concat());
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    let line = node.log().lines().last().unwrap_or_default().to_owned();
    assert!(
        line.starts_with(&format!("idetcd: --ready-file: {ready}: Permission denied")),
        "{}",
        node.log()
    );
}
