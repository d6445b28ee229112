//! TLS and users: what works, and what is told when it does not.

use std::time::Duration;

use support::pki::Pki;
use support::{Directory, Etcd, Node, PATIENCE, Prober, Signal, ended, lookup, until};

fn node(etcd: &Etcd, number: u32, more: &[Vec<String>]) -> Node {
    let more: Vec<&str> = more.iter().flatten().map(String::as_str).collect();
    Node::in_cluster(etcd, number, 9, &more)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn nodes_name_themselves_over_tls_with_client_certificates_and_survive_a_frozen_etcd() {
    let pki = Pki::new();
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let nodes: Vec<Node> =
        (1..=3).map(|number| node(&etcd, number, &[pki.node_arguments()])).collect();
    for (slot, wanted) in [(1, 1), (2, 2), (3, 3)] {
        assert!(nodes.iter().any(|node| node.slot() == slot), "{wanted}");
    }
    let server = nodes[0].address();
    until(PATIENCE, "known everywhere", || lookup(server, "worker3.tf.local."));
    let prober = Prober::start(server, "worker1.tf.local.");
    etcd.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(3));
    etcd.signal(Signal::CONT);
    let probed = prober.stop();
    println!("etcd frozen for 3 s, over TLS: {probed:?}, {} resident", nodes[0].status("VmRSS"));
    assert_eq!(probed.lost, 0);
    assert!(probed.worst < support::AT_ONCE, "{probed:?}");
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "followed on", || lookup(server, "worker9.tf.local."));
    assert_eq!(nodes[0].status("Threads"), "1");
}

#[test]
fn a_wrong_authority_or_certificate_is_told_and_tried_again() {
    let (pki, other) = (Pki::new(), Pki::new());
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let table = [
        ("wrong authority", words(&["--cacert", &other.file("ca.pem")]), "UnknownIssuer"),
        ("no certificate", words(&["--cacert", &pki.file("ca.pem")]), "ertificate"),
        (
            "certificate of another authority",
            words(&[
                "--cacert",
                &pki.file("ca.pem"),
                "--cert",
                &other.file("client.pem"),
                "--key",
                &other.file("client.key"),
            ]),
            "ertificate",
        ),
    ];
    for (what, options, wanted) in table {
        let mut node = node(&etcd, 1, &[options]);
        let line = node.wait_for_log("see --cacert, --cert and --key");
        assert!(
            line.contains("do not trust each other") && line.contains(wanted),
            "{what}: {line}"
        );
        assert!(node.is_running());
        let tries = || node.log().matches("do not trust").count();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(tries(), 1, "{what}: told once: {}", node.log());
        assert_eq!(support::ask(node.address(), "worker1.tf.local.", simple_dns::TYPE::A).rcode, 2);
        node.signal(Signal::TERM);
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{what}");
    }
}

#[test]
fn plain_http_to_a_tls_port_and_tls_to_a_plain_port_are_told() {
    let pki = Pki::new();
    let (secure, plain) = (Etcd::start_with(Some(&pki), &[]), Etcd::start());
    let mixed = secure.endpoint().replace("https", "http");
    Node::at(&mixed, 1, 9, &[]).wait_for_log("; if it speaks TLS, write https:// in --endpoints");
    let mixed = plain.endpoint().replace("http", "https");
    let ca = pki.file("ca.pem");
    Node::at(&mixed, 1, 9, &["--cacert", &ca]).wait_for_log("etcd is out of reach, waiting for it");
}

#[test]
fn a_user_logs_in_and_a_token_that_ran_out_or_was_forgotten_is_renewed() {
    let mut etcd = Etcd::start_with(None, &["--auth-token-ttl", "1"]);
    etcd.require_users("node", "se:cret", "worker");
    let directory = Directory::new();
    let file = directory.file("password");
    std::fs::write(&file, "se:cret\n").expect("written");
    let by_file = words(&["--user", "node", "--password-file", &file, "--lease-ttl", "3"]);
    let by_option = words(&["--user", "node:se:cret", "--lease-ttl", "3"]);
    let nodes = [node(&etcd, 1, &[by_file]), node(&etcd, 2, &[by_option])];
    assert_eq!(nodes[0].slot() + nodes[1].slot(), 3);
    // The token runs out; then the name is needed anew.
    std::thread::sleep(Duration::from_secs(3));
    for (number, node) in nodes.iter().enumerate() {
        etcd.log_in();
        etcd.delete(&format!("worker{}.tf.local.", node.slot()));
        node.wait_for_log("its key was deleted");
        node.wait_for_log("re-claimed");
        assert!(!node.log().contains("refuses"), "node {number}: {}", node.log());
    }
    // A member that starts again has forgotten all tokens.
    etcd.kill();
    etcd.restart();
    etcd.log_in();
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    for node in &nodes {
        let server = node.address();
        until(PATIENCE, "followed on", || lookup(server, "worker9.tf.local."));
        assert!(!node.log().contains("cret"), "{}", node.log());
    }
}

