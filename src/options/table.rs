//! Which options there are, how they may be spelt, and how one is told that is none.

use std::borrow::Cow;

use getopts::{HasArg, Matches, Occur};

use super::wrong;
use crate::failure::Failure;

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
    options.opt("", LOG, "", "", HasArg::No, Occur::Multi);
    for (name, argument, _) in REFUSED {
        options.opt("", name, "", "", argument, Occur::Multi);
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

/// Options that launch scripts of CoreDNS spell with one dash, and how they are declared here.
const COREDNS: [(&str, &str); 9] = [
    ("conf", "conf"),
    ("dns.port", "dns.port"),
    ("p", "dns.port"),
    ("quiet", "quiet"),
    ("version", "version"),
    ("log", "log"),
    ("cpu", "cpu"),
    ("pidfile", "pidfile"),
    ("plugins", "plugins"),
];

/// Of CoreDNS's alone. This one asks for what is done always.
const LOG: &str = "log";

/// Those that cannot be followed: with or without an argument, and what to do instead.
const REFUSED: [(&str, HasArg, &str); 3] = [
    ("cpu", HasArg::Yes, "there is one thread, which uses one processor at most; leave it out"),
    (
        "pidfile",
        HasArg::Yes,
        "none is written; leave it out, and let the script that starts this in the background write $!",
    ),
    ("plugins", HasArg::No, "there are none; leave it out, and see --help"),
];

/// Refuses what only CoreDNS can follow.
pub(super) fn refuse_coredns(matches: &Matches) -> Result<(), Failure> {
    match REFUSED.iter().find(|(name, ..)| matches.opt_present(name)) {
        Some((name, _, why)) => wrong(name, format!("as for CoreDNS: {why}")),
        None => Ok(()),
    }
}

/// The command line, with every option spelt as it is declared.
pub(super) fn spelt_out(arguments: &[String]) -> Vec<String> {
    arguments.iter().map(|word| with_two_dashes(word).into_owned()).collect()
}

/// A word of the command line, with two dashes where CoreDNS has one: `-conf FILE`, `-conf=FILE`.
fn with_two_dashes(word: &str) -> Cow<'_, str> {
    let Some(rest) = word.strip_prefix('-') else { return word.into() };
    let name = rest.split('=').next().unwrap_or(rest);
    match COREDNS.iter().find(|(coredns, _)| *coredns == name) {
        Some((_, ours)) => {
            let value = rest.get(name.len()..).unwrap_or_default();
            format!("--{ours}{value}").into()
        }
        None => word.into(),
    }
}
