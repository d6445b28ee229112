//! `idetcd check`: what would keep a node from starting, and that nothing in etcd is touched.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use support::pki::Pki;
use support::{Ended, Etcd, Node, PATIENCE, Signal, command, ended, idetcd};

const ADDRESSES: [&str; 4] = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.9"];

fn check(endpoints: &str, more: &[&str]) -> Ended {
    ended("check", endpoints, &[&ADDRESSES[..], more].concat())
}

/// The lines that are not well, without their first word.
fn failures(end: &Ended) -> Vec<&str> {
    end.out.lines().filter_map(|line| line.strip_prefix("FAIL\t")).collect()
}

#[test]
fn a_node_that_could_start_is_told_so_and_nothing_is_changed() {
    let etcd = Etcd::start();
    let (revision, keys) = (etcd.revision(), etcd.keys());
    let out = check(&etcd.endpoint(), &[]).good();
    for wanted in [
        "ok\tetcd\thttp://127.0.0.1:",
        "version 3.",
        "round trip ",
        "ok\tuser\tnone, and etcd asks for none",
        "ok\taddresses\ta node would publish 10.0.0.9 ",
        "ok\tpermission\tmay read worker{{.ID}}.tf.local., write worker{{.ID}}.tf.local., ",
        "ok\tnames\t0 of 10 names of worker{{.ID}}.tf.local. are taken, 0 waiting; the next is worker1",
        "ok\tdns\t127.0.0.1:0 is free",
    ] {
        assert!(out.contains(wanted), "{wanted} is not in {out}");
    }
    assert_eq!((etcd.revision(), etcd.keys()), (revision, keys));
    let leases = etcd.call("/v3/lease/leases", &json!({}));
    assert!(leases["leases"].is_null(), "{leases}");
}

#[test]
fn names_that_are_taken_are_told() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    etcd.put("worker2.tf.local.", b"x");
    let full = check(&etcd.endpoint(), &["--limit", "2"]);
    assert_eq!(full.status, Some(1), "{full:?}");
    assert_eq!(full.err, "idetcd: a node could not start here: see what fails above\n");
    let [line] = failures(&full)[..] else { panic!("{full:?}") };
    assert!(line.contains("2 of 2 names") && line.contains("raise --limit"), "{line}");
    assert!(full.out.contains("note\tnames\tworker2.tf.local. is nobody's and yet taken"));
    let out = check(&etcd.endpoint(), &["--limit", "2", "--wait"]).good();
    assert!(out.contains("a node would wait as well"), "{out}");
}

#[test]
fn a_node_that_runs_here_is_named_as_who_has_the_port_and_the_record() {
    let etcd = Etcd::start();
    let node = Node::in_cluster(&etcd, 1, 9, &[]);
    assert_eq!(node.slot(), 1);
    let listen = node.address().to_string();
    let same = ["--listen", &listen, "--ipv4", "10.0.0.2", "--ipv6", "fd00::2", "--port", "53"];
    let end = ended("check", &etcd.endpoint(), &same);
    assert_eq!(end.status, Some(1), "{end:?}");
    let [line] = failures(&end)[..] else { panic!("{end:?}") };
    let who = format!("idetcd (pid {}) has it: stop that", node.child.id());
    assert!(line.contains(&who), "{line}");
    assert!(end.out.contains("worker1.tf.local. has this very record"), "{end:?}");
}

#[test]
fn each_endpoint_is_told_and_one_is_enough_unless_they_are_of_two_clusters() {
    let (etcd, other) = (Etcd::start(), Etcd::start());
    let away = format!("http://127.0.0.1:{}", support::free_port());
    let out = check(&format!("{away},{}", etcd.endpoint()), &[]).good();
    assert!(out.starts_with(&format!("note\tetcd\tetcd at {away} is out of reach")), "{out}");
    let none = check(&away, &[]);
    let [line] = failures(&none)[..] else { panic!("{none:?}") };
    assert!(line.contains("start it there, or correct --endpoints"), "{line}");
    assert!(line.contains("is out of reach: Connection refused (os error 111);"), "{line}");
    assert!(none.out.contains("ok\taddresses\t"), "the rest is looked at: {none:?}");
    let wanted = "idetcd: a node would start here, and wait without a name: see what fails above\n";
    assert_eq!((none.status, none.err.as_str()), (Some(1), wanted));
    let both = check(&away, &["--interface", "nowhere0"]);
    assert!(both.err.starts_with("idetcd: a node could not start here: "), "{both:?}");
    let two = check(&format!("{},{}", etcd.endpoint(), other.endpoint()), &[]);
    assert!(failures(&two)[0].contains("different clusters"), "{two:?}");
    other.signal(Signal::STOP);
    let frozen = check(&other.endpoint(), &["--etcd-timeout", "0.3"]);
    other.signal(Signal::CONT);
    assert!(failures(&frozen)[0].contains("did not reply in time"), "{frozen:?}");
}

