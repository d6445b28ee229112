//! Certificates whose files change, and those that end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use support::pki::Pki;
use support::{AT_ONCE, Etcd, Node, PATIENCE, Prober, Proxy, ended, lookup, until};

/// Nobody's, on every system.
const OTHER_USER: &str = "65534:65534";

/// A node that reaches etcd by way of a proxy, which can close its connections.
fn node(etcd: &Etcd, pki: &Pki, more: &[&str]) -> (Node, Proxy) {
    let proxy = Proxy::blind(&etcd.address());
    let arguments = pki.node_arguments();
    let arguments: Vec<&str> =
        arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let node = Node::at(&proxy.endpoint().replace("http", "https"), 1, 3, &arguments);
    assert_eq!(node.slot(), 1);
    (node, proxy)
}

/// Puts a new key into etcd until the node has it, by a new connection.
fn follows_anew(etcd: &Etcd, node: &Node, proxy: &Proxy, slot: u32) {
    proxy.reset();
    let name = format!("worker{slot}.tf.local.");
    etcd.put(&name, br#"{"ipv4":"10.9.9.9"}"#);
    until(PATIENCE, "followed anew", || lookup(node.address(), &name));
}

#[test]
fn all_of_them_are_replaced_under_load_and_no_query_and_no_name_is_lost() {
    let (pki, other) = (Pki::new(), Pki::new());
    let mut etcd = Etcd::start_with(Some(&pki), &[]);
    let (node, proxy) = node(&etcd, &pki, &[]);
    let prober = Prober::start(node.address(), "worker1.tf.local.");
    for file in ["ca.pem", "client.pem", "client.key", "server.pem", "server.key"] {
        pki.replace(file, &other.file(file));
    }
    // Nobody trusts anybody by the old ones any more.
    etcd.kill();
    etcd.trust(&other);
    etcd.restart();
    follows_anew(&etcd, &node, &proxy, 7);
    let probed = prober.stop();
    println!("authority, certificate and key replaced: {probed:?}");
    assert_eq!(probed.lost, 0);
    assert!(probed.worst < AT_ONCE, "{probed:?}");
    assert!(!node.log().contains("worker1.tf.local. is in doubt"), "{}", node.log());
    assert!(!node.log().contains("lost worker1"), "{}", node.log());
    // Whoever looks between two of the files reads what is whole by then: each change is told once.
    let told = || node.log_so_far().matches("certificates were read anew: ").count();
    let times = told();
    assert!((1..=2).contains(&times), "{}", node.log());
    follows_anew(&etcd, &node, &proxy, 8);
    assert_eq!(told(), times, "{}", node.log());
    assert!(etcd.has("worker1.tf.local."));
    assert_eq!(node.status("Threads"), "1");
}

#[test]
fn what_cannot_be_used_leaves_the_old_pair_in_use_and_is_told_once_with_its_path() {
    let pki = Pki::new();
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let (node, proxy) = node(&etcd, &pki, &[]);
    pki.sign("next", "clientAuth", 30);
    pki.sign("old", "clientAuth", -1);
    let (cert, key) = (pki.file("client.pem"), pki.file("client.key"));
    let mut slot = 10;
    let mut follow_twice = || {
        for _ in 0..2 {
            slot += 1;
            follows_anew(&etcd, &node, &proxy, slot);
        }
    };
    let told = |text: &str| {
        let lines = node.log_so_far();
        let mut lines = lines.lines().filter(|line| line.contains(text));
        let line = lines.next().unwrap_or_else(|| panic!("no {text}: {}", node.log()));
        assert!(line.ends_with("; what was read before stays in use"), "{line}");
        assert_eq!(lines.next(), None, "twice");
    };
    pki.replace("client.pem", &pki.file("next.pem"));
    follow_twice();
    told(&format!("--key: {key}: cannot be used with the certificate {cert}"));
    let whole = fs::read(&cert).expect("a certificate");
    fs::write(&cert, &whole[..whole.len() / 2]).expect("written");
    follow_twice();
    told(&format!("--cert: {cert}: not PEM"));
    fs::write(&cert, "").expect("written");
    follow_twice();
    told(&format!("--cert: {cert}: no certificate in it"));
    fs::remove_file(&cert).expect("removed");
    follow_twice();
    told(&format!("--cert: {cert}: No such file"));
    pki.replace("client.pem", &pki.file("old.pem"));
    pki.replace("client.key", &pki.file("old.key"));
    follow_twice();
    told(&format!("--cert: {cert}: ended at "));
    assert!(!node.log().contains("read anew"), "{}", node.log());
    pki.replace("client.key", &pki.file("next.key"));
    pki.replace("client.pem", &pki.file("next.pem"));
    follow_twice();
    let line = node.wait_for_log("certificates were read anew: ");
    assert!(line.contains(&format!("{cert} ends at ")), "{line}");
    assert!(!node.log().contains("lost worker1"), "{}", node.log());
    assert!(!node.log().contains("trust"), "etcd took each pair that was shown: {}", node.log());
}

#[test]
fn a_key_that_the_new_user_may_not_read_stays_in_use() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root can become another user");
    }
    let pki = Pki::new();
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let key = pki.file("client.key");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("permissions");
    let arguments = [&pki.node_arguments()[..], &["--run-as", OTHER_USER].map(str::to_owned)];
    let arguments = arguments.concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let checked = ended("check", &etcd.endpoint(), &arguments);
    let wanted =
        format!("note\tfiles\t--key: {key}: Permission denied (os error 13); a change of it");
    assert!(checked.out.contains(&wanted), "{checked:?}");
    assert!(!checked.out.contains("--cert: "), "{checked:?}");
    let (node, proxy) = node(&etcd, &pki, &["--run-as", OTHER_USER]);
    assert!(node.status("Uid").starts_with("65534\t"));
    follows_anew(&etcd, &node, &proxy, 7);
    // What is as it was need not be read.
    pki.sign("next", "clientAuth", 30);
    fs::copy(pki.file("next.key"), &key).expect("copied in place, so it is still root's");
    for slot in 8..=9 {
        follows_anew(&etcd, &node, &proxy, slot);
    }
    let wanted = format!("--key: {key}: Permission denied");
    assert_eq!(node.log_so_far().matches(&wanted).count(), 1, "{}", node.log());
    pki.replace("client.pem", &pki.file("next.pem"));
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("permissions");
    follows_anew(&etcd, &node, &proxy, 10);
    node.wait_for_log("certificates were read anew: ");
}

