//! All names with their addresses, as other programs read them: lines of `/etc/hosts`, and targets of
//! Prometheus.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::cluster::{Names, Pattern, PublishedNode, Record, SlotId};

/// What all labels begin with. Prometheus drops those that nobody used in `relabel_configs`.
const LABEL_PREFIX: &str = "__meta_idetcd_";

/// A node in a list.
#[derive(Clone, Debug)]
pub struct ListedNode<'a> {
    /// Whose name it is.
    pub names: &'a Names,
    /// The slot.
    pub slot: SlotId,
    /// What the node publishes.
    pub node: PublishedNode,
}

impl ListedNode<'_> {
    /// The name without its final dot: in such files it has none.
    fn name(&self) -> String {
        without_dot(self.names.name(self.slot))
    }

    /// All that is known of it, as programs read it wherever nodes are told in JSON.
    pub fn to_json(&self) -> Value {
        let PublishedNode { record, is_ready, drain, .. } = &self.node;
        let details = self.node.details();
        let services: Map<String, Value> =
            details.services().map(|(service, port)| (service.to_owned(), port.into())).collect();
        let meta: Map<String, Value> =
            details.meta().map(|(key, text)| (key.to_owned(), text.into())).collect();
        json!({
            "name": self.names.name(self.slot),
            "pattern": self.names.to_string(),
            "slot": matches!(self.names, Names::Numbered(_)).then_some(self.slot.get()),
            "ipv4": record.ipv4.map(|ip| ip.to_string()),
            "ipv6": record.ipv6.map(|ip| ip.to_string()),
            "port": record.port,
            "ready": is_ready,
            "drained": drain.is_some(),
            "reason": self.node.standing().reason(),
            "services": services,
            "meta": meta,
        })
    }
}

fn without_dot(mut name: String) -> String {
    if name.ends_with('.') {
        name.pop();
    }
    name
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// Lines for `/etc/hosts` (hosts(5)): one for each address.
    Hosts,
    /// Targets for Prometheus (`file_sd_config`), at this port: a group of one for each node.
    Targets(u16),
}

impl ListFormat {
    /// The text of a list.
    pub fn text<'a>(self, nodes: impl Iterator<Item = ListedNode<'a>>) -> String {
        let mut text = String::new();
        nodes.for_each(|node| self.push(&node, &mut text));
        self.finished(text)
    }

    /// Appends a node to a list that is being made.
    pub(super) fn push(self, node: &ListedNode<'_>, text: &mut String) {
        match self {
            ListFormat::Hosts => {
                let name = node.name();
                for address in addresses(&node.node.record) {
                    // Writing into a string does not fail.
                    let _ = writeln!(text, "{address}\t{name}");
                }
            }
            ListFormat::Targets(port) => {
                let gap = if text.is_empty() { "" } else { ",\n" };
                let _ = write!(text, "{gap}{}", target_group(node, port));
            }
        }
    }

    /// The list, once all nodes are in it.
    pub(super) fn finished(self, text: String) -> String {
        match self {
            ListFormat::Hosts => text,
            ListFormat::Targets(_) if text.is_empty() => "[]\n".to_owned(),
            ListFormat::Targets(_) => format!("[\n{text}\n]\n"),
        }
    }
}

/// The section of `/etc/hosts` that holds such lines, with the lines that mark it.
pub(super) fn hosts_section(pattern: &Pattern, lines: &str) -> String {
    format!("# BEGIN idetcd {pattern}\n{lines}# END idetcd {pattern}\n")
}

fn target_group(node: &ListedNode<'_>, port: u16) -> Value {
    let PublishedNode { record, is_ready, drain, .. } = &node.node;
    let Record { ipv4, ipv6, port: own_port } = record;
    let is_numbered = node.names.pattern().is_some();
    let labels = [
        ("name", Some(node.name())),
        ("group", Some(without_dot(node.names.group()))),
        ("id", is_numbered.then(|| node.slot.get().to_string())),
        ("ipv4", ipv4.map(|ip| ip.to_string())),
        ("ipv6", ipv6.map(|ip| ip.to_string())),
        ("port", own_port.map(|port| port.to_string())),
        ("ready", Some(is_ready.to_string())),
        ("drained", Some(drain.is_some().to_string())),
    ];
    let labels = labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let details = node.node.details();
    let services =
        details.services().map(|(key, port)| (as_label("service", key), port.to_string()));
    let meta = details.meta().map(|(key, text)| (as_label("meta", key), text.to_owned()));
    let labels: Map<String, Value> = labels
        .chain(services)
        .chain(meta)
        .map(|(name, value)| (format!("{LABEL_PREFIX}{name}"), value.into()))
        .collect();
    // A server of Prometheus need not know the names.
    let target = addresses(record).next().map(|address| match address {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    });
    let targets: Vec<String> = target.into_iter().collect();
    json!({"targets": targets, "labels": labels})
}

