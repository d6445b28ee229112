//! `idetcd status`: what the node that answers here is and knows, in words. It is asked by DNS, in the class CHAOS, as
//! by `idetcd ready`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::ready::{LONGEST_ANSWER, texts};
use crate::clock;
use crate::dns::chaos::OWN_NAME;
use crate::failure::Failure;
use crate::text::printable;

/// What all there is to tell is asked for by, and the version.
const ALL: &str = "stats.bind.";
const PROGRAM_VERSION: &str = "version.bind.";

/// What a node tells of itself, line by line.
///
/// # Errors
/// When nobody answers there, or no node of this program.
pub fn status(server: SocketAddr) -> Result<String, Failure> {
    let deadline = clock::now() + LONGEST_ANSWER;
    let asked = |name| {
        texts(server, name, deadline).map_err(|why| Failure::new(format!("{server}: {why}")))
    };
    let (told, name, version) = (asked(ALL)?, asked(OWN_NAME)?, asked(PROGRAM_VERSION)?);
    let name = name.first().map(|name| printable(name.trim_end_matches('.')));
    let version = version.first().map(|version| printable(version));
    in_words(&told, name.as_deref(), version.as_deref().unwrap_or("unknown"))
        .ok_or_else(|| Failure::new(format!("{server}: what answers there is no idetcd")))
}

/// The words of `stats.bind`, each of which begins with what it tells of; `None`: these are none.
fn in_words(told: &[String], name: Option<&str>, version: &str) -> Option<String> {
    let find = |key: &str| {
        let mut rests = told.iter().filter_map(|text| text.strip_prefix(key)?.strip_prefix(' '));
        rests.next().map(printable)
    };
    let etcd = find("etcd")?;
    let mut lines = String::new();
    let mut line = |key: &str, text: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(lines, "{key:<10} {text}");
    };
    match (name, find("owned")) {
        (None, _) => {
            let usual = if etcd == "in sync" { "being claimed" } else { "waits for etcd" };
            let why = find("nameless").unwrap_or_else(|| usual.to_owned());
            line("name", &format!("none: {why}"));
        }
        (Some(name), None) => line("name", name),
        (Some(name), Some(owned)) => {
            let mut words = owned.split(' ');
            let mut next = || words.next().unwrap_or_default();
            let (since, left, revision) = (next(), next(), next());
            line(
                "name",
                &format!("{name} for {}, claimed at revision {revision}", in_units(since)),
            );
            line("lease", &format!("{left} s left"));
        }
    }
    let host = find("host").unwrap_or_default();
    if let Some(published) = find("published") {
        // A loopback address is every host's, and none of those that are told.
        let is_elsewhere = |word: &&str| {
            let address = word.parse::<IpAddr>();
            address.is_ok_and(|it| !it.is_loopback()) && !host.split(' ').any(|own| own == *word)
        };
        let elsewhere: Vec<&str> = published.split(' ').filter(is_elsewhere).collect();
        let note = match &elsewhere[..] {
            [] => String::new(),
            _ if host.is_empty() => String::new(),
            others => format!(" (not of this host: {})", others.join(" ")),
        };
        line("published", &format!("{published}{note}"));
    }
    line("host", if host.is_empty() { "no address is known" } else { &host });
    let endpoint = find("endpoint").map_or(String::new(), |endpoint| format!(", {endpoint}"));
    let revision = find("revision").map_or(String::new(), |it| format!(", revision {it}"));
    let heard = find("heard");
    let age = heard.as_ref().map_or(String::new(), |age| format!(", last heard of {age} s ago"));
    line("etcd", &format!("{etcd}{age}{endpoint}{revision}"));
    let lag = find("lag").map_or(String::new(), |lag| format!(", {lag} s behind etcd at most"));
    let lag = heard.as_ref().map_or(lag, |age| format!(", {age} s old"));
    let table = find("table").map(|server| format!("from {server}"));
    let usual = if heard.is_some() { "from memory" } else { "from etcd" };
    let table = table.unwrap_or_else(|| usual.to_owned());
    let count = find("slots").unwrap_or_default();
    line("names", &format!("{count} {table}{lag}"));
    let group = find("group").unwrap_or_default();
    let standing = ["ready", "not ready", "drained"].into_iter().find_map(|word| {
        told.iter().find(|text| text.starts_with(word)).map(|text| printable(text))
    });
    let standing = standing.map_or(String::new(), |it| format!("; this one is {it}"));
    let nodes = if group == "1" { "node" } else { "nodes" };
    line("group", &format!("{group} {nodes}{standing}"));
    line("version", version);
    Some(lines)
}

