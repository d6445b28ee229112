//! The options: each is one entry, from which come what getopts is told, the help of the program
//! and of its tools, which numbers are allowed, and what is taken where nothing is given.
//!
//! To add one: an entry here, the line in `read` or `tools` that reads it by its name, and its
//! paragraph in the manual, which a test compares with this table.

use std::ops::RangeInclusive;

use getopts::Occur;

use crate::cluster::pattern::MAX_LIMIT;

/// An option of the command line.
#[derive(Clone, Debug)]
pub(super) struct OptionEntry {
    /// The name, without the dashes.
    pub(super) name: &'static str,
    /// The letter that stands for it as well; empty: none does.
    pub(super) short: &'static str,
    /// The placeholder of its argument; empty: it takes none.
    pub(super) argument: &'static str,
    pub(super) occurrence: Occur,
    /// The numbers that are allowed, where it is one.
    pub(super) numbers: RangeInclusive<u32>,
    /// One sentence without a full stop; empty: the name says it, and shares the next one's line.
    pub(super) help: &'static str,
    /// The argument that counts where none is given, or what happens then; empty: nothing.
    pub(super) default: &'static str,
    /// Whether every tool takes it too.
    pub(super) is_for_tools: bool,
}

/// Options that belong together.
#[derive(Debug)]
pub(super) struct OptionGroup {
    /// The tool that has these beside the server's options; `None`: they are the server's.
    pub(super) tool: Option<&'static str>,
    /// The line above them in the help; empty: none.
    pub(super) heading: &'static str,
    pub(super) options: &'static [OptionEntry],
}

const fn flag(name: &'static str, help: &'static str) -> OptionEntry {
    text(name, "", help)
}

const fn text(name: &'static str, argument: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry {
        name,
        short: "",
        argument,
        occurrence: Occur::Optional,
        numbers: 0..=u32::MAX,
        help,
        default: "",
        is_for_tools: false,
    }
}

const fn number(
    name: &'static str,
    argument: &'static str,
    numbers: RangeInclusive<u32>,
    help: &'static str,
) -> OptionEntry {
    OptionEntry { numbers, ..text(name, argument, help) }
}

impl OptionEntry {
    const fn letter(self, short: &'static str) -> OptionEntry {
        OptionEntry { short, occurrence: Occur::Multi, ..self }
    }

    const fn repeatable(self) -> OptionEntry {
        OptionEntry { occurrence: Occur::Multi, ..self }
    }

    const fn default(self, default: &'static str) -> OptionEntry {
        OptionEntry { default, ..self }
    }

    const fn for_tools(self) -> OptionEntry {
        OptionEntry { is_for_tools: true, ..self }
    }

    const fn meaning(self, help: &'static str) -> OptionEntry {
        OptionEntry { help, ..self }
    }
}

const PORT: OptionEntry = number("port", "N", 1..=65_535, "");

