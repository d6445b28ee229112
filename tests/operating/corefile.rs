//! The configuration of the CoreDNS plugin runs as it is.

use std::path::Path;

use support::network::{HUB, Host, Network};
use support::upstream::{Habit, Upstream};
use support::{Cluster, Directory, Etcd, Node, PATIENCE, is_private, lookup, run, until};

/// Where a Corefile is looked for that nobody names.
fn in_directory(directory: &Directory) -> Vec<String> {
    ["env", "-C", directory.path().to_str().expect("text")].map(str::to_owned).to_vec()
}

/// A directory with these files in it.
fn with_files(files: &[(&str, &str)]) -> Directory {
    let directory = Directory::new();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        std::fs::write(path, text).expect("written");
    }
    directory
}

/// The plugin's documented example.
fn documented(endpoint: &str) -> String {
    format!(
        ". {{\n    idetcd {{\n        endpoint {endpoint}\n        limit 5\n        \
         pattern worker{{{{.ID}}}}.tf.local.\n    }}\n}}\n"
    )
}

fn dig(host: Host, name: &str) -> String {
    let dig = ["dig", "+short", name, "@127.0.0.1"].map(str::to_owned);
    let words = [host.wrapper(), dig.to_vec()].concat();
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    run(&words[0], &arguments).trim().to_owned()
}

#[test]
fn the_documented_file_runs_unchanged_on_every_node_without_an_option() {
    if !is_private!() {
        return;
    }
    let network = Network::set_up();
    let cluster = Cluster::start_at(HUB, 1);
    let directory = with_files(&[("Corefile", &documented(&cluster.members[0].endpoint()))]);
    let hosts: Vec<Host> = (1..=3).map(|number| network.host(number)).collect();
    let nodes: Vec<Node> = hosts
        .iter()
        .map(|host| {
            let wrapper = [host.wrapper(), in_directory(&directory)].concat();
            Node::start_by::<&str>(&wrapper, &[])
        })
        .collect();
    assert_eq!(Node::slots(&nodes), [1, 2, 3]);
    for (node, host) in nodes.iter().zip(&hosts) {
        node.wait_for_log("read Corefile");
        let own = format!("worker{}.tf.local", node.slot());
        for asker in &hosts {
            until(PATIENCE, "answered everywhere", || {
                (dig(*asker, &own) == host.address()).then_some(())
            });
        }
    }
}

