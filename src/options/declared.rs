//! Which options there are, how they may be spelt, and how one is told that is none.

use std::borrow::Cow;

use getopts::{HasArg, Occur};

pub(super) fn declared() -> getopts::Options {
    let mut options = getopts::Options::new();
    for name in ["endpoints", "listen", "resolve", "forward", "allow"] {
        options.opt("", name, "", "", HasArg::Yes, Occur::Multi);
    }
    for name in [
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
    ] {
        options.opt("", name, "", "", HasArg::Yes, Occur::Optional);
    }
    options.opt("", "wait", "", "", HasArg::No, Occur::Optional);
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

/// A word of the command line, with two dashes where CoreDNS has one: `-conf FILE`, `-conf=FILE`.
pub(super) fn with_two_dashes(word: &str) -> Cow<'_, str> {
    let name = word.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or(rest));
    match name {
        Some(name) if COREDNS.contains(&name) => format!("-{word}").into(),
        _ => word.into(),
    }
}