/// All options, in the order of the help.
pub(super) const GROUPS: [OptionGroup; 9] = [
    OptionGroup {
        tool: None,
        heading: "",
        options: &[
            text("pattern", "NAME", "required, such as 'worker{{.ID}}.tf.local.'").for_tools(),
            number("limit", "N", 1..=MAX_LIMIT, "highest ID to take").default("10").for_tools(),
            flag("wait", "no free name: wait for one, and serve meanwhile"),
            text("resolve", "NAME", "answer for these names as well").repeatable().for_tools(),
            text("listen", "ADDRESS[:PORT]", "where to answer")
                .repeatable()
                .default("0.0.0.0:53 and [::]:53"),
            text(
                "forward",
                "ADDRESS[:PORT][,...]",
                "where queries for other names go, or resolv.conf: its servers",
            )
            .repeatable()
            .default("refused"),
            number("ttl", "SECONDS", 0..=86_400, "TTL of the answers").default("5"),
            // A year is as good as for ever.
            number("max-stale", "SECONDS", 0..=31_536_000, "answer this long without etcd")
                .default("86400"),
            text("allow", "NETWORK[,...]", "answer these networks only")
                .repeatable()
                .default("all"),
            number("rrl", "N", 1..=1_000_000, "replies a second to a network over UDP")
                .default("all"),
        ],
    },
    OptionGroup {
        tool: None,
        heading: "What is published; found out where not given:",
        options: &[
            text("ipv4", "ADDRESS|none", ""),
            text("ipv6", "ADDRESS|none", ""),
            text("interface", "NAME", ""),
            PORT,
        ],
    },
    OptionGroup {
        tool: None,
        heading: "etcd, and how to be let in:",
        options: &[
            text("endpoints", "URL[,...]", "members of etcd")
                .repeatable()
                .default("http://localhost:2379")
                .for_tools(),
            text("prefix", "KEY", "what all keys begin with").default("nothing").for_tools(),
            text("cacert", "FILE", "whom to trust for https://")
                .default("the system's")
                .for_tools(),
            text("cert", "FILE", "").for_tools(),
            text("key", "FILE", "client certificate").for_tools(),
            text("user", "NAME[:PASSWORD]", "").for_tools(),
            text("password-file", "FILE", "the password is its first line").for_tools(),
            // Shorter leases would end between two renewals of a busy etcd.
            number("lease-ttl", "SECONDS", 2..=86_400, "how long the name outlives a dead node")
                .default("20"),
            text("etcd-timeout", "SECONDS", "patience with each call to each endpoint")
                .default("2")
                .for_tools(),
        ],
    },
    OptionGroup {
        tool: None,
        heading: "The CoreDNS plugin's configuration; each option wins over it:",
        options: &[
            text("conf", "FILE", "a Corefile, or stdin")
                .default("./Corefile without --pattern")
                .for_tools(),
            number("dns.port", "N", 0..=65_535, "port of its server blocks that name none")
                .default("53")
                .for_tools(),
        ],
    },
    OptionGroup {
        tool: None,
        heading: "For programs on this node:",
        options: &[
            text("name-file", "PATH", "holds the name for as long as it is owned"),
            text("on-claim", "COMMAND", ""),
            text("on-lost", "COMMAND", "run by sh when the name comes and goes"),
            // Without any, what is begun at the end, --on-lost foremost, is killed at birth.
            number("grace", "SECONDS", 1..=86_400, "how long those, and PROGRAM, may take to end")
                .default("10"),
            text("metrics-file", "PATH", "figures for Prometheus, by node_exporter"),
            text("run-as", "USER[:GROUP]", "who to be, once the port is bound")
                .default("unchanged"),
        ],
    },
    OptionGroup {
        tool: None,
        heading: "Other:",
        options: &[
            flag("verbose", "log more; twice: each query").letter("v").for_tools(),
            flag("quiet", "log warnings and errors only").letter("q").for_tools(),
            flag("help", "").letter("h").for_tools(),
            flag("version", "show that and exit").letter("V").for_tools(),
        ],
    },
    OptionGroup {
        tool: Some("list"),
        heading: "",
        options: &[
            flag("json", "everything, for programs"),
            flag("hosts", "lines for /etc/hosts"),
            flag(
                "tf-config",
                "TF_CONFIG for TensorFlow: a job for --pattern and for each --resolve, called \
                 worker for worker{{.ID}}; the task is the place of this host's node, and left out \
                 unless that is certain",
            ),
            number(
                "tf-port",
                "PORT",
                1..=65_535,
                "where TensorFlow listens; the ports in etcd are DNS's",
            )
            .default("2222"),
            PORT.meaning("of several nodes on this host, I am the one that published N"),
        ],
    },
    OptionGroup {
        tool: Some("wait"),
        heading: "",
        options: &[
            number("count", "N", 1..=MAX_LIMIT, "how many nodes are waited for"),
            number("timeout", "SECONDS", 1..=31_536_000, "for how long").default("for ever"),
        ],
    },
    OptionGroup { tool: Some("release"), heading: "", options: &[flag("yes", "do not ask")] },
];

impl OptionEntry {
    /// How it is spelt, with the placeholder of its argument.
    pub(super) fn spelling(&self) -> String {
        let short = if self.short.is_empty() { "" } else { &format!("-{}, ", self.short) };
        let blank = if self.argument.is_empty() { "" } else { " " };
        format!("{short}--{}{blank}{}", self.name, self.argument)
    }
}

/// The options of the server, or those that a tool has beside them.
pub(super) fn options(tool: Option<&str>) -> impl Iterator<Item = &'static OptionEntry> {
    GROUPS.iter().filter(move |group| group.tool == tool).flat_map(|group| group.options)
}

/// The option of this name.
pub(super) fn entry(name: &str) -> Option<&'static OptionEntry> {
    GROUPS.iter().flat_map(|group| group.options).find(|entry| entry.name == name)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