#[test]
fn what_is_to_be_granted_is_told_and_does_it() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    let endpoint = etcd.endpoint();
    let out = check(&endpoint, &["--user", "node:secret"]).good();
    assert!(out.contains("ok\tuser\tnode is logged in"), "{out}");
    let revision = etcd.revision();
    let shared = ["--user", "node:secret", "--prefix", "a/", "--resolve", "db.tf.local."];
    let denied = check(&endpoint, &shared);
    let own = "etcdctl role grant-permission ROLE readwrite 'a/worker' --prefix";
    let wanted = [
        format!("permission\tmay not read worker{{{{.ID}}}}.tf.local.: {own}"),
        "permission\tmay not read db.tf.local.: etcdctl role grant-permission ROLE read \
         'a/db.tf.local.'"
            .to_owned(),
        format!("permission\tmay not write worker{{{{.ID}}}}.tf.local.: {own}"),
        format!("permission\tmay not read the queue: {own}"),
        format!("permission\tmay not write to the queue: {own}"),
    ];
    assert_eq!(failures(&denied), wanted);
    let by_root = ["--endpoints", &endpoint, "--user", "root:toor"];
    for (kind, keys) in [("read", &["a/db.tf.local."][..]), ("read", &["a/worker", "--prefix"])] {
        grant(&by_root, kind, keys);
    }
    let denied = check(&endpoint, &shared);
    assert_eq!(failures(&denied), [&wanted[2], &wanted[4]]);
    grant(&by_root, "readwrite", &["a/worker", "--prefix"]);
    check(&endpoint, &shared).good();
    assert_eq!(etcd.revision(), revision);
}

#[test]
fn a_job_is_told_and_whether_its_list_may_be_read_and_written() {
    let mut etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    let job = ["--count", "3:5", "--job", "train"];
    etcd.put("worker{{.ID}}.tf.local.%train%member%0000000001", b"{}");
    etcd.put("worker{{.ID}}.tf.local.%other%member%0000000002", b"{}");
    let revision = etcd.revision();
    let out = check(&endpoint, &job).good();
    let wanted = "ok\tjob\ta node would wait for 3 to 5 nodes (--count): 1 are there";
    assert!(out.contains(wanted), "{out}");
    assert!(out.contains("read the list of the job, write the list of the job"), "{out}");
    assert!(!check(&endpoint, &[]).good().contains("job"), "nobody asked");
    assert_eq!(etcd.revision(), revision);
    // A node that runs is on a list.
    let node = Node::start(&[
        "exec",
        "--pattern",
        support::PATTERN,
        "--endpoints",
        &endpoint,
        "--listen",
        "127.0.0.1:0",
        "--ipv4",
        "10.0.0.1",
        "--count",
        "1",
        "--job",
        "other",
        "--",
        "sleep",
        "1000",
    ]);
    node.wait_for_log("starting sleep as process");
    let out = check(&endpoint, &["--count", "1", "--job", "other"]).good();
    assert!(out.contains("note\tjob\t") && out.contains("the list of revision "), "{out}");
    let absent = check(&endpoint, &["--count", "1", "--list-file", "/nowhere/list"]);
    let [line] = failures(&absent)[..] else { panic!("{absent:?}") };
    assert!(line.starts_with("files\t--list-file: /nowhere/list: "), "{line}");
    drop(node);
    // The names alone are not enough.
    etcd.require_users("node", "secret", "worker1");
    let denied =
        check(&endpoint, &[&["--user", "node:secret", "--limit", "1"], &job[..1], &["1"]].concat());
    let all = failures(&denied).join("\n");
    for what in ["may not read the list of the job: ", "may not write the list of the job: "] {
        let remedy =
            format!("{what}etcdctl role grant-permission ROLE readwrite 'worker' --prefix");
        assert!(all.contains(&remedy), "{denied:?}");
    }
}

