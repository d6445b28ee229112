//! Programs that start together: `idetcd exec --count`.

use std::fs;

use serde_json::Value;
use support::{Directory, Etcd, Node, PATIENCE, PATTERN, Signal, until};

use super::text;

mod barrier;
mod barrier_kills;
mod later;

/// Jobs beside an etcd, and what their programs tell.
struct Scene {
    etcd: Etcd,
    directory: Directory,
}

/// What a program was told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    name: String,
    rank: usize,
    count: usize,
    revision: u64,
    peers: Vec<String>,
    /// The octets of its file.
    list: String,
}

impl Scene {
    fn new() -> Scene {
        Scene { etcd: Etcd::start(), directory: Directory::new() }
    }

    /// Node `number`, whose program tells what it was told, and ends with the status that it is released with.
    fn node(&self, number: u32, more: &[&str]) -> Node {
        self.node_at(&self.etcd.endpoint(), number, more)
    }

    fn node_at(&self, endpoint: &str, number: u32, more: &[&str]) -> Node {
        let [told, list, release] = ["told", "list", "release"].map(|it| self.file(it, number));
        let script = format!(
            "cp \"$IDETCD_LIST_FILE\" {list}.copy; \
             echo $IDETCD_NAME $IDETCD_RANK $IDETCD_COUNT $IDETCD_LIST_REVISION $IDETCD_PEERS >>{told}; \
             until test -e {release}; do sleep 0.1; done; exit $(cat {release})"
        );
        let ipv4 = format!("10.0.0.{number}");
        let common =
            ["exec", "--pattern", PATTERN, "--endpoints", endpoint, "--listen", "127.0.0.1:0"];
        let record = ["--ipv4", &ipv4, "--ipv6", "none", "--port", "53", "--node-id", &ipv4];
        let job = ["--limit", "40", "--list-file", &list];
        let program = ["--", "sh", "-c", &script];
        Node::start(&[&common[..], &record, &job, more, &program].concat())
    }

    fn file(&self, what: &str, number: u32) -> String {
        self.directory.file(&format!("{what}{number}"))
    }

    /// What the programs of a node were told, one after the other.
    fn told(&self, number: u32) -> Vec<Told> {
        let lines = text(&self.file("told", number)).unwrap_or_default();
        let list = text(&format!("{}.copy", self.file("list", number))).unwrap_or_default();
        let told = lines.lines().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, rank, count, revision, peers @ ..] = &words[..] else { panic!("{line}") };
            Told {
                name: (*name).to_owned(),
                rank: rank.parse().expect("a rank"),
                count: count.parse().expect("a count"),
                revision: revision.parse().expect("a revision"),
                peers: peers.iter().map(|&name| name.to_owned()).collect(),
                list: list.clone(),
            }
        });
        told.collect()
    }

    /// What the program of a node is told first.
    fn wait_for(&self, node: &Node, number: u32) -> Told {
        let what = format!("the program of node {number} runs");
        let mut tries = 0;
        until(PATIENCE * 2, &what, || {
            tries += 1;
            assert!(tries < 7000, "{}", node.log());
            self.told(number).into_iter().next()
        })
    }

    fn release(&self, number: u32, status: u8) {
        let (file, new) = (self.file("release", number), self.file("release.new", number));
        fs::write(&new, status.to_string()).expect("written");
        fs::rename(&new, &file).expect("renamed");
    }

    /// Releases programs, and waits until their nodes are gone and nothing is left.
    fn end(&self, nodes: &mut [(u32, Node)]) {
        nodes.iter().for_each(|(number, _)| self.release(*number, 0));
        for (number, node) in nodes {
            assert_eq!(node.wait(PATIENCE).code(), Some(0), "node {number}: {}", node.log());
        }
        // But for the name of one that was killed, until its lease is over.
        until(PATIENCE, "nothing is left", || self.etcd.keys().is_empty().then_some(()));
    }
}

/// Checks that these are all who were told, of one list.
fn agree(told: &[Told]) {
    let first = &told[0];
    let list: Value = serde_json::from_str(&first.list).expect("JSON");
    assert_eq!(list["count"], first.count);
    assert_eq!(list["list_revision"], first.revision);
    assert_eq!(told.len(), first.count, "{told:?}");
    let members = list["members"].as_array().expect("members");
    let slots: Vec<u64> = members.iter().filter_map(|member| member["slot"].as_u64()).collect();
    assert!(slots.len() == first.count && slots.is_sorted(), "{list}");
    let mut ranks: Vec<usize> = told.iter().map(|told| told.rank).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (0..first.count).collect::<Vec<_>>());
    for one in told {
        assert_eq!(
            (&one.list, one.revision, one.count),
            (&first.list, first.revision, first.count)
        );
        assert_eq!(members[one.rank]["name"], one.name, "{list}");
        assert_eq!(members[one.rank]["rank"], one.rank, "{list}");
        assert_eq!((&one.peers[one.rank], &one.peers), (&one.name, &first.peers));
    }
}

