//! Which options there are, how they may be spelt, and how one is told that is none.

use std::borrow::Cow;

use getopts::{HasArg, Occur};

/// Options of the server that take an argument, and may be given several times.
pub(super) const REPEATABLE: [&str; 5] = ["endpoints", "listen", "resolve", "forward", "allow"];
/// Those that take an argument, and are given once.
pub(super) const SINGLE: [&str; 25] = [
    "pattern",
    "limit",
    "ttl",
    "ipv4",
    "ipv6",
    "interface",
    "port",
    "lease-ttl",
    "etcd-timeout",
    "max-stale",
    "rrl",
    "prefix",
    "cacert",
    "cert",
    "key",
    "user",
    "password-file",
    "conf",
    "dns.port",
    "name-file",
    "on-claim",
    "on-lost",
    "grace",
    "metrics-file",
    "run-as",
];
/// Those that take none.
pub(super) const FLAGS: [&str; 1] = ["wait"];

pub(super) fn declared() -> getopts::Options {
    let mut options = getopts::Options::new();
    for name in REPEATABLE {
        options.opt("", name, "", "", HasArg::Yes, Occur::Multi);
    }
    for name in SINGLE {
        options.opt("", name, "", "", HasArg::Yes, Occur::Optional);
    }
    for name in FLAGS {
        options.opt("", name, "", "", HasArg::No, Occur::Optional);
    }
    for (short, long) in [("v", "verbose"), ("q", "quiet"), ("h", "help"), ("V", "version")] {
        options.opt(short, long, "", "", HasArg::No, Occur::Multi);
    }
    options
}

pub(super) fn explain(fail: &getopts::Fail) -> String {
    let dashed = |name: &str| match name.len() {
        1 => format!("-{name}"),
        _ => format!("--{}", name.escape_debug()),
    };
    match fail {
        getopts::Fail::ArgumentMissing(name) => format!("{}: an argument is missing", dashed(name)),
        getopts::Fail::UnrecognizedOption(name) => {
            format!("{}: no such option; see --help", dashed(name))
        }
        getopts::Fail::OptionMissing(name) => format!("{}: must be given", dashed(name)),
        getopts::Fail::OptionDuplicated(name) => {
            format!("{}: given twice; once is enough", dashed(name))
        }
        getopts::Fail::UnexpectedArgument(name) => format!("{}: takes no argument", dashed(name)),
    }
}

/// Options that launch scripts of CoreDNS spell with one dash.
const COREDNS: [&str; 4] = ["conf", "dns.port", "quiet", "version"];

/// The command line, with every option spelt as it is declared.
pub(super) fn spelt_out(arguments: &[String]) -> Vec<String> {
    arguments.iter().map(|word| with_two_dashes(word).into_owned()).collect()
}

/// A word of the command line, with two dashes where CoreDNS has one: `-conf FILE`, `-conf=FILE`.
fn with_two_dashes(word: &str) -> Cow<'_, str> {
    let name = word.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or(rest));
    match name {
        Some(name) if COREDNS.contains(&name) => format!("-{word}").into(),
        _ => word.into(),
    }
}