#[test]
fn launch_scripts_of_coredns_go_on_working() {
    let etcd = Etcd::start();
    let text = documented(&etcd.endpoint()).replacen('\n', "\n    bind 127.0.0.1 ::1\n", 1);
    let directory = with_files(&[("etc/Corefile", &text)]);
    let file = directory.file("etc/Corefile");
    let port = support::free_port();
    for (number, arguments) in [
        vec!["-conf".to_owned(), file.clone(), "-dns.port".to_owned(), port.to_string()],
        vec![format!("-conf={file}"), format!("-dns.port={port}")],
        vec![format!("--conf={file}"), "--dns.port".to_owned(), port.to_string()],
        ["-conf", &file, "-p", &port.to_string(), "-log"].map(str::to_owned).to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("10.0.0.{}", number + 1);
        let own = ["--ipv4", &address, "-v"].map(str::to_owned);
        let mut node = Node::start(&[arguments, own.to_vec()].concat());
        assert_eq!(node.slot(), 1);
        let addresses: Vec<String> = node.addresses().iter().map(ToString::to_string).collect();
        assert_eq!(addresses, [format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
        assert_eq!(lookup(node.address(), "worker1.tf.local."), Some(address));
        node.wait_for_log(&format!("read {file}"));
        node.signal(support::Signal::TERM);
        assert_eq!(node.wait(PATIENCE).code(), Some(0), "{}", node.log());
    }
}

#[test]
fn a_file_may_come_by_standard_input_as_for_coredns() {
    let etcd = Etcd::start();
    let text = documented(&etcd.endpoint()).replacen(". {", ".:0 {\n    import here", 1);
    let directory = with_files(&[("etc/Corefile", &text), ("here", "bind 127.0.0.1\n")]);
    // What is imported is found in the working directory.
    let script = "cd \"$0\" && exec \"$@\" <etc/Corefile";
    let words = ["sh", "-c", script, directory.path().to_str().expect("text")];
    let wrapper = words.map(str::to_owned);
    let node = Node::start_by(&wrapper, &["-conf", "stdin", "--ipv4", "10.0.0.1"]);
    node.wait_for_log("read stdin");
    assert_eq!(node.slot(), 1);
    assert_eq!(lookup(node.address(), "worker1.tf.local.").as_deref(), Some("10.0.0.1"));
    // A file of that name has another path.
    let mut node = Node::start_by(&in_directory(&directory), &["-conf", "./stdin"]);
    assert_eq!(node.wait(PATIENCE).code(), Some(2), "{}", node.log());
    assert!(node.log().starts_with("idetcd: ./stdin: "), "{}", node.log());
}

#[test]
fn the_port_of_a_key_wins_over_the_default_and_options_win_over_the_file() {
    let etcd = Etcd::start();
    let port = support::free_port();
    let text = documented("http://127.0.0.1:1")
        .replacen(". {", &format!("tf.local:{port} {{\nbind 127.0.0.1"), 1)
        .replace("limit 5", "limit 1")
        .replace("worker", "other");
    let directory = with_files(&[("Corefile", &text)]);
    let common = ["--endpoints", &etcd.endpoint(), "-dns.port", "1"].map(str::to_owned);
    let start = |more: &[&str]| {
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        Node::start_by(&in_directory(&directory), &[common.to_vec(), more].concat())
    };
    let first = start(&["--ipv4=10.0.0.1"]);
    first.wait_for_log("claimed other1.tf.local.");
    assert_eq!(first.address().to_string(), format!("127.0.0.1:{port}"));
    // The file allows one name only.
    let mut second = start(&["--ipv4=10.0.0.2", "--listen=127.0.0.1:0"]);
    assert_eq!(second.wait(PATIENCE).code(), Some(3), "{}", second.log());
    let third = start(&["--ipv4=10.0.0.3", "--listen=127.0.0.1:0", "--limit=2"]);
    third.wait_for_log("claimed other2.tf.local.");
    let file = directory.file("Corefile");
    let fourth = start(&[
        "--conf",
        &file,
        "--ipv4=10.0.0.4",
        "--listen=127.0.0.1:0",
        "--pattern",
        support::PATTERN,
    ]);
    assert_eq!(fourth.slot(), 1);
}

#[test]
fn names_of_other_zones_go_where_the_file_says() {
    let etcd = Etcd::start();
    let server = Upstream::start(Habit::Good);
    let together = documented(&etcd.endpoint()).replacen(
        ". {",
        &format!(".:0 {{\nbind 127.0.0.1\nforward . {}", server.address),
        1,
    );
    let apart = documented(&etcd.endpoint()).replacen(". {", "tf.local:0 {\nbind 127.0.0.1", 1)
        + &format!(".:0 {{\nproxy . {}\nbind 127.0.0.1\n}}\n", server.address);
    for (text, number) in [(together, 1), (apart, 2)] {
        let directory = with_files(&[("Corefile", &text)]);
        let address = format!("--ipv4=10.0.0.{number}");
        let node = Node::start(&["--conf", &directory.file("Corefile"), &address]);
        let own = format!("worker{}.tf.local.", node.slot());
        assert_eq!(lookup(node.address(), "www.example.com."), Some("192.0.2.80".to_owned()));
        assert_eq!(lookup(node.address(), &own), Some(format!("10.0.0.{number}")));
    }
}

#[test]
fn what_has_no_effect_is_in_the_log_and_what_is_imported_is_followed() {
    let etcd = Etcd::start();
    let main = "(quiet) {\n    errors\n    cache 30\n}\nimport blocks/*.conf\n";
    let block = ".:{$IDETCD_PORT} {\n    import quiet\n    prometheus 127.0.0.1:{$HTTP_PORT}\n    idetcd {\n        \
                 import ../common\n        colour blue\n    }\n    bind 127.0.0.1\n}\n";
    let common = format!(
        "endpoint {}\npattern worker{{{{.ID}}}}.tf.local. # the same everywhere\n",
        etcd.endpoint()
    );
    let directory =
        with_files(&[("Corefile", main), ("blocks/1.conf", block), ("common", &common)]);
    let port = support::free_port();
    let http = support::free_port();
    let variable = ["env".to_owned(), format!("IDETCD_PORT={port}"), format!("HTTP_PORT={http}")];
    let file = directory.file("Corefile");
    let node = Node::start_by(&variable, &["-conf", &file, "--ipv4=10.0.0.1"]);
    assert_eq!(node.slot(), 1);
    assert_eq!(node.address().to_string(), format!("127.0.0.1:{port}"));
    let imported = directory.file("blocks/1.conf");
    for line in [
        format!("info  {file}: line 3, column 5: cache: has no effect"),
        format!("info  serving HTTP on 127.0.0.1:{http}"),
        format!("warn  {imported}: line 6, column 9: \"colour\": no property of idetcd"),
    ] {
        node.wait_for_log(&line);
    }
}

#[test]
fn a_bad_file_is_told_in_one_line_with_status_2() {
    let good = documented("http://127.0.0.1:1");
    let huge = "#".repeat((1 << 20) + 1);
    let table: [(String, &str); 13] = [
        (String::new(), "Corefile: no server block has idetcd; add"),
        (good.replace("limit 5", "limit x"), "Corefile: line 4, column 15: limit: \"x\" is not"),
        (good.replace("limit 5", "limit 5 6"), "Corefile: line 4, column 17: limit: \"6\" is one"),
        (good.replace(".ID", ".Id"), "Corefile: line 5, column 23: pattern: only {{.ID}} and"),
        (good.replace("pattern ", "patern "), "Corefile: line 2, column 5: idetcd: there is no"),
        (good.replace("http:", "ftp:"), "Corefile: line 3, column 18: endpoint: \"ftp://127.0"),
        (good.replacen('.', "example.com", 1), "Corefile: line 1, column 1: example.com.: the"),
        (good.replacen('\n', "\n    file x\n", 1), "Corefile: line 2, column 5: file: only"),
        (good.replacen('\n', "\n    idetdc\n", 1), "Corefile: line 2, column 5: \"idetdc\": no"),
        (
            good.replacen('\n', "\n    import no\n", 1),
            "Corefile: line 2, column 12: import: \"no\"",
        ),
        (format!("{good}{good}"), "Corefile: line 9, column 5: idetcd: stands in line 2 before"),
        (good.replace("limit 5\n", "limit \u{1}\n"), "Corefile: line 4, column 15: '\\u{1}'"),
        (huge, "Corefile: over 1048576 octets; give a shorter file"),
    ];
    for (text, wanted) in &table {
        let directory = with_files(&[("Corefile", text)]);
        let mut node = Node::start_by::<&str>(&in_directory(&directory), &[]);
        check(&mut node, wanted);
    }
    let directory = Directory::new();
    let binary = directory.file("binary");
    std::fs::write(&binary, b". {\n ab\xff\n}").expect("written");
    let folder = directory.path().to_str().expect("text").to_owned();
    let missing = directory.file("none");
    for (name, wanted) in [
        (binary.as_str(), format!("{binary}: line 2, column 4: not UTF-8; give a text file")),
        (missing.as_str(), format!("{missing}: No such file")),
        (folder.as_str(), format!("{folder}: Is a directory")),
        ("/proc/self/mem", "/proc/self/mem: Input/output error".to_owned()),
        ("/dev/zero", "/dev/zero: over 1048576 octets".to_owned()),
        ("", "--conf: the name of the file is empty".to_owned()),
    ] {
        check(&mut Node::start(&["-conf", name]), &wanted);
    }
    let empty = Directory::new();
    let mut node = Node::start_by::<&str>(&in_directory(&empty), &[]);
    check(&mut node, "--pattern: must be given");
}

fn check(node: &mut Node, wanted: &str) {
    let status = node.wait(PATIENCE).code();
    let log = node.log();
    assert_eq!(status, Some(2), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.starts_with(&format!("idetcd: {wanted}")), "{wanted}\n{log}");
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once() {
    let directory = with_files(&[(
        "Corefile",
        ". {\n  idetcd {\n    limit many\n    endpoint ftp://a http://b:x\n    pattern worker.tf.local.\n  }\n  \
         fowrard . 10.0.0.53\n  forward . 10.0.0.x\n  acl\n  bind here\n}\n",
    )]);
    let file = directory.file("Corefile");
    for command in [&[][..], &["check"]] {
        let mut idetcd = support::command(support::idetcd());
        let output = idetcd.args(command).args(["--conf", &file]).output().expect("idetcd");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let places = [
            ("line 3, column 11", "limit: "),
            ("line 4, column 14", "endpoint: "),
            ("line 4, column 22", "endpoint: "),
            ("line 5, column 29", "pattern: "),
            ("line 7, column 3", "\"fowrard\": no directive of CoreDNS"),
            ("line 8, column 13", "forward: "),
            ("line 9, column 3", "acl: "),
            ("line 10, column 8", "bind: "),
        ];
        for ((place, what), line) in places.iter().zip(text.lines()) {
            assert!(
                line.starts_with(&format!("idetcd: {file}: {place}: {what}")),
                "{place} {what}: {text}"
            );
        }
        assert_eq!(text.lines().count(), places.len(), "{text}");
    }
    let many = format!(". {{\n  idetcd\n{}}}\n", "  acl\n".repeat(99));
    std::fs::write(&file, many).expect("written");
    let output = support::command(support::idetcd()).args(["--conf", &file]).output();
    let text = String::from_utf8_lossy(&output.expect("idetcd").stderr).into_owned();
    assert_eq!(text.lines().count(), 11, "{text}");
    assert!(
        text.ends_with(&format!("idetcd: {file}: 89 more errors; repair these first\n")),
        "{text}"
    );
}
