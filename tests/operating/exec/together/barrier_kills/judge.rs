//! What is to be true of the programs of a job, whatever became of its nodes.

use serde_json::Value;

/// A program that ran, as it told.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    node: u32,
    name: String,
    rank: usize,
    count: usize,
    /// The list that it ran by.
    pub(super) revision: u64,
    /// The fencing token of its name.
    token: u64,
    /// When it began, and until when it ran for certain; in seconds since 1970.
    began: f64,
    ended: f64,
    /// The octets of its list.
    list: String,
}

impl Ran {
    /// Reads the line that a program told.
    pub(super) fn read(node: u32, line: &str, ended: f64, list: &str) -> Ran {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, rank, count, revision, token, began] = words[..] else { panic!("{line}") };
        let began = began.parse().expect("a time");
        Ran {
            node,
            name: name.to_owned(),
            rank: rank.parse().expect("a rank"),
            count: count.parse().expect("a count"),
            revision: revision.parse().expect("a revision"),
            token: token.parse().expect("a token"),
            began,
            ended: ended.max(began),
            list: list.to_owned(),
        }
    }

    fn overlaps(&self, other: &Ran) -> bool {
        self.began < other.ended && other.began < self.ended
    }

    /// What is wrong with its list, or its place on that.
    fn fault(&self) -> Option<String> {
        let Ok(list) = serde_json::from_str::<Value>(&self.list) else {
            return Some("its list is no JSON".to_owned());
        };
        let members = list["members"].as_array().cloned().unwrap_or_default();
        if list["list_revision"] != self.revision {
            return Some("its list is of another revision".to_owned());
        }
        if list["count"] != self.count || members.len() != self.count {
            return Some("its list has another number of members".to_owned());
        }
        let slots: Vec<u64> = members.iter().filter_map(|member| member["slot"].as_u64()).collect();
        let is_in_order =
            slots.len() == members.len() && slots.is_sorted_by(|one, next| one < next);
        let ranks = members.iter().map(|member| member["rank"].as_u64());
        if !is_in_order || !ranks.eq((0..members.len() as u64).map(Some)) {
            return Some("its list is not in order".to_owned());
        }
        // Who lost its name before its program began, and has it again, is on the list by that.
        let is_own = |own: &Value| {
            own["name"] == self.name
                && own["token"].as_u64().is_some_and(|token| token <= self.token)
        };
        if !members.get(self.rank).is_some_and(is_own) {
            return Some("another node, or a later life of it, has its rank".to_owned());
        }
        None
    }
}

/// All that is wrong.
pub(super) fn faults(all: &[Ran]) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    let mut told = |what: String, ran: &[&Ran]| {
        let who: Vec<String> = ran
            .iter()
            .map(|it| format!("node {} rank {} list {}", it.node, it.rank, it.revision))
            .collect();
        faults.push(format!("{what}: {}", who.join(", ")));
    };
    for (index, one) in all.iter().enumerate() {
        if let Some(fault) = one.fault() {
            told(fault, &[one]);
        }
        for other in &all[index + 1..] {
            let both = [one, other];
            if one.node == other.node {
                told("one node started two programs".to_owned(), &both);
            } else if one.revision != other.revision {
                if one.overlaps(other) {
                    told("two lists in use at once".to_owned(), &both);
                }
            } else if one.list != other.list {
                told("two lists of one revision".to_owned(), &both);
            } else if one.rank == other.rank {
                told("two nodes of one rank".to_owned(), &both);
            }
        }
    }
    faults
}

/// The program of node 1 or 2 on a list of both, of this revision.
fn example(node: u32, revision: u64) -> Ran {
    let list = format!(
        r#"{{"list_revision":{revision},"count":2,"members":[
            {{"rank":0,"slot":3,"name":"w3","token":30}},{{"rank":1,"slot":7,"name":"w7","token":70}}]}}"#
    );
    let line = if node == 1 { "w3 0 2" } else { "w7 1 2" };
    let token = if node == 1 { 30 } else { 70 };
    Ran::read(node, &format!("{line} {revision} {token} 100.5"), 200.0, &list)
}

#[test]
fn each_fault_is_seen() {
    let good = [example(1, 9), example(2, 9)];
    assert_eq!(faults(&good), Vec::<String>::new());
    // One after the other.
    let next = Ran { began: 200.5, ended: 300.0, ..example(2, 10) };
    assert_eq!(faults(&[example(1, 9), next]), Vec::<String>::new());
    let again = Ran { token: 31, ..example(1, 9) };
    assert_eq!(faults(&[again, example(2, 9)]), Vec::<String>::new());
    let [first, second] = good;
    let replaced =
        |from: &str, by: &str| Ran { list: first.list.replace(from, by), ..first.clone() };
    let table = [
        ("two lists in use at once", vec![first.clone(), example(2, 10)]),
        ("one node started two programs", vec![first.clone(), Ran { node: 1, ..second.clone() }]),
        (
            "two lists of one revision",
            vec![first.clone(), Ran { list: first.list.replace("w3", "w4"), ..second.clone() }],
        ),
        ("two nodes of one rank", vec![first.clone(), Ran { node: 2, ..first.clone() }]),
        ("its list is no JSON", vec![Ran { list: "{".to_owned(), ..first.clone() }]),
        ("its list is of another revision", vec![replaced(r#"revision":9"#, r#"revision":8"#)]),
        ("its list has another number", vec![Ran { count: 3, ..first.clone() }]),
        ("its list has another number", vec![replaced(r#"count":2"#, r#"count":3"#)]),
        ("its list is not in order", vec![replaced(r#"slot":3"#, r#"slot":8"#)]),
        ("its list is not in order", vec![replaced(r#"slot":3"#, r#"slot":7"#)]),
        ("its list is not in order", vec![replaced(r#"rank":1"#, r#"rank":2"#)]),
        ("another node, or a later life", vec![Ran { rank: 1, ..first.clone() }]),
        ("another node, or a later life", vec![Ran { rank: 2, ..first.clone() }]),
        ("another node, or a later life", vec![Ran { token: 29, ..first.clone() }]),
    ];
    for (wanted, ran) in table {
        let found = faults(&ran);
        assert!(found.iter().any(|fault| fault.starts_with(wanted)), "{wanted}: {found:?}");
    }
}