#[test]
fn thirty_nodes_have_one_list_and_dense_ranks() {
    let scene = Scene::new();
    let job = ["--count", "20:30", "--lease-ttl", "60"];
    let nodes: Vec<(u32, Node)> =
        (1..=30).map(|number| (number, scene.node(number, &job))).collect();
    let all = || nodes.iter().filter_map(|(number, _)| scene.told(*number).into_iter().next());
    let told: Vec<Told> = until(PATIENCE * 2, "they run", || {
        let told: Vec<Told> = all().collect();
        (told.first().is_some_and(|first| first.count == told.len())).then_some(told)
    });
    assert!(told.len() >= 20, "{}", told.len());
    agree(&told);
    // Whoever came too late waits for another list, which does not come: too few are left.
    let (mut nodes, late): (Vec<_>, Vec<_>) =
        nodes.into_iter().partition(|(number, _)| !scene.told(*number).is_empty());
    assert_eq!(nodes.len(), told.len());
    for (_, mut node) in late {
        node.signal(Signal::TERM);
        node.wait(PATIENCE);
    }
    scene.end(&mut nodes);
}

#[test]
fn jobs_of_the_same_nodes_do_not_see_each_other() {
    let scene = Scene::new();
    let job = |number| if number % 2 == 0 { "even" } else { "odd" };
    let start = |number| scene.node(number, &["--count", "2", "--job", job(number)]);
    let mut nodes: Vec<(u32, Node)> = (1..=4).map(|number| (number, start(number))).collect();
    let told = |number: usize| scene.wait_for(&nodes[number - 1].1, number as u32);
    let [odd, even] = [[1, 3], [2, 4]].map(|numbers| numbers.map(told));
    agree(&odd);
    agree(&even);
    assert_ne!(odd[0].revision, even[0].revision);
    assert!(odd[0].list.contains(r#""job":"odd""#), "{odd:?}");
    scene.end(&mut nodes);
}

#[test]
fn who_is_missing_is_told_when_it_takes_too_long() {
    let scene = Scene::new();
    let more = ["--count", "4", "--timeout", "6"];
    let mut nodes: Vec<Node> = (1..=2).map(|number| scene.node(number, &more)).collect();
    for node in &mut nodes {
        assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
        let log = node.log();
        let wanted = "idetcd: exec: 2 of 4 nodes wait, none under worker3.tf.local, \
                      worker4.tf.local after 6 s (--timeout), so the program was not started";
        assert!(log.lines().any(|line| line.starts_with(wanted)), "{log}");
        assert!(log.contains("exec: 2 of 4 nodes wait"), "{log}");
    }
    assert_eq!(scene.etcd.keys(), vec![]);
    assert!(scene.told(1).is_empty() && scene.told(2).is_empty());
    // Without etcd as well.
    let mut node = scene.node_at("http://127.0.0.1:1", 3, &["--count", "1", "--timeout", "1"]);
    assert_eq!(node.wait(PATIENCE).code(), Some(1), "{}", node.log());
    assert!(node.log().contains("exec: this node has no name yet after 1 s"), "{}", node.log());
}

#[test]
fn what_cannot_be_followed_is_told_in_one_line_with_status_2() {
    let directory = Directory::new();
    let absent = directory.file("absent/list");
    let table: [(&[&str], &str); 14] = [
        (&["--count", "0"], "--count: \"0\" is not N or N:MAX"),
        (&["--count", "2:"], "--count: \"2:\" is not N or N:MAX"),
        (&["--count", "x"], "--count: \"x\" is not N or N:MAX"),
        (&["--count", "5000"], "--count: \"5000\" is not N or N:MAX"),
        (&["--count", "11"], "--count: 11 nodes will never have 10 names (--limit)"),
        (&["--count", "3:2"], "--count: 3 is more than 2"),
        (&["--timeout", "5"], "--timeout: means nothing without --count"),
        (&["--count", "2", "--timeout", "0"], "--timeout: \"0\" is not"),
        (&["--count", "2", "--job", "a%b"], "--job: \"a%b\": give"),
        (&["--count", "2", "--on-peer-lost", "x"], "--on-peer-lost: \"x\" is neither"),
        (&["--count", "2", "--list-file", "/run/"], "--list-file: \"/run/\" does not name"),
        (&["--count", "2", "--listen", "127.0.0.1:0", "--list-file", &absent], "--list-file: "),
        (
            &["--count", "2", "--list-file", &absent, "--hosts-file", &absent],
            "--list-file: is another file's as well",
        ),
        (
            &["--count", "2", "--list-file", "/run/a.json", "--file-sd", "/run/a.json"],
            "--list-file: is another file's as well",
        ),
    ];
    for (more, wanted) in table {
        let words = [&["exec", "--pattern", PATTERN, "-q"], more, &["--", "true"]].concat();
        let mut node = Node::start(&words);
        assert_eq!(node.wait(PATIENCE).code(), Some(2), "{more:?}: {}", node.log());
        let log = node.log();
        assert!(log.starts_with(&format!("idetcd: {wanted}")), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
    for word in ["check", "list", "--quiet"] {
        let mut node = Node::start(&[word, "--pattern", PATTERN, "--on-peer-lost", "end"]);
        assert_eq!(node.wait(PATIENCE).code(), Some(2), "{}", node.log());
        assert_eq!(node.log().lines().count(), 1, "{}", node.log());
    }
}
