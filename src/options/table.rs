//! The options: each is one entry, from which come what getopts is told, the help of the program
//! and of its tools, the numbers that are allowed, and the default.
//!
//! To add one: an entry here, the line in `read` or `tools` that reads it by its name, and its
//! paragraph in the manual, which a test compares with this table.

use std::ops::RangeInclusive;

use getopts::Occur;

use crate::cluster::pattern::MAX_LIMIT;

/// The command that a program follows.
pub(super) const EXEC: &str = "exec";

/// The command that says whether a node could start.
pub(super) const CHECK: &str = "check";

#[derive(Clone, Debug)]
pub(super) struct OptionEntry {
    /// The name, without the dashes.
    pub(super) name: &'static str,
    /// The letter that stands for it as well; empty: none does.
    pub(super) letter: &'static str,
    /// The placeholder of its argument, in which words in small letters stand for themselves; empty: it takes none.
    pub(super) argument: &'static str,
    pub(super) occurrence: Occur,
    /// The numbers that are allowed, where it is one.
    pub(super) numbers: RangeInclusive<u32>,
    /// A phrase, and in brackets what counts where none is given. Empty: the name says it all, and
    /// shares the next one's line.
    pub(super) help: &'static str,
}

#[derive(Debug)]
pub(super) struct OptionGroup {
    pub(super) takers: Takers,
    /// The line above them in the help; empty: none.
    pub(super) heading: &'static str,
    pub(super) options: &'static [OptionEntry],
}

/// Those who take an option; `check` takes all of the server's, and those of `exec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takers {
    Server,
    ServerAndTools,
    /// The server and each command.
    Everybody,
    Tool(&'static str),
}

const fn flag(name: &'static str, letter: &'static str, help: &'static str) -> OptionEntry {
    let occurrence = if letter.is_empty() { Occur::Optional } else { Occur::Multi };
    OptionEntry { letter, occurrence, ..text(name, "", help) }
}

const fn text(name: &'static str, argument: &'static str, help: &'static str) -> OptionEntry {
    let (letter, occurrence, numbers) = ("", Occur::Optional, 0..=u32::MAX);
    OptionEntry { name, letter, argument, occurrence, numbers, help }
}

const fn texts(name: &'static str, argument: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry { occurrence: Occur::Multi, ..text(name, argument, help) }
}

const fn number(
    name: &'static str,
    argument: &'static str,
    numbers: RangeInclusive<u32>,
    help: &'static str,
) -> OptionEntry {
    OptionEntry { numbers, ..text(name, argument, help) }
}

const fn group(
    takers: Takers,
    heading: &'static str,
    options: &'static [OptionEntry],
) -> OptionGroup {
    OptionGroup { takers, heading, options }
}

/// In seconds: as good as for ever.
const YEAR: u32 = 31_536_000;

const PORT: OptionEntry = number("port", "N", 1..=65_535, "");

const TARGETS_PORT: OptionEntry =
    number("file-sd-port", "N", 1..=65_535, "all nodes, as targets of Prometheus [9100]");

const NAMES: &[OptionEntry] = &[
    text("pattern", "NAME", "required, such as 'worker{{.ID}}.tf.local.'"),
    number("limit", "N", 1..=MAX_LIMIT, "highest ID to take [10]"),
    texts("resolve", "NAME", "answer for these names as well"),
];

