//! What a service manager hears (`sd_notify(3)`): a stand-in for systemd's socket listens.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use support::{Directory, Etcd, Node, PATIENCE, Signal, until};

/// A service manager, and where it listens.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    fn at(path: String) -> Manager {
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Manager { socket, name: path }
    }

    /// In no file system.
    fn abstract_one() -> Manager {
        let name = Directory::new().file("manager");
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Manager { socket, name: format!("@{name}") }
    }

    /// The next word, within this time.
    fn hears_within(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).expect("a socket");
        let mut octets = [0; 1024];
        let length = self.socket.recv(&mut octets).ok()?;
        Some(String::from_utf8_lossy(&octets[..length]).into_owned())
    }

    fn hears(&self) -> String {
        self.hears_within(PATIENCE).expect("a word")
    }

    /// Reads words until this one.
    fn hears_at_last(&self, wanted: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let word = self.hears();
            if word == wanted {
                return before;
            }
            before.push(word);
        }
    }

    fn start(&self, etcd: &str, variables: &[&str], more: &[&str]) -> Node {
        let mut wrapper = vec!["env".to_owned(), format!("NOTIFY_SOCKET={}", self.name)];
        wrapper.extend(variables.iter().map(|it| (*it).to_owned()));
        let arguments = [
            "--pattern",
            "worker{{.ID}}.tf.local.",
            "--endpoints",
            etcd,
            "--listen",
            "127.0.0.1:0",
            "--ipv4",
            "10.0.0.1",
        ];
        Node::start_by(&wrapper, &[&arguments[..], more].concat())
    }
}

const NAMELESS: &str = "STATUS=answers DNS, and has no name";

#[test]
fn it_hears_of_the_start_the_name_and_the_end() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    for manager in [Manager::at(directory.file("manager")), Manager::abstract_one()] {
        let mut node = manager.start(&etcd.endpoint(), &[], &[]);
        assert_eq!(manager.hears(), "READY=1");
        assert_eq!(manager.hears(), NAMELESS);
        assert_eq!(manager.hears(), "STATUS=is worker1.tf.local");
        node.signal(Signal::TERM);
        assert_eq!(manager.hears(), "STOPPING=1");
        assert_eq!(manager.hears(), NAMELESS);
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
        assert_eq!(manager.hears_within(Duration::from_millis(1)), None);
    }
}

#[test]
fn it_may_hear_of_the_start_once_there_is_a_name() {
    let (mut etcd, directory) = (Etcd::start(), Directory::new());
    let endpoint = etcd.endpoint();
    etcd.kill();
    let manager = Manager::at(directory.file("manager"));
    let node = manager.start(&endpoint, &[], &["--notify", "named"]);
    assert_eq!(manager.hears(), NAMELESS);
    node.wait_for_log("out of reach");
    assert_eq!(manager.hears_within(Duration::from_millis(1)), None, "it has no name");
    etcd.start_again();
    assert_eq!(manager.hears(), "READY=1");
    assert_eq!(manager.hears(), "STATUS=is worker1.tf.local");
}

#[test]
fn its_watchdog_is_fed_for_as_long_as_the_node_runs() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let manager = Manager::at(directory.file("manager"));
    let time = Duration::from_millis(1500);
    let node = manager.start(&etcd.endpoint(), &["WATCHDOG_USEC=1500000"], &[]);
    manager.hears_at_last("STATUS=is worker1.tf.local");
    // etcd that does not answer is no reason for it to starve.
    etcd.signal(Signal::STOP);
    let began = Instant::now();
    while began.elapsed() < 3 * time {
        assert_eq!(manager.hears_within(time).as_deref(), Some("WATCHDOG=1"), "{}", node.log());
    }
    node.signal(Signal::STOP);
    until(PATIENCE, "stopped", || node.status("State").starts_with(['T', 't']).then_some(()));
    while manager.hears_within(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.hears_within(2 * time), None, "it stands still");
    node.signal(Signal::CONT);
    assert_eq!(manager.hears(), "WATCHDOG=1");
}

#[test]
fn what_is_started_does_not_speak_in_its_name() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let manager = Manager::at(directory.file("manager"));
    let path = directory.file("environment");
    let hook = format!("env > {path}.new && mv {path}.new {path}");
    let variables = ["WATCHDOG_USEC=5000000", "OTHER=1"];
    let _node = manager.start(&etcd.endpoint(), &variables, &["--on-claim", &hook]);
    let told = until(PATIENCE, "the hook ran", || fs::read_to_string(&path).ok());
    assert!(told.contains("OTHER=1"), "{told}");
    assert!(!told.contains("NOTIFY_SOCKET") && !told.contains("WATCHDOG"), "{told}");
}

#[test]
fn a_manager_that_does_not_read_holds_nothing_up() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let manager = Manager::at(directory.file("manager"));
    // Far more words than a socket takes.
    let node = manager.start(&etcd.endpoint(), &["WATCHDOG_USEC=3000"], &[]);
    assert_eq!(node.slot(), 1);
    node.signal(Signal::TERM);
    let mut node = node;
    assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
}

#[test]
fn a_name_of_a_socket_that_is_none_is_told_once() {
    let etcd = Etcd::start();
    let nobody = Manager { socket: UnixDatagram::unbound().expect("a socket"), name: "x".into() };
    let node = nobody.start(&etcd.endpoint(), &[], &[]);
    let line = node.wait_for_log("NOTIFY_SOCKET");
    assert!(line.contains("neither an absolute path nor a name after @"), "{line}");
    assert_eq!(node.slot(), 1);
}

#[test]
fn lines_on_their_way_to_the_journal_begin_with_their_priority() {
    let etcd = Etcd::start();
    let to_journal = |stream: &str| {
        let script = format!("JOURNAL_STREAM={stream}; export JOURNAL_STREAM; exec \"$0\" \"$@\"");
        let wrapper = ["sh", "-c", &script].map(str::to_owned);
        let endpoint = etcd.endpoint();
        let arguments = ["--pattern", "worker{{.ID}}.tf.local.", "--endpoints", &endpoint];
        let address = ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1"];
        let mut node = Node::start_by(&wrapper, &[&arguments[..], &address].concat());
        assert_eq!(node.slot(), 1);
        etcd.delete("worker1.tf.local.");
        node.wait_for_log("lost worker1");
        node.signal(Signal::TERM);
        node.wait(PATIENCE);
        node.log()
    };
    let log = to_journal("$(stat -Lc %d:%i /dev/stderr)");
    let priority = |text: &str| log.lines().find(|line| line.contains(text))?.get(..3);
    assert_eq!(priority(" claimed worker1"), Some("<6>"), "{log}");
    assert_eq!(priority(" lost worker1"), Some("<4>"), "{log}");
    assert!(log.lines().all(|line| line.starts_with('<')), "{log}");
    let log = to_journal("1:2");
    assert!(!log.contains('<'), "{log}");
}