fn grant(etcdctl: &[&str], kind: &str, keys: &[&str]) {
    let role = ["role", "grant-permission", "nodes", kind];
    let words = [&["ETCDCTL_API=3", "etcdctl"], etcdctl, &role, keys].concat();
    support::run("env", &words);
}

#[test]
fn a_user_that_is_missing_or_wrong_is_told() {
    let mut etcd = Etcd::start();
    let useless = check(&etcd.endpoint(), &["--user", "node:secret"]).good();
    assert!(useless.contains("note\tuser\tetcd asks nobody for a user: node"), "{useless}");
    etcd.require_users("node", "secret", "worker");
    for (more, wanted) in [
        (&[][..], "give --user and --password-file"),
        (&["--user", "node:wrong"], "see --user and --password-file"),
    ] {
        let end = check(&etcd.endpoint(), more);
        let [line] = failures(&end)[..] else { panic!("{end:?}") };
        assert!(line.starts_with("user\t") && line.contains(wanted), "{line}");
    }
}

/// The URL with TLS of a server that says this to everybody, whatever they say.
fn answering(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(text.as_bytes());
        }
    });
    format!("https://{address}")
}

#[test]
fn trust_is_told() {
    let (pki, other) = (Pki::new(), Pki::new());
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let good = pki.node_arguments();
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let out = check(&etcd.endpoint(), &good).good();
    assert!(out.starts_with("ok\tfiles\t"), "{out}");
    let plain = Etcd::start();
    let by_tls = plain.endpoint().replace("http://", "https://");
    let end = check(&by_tls, &["--cacert", &pki.file("ca.pem")]);
    let [line] = failures(&end)[..] else { panic!("{end:?}") };
    // It closes the connection, or resets it where it has not read all that came.
    let wanted = "if it speaks no TLS, write http:// in --endpoints";
    assert!(line.ends_with(wanted), "{line}");
    // As other servers do.
    let by_tls = answering("HTTP/1.0 400 Bad Request\r\n\r\n");
    let end = check(&by_tls, &["--cacert", &pki.file("ca.pem")]);
    let wanted = "it answers without; if it speaks no TLS, write http:// in --endpoints";
    assert!(failures(&end)[0].ends_with(wanted), "{end:?}");
    let stranger = other.file("ca.pem");
    let wrong = check(&etcd.endpoint(), &["--cacert", &stranger]);
    assert!(failures(&wrong)[0].contains("see --cacert, --cert and --key"), "{wrong:?}");
    let missing = check(&etcd.endpoint(), &["--cacert", "/nowhere/ca.pem"]);
    assert!(failures(&missing)[0].starts_with("files\t--cacert: /nowhere/ca.pem"), "{missing:?}");
}

#[test]
fn an_interface_that_is_not_here_is_told() {
    let etcd = Etcd::start();
    let end = check(&etcd.endpoint(), &["--interface", "nowhere0"]);
    let [line] = failures(&end)[..] else { panic!("{end:?}") };
    assert!(line.starts_with("addresses\t--interface: no interface nowhere0"), "{line}");
    let mut node = Node::in_cluster(&etcd, 1, 9, &["--interface", "nowhere0"]);
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "nor does a node start");
}

#[test]
fn files_to_be_written_or_read_again_are_looked_at_and_left_as_they_are() {
    let (etcd, directory) = (Etcd::start(), support::Directory::new());
    let (name, figures) = (directory.file("name"), directory.file("figures"));
    std::fs::write(&name, "of another life").expect("written");
    let files = ["--name-file", &name, "--metrics-file", &figures];
    let out = check(&etcd.endpoint(), &files).good();
    for file in [&name, &figures] {
        assert!(out.contains(&format!("ok\tfiles\t{file} can be written\n")), "{out}");
    }
    assert_eq!(std::fs::read_to_string(&name).expect("still there"), "of another life");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 1);

    let (missing, inside) = (directory.file("no/name"), directory.file("name/x"));
    let itself = directory.path().to_str().expect("text");
    for (option, path, wanted) in [
        ("--name-file", missing.as_str(), "No such file or directory (os error 2); create its"),
        ("--metrics-file", &inside, "Not a directory (os error 20); give another file"),
        ("--metrics-file", itself, "it is no regular file; give another file"),
    ] {
        let end = check(&etcd.endpoint(), &[option, path]);
        let [line] = failures(&end)[..] else { panic!("{end:?}") };
        assert!(line.starts_with(&format!("files\t{option}: {path}: {wanted}")), "{line}");
        assert_eq!(end.err, "idetcd: a node could not start here: see what fails above\n");
    }
    let resolv = directory.file("resolv.conf");
    let out = check(&etcd.endpoint(), &["--forward", &resolv]).good();
    let wanted =
        format!("note\tfiles\t--forward: {resolv}: No such file or directory (os error 2);");
    assert!(out.contains(&wanted), "{out}");
}

