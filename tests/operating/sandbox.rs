//! What a node gives up once it has started: all files but those that it needs, and further rights.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use simple_dns::TYPE;
use support::{Directory, Etcd, Node, PATIENCE, PATTERN, ask, ended, until};

/// Whether the kernel restricts files: an old one may not, and a node runs there all the same.
fn has_landlock() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let is_new = (numbers.next(), numbers.next()) >= (Some(5), Some(13));
    let list = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or("landlock".to_owned());
    let has = is_new && list.contains("landlock");
    if !has {
        println!("this kernel has no Landlock: files are not looked at");
    }
    has
}

/// A directory of two others, and a link that can be switched from one to the other.
struct Switched(Directory);

impl Switched {
    fn new() -> Switched {
        let base = Directory::new();
        for name in ["one", "other"] {
            fs::create_dir(base.file(name)).expect("a directory");
        }
        symlink("one", base.file("link")).expect("a link");
        Switched(base)
    }

    fn path(&self, name: &str) -> String {
        self.0.file(name)
    }

    fn switch(&self) {
        symlink("other", self.path("next")).expect("a link");
        fs::rename(self.path("next"), self.path("link")).expect("switched");
    }
}

#[test]
fn files_are_written_in_their_directories_alone() {
    let etcd = Etcd::start();
    for (number, more) in [(1, &[][..]), (2, &["--no-sandbox"])] {
        let is_sandboxed = more.is_empty();
        let place = Switched::new();
        let path = place.path("link/name");
        let options = [&["--name-file", &path, "-v"], more].concat();
        let node = Node::in_cluster(&etcd, number, 9, &options);
        let slot = node.slot();
        let holds = |path: &str| fs::read_to_string(place.path(path)).ok();
        until(PATIENCE, "the name", || holds("one/name"));
        assert_eq!(node.status("NoNewPrivs"), if is_sandboxed { "1" } else { "0" });
        if is_sandboxed {
            node.wait_for_log(&format!("writes files in {}, and no others", place.path("link")));
        }
        place.switch();
        etcd.put(&format!("worker{slot}.tf.local."), br#"{"ipv4":"10.9.9.9"}"#);
        if is_sandboxed && has_landlock() {
            node.wait_for_log("link/name cannot be written: Permission denied");
            assert_eq!(holds("other/name"), None);
        } else {
            until(PATIENCE, "the name in another place", || holds("other/name"));
        }
    }
}

#[test]
fn a_kernel_without_landlock_is_told_of_and_the_node_runs_all_the_same() {
    let etcd = Etcd::start();
    // One that does not know the call, and one that has it switched off.
    for (number, error) in [(1, "ENOSYS"), (2, "EOPNOTSUPP")] {
        let directory = Directory::new();
        let inject = format!("inject=landlock_create_ruleset:error={error}");
        let calls = directory.file("calls");
        // -D: the node is our child, not the tracer.
        let words = ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", &calls];
        let filter = ["-e", "trace=landlock_create_ruleset", "-e", &inject];
        let wrapper: Vec<String> = words.iter().chain(&filter).map(|it| (*it).to_owned()).collect();
        let (endpoint, path) = (etcd.endpoint(), directory.file("name"));
        let (address, id) = (format!("10.0.0.{number}"), format!("n{number}"));
        let who = ["--pattern", PATTERN, "--ipv4", &address, "--ipv6", "none", "--node-id", &id];
        let rest =
            ["--endpoints", &endpoint, "--listen", "127.0.0.1:0", "--name-file", &path, "-v"];
        let node = Node::start_by(&wrapper, &[&who[..], &rest].concat());
        until(PATIENCE, "the name", || fs::read_to_string(&path).ok());
        node.wait_for_log("no sandbox: this kernel has no Landlock");
        let told = fs::read_to_string(&calls).expect("a trace");
        assert!(told.contains(error), "{told}");
        // This is older than Landlock, and costs nothing.
        assert_eq!(node.status("NoNewPrivs"), "1");
    }
}

#[test]
fn files_are_read_where_they_are_and_may_be_replaced_there() {
    let etcd = Etcd::start();
    let place = Switched::new();
    let hosts = |name: &str, octet: u8| {
        let (path, draft) = (place.path(&format!("{name}/hosts")), place.path("draft"));
        fs::write(&draft, format!("10.0.0.{octet} printer.example\n")).expect("written");
        fs::rename(&draft, path).expect("placed");
    };
    hosts("one", 7);
    hosts("other", 9);
    let path = place.path("link/hosts");
    let node = Node::in_cluster(&etcd, 1, 9, &["--hosts", &path]);
    node.slot();
    let has = |address: &str| {
        let reply = ask(node.address(), "printer.example.", TYPE::A);
        (reply.answers == [address]).then_some(())
    };
    until(PATIENCE, "the first ones", || has("10.0.0.7"));
    hosts("one", 8);
    until(PATIENCE, "those that took their place", || has("10.0.0.8"));
    place.switch();
    if has_landlock() {
        node.wait_for_log("hosts cannot be read: Permission denied");
        has("10.0.0.8").expect("what was read before");
    }
}

#[test]
fn who_runs_programs_is_not_in_it_and_says_so() {
    let etcd = Etcd::start();
    let directory = Directory::new();
    let file = directory.file("said");
    let hook = format!("grep NoNewPrivs /proc/self/status >{file}.new; mv {file}.new {file}");
    let node = Node::in_cluster(&etcd, 1, 9, &["--on-claim", &hook]);
    node.wait_for_log("no sandbox: hooks would be in it");
    let said = until(PATIENCE, "the hook", || fs::read_to_string(&file).ok());
    assert_eq!(said.trim(), "NoNewPrivs:\t0");
    let check = |more: &[&str]| {
        let usual = ["--ipv4", "10.0.0.9", "--listen", "127.0.0.1:0"];
        ended("check", &etcd.endpoint(), &[&usual[..], more].concat()).good()
    };
    assert!(check(&["--on-lost", "true"]).contains("none: hooks would be in it"));
    assert!(check(&["--no-sandbox"]).contains("none: --no-sandbox"));
    let told = check(&["--name-file", &directory.file("name")]);
    let wanted = format!("writes files in {}, and no others", directory.path().display());
    assert!(told.contains(&wanted), "{told}");
}

#[test]
fn another_user_is_in_it_too() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give root up");
        return;
    }
    let (etcd, directory) = (Etcd::start(), Directory::new());
    chown(directory.path(), Some(65_534), Some(65_534)).expect("root");
    let path = directory.file("name");
    let node = Node::in_cluster(&etcd, 1, 9, &["--run-as", "nobody", "--name-file", &path]);
    until(PATIENCE, "the name", || fs::read_to_string(&path).ok());
    assert_eq!(node.status("NoNewPrivs"), "1");
    assert!(node.status("Uid").starts_with("65534"));
}
