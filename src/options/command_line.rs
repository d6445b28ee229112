//! The words of a command line, as the table of options and CoreDNS spell them.

use std::borrow::Cow;

use getopts::{HasArg, Matches, Occur};

use super::table::{self, OptionEntry};
use super::values::wrong;
use crate::failure::Failure;

/// Options that launch scripts of CoreDNS spell with one dash, and how they are declared here.
const COREDNS: [(&str, &str); 9] = [
    ("conf", "conf"),
    ("dns.port", "dns.port"),
    ("p", "dns.port"),
    ("quiet", "quiet"),
    ("version", "version"),
    ("log", LOG),
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

/// Matches words with the options of the server, and with those of a tool where one is named.
///
/// # Errors
/// When one is no option, or is not spelt as such.
pub(super) fn matched(tool: Option<&str>, words: &[String]) -> Result<Matches, Failure> {
    let mut declared = getopts::Options::new();
    for entry in table::options(None) {
        declare(entry, &mut declared);
    }
    let is_new = |entry: &&OptionEntry| table::options(None).all(|other| other.name != entry.name);
    for entry in table::options(tool).filter(|_| tool.is_some()).filter(is_new) {
        declare(entry, &mut declared);
    }
    declared.opt("", LOG, "", "", HasArg::No, Occur::Multi);
    for (name, argument, _) in REFUSED {
        declared.opt("", name, "", "", argument, Occur::Multi);
    }
    let words = words.iter().map(|word| with_two_dashes(word).into_owned());
    declared.parse(words).map_err(|fail| Failure::usage(explain(&fail)))
}

fn declare(entry: &OptionEntry, declared: &mut getopts::Options) {
    let argument = if entry.argument.is_empty() { HasArg::No } else { HasArg::Yes };
    declared.opt(entry.short, entry.name, "", "", argument, entry.occurrence);
}

fn explain(fail: &getopts::Fail) -> String {
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

/// Refuses what only CoreDNS can follow.
pub(super) fn refuse_coredns(matches: &Matches) -> Result<(), Failure> {
    match REFUSED.iter().find(|(name, ..)| matches.opt_present(name)) {
        Some((name, _, why)) => wrong(name, format!("as for CoreDNS: {why}")),
        None => Ok(()),
    }
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
