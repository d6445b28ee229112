//! Who may take over a name that stands there with its own addresses, and by which token it is told
//! from the life before.

use std::fs;

use support::{Directory, Etcd, Node, PATIENCE, until};

/// The lines of a file, once there are so many.
fn lines(path: &str, count: usize) -> Vec<String> {
    until(PATIENCE, "so many lines", || {
        let text = fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() == count).then_some(lines)
    })
}

#[test]
fn the_token_of_a_program_grows_when_its_node_comes_back_after_a_crash() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let told = directory.file("told");
    let (endpoint, script) =
        (etcd.endpoint(), format!("echo $IDETCD_NAME $IDETCD_REVISION >>{told}; exec sleep 1000"));
    let arguments = ["exec", "--pattern", support::PATTERN, "--endpoints", &endpoint];
    let record =
        ["--listen", "127.0.0.1:0", "--ipv4", "10.0.0.1", "--port", "53", "--", "sh", "-c"];
    let mut node = Node::start(&[&arguments[..], &record, &[&script]].concat());
    for life in 1..=3 {
        let lines = lines(&told, life);
        let tokens: Vec<u64> = lines
            .iter()
            .map(|line| line.strip_prefix("worker1.tf.local ").expect("the name"))
            .map(|token| token.parse().expect("a token"))
            .collect();
        assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
        // It is the revision of the put: whoever reads the key sees it.
        assert_eq!(etcd.mod_revision_of("worker1.tf.local."), tokens.last().copied());
        node.kill();
        node.restart();
    }
}
