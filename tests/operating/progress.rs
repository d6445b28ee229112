//! How far the reading of many names is, told to whoever looks on.

use std::time::Duration;

use support::tool::{ended, tool};
use support::{Action, Etcd, Node, Phase, Proxy, Terminal, command, idetcd};

/// More than three pages of the longest.
const NAMES: usize = 3000;

/// An etcd with so many names, which answers such calls as late as this.
fn slow(names: usize, path: &'static str, late: Duration) -> (Etcd, Proxy) {
    let etcd = Etcd::start();
    let name = |slot: usize| {
        let value = format!(r#"{{"ipv4":"10.1.{}.{}"}}"#, slot / 250, slot % 250);
        (format!("worker{slot}.tf.local."), value)
    };
    etcd.put_all((1..=names).map(name));
    let proxy = Proxy::new(&etcd.address());
    proxy.police(move |passing| {
        if passing.phase == Phase::Request && passing.path == path {
            std::thread::sleep(late);
        }
        Action::Pass
    });
    (etcd, proxy)
}

/// A node on a terminal.
fn node(endpoint: &str) -> Terminal {
    let mut node = command(idetcd());
    node.args(["--pattern", "worker{{.ID}}.tf.local.", "--limit", "5000", "--endpoints", endpoint]);
    node.args(["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--watchers", "0"]);
    Terminal::of(&node, &[("COLUMNS", "100")])
}

/// Whether a line of progress was there that is there no more.
fn is_taken_away(shown: &str) -> bool {
    let (_, after) = shown.rsplit_once(" names\x1b[K").expect("a line");
    after.contains("\x1b[K")
}

#[test]
fn a_node_on_a_terminal_shows_how_far_the_first_reading_is() {
    let (etcd, proxy) = slow(NAMES, "/v3/kv/range", Duration::from_millis(700));
    let mut terminal = node(&proxy.endpoint());
    terminal.wait_for(" of 3,000 names\x1b[K");
    terminal.wait_for("full sync: ");
    terminal.wait_for("claimed worker3001.tf.local.");
    std::thread::sleep(Duration::from_secs(1));
    terminal.enter("\x03");
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(is_taken_away(&shown), "{shown:?}");
    // What takes no time is not told. A busy machine may take half a second once.
    let tells = || {
        let mut terminal = node(&etcd.endpoint());
        terminal.wait_for("claimed worker3001.tf.local.");
        std::thread::sleep(Duration::from_secs(1));
        terminal.enter("\x03");
        let (_, shown) = terminal.end();
        shown.contains(" names\x1b[K")
    };
    assert!((1..=3).any(|_| !tells()), "each time");
}

#[test]
fn the_log_tells_once_of_a_reading_that_takes_long() {
    let (_etcd, proxy) = slow(NAMES, "/v3/kv/range", Duration::from_millis(1900));
    let node = Node::at(&proxy.endpoint(), 1, 5000, &["--etcd-timeout", "20", "--watchers", "0"]);
    node.wait_for_log("full sync: ");
    let log = node.log();
    assert_eq!(log.matches("reading takes long: read ").count(), 1, "{log}");
    assert!(log.contains(" of 3,000 names so far\n"), "{log}");
    assert!(!log.contains('\x1b'), "no terminal: {log}");
}

#[test]
fn tools_on_a_terminal_show_how_far_they_are() {
    let (_etcd, proxy) = slow(NAMES, "/v3/kv/range", Duration::from_millis(700));
    let on_terminal = |word: &str, more: &[&str]| {
        // They wait for each other at the proxy.
        let patient = [more, &["--etcd-timeout", "20"]].concat();
        Terminal::start(word, &proxy.endpoint(), &patient, &[("COLUMNS", "100")])
    };
    let list = on_terminal("list", &[]);
    let (wait, watch) =
        (on_terminal("wait", &["--count", "3000"]), on_terminal("list", &["--watch"]));
    for terminal in [&list, &wait, &watch] {
        terminal.wait_for(" of 3,000 names\x1b[K");
    }
    watch.wait_for("worker3000.tf.local.");
    assert!(is_taken_away(&watch.shown()), "{:?}", watch.shown());
    for terminal in [list, wait] {
        let (status, shown) = terminal.end();
        assert_eq!(status, Some(0), "{shown}");
        assert!(is_taken_away(&shown), "{shown:?}");
    }
    assert_eq!(ended("list", &proxy.endpoint(), &[]).good().lines().count(), NAMES, "no terminal");
}

#[test]
fn a_list_on_a_terminal_shows_how_far_it_is_with_the_leases() {
    let (etcd, proxy) = slow(0, "/v3/lease/timetolive", Duration::from_millis(600));
    for slot in 1..=4 {
        etcd.put_leased(&format!("worker{slot}.tf.local."), br#"{"ipv4":"10.0.0.1"}"#, 600);
    }
    let list = tool("list", &proxy.endpoint(), &["--etcd-timeout", "5"]);
    let (status, shown) = Terminal::of(&list, &[("COLUMNS", "100")]).end();
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("asked how long 3 of 4 names stay\x1b[K"), "{shown:?}");
    let (_, after) = shown.rsplit_once(" stay\x1b[K").expect("a line");
    assert!(after.starts_with("\x1b[K"), "taken away: {shown:?}");
}