/// Whether it says so: whole days, of which the first may not have begun to pass.
fn is_in(told: &str, days: [u32; 2]) -> bool {
    days.iter().any(|days| told.ends_with(&format!("in {days} days")))
}

#[test]
fn the_end_is_shown_by_check_and_metrics_and_told_seven_days_before() {
    let pki = Pki::new();
    let etcd = Etcd::start_with(Some(&pki), &[]);
    let metrics = pki.file("metrics");
    let check = || {
        let arguments = pki.node_arguments();
        let more = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.9"].map(str::to_owned);
        let arguments: Vec<String> = [&arguments[..], &more].concat();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        ended("check", &etcd.endpoint(), &arguments)
    };
    let cert = pki.file("client.pem");
    let good = check();
    let line = |text: &str, report: &str| {
        let line = report.lines().find(|line| line.contains(text)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {text} in {report}"))
    };
    assert_eq!(good.status, Some(0), "{good:?}");
    let told = line(&format!("{cert} ends at "), &good.out);
    assert!(told.starts_with("ok\tfiles") && is_in(&told, [29, 30]), "{told}");
    assert!(line(&format!("{} ends at ", pki.file("ca.pem")), &good.out).starts_with("ok"));

    pki.sign("client", "clientAuth", 6);
    let soon = check();
    assert_eq!(soon.status, Some(0), "{soon:?}");
    let told = line(&format!("{cert} ends at "), &soon.out);
    assert!(told.starts_with("note\tfiles") && is_in(&told, [5, 6]), "{told}");
    let (node, _proxy) = node(&etcd, &pki, &["--metrics-file", &metrics]);
    let told = node.wait_for_log(&format!("--cert: {cert} ends at "));
    let told = told.strip_suffix("; put a new one there, which is read without a restart");
    assert!(is_in(told.expect("a remedy"), [5, 6]), "{told:?}");
    let text = until(PATIENCE, "figures", || fs::read_to_string(&metrics).ok());
    for option in ["cert", "cacert"] {
        let sample =
            format!("idetcd_certificate_not_after_timestamp_seconds{{option=\"{option}\"}} ");
        let seconds = text.lines().find_map(|line| line.strip_prefix(&sample)?.parse::<u64>().ok());
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        // Of the day that it was made on, a second may not have passed yet.
        let days = (seconds.expect("a time") - now).div_ceil(86_400);
        assert_eq!(days, if option == "cert" { 6 } else { 30 }, "{text}");
    }
    assert_eq!(node.log().matches("ends at").count(), 1, "{}", node.log());

    pki.sign("client", "clientAuth", -1);
    let over = check();
    assert_eq!(over.status, Some(1), "{over:?}");
    assert!(line(&format!("{cert} ended at "), &over.out).starts_with("FAIL\tfiles"));
}
