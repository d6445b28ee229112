//! What etcd says when it refuses is quoted, with what to do about it, by the server as by `check`.

use serde_json::json;
use support::pki::Pki;
use support::{Cluster, Etcd, Node, PATIENCE, ended, run, until};

/// The line of a node's log that tells of it, and the lines of `check` that are not well.
fn told(endpoint: &str, options: &[&str]) -> (String, Vec<String>) {
    let node = Node::at(endpoint, 1, 9, options);
    let line = node.wait_for_log("etcd refuses, trying on: ");
    let checked = ended(
        "check",
        endpoint,
        &[&["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.9"], options].concat(),
    );
    assert_eq!(checked.status, Some(1), "{checked:?}");
    let failures = checked.out.lines().filter_map(|line| line.strip_prefix("FAIL\t"));
    (line, failures.map(str::to_owned).collect())
}

/// Both tell what etcd says and what to do, in one line.
fn assert_told(endpoint: &str, options: &[&str], says: &str, remedy: &str) {
    let (logged, checked) = told(endpoint, options);
    println!("{logged}");
    for line in std::iter::once(&logged).chain(&checked) {
        assert!(line.contains(says) && line.contains(remedy), "{line}");
    }
    assert!(!checked.is_empty());
}

#[test]
fn an_etcd_without_its_gateway() {
    let etcd = Etcd::start_with(None, &["--enable-grpc-gateway=false"]);
    let says =
        format!("{} replied HTTP status 404 and no JSON: 404 page not found", etcd.endpoint());
    assert_told(
        &etcd.endpoint(),
        &[],
        &says,
        "; it must be etcd 3.4 or later with its JSON gateway",
    );
}

#[test]
fn a_certificate_with_a_common_name_while_users_are_on() {
    let pki = Pki::new();
    let mut etcd = Etcd::start_with(Some(&pki), &[]);
    etcd.require_users("node", "secret", "worker");
    let (key, request, cert) =
        (pki.file("named.key"), pki.file("named.request"), pki.file("named.pem"));
    let (ca, ca_key) = (pki.file("ca.pem"), pki.file("ca.key"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let files = ["-keyout", &key, "-out", &request, "-subj", "/CN=node"];
    run("openssl", &[&["req"], &curve[..], &files].concat());
    // Without extensions it would be of version 1, which TLS in Rust does not take.
    let version_3 = pki.file("named.extensions");
    std::fs::write(&version_3, "extendedKeyUsage=clientAuth\n").expect("written");
    let signed = ["-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    let signed = [&signed[..], &["-extfile", &version_3]].concat();
    run("openssl", &[&["x509", "-req", "-days", "2", "-out", &cert], &signed[..]].concat());
    let shown = ["--cacert", &ca, "--cert", &cert, "--key", &key];
    let with_user = [&shown[..], &["--user", "node:secret"]].concat();
    for options in [&shown[..], &with_user] {
        assert_told(
            &etcd.endpoint(),
            options,
            "replied HTTP status 400 and no JSON: CommonName of client sending a request against \
             gateway will be ignored and not used as expected",
            "; give --cert a certificate without a common name",
        );
    }
}

#[test]
fn a_host_that_etcd_does_not_let_in_by_name() {
    let etcd = Etcd::start_with(None, &["--host-whitelist", "127.0.0.1"]);
    let endpoint = etcd.endpoint().replace("127.0.0.1", "localhost");
    assert_told(&endpoint, &[], "the Host header was unrecognized; ", "etcd's --host-whitelist");
}

#[test]
fn an_etcd_without_space() {
    let etcd = Etcd::start_with(None, &["--quota-backend-bytes", "65536"]);
    let value = json!({"key": "eA==", "value": "AAAA".repeat(10_000)});
    until(PATIENCE, "no space", || etcd.try_call("/v3/kv/put", &value).is_none().then_some(()));
    let says = "etcdserver: mvcc: database space exceeded (code 8)";
    assert_told(&etcd.endpoint(), &[], says, "; compact and defragment etcd");
    let checked = ended("check", &etcd.endpoint(), &["--listen", "127.0.0.1:0"]);
    let alarm = checked.out.lines().find(|line| line.contains("alarm:NOSPACE"));
    assert!(alarm.is_some_and(|line| line.contains("etcdctl alarm disarm")), "{checked:?}");
}

#[test]
fn a_member_without_a_leader() {
    let mut cluster = Cluster::start(3);
    for member in &mut cluster.members[1..] {
        member.kill();
    }
    let endpoint = cluster.members[0].endpoint();
    let words = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.9", "--etcd-timeout", "1"];
    until(PATIENCE, "its leader is missed once", || {
        let checked = ended("check", &endpoint, &words);
        (checked.out.matches(" lead").count() == 1 && checked.out.contains("no member leads"))
            .then_some(())
    });
}