const ANSWERS: &[OptionEntry] = &[
    flag("wait", "", "no free name: wait for one, and serve meanwhile"),
    texts("listen", "ADDRESS[:PORT]", "where to answer [0.0.0.0:53 and [::]:53]"),
    texts(
        "forward",
        "[ZONE=]ADDRESS[:PORT][,...]",
        "where queries for other names, or for ZONE's, go; or resolv.conf [refused]",
    ),
    flag("forward-ecs", "", "tell those servers the client subnet that clients tell"),
    text("cache", "SIZE", "room for their answers in octets, k or M; 0: none [1M]"),
    text("hosts", "FILE", "answer for these hosts as well, as in /etc/hosts"),
    number("ttl", "SECONDS", 0..=86_400, "TTL of the answers [5]"),
    // Less would leave no time for a second try.
    number("max-lag", "SECONDS", 2..=86_400, "answers this far behind etcd are stale [15]"),
    number("max-stale", "SECONDS", 0..=YEAR, "answer this long without etcd [86400]"),
    number(
        "watchers",
        "N",
        0..=MAX_LIMIT,
        "higher IDs take the table from IDs 1 to N; 0: none [64]",
    ),
    texts("reverse", "NETWORK[,...]", "have the zones of these reverse names"),
    texts("allow", "NETWORK[,...]", "answer these networks only [all]"),
    texts("allow-transfer", "NETWORK[,...]", ""),
    texts("tsig-key", "NAME:ALGORITHM:FILE", "who may have whole zones [nobody]"),
    texts("also-notify", "ADDRESS[:PORT][,...]", ""),
    text("notify-delay", "SECONDS", "whom to tell of changes, this far apart [0.2]"),
    number("rrl", "N", 1..=1_000_000, "replies a second to a network over UDP [all]"),
    // Shorter leases would end between two renewals of a busy etcd.
    number("lease-ttl", "SECONDS|auto", 2..=86_400, "how long a dead node keeps its name [auto]"),
];

const PUBLISHED: &[OptionEntry] = &[
    text("ipv4", "ADDRESS|none", ""),
    text("ipv6", "ADDRESS|none", ""),
    text("interface", "NAME", ""),
    text("node-id", "ID", ""),
    PORT,
    texts("service", "NAME/tcp=PORT", ""),
    texts("meta", "KEY=VALUE", "SRV below the name, and TXT at it [none]"),
];

const ETCD: &[OptionEntry] = &[
    texts("endpoints", "URL[,...]", "members of etcd [http://localhost:2379]"),
    text("prefix", "KEY", "what all keys begin with [nothing]"),
    text("cacert", "FILE", "whom to trust for https:// [the system's]"),
    text("cert", "FILE", ""),
    text("key", "FILE", "client certificate"),
    text("user", "NAME[:PASSWORD]", ""),
    text("password-file", "FILE", "the password is its first line"),
    text("etcd-timeout", "SECONDS", "time-out of a call to an endpoint [2]"),
];

const COREFILE: &[OptionEntry] = &[
    text("conf", "FILE", "a Corefile, or stdin [./Corefile without --pattern]"),
    number("dns.port", "N", 0..=65_535, "port of its server blocks that name none [53]"),
];

const PROGRAMS: &[OptionEntry] = &[
    text("name-file", "PATH", "holds the name for as long as it is owned"),
    text("id-file", "PATH", "keeps the ID, to be taken again later"),
    text("on-claim", "COMMAND", ""),
    text("on-lost", "COMMAND", "run by sh when the name comes and goes"),
    text("on-change", "COMMAND", "run by sh when names or addresses changed"),
    text("change-wait", "MIN[:MAX]", "quiet seconds before that, MAX at most [0.2:2]"),
    // Without any, what is begun at the end, --on-lost foremost, is killed at birth.
    number("grace", "SECONDS", 1..=86_400, "for those to end; PROGRAM has a quarter lease [10]"),
    text("metrics-file", "PATH", "figures for Prometheus, by node_exporter"),
    texts("http", "ADDRESS:PORT[,...]", "those, health and all names by HTTP"),
    text("hosts-file", "PATH", "all names, in a section of /etc/hosts for instance"),
    text("file-sd", "PATH", ""),
    TARGETS_PORT,
    text("ready-file", "PATH", "while it is not there, this node is not in the group"),
    text("notify", "bound|named", "when a service manager hears of the start [bound]"),
    text("run-as", "USER[:GROUP]", "who to be, once the port is bound [unchanged]"),
    flag("no-sandbox", "", "use any file, not only those given (so with hooks)"),
];

const JOB: &[OptionEntry] = &[
    text("when-in-doubt", "end|keep", "what becomes of PROGRAM if the lease is not renewed [end]"),
    text("count", "N[:MAX]", "wait for N nodes, and up to MAX if they come soon"),
    number("timeout", "SECONDS", 1..=YEAR, "for how long [for ever]"),
    text("job", "NAME", "of several jobs of the same nodes, this one"),
    text("list-file", "PATH", "holds the list of the nodes, in JSON"),
    text("on-peer-lost", "end|keep", "what becomes of PROGRAM if one of them is lost [keep]"),
];