/// The name of a label, which has letters, digits and underscores.
fn as_label(kind: &str, key: &str) -> String {
    let sign = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
    format!("{kind}_{}", key.chars().map(sign).collect::<String>())
}

/// The addresses of a node, IPv4 first.
fn addresses(record: &Record) -> impl Iterator<Item = IpAddr> {
    [record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::{Directory, Entry, Keyspace, NodePlace};

    fn nodes(directory: &Directory) -> impl Iterator<Item = ListedNode<'_>> {
        let nodes = directory.published_from(NodePlace::FIRST);
        nodes.map(|(place, names, node)| ListedNode { names, slot: place.slot, node })
    }

    fn directory(values: &[(&str, &str)]) -> Directory {
        let pattern = Pattern::parse(r#"w{{printf "%02d" .ID}}.tf.local."#, 20).expect("a pattern");
        let resolve = ["db.tf.local.", "w03.tf.local."].map(|it| Names::parse(it, 9).expect("one"));
        let keyspace = Keyspace { resolve: resolve.to_vec(), ..Keyspace::new(pattern, 20) };
        let mut directory = Directory::new(Arc::new(keyspace));
        for (revision, (key, value)) in (1..).zip(values) {
            for range in 0..3 {
                let (key, value) = (key.as_bytes(), Some(value.as_bytes()));
                let entry = Entry { key, value, mod_revision: revision, fingerprint: 0 };
                directory.apply(range, entry);
            }
        }
        directory
    }

    #[test]
    fn names_become_lines_and_targets_in_order_and_once() {
        let directory = directory(&[
            ("db.tf.local.", r#"{"ipv6":"fd00::7"}"#),
            (
                "w12.tf.local.",
                r#"{"ipv4":"10.0.0.12","port":"53","services":{"http/tcp":"80"},"meta":{"rack-no":"a7"}}"#,
            ),
            ("w03.tf.local.", r#"{"ipv4":"10.0.0.3","ipv6":"fd00::3"}"#),
            ("w04.tf.local.", "no record"),
        ]);
        let lines = "10.0.0.3\tw03.tf.local\nfd00::3\tw03.tf.local\n10.0.0.12\tw12.tf.local\n\
             fd00::7\tdb.tf.local\n";
        assert_eq!(ListFormat::Hosts.text(nodes(&directory)), lines);
        let section = hosts_section(directory.pattern(), lines);
        let mark = r#"idetcd w{{printf "%02d" .ID}}.tf.local."#;
        assert_eq!(section, format!("# BEGIN {mark}\n{lines}# END {mark}\n"));
        let text = ListFormat::Targets(9100).text(nodes(&directory));
        let wanted = json!([
            {"targets": ["10.0.0.3:9100"], "labels": {"__meta_idetcd_name": "w03.tf.local",
                "__meta_idetcd_group": "w.tf.local", "__meta_idetcd_id": "3",
                "__meta_idetcd_ipv4": "10.0.0.3", "__meta_idetcd_ipv6": "fd00::3",
                "__meta_idetcd_ready": "true", "__meta_idetcd_drained": "false"}},
            {"targets": ["10.0.0.12:9100"], "labels": {"__meta_idetcd_name": "w12.tf.local",
                "__meta_idetcd_group": "w.tf.local", "__meta_idetcd_id": "12",
                "__meta_idetcd_ipv4": "10.0.0.12", "__meta_idetcd_port": "53",
                "__meta_idetcd_service_http_tcp": "80", "__meta_idetcd_meta_rack_no": "a7",
                "__meta_idetcd_ready": "true", "__meta_idetcd_drained": "false"}},
            {"targets": ["[fd00::7]:9100"], "labels": {"__meta_idetcd_name": "db.tf.local",
                "__meta_idetcd_group": "db.tf.local", "__meta_idetcd_ipv6": "fd00::7",
                "__meta_idetcd_ready": "true", "__meta_idetcd_drained": "false"}},
        ]);
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), wanted);
        assert_eq!(text.lines().count(), 5, "a line for each: {text}");
    }

    #[test]
    fn nobody_is_an_empty_list() {
        let nobody = directory(&[]);
        assert_eq!(ListFormat::Hosts.text(nodes(&nobody)), "");
        assert_eq!(ListFormat::Targets(1).text(nodes(&nobody)), "[]\n");
    }
}
