//! The page `/` of `--http` as people see it: in a real Chromium, on a desk and on a phone.
//!
//! Its picture in the README, `page.png`, is what the first test leaves in `target/debug/page.png`, with fewer colours
//! (`pngquant 32 target/debug/page.png`).

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use support::browser::Browser;
use support::{Etcd, Node, PATIENCE, Signal, free_port, idetcd, until};

/// A node that serves HTTP, and where.
fn start(etcd: &Etcd, number: u32, more: &[&str]) -> (Node, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = address.to_string();
    let node = Node::in_cluster(etcd, number, 20, &[&["--http", &text], more].concat());
    node.wait_for_log("serving HTTP on");
    (node, address)
}

/// The text of the first element of a selector.
fn text(browser: &mut Browser, selector: &str) -> String {
    let expression = format!("document.querySelector(\"{selector}\")?.innerText ?? ''");
    browser.value(&expression).as_str().unwrap_or_default().to_owned()
}

/// Waits until that text holds the words.
fn wait_for(browser: &mut Browser, selector: &str, words: &str) -> String {
    until(PATIENCE, words, || Some(text(browser, selector)).filter(|text| text.contains(words)))
}

/// The rows of the table, cells apart by `|`.
fn rows(browser: &mut Browser) -> Vec<String> {
    let rows = browser.value(
        "[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => \
         [...cell.childNodes].map(it => it.textContent).filter(Boolean).join('')).join('|'))",
    );
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| row.as_str().expect("text").to_owned()).collect()
}

#[test]
fn it_shows_this_node_and_all_names_and_follows_by_itself() {
    let etcd = Etcd::start();
    let (mut node, server) = start(&etcd, 1, &["--max-lag", "2"]);
    assert_eq!(node.slot(), 1);
    let other = Node::in_cluster(&etcd, 2, 20, &[]);
    assert_eq!(other.slot(), 2);
    let drain = ["2", "--reason", "new disk", "--limit", "20"];
    support::ended("drain", &etcd.endpoint(), &drain);
    etcd.put("worker3.tf.local.", br#"{"ipv4":"10.0.0.23","port":"53","ready":false}"#);
    etcd.put("worker4.tf.local.", br#"{"ipv4":"10.0.0.24","ipv6":"fd00::24","port":"53"}"#);
    let mut browser = Browser::start();
    browser.resize(800, 490);
    browser.open(&format!("http://{server}/"));
    wait_for(&mut browser, "#state", "answers are fresh");
    let all = until(PATIENCE, "all", || Some(rows(&mut browser)).filter(|all| all.len() == 4));
    assert_eq!(
        all,
        [
            "worker1.tf.localme|10.0.0.2fd00::2|53|ready",
            "worker2.tf.local|10.0.0.3fd00::3|53|drained: new disk",
            "worker3.tf.local|10.0.0.23|53|not ready",
            "worker4.tf.local|10.0.0.24fd00::24|53|ready",
        ]
    );
    assert_eq!(text(&mut browser, "h1"), "worker1.tf.local");
    assert_eq!(text(&mut browser, "tr.me td"), "worker1.tf.localme");
    let facts = text(&mut browser, "#facts").replace('\n', " ");
    for wanted in ["names taken 4 of 20", "in the group 2", "lease left 1", "behind etcd < "] {
        assert!(facts.contains(wanted), "{wanted}: {facts}");
    }
    fs::write(idetcd().with_file_name("page.png"), browser.picture()).expect("written");
    // What others write is text.
    let reason = "<img src=x onerror=document.title='bad'>";
    support::ended("undrain", &etcd.endpoint(), &["2", "--limit", "20"]);
    support::ended("drain", &etcd.endpoint(), &["2", "--limit", "20", "--reason", reason]);
    wait_for(&mut browser, "tbody", reason);
    assert_eq!(browser.value("document.images.length"), 0);
    // What is chosen is shown.
    browser.value("document.querySelectorAll('button')[3].click()");
    assert_eq!(rows(&mut browser).len(), 1);
    browser.value("document.querySelector('button').click()");
    browser.value("search.value = '0.24'; search.dispatchEvent(new Event('input'))");
    assert_eq!(rows(&mut browser), ["worker4.tf.local|10.0.0.24fd00::24|53|ready"]);
    browser.value("search.value = ''; search.dispatchEvent(new Event('input'))");
    // It follows.
    etcd.delete("worker3.tf.local.");
    until(PATIENCE, "one less", || (rows(&mut browser).len() == 3).then_some(()));
    etcd.signal(Signal::STOP);
    wait_for(&mut browser, "#state", "etcd is out of reach: answers are stale");
    assert!(rows(&mut browser)[2].ends_with("|ready, stale"));
    etcd.signal(Signal::CONT);
    wait_for(&mut browser, "#state", "answers are fresh");
    node.kill();
    wait_for(&mut browser, "#state", "this node does not answer");
    assert_eq!(browser.value("document.body.className"), "old");
}

#[test]
fn nothing_is_cut_off_on_a_phone() {
    let etcd = Etcd::start();
    let (node, server) = start(&etcd, 1, &[]);
    node.slot();
    let long =
        br#"{"ipv6":"fd00:1111:2222:3333:4444:5555:6666:7777","port":"65535","ready":false}"#;
    etcd.put("worker12.tf.local.", long);
    let mut browser = Browser::start();
    browser.resize(360, 740);
    browser.open(&format!("http://{server}/"));
    until(PATIENCE, "both", || (rows(&mut browser).len() == 2).then_some(()));
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 360);
    // No text is wider than what it stands in.
    let cut = browser.value(
        "[...document.querySelectorAll('td, dd, h1, button')]
            .filter(it => it.scrollWidth > it.clientWidth + 1).map(it => it.innerText)",
    );
    assert_eq!(cut, Value::Array(Vec::new()));
    // No short word is broken.
    let lines = "Math.round(document.querySelector('tr:nth-child(2) td:last-child').firstChild.offsetHeight \
                 / parseFloat(getComputedStyle(document.body).lineHeight))";
    assert_eq!(browser.value(lines), 2, "not / ready");
    let shown = text(&mut browser, "tr:nth-child(2) td:nth-child(4)");
    assert!(shown.contains("not ready"), "{shown}");
    fs::write(idetcd().with_file_name("page-phone.png"), browser.picture()).expect("written");
}