const OTHER: &[OptionEntry] = &[
    flag("verbose", "v", "log more; twice: each query"),
    flag("quiet", "q", "log warnings and errors only"),
    flag("help", "h", ""),
    flag("version", "V", "show that and exit"),
];

const LIST: &[OptionEntry] = &[
    flag("json", "", "everything, for programs"),
    flag("hosts", "", "lines for /etc/hosts"),
    flag("watch", "", "a line for each name, and then for each change"),
    flag("file-sd", "", ""),
    OptionEntry { help: "targets for Prometheus, at this port [9100]", ..TARGETS_PORT },
    flag(
        "tf-config",
        "",
        "TF_CONFIG for TensorFlow: a job for --pattern and for each --resolve, called worker \
         for worker{{.ID}}; the task is the place of this host's node, and left out unless that is \
         certain",
    ),
    number(
        "tf-port",
        "PORT",
        1..=65_535,
        "where TensorFlow listens; the ports in etcd are DNS's [2222]",
    ),
    OptionEntry { help: "of several nodes on this host, I am the one that published N", ..PORT },
];

const WAIT: &[OptionEntry] = &[
    number("count", "N", 1..=MAX_LIMIT, "how many nodes are waited for"),
    number("timeout", "SECONDS", 1..=YEAR, "for how long [for ever]"),
];

const READY: &[OptionEntry] =
    &[number("timeout", "SECONDS", 1..=YEAR, "wait so long until it is [not at all]")];

const DRAIN: &[OptionEntry] = &[text("reason", "TEXT", "why, for those who look at it")];

const RELEASE: &[OptionEntry] = &[flag("yes", "", "do not ask")];

/// All options, in the order of the help.
pub(super) const GROUPS: [OptionGroup; 14] = [
    group(Takers::ServerAndTools, "", NAMES),
    group(Takers::Server, "", ANSWERS),
    group(Takers::Server, "What is published; found out where not given:", PUBLISHED),
    group(Takers::ServerAndTools, "etcd, and how to be let in:", ETCD),
    group(
        Takers::ServerAndTools,
        "The CoreDNS plugin's configuration; each option wins over it:",
        COREFILE,
    ),
    group(Takers::Server, "For programs on this node:", PROGRAMS),
    group(Takers::Everybody, "Other:", OTHER),
    group(Takers::Tool("list"), "", LIST),
    group(Takers::Tool("wait"), "", WAIT),
    group(Takers::Tool("ready"), "", READY),
    group(Takers::Tool("release"), "", RELEASE),
    group(Takers::Tool("drain"), "", DRAIN),
    // After wait, whose numbers have the same names.
    group(Takers::Tool(EXEC), "", JOB),
    group(Takers::Tool(CHECK), "Of exec:", JOB),
];

impl OptionEntry {
    /// Its spelling, with the placeholder of its argument.
    pub(super) fn spelling(&self) -> String {
        let letter = if self.letter.is_empty() { "" } else { &format!("-{}, ", self.letter) };
        let blank = if self.argument.is_empty() { "" } else { " " };
        format!("{letter}--{}{blank}{}", self.name, self.argument)
    }

    /// The words that its argument may be.
    pub(super) fn values(&self) -> Vec<&'static str> {
        let is_word = |word: &&str| word.bytes().all(|octet| octet.is_ascii_lowercase());
        self.argument.split('|').filter(|word| !word.is_empty()).filter(is_word).collect()
    }

    /// What counts where none is given.
    pub(super) fn default(&self) -> Option<&'static str> {
        self.help.split_once(" [")?.1.strip_suffix(']')
    }
}

/// The options of some takers, and those that they share with others.
pub(super) fn options(takers: Takers) -> impl Iterator<Item = &'static OptionEntry> {
    let is_theirs = move |group: &&OptionGroup| match (takers, group.takers) {
        (Takers::Server, Takers::ServerAndTools)
        | (Takers::Server | Takers::ServerAndTools, Takers::Everybody) => true,
        (one, other) => one == other,
    };
    GROUPS.iter().filter(is_theirs).flat_map(|group| group.options)
}

/// The names of the options of all takers.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|group| group.options).map(|entry| entry.name)
}

pub(super) fn entry(name: &str) -> Option<&'static OptionEntry> {
    GROUPS.iter().flat_map(|group| group.options).find(|entry| entry.name == name)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
