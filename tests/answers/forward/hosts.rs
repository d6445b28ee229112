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
    node.wait_for_log(&format!("{file}: 3 names"));
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