#[test]
fn the_user_to_be_is_looked_up_and_what_it_may_write_is_told() {
    let (etcd, directory) = (Etcd::start(), support::Directory::new());
    let unknown = check(&etcd.endpoint(), &["--run-as", "no-such-user", "--name-file", "/x/y"]);
    let wanted = "run-as\t--run-as: there is no user \"no-such-user\" in /etc/passwd; add one";
    assert!(failures(&unknown)[0].starts_with(wanted), "{unknown:?}");
    if !rustix::process::geteuid().is_root() {
        let end = check(&etcd.endpoint(), &["--run-as", "nobody"]);
        assert!(failures(&end)[0].contains("start as root"), "{end:?}");
        return;
    }
    let set_mode = |path: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("permissions");
    };
    let (outer, inner) = (directory.file(""), directory.file("inner"));
    std::fs::create_dir(&inner).expect("a directory");
    let (name, resolv) = (format!("{inner}/name"), directory.file("resolv.conf"));
    std::fs::write(&resolv, "nameserver 127.0.0.1").expect("written");
    let tried = |outer_mode, inner_mode, resolv_mode| {
        set_mode(&outer, outer_mode);
        set_mode(&inner, inner_mode);
        set_mode(&resolv, resolv_mode);
        let files = ["--name-file", &name, "--forward", &resolv];
        check(&etcd.endpoint(), &[&["--run-as", "65534:4242"], &files[..]].concat())
    };
    let good = tried(0o755, 0o777, 0o644).good();
    assert!(good.contains("ok\trun-as\ta node would be user 65534, group 4242\n"), "{good}");
    assert!(good.contains(&format!("ok\tfiles\t{name} can be written\n")), "{good}");
    assert!(!good.contains("note\tfiles"), "{good}");
    let out = tried(0o755, 0o777, 0o640).good();
    assert!(out.contains("note\tfiles\t--forward: ") && out.contains("Permission denied"), "{out}");
    for end in [tried(0o755, 0o755, 0o644), tried(0o750, 0o777, 0o644)] {
        let [line] = failures(&end)[..] else { panic!("{end:?}") };
        assert!(line.contains("Permission denied (os error 13); let this user (see"), "{line}");
    }
    // As in /tmp, where another user's file stays.
    let sticky = tried(0o755, 0o1777, 0o644).good();
    assert!(sticky.contains("can be written"), "{sticky}");
    std::fs::write(&name, "root's").expect("written");
    assert_eq!(failures(&tried(0o755, 0o1777, 0o644)).len(), 1);
}

#[test]
fn a_corefile_says_what_the_command_line_does_not() {
    let etcd = Etcd::start();
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.0.0.1"}"#);
    let directory = support::Directory::new();
    let corefile = directory.file("Corefile");
    let plugin = "idetcd {\n endpoint ENDPOINT\n limit 3\n pattern worker{{.ID}}.tf.local.\n}";
    let text = format!(".:0 {{\n{plugin}\n}}\n").replace("ENDPOINT", &etcd.endpoint());
    std::fs::write(&corefile, text).expect("written");
    let tool = |words: &[&str]| {
        let output = command(idetcd()).args(words).output();
        String::from_utf8_lossy(&output.expect("idetcd").stdout).into_owned()
    };
    let listed = tool(&["list", "-conf", &corefile]);
    assert!(listed.starts_with("1\tworker1.tf.local.\t10.0.0.1\t"), "{listed}");
    let out = tool(&["check", "--ipv4", "10.0.0.9", "--conf", &corefile]);
    assert!(out.starts_with(&format!("ok\tfiles\t{corefile}\n")), "{out}");
    assert!(out.contains("1 of 3 names"), "{out}");
}