/// A number of seconds as people say it: in two units at most.
fn in_units(seconds: &str) -> String {
    let Ok(seconds) = seconds.parse::<u64>() else { return seconds.to_owned() };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[&str], name: Option<&str>) -> Option<String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        in_words(&texts, name, "idetcd 9")
    }

    #[test]
    fn what_a_node_tells_is_put_into_words() {
        let all = [
            "queries 7 dropped 0",
            "etcd in sync",
            "revision 42",
            "slots 3",
            "group 2",
            "drained: new disk",
            "owned 3725 17 40",
            "published 10.0.0.5 fd00::5 port 53",
            "host 10.0.0.9 fd00::5",
            "endpoint http://10.0.0.1:2379",
            "table worker2.tf.local. 10.0.0.2:53",
            "lag 3",
        ];
        let wanted = "\
name       w1.a for 1 h 2 min, claimed at revision 40
lease      17 s left
published  10.0.0.5 fd00::5 port 53 (not of this host: 10.0.0.5)
host       10.0.0.9 fd00::5
etcd       in sync, http://10.0.0.1:2379, revision 42
names      3 from worker2.tf.local. 10.0.0.2:53, 3 s behind etcd at most
group      2 nodes; this one is drained: new disk
version    idetcd 9
";
        assert_eq!(told(&all, Some("w1.a")).as_deref(), Some(wanted));
        let alone = ["etcd in sync", "group 1", "published 127.0.0.1 port 53", "host 10.0.0.9"];
        let words = told(&alone, None).expect("a node");
        assert!(words.contains("published  127.0.0.1 port 53\n"), "{words}");
        assert!(words.contains("group      1 node\n"), "{words}");
        let nameless = "\
name       none: waits for etcd
host       no address is known
etcd       never reached, revision 0
names      0 from etcd
group      0 nodes
version    idetcd 9
";
        let texts = ["etcd never reached", "revision 0", "slots 0", "group 0"];
        assert_eq!(told(&texts, None).as_deref(), Some(nameless));
        let texts = ["etcd out of reach", "heard 35", "slots 4", "group 4", "revision 9"];
        let words = told(&texts, Some("w1.a")).expect("a node");
        assert!(
            words.contains("etcd       out of reach, last heard of 35 s ago, revision 9\n"),
            "{words}"
        );
        assert!(words.contains("names      4 from memory, 35 s old\n"), "{words}");
        let words = told(&["etcd in sync"], None).expect("a node");
        assert!(words.contains("name       none: being claimed\n"), "{words}");
        let words = told(&["etcd in sync", "nameless in the queue, 3 nodes ahead"], None);
        assert!(words.is_some_and(|it| it.contains("none: in the queue, 3 nodes ahead\n")));
        assert_eq!(told(&["queries 1", "etcdish"], None), None, "another server");
        assert!(told(&["etcd \x1b[2J"], None).is_some_and(|text| !text.contains('\x1b')));
    }

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, wanted) in [
            ("0", "0 s"),
            ("59", "59 s"),
            ("60", "1 min 0 s"),
            ("3599", "59 min 59 s"),
            ("86399", "23 h 59 min"),
            ("90000", "1 d 1 h"),
            ("x", "x"),
        ] {
            assert_eq!(in_units(seconds), wanted);
        }
    }
}