#[test]
fn a_wrong_password_a_missing_user_or_right_is_told_and_tried_again_until_it_is_right() {
    let mut etcd = Etcd::start();
    let before = node(&etcd, 7, &[words(&["--user", "node:secret"])]);
    assert_eq!(before.slot(), 1, "a user where etcd asks for none is no error");
    etcd.require_users("node", "secret", "worker");
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.9.9.9"}"#);
    let server = before.address();
    until(PATIENCE, "etcd began to ask", || lookup(server, "worker9.tf.local."));
    let refused = [
        (words(&["--user", "node:wrong"]), "invalid user ID or password", "see --user"),
        (words(&["--user", "nobody:secret"]), "invalid user ID or password", "see --user"),
        (words(&[]), "user name is empty", "give --user"),
        (words(&["--user", "node:secret", "--prefix", "x/"]), "permission denied", "permission"),
    ];
    for (options, cause, advice) in refused {
        let mut node = node(&etcd, 1, &[options]);
        let line = node.wait_for_log("etcd refuses, trying on: ");
        assert!(line.contains(cause) && line.contains(advice), "{line}");
        assert!(node.is_running());
    }
    let late = node(&etcd, 1, &[words(&["--user", "node:later"])]);
    late.wait_for_log("etcd refuses");
    let change = serde_json::json!({"name": "node", "password": "later"});
    etcd.call("/v3/auth/user/changepw", &change);
    assert_eq!(late.slot(), 2);
}

#[test]
fn a_password_that_was_changed_is_read_anew_and_no_name_is_lost() {
    let mut etcd = Etcd::start_with(None, &["--auth-token-ttl", "600"]);
    etcd.require_users("node", "first", "worker");
    let directory = Directory::new();
    let file = directory.file("password");
    std::fs::write(&file, "first\n").expect("written");
    let options = words(&["--user", "node", "--password-file", &file, "--lease-ttl", "30"]);
    let node = node(&etcd, 1, &[options]);
    assert_eq!(node.slot(), 1);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    let mut password_is = |password: &str, slot: u32| {
        let change = serde_json::json!({"name": "node", "password": password});
        etcd.call("/v3/auth/user/changepw", &change);
        // Started again, it knows no token.
        etcd.kill();
        etcd.restart();
        etcd.log_in();
        let name = format!("worker{slot}.tf.local.");
        etcd.put(&name, br#"{"ipv4":"10.9.9.9"}"#);
        name
    };
    // The file first: the old one is used for as long as it is good.
    std::fs::write(&file, "second\n").expect("written");
    let name = password_is("second", 7);
    until(PATIENCE, "followed", || lookup(node.address(), &name));
    // etcd first, and the file in two steps.
    let name = password_is("third", 8);
    std::fs::write(&file, "\n").expect("written");
    let line = node.wait_for_log("--password-file: ");
    let wanted = format!("{file}: its first line is empty; put the password there; the password");
    assert!(line.contains(&wanted), "{line}");
    std::thread::sleep(Duration::from_secs(2));
    std::fs::write(&file, "third\n").expect("written");
    until(PATIENCE, "followed", || lookup(node.address(), &name));
    assert_eq!(node.log().matches("--password-file: ").count(), 1, "{}", node.log());
    let probed = prober.stop();
    assert_eq!(probed.lost, 0);
    for text in ["lost worker1", "in doubt", "second", "third"] {
        assert!(!node.log().contains(text), "{text}: {}", node.log());
    }
}

#[test]
fn a_user_is_let_in_whichever_endpoint_is_away() {
    let mut etcd = Etcd::start();
    etcd.require_users("node", "secret", "worker");
    // Nobody listens there. Which one is asked first is a matter of chance.
    let endpoints = format!("http://127.0.0.1:9,{}", etcd.endpoint());
    for _ in 0..12 {
        let options = ["--user", "node:secret", "--listen", "127.0.0.1:0", "--ipv4", "10.0.0.9"];
        let checked = ended("check", &endpoints, &options);
        assert_eq!(checked.status, Some(0), "{checked:?}");
    }
}

#[test]
fn tls_and_a_user_go_together() {
    let pki = Pki::new();
    let mut etcd = Etcd::start_with(Some(&pki), &[]);
    // With certificates of clients etcd takes their name for the user, but not by its gateway.
    etcd.require_users("node", "secret", "worker");
    let options = [pki.node_arguments(), words(&["--user", "node:secret"])];
    assert_eq!(node(&etcd, 1, &options).slot(), 1);
}

#[test]
fn files_that_cannot_be_used_are_told_with_status_1() {
    let (pki, other) = (Pki::new(), Pki::new());
    let directory = Directory::new();
    let empty = directory.file("empty");
    std::fs::write(&empty, "").expect("written");
    let garbage = directory.file("garbage");
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\n*\n").expect("written");
    let missing = directory.file("missing");
    let (ca, cert, key) = (pki.file("ca.pem"), pki.file("client.pem"), pki.file("client.key"));
    let other_key = other.file("client.key");
    let table: [(&[&str], &str, &str); 9] = [
        (&["--cacert", &missing], "--cacert", &missing),
        (&["--cacert", &empty], "--cacert", "no certificate in it"),
        (&["--cacert", &garbage], "--cacert", &garbage),
        (&["--cacert", &key], "--cacert", "no certificate in it"),
        (&["--cacert", &ca, "--cert", &missing, "--key", &key], "--cert", &missing),
        (&["--cacert", &ca, "--cert", &cert, "--key", &missing], "--key", &missing),
        (&["--cacert", &ca, "--cert", &cert, "--key", &cert], "--key", "no private key in it"),
        (&["--cacert", &ca, "--cert", &cert, "--key", &other_key], "--key", "cannot be used with"),
        (&["--user", "me", "--password-file", &empty], "--password-file", "first line is empty"),
    ];
    for (options, option, wanted) in table {
        let start = ["--pattern", support::PATTERN, "--endpoints", "https://127.0.0.1:1"];
        let mut node = Node::start(&[&start[..], &["--listen", "127.0.0.1:0"], options].concat());
        assert_eq!(node.wait(PATIENCE).code(), Some(1), "{options:?}");
        let log = node.log();
        assert!(log.starts_with(&format!("idetcd: {option}: ")) && log.contains(wanted), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}
