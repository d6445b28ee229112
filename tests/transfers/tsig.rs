//! Signed queries (TSIG, RFC 8945), by the tools that people have.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use crate::zone::record;
use support::upstream::{Habit, Upstream};
use support::{Directory, Etcd, Node, command, idetcd, install};

pub const SECRET: &str = "c2VjcmV0IG9mIDMyIG9jdGV0cyB0aGF0IGlzIGtub3duLg==";
const OTHER: &str = "YW5vdGhlciBzZWNyZXQgdGhhdCBub2JvZHkgc2hvdWxkIGtub3c=";

/// Files as `tsig-keygen` writes them, that their owner alone can read.
pub struct Keys(Directory);

impl Keys {
    pub fn write() -> Keys {
        let keys = Keys(Directory::new());
        for algorithm in ["hmac-sha256", "hmac-sha512"] {
            keys.write_file(algorithm, &format!("key-{algorithm}.tf.local"), SECRET);
        }
        keys
    }

    fn write_file(&self, algorithm: &str, name: &str, secret: &str) {
        let file = self.0.file(algorithm);
        let text =
            format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n");
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("set");
    }

    /// The option for the key of an algorithm.
    pub fn option(&self, algorithm: &str) -> String {
        format!("key-{algorithm}.tf.local:{algorithm}:{}", self.0.file(algorithm))
    }
}

/// A node with both keys.
fn node(etcd: &Etcd, keys: &Keys, more: &[&str]) -> Node {
    let [sha256, sha512] = ["hmac-sha256", "hmac-sha512"].map(|algorithm| keys.option(algorithm));
    let options = [&["--tsig-key", &sha256, "--tsig-key", &sha512], more].concat();
    let node = Node::in_cluster(etcd, 1, 400, &options);
    node.slot();
    node
}

/// What a tool says to a query signed like this. The time of `faketime` may be another one.
fn ask(program: &[&str], server: SocketAddr, key: &str, more: &[&str]) -> String {
    let (host, port) = (format!("@{}", server.ip()), server.port().to_string());
    let words = [program, &["-p", &port, &host, "-y", key], more].concat();
    said(words[0], &words[1..])
}

