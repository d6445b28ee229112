//! Hosts in a file are answered for before other servers are asked.

use support::upstream::{Habit, Upstream};
use support::{Directory, Etcd, Node, PATIENCE, until};

use super::{GOOD, dig};

#[test]
fn hosts_in_a_file_are_answered_for_and_the_file_is_followed() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let server = Upstream::start(Habit::Good);
    let (file, forward) = (directory.file("hosts"), server.address.to_string());
    let text =
        "10.0.0.7 Printer.example printer\nfd00::7 printer.example\n10.9.9.9 worker5.tf.local\n";
    std::fs::write(&file, text).expect("written");
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &forward, "--hosts", &file]);
    node.slot();
    let short =
        |words: &[&str]| dig(node.address(), &[&["+short"], words].concat()).trim().to_owned();
    assert_eq!(short(&["printer.EXAMPLE"]), "10.0.0.7");
    assert_eq!(short(&["printer", "AAAA"]), "", "no address of this kind");
    assert_eq!(short(&["printer.example", "AAAA"]), "fd00::7");
    assert_eq!(short(&["-x", "fd00::7"]), "printer.example.");
    assert!(dig(node.address(), &["printer.example", "MX"]).contains("NOERROR"));
    assert!(
        dig(node.address(), &["worker5.tf.local"]).contains("NXDOMAIN"),
        "the own zone is etcd's"
    );
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    assert_eq!(short(&["www.example.com"]), GOOD);
    node.wait_for_log(&format!("{file}: 2 names"));
    std::fs::write(&file, "10.0.0.8 printer.example\n").expect("written");
    until(PATIENCE, "it is read again", || {
        (short(&["printer.example"]) == "10.0.0.8").then_some(())
    });
    let told = node.wait_for_log(&format!("{file}: 1 name"));
    assert!(told.ends_with("1 name"), "{told}");
    assert_eq!(short(&["printer"]), GOOD, "it is gone from there");
    std::fs::remove_file(&file).expect("removed");
    until(PATIENCE, "it is missed", || {
        assert_eq!(short(&["printer.example"]), "10.0.0.8");
        node.log().contains("--hosts: ").then_some(())
    });
}

#[test]
fn names_of_the_own_zone_in_the_file_are_left_out_and_told_once() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let file = directory.file("hosts");
    let write = |more: &str| {
        let text = "10.9.9.9 Worker5.tf.local\n10.9.9.8 nas.example\n10.9.9.7 worker6.tf.local db.example\n";
        std::fs::write(&file, format!("{text}{more}")).expect("written");
    };
    write("");
    let node = Node::in_cluster(&etcd, 1, 5, &["--hosts", &file]);
    node.slot();
    let of = |address: &str| dig(node.address(), &["+short", "-x", address]).trim().to_owned();
    assert_eq!(of("10.9.9.8"), "nas.example.");
    assert_eq!(of("10.9.9.7"), "db.example.", "the first name of another zone");
    assert!(dig(node.address(), &["-x", "10.9.9.9"]).contains("REFUSED"));
    node.wait_for_log(&format!("{file}: 2 names"));
    let told =
        "names in zones that are answered for here are left out: 2, such as worker5.tf.local";
    node.wait_for_log(&format!("--hosts: {file}: {told}"));
    write("10.9.9.6 more.example\n");
    until(PATIENCE, "it is read again", || (of("10.9.9.6") == "more.example.").then_some(()));
    assert_eq!(node.log().matches("are left out").count(), 1, "{}", node.log());
}

#[test]
fn a_file_that_is_not_there_is_told_and_awaited() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let file = directory.file("hosts");
    let node = Node::in_cluster(&etcd, 1, 5, &["--hosts", &file]);
    let told = format!(
        "--hosts: {file} cannot be read: No such file or directory (os error 2); none of its \
                        hosts is answered for until it can be: create it, let this user \
                        read it, or give another file"
    );
    node.wait_for_log(&told);
    node.slot();
    std::fs::write(&file, "10.9.9.8 nas.example\n").expect("written");
    let short = || dig(node.address(), &["+short", "nas.example"]).trim().to_owned();
    until(PATIENCE, "it is read", || (short() == "10.9.9.8").then_some(()));
    std::fs::remove_file(&file).expect("removed");
    let told = format!(
        "--hosts: {file} cannot be read: No such file or directory (os error 2); what it said \
                        before counts until it can be"
    );
    until(PATIENCE, "it is missed", || {
        assert_eq!(short(), "10.9.9.8");
        node.log().contains(&told).then_some(())
    });
}