/// All that a program says, however it ends.
fn said(program: &str, words: &[&str]) -> String {
    let output = command(program).args(words).output().expect(program);
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// Whether a tool was told what is wanted, and believed it.
fn assert_told(output: &str, status: &str, error: &str) {
    let lower = output.to_lowercase();
    assert!(lower.contains(&format!("status: {status}").to_lowercase()), "{status}: {output}");
    let has_error = lower.lines().any(|line| line.contains("tsig") && line.contains(error));
    assert!(has_error, "{error}: {output}");
    let doubts = ["couldn't verify", "could not be validated", "reply verification"];
    let is_doubted = doubts.iter().any(|doubt| lower.contains(doubt));
    assert_eq!(is_doubted, error != "noerror", "{status}: {output}");
}

#[test]
fn dig_and_kdig_believe_the_replies_to_what_they_sign() {
    let etcd = Etcd::start();
    let keys = Keys::write();
    let node = node(&etcd, &keys, &[]);
    for server in node.addresses() {
        for algorithm in ["hmac-sha256", "hmac-sha512"] {
            let key = format!("{algorithm}:key-{algorithm}.tf.local:{SECRET}");
            for program in ["dig", "kdig"] {
                for (name, status) in [
                    (&["worker1.tf.local"][..], "NOERROR"),
                    (&["+tcp", "worker1.tf.local"], "NOERROR"),
                    (&["worker1.tf.local", "TXT"], "NOERROR"),
                    (&["worker9.tf.local", "AAAA"], "NXDOMAIN"),
                    (&["example.com"], "REFUSED"),
                ] {
                    assert_told(&ask(&[program], server, &key, name), status, "noerror");
                }
            }
        }
    }
}

#[test]
fn who_signs_badly_is_told_what_is_wrong() {
    install(&["faketime:faketime"]);
    let etcd = Etcd::start();
    let keys = Keys::write();
    let node = node(&etcd, &keys, &[]);
    let server = node.address();
    let good = format!("hmac-sha256:key-hmac-sha256.tf.local:{SECRET}");
    let table = [
        (&["dig"][..], "hmac-sha256:other.tf.local:AAAA".to_owned(), "badkey"),
        (&["dig"], format!("hmac-sha512:key-hmac-sha256.tf.local:{SECRET}"), "badkey"),
        (&["dig"], format!("hmac-sha256:key-hmac-sha256.tf.local:{OTHER}"), "badsig"),
        (&["faketime", "-f", "-301s", "kdig"], good.clone(), "badtime"),
        (&["faketime", "-f", "+310s", "kdig"], good.clone(), "badtime"),
    ];
    for (program, key, error) in table {
        for transport in ["+notcp", "+tcp"] {
            let output = ask(program, server, &key, &[transport, "worker1.tf.local"]);
            // kdig shows the error of the TSIG record there.
            let status = if error == "badtime" { "BADTIME" } else { "NOTAUTH" };
            assert_told(&output, status, error);
        }
    }
    let output = ask(&["faketime", "-f", "-290s", "kdig"], server, &good, &["worker1.tf.local"]);
    assert_told(&output, "NOERROR", "noerror");
}

#[test]
fn a_long_answer_is_truncated_and_whole_over_tcp_and_signed_both_times() {
    let etcd = Etcd::start();
    for number in 2..=301 {
        let value = format!(r#"{{"ipv4":"10.1.{}.{}"}}"#, number / 250, number % 250);
        etcd.put(&format!("worker{number}.tf.local."), value.as_bytes());
    }
    let keys = Keys::write();
    let node = node(&etcd, &keys, &[]);
    let key = format!("hmac-sha256:key-hmac-sha256.tf.local:{SECRET}");
    let group = ["worker.tf.local", "A"];
    let output = ask(&["dig"], node.address(), &key, &[&["+ignore"], &group[..]].concat());
    assert_told(&output, "NOERROR", "noerror");
    assert!(output.contains(" tc ") || output.contains(" tc;"), "{output}");
    let output = ask(&["dig"], node.address(), &key, &group);
    assert_told(&output, "NOERROR", "noerror");
    assert!(output.contains("ANSWER: 301,"), "{output}");
}

#[test]
fn a_reply_that_the_rate_limit_cuts_short_is_signed() {
    let etcd = Etcd::start();
    let keys = Keys::write();
    let node = node(&etcd, &keys, &["--rrl", "1"]);
    let key = format!("hmac-sha256:key-hmac-sha256.tf.local:{SECRET}");
    let mut truncated = 0;
    while truncated < 3 {
        // Every other one is not answered at all.
        let more = ["+ignore", "+tries=1", "+timeout=1", "worker1.tf.local"];
        let output = ask(&["dig"], node.address(), &key, &more);
        if output.contains("ANSWER: 0") {
            truncated += 1;
            assert_told(&output, "NOERROR", "noerror");
        }
    }
}

#[test]
fn a_signed_query_for_another_zone_is_forwarded() {
    let etcd = Etcd::start();
    let keys = Keys::write();
    let upstream = Upstream::start(Habit::Good);
    let node = node(&etcd, &keys, &["--forward", &upstream.address.to_string()]);
    let ours = format!("hmac-sha256:key-hmac-sha256.tf.local:{SECRET}");
    for transport in ["+notcp", "+tcp"] {
        let more = [transport, "www.example.com"];
        let output = ask(&["dig"], node.address(), &ours, &more);
        assert_told(&output, "NOERROR", "noerror");
        assert!(output.contains("192.0.2.80"), "{output}");
        // The other server is to judge what is signed for it; this one signs nothing.
        let theirs = format!("hmac-sha256:other.tf.local:{OTHER}");
        let output = ask(&["dig"], node.address(), &theirs, &more);
        assert!(output.contains("192.0.2.80") && !output.contains("TSIG PSEUDO"), "{output}");
    }
    drop(upstream);
    // What is in the cache is signed here, and is not stale.
    for transport in ["+notcp", "+tcp"] {
        let output = ask(&["dig"], node.address(), &ours, &[transport, "www.example.com"]);
        assert_told(&output, "NOERROR", "noerror");
        assert!(output.contains("192.0.2.80") && !output.contains("EDE"), "{output}");
    }
    let output = ask(&["dig"], node.address(), &ours, &["+timeout=9", "www.example.org"]);
    assert_told(&output, "SERVFAIL", "noerror");
}

#[test]
fn a_key_that_cannot_be_used_is_told_with_its_file_and_line() {
    let keys = Keys::write();
    let file = keys.0.file("hmac-sha256");
    let complaint = |key: &str| {
        let arguments =
            ["--pattern", support::PATTERN, "--listen", "127.0.0.1:0", "--tsig-key", key];
        let output = command(idetcd()).args(arguments).output().expect("idetcd");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !text.contains(SECRET), "{key}: {text}");
        text
    };
    let table = [
        (format!("other:hmac-sha256:{file}"), ":1: there is no key other. in it"),
        (format!("key-hmac-sha256.tf.local:hmac-sha512:{file}"), ":2: the key is for hmac-sha256"),
        (format!("a:hmac-sha256:{file}.gone"), "create it, or give another file"),
        (format!("a:hmac-md5:{file}"), "the algorithm is not hmac-sha256 or hmac-sha512"),
        ("a:hmac-sha256".to_owned(), "the algorithm or the file is missing"),
    ];
    for (key, wanted) in table {
        let output = complaint(&key);
        assert!(output.contains(wanted) && output.contains("--tsig-key"), "{key}: {output}");
    }
    let etcd = Etcd::start();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("set");
    let node = node(&etcd, &keys, &["--verbose", "--verbose"]);
    node.wait_for_log("everybody on this host may read it");
    let log = node.log();
    assert!(!log.contains(SECRET) && log.matches("may read it").count() == 1, "{log}");
}

#[test]
fn with_keys_a_zone_is_for_who_signs_and_is_at_a_named_address() {
    let etcd = Etcd::start();
    let keys = Keys::write();
    // So many that there are several messages, each signed over the one before.
    etcd.put_all((2..1002).map(|number| record(number, number)));
    let key = keys.option("hmac-sha256");
    let more = ["--allow-transfer", "127.0.0.1", "--tsig-key", &key];
    let node = Node::in_cluster(&etcd, 1, 1002, &more);
    assert_eq!(node.slot(), 1);
    let good = format!("hmac-sha256:key-hmac-sha256.tf.local:{SECRET}");
    let bad = format!("hmac-sha256:key-hmac-sha256.tf.local:{OTHER}");
    let [named, other] = node.addresses()[..] else { panic!("two addresses") };
    let zone = ["+tcp", "tf.local", "AXFR"];
    for (server, key, is_given) in
        [(named, &good, true), (named, &bad, false), (other, &good, false)]
    {
        for program in ["dig", "kdig"] {
            let output = ask(&[program], server, key, &zone);
            let records = output.lines().filter(|line| line.contains("\tIN\tSRV\t")).count();
            assert_eq!(records, if is_given { 2002 } else { 0 }, "{program}: {server}: {output}");
            let doubts = ["verif", "could not be validated", "unexpected error"];
            let is_doubted = doubts.iter().any(|doubt| output.contains(doubt));
            assert!(!is_given || !is_doubted, "{program}: {output}");
        }
    }
    let (host, port) = (format!("@{}", named.ip()), named.port().to_string());
    for zone in ["AXFR", "IXFR=1"] {
        let output = said("dig", &["+tcp", "-p", &port, &host, "tf.local", zone]);
        assert!(output.contains("Transfer failed."), "{output}");
    }
}
