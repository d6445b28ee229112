//! The words of a command line, as the table of options and CoreDNS spell them.

use std::borrow::Cow;
use std::collections::HashSet;

use getopts::{Fail, HasArg, Matches, Occur};

use super::closest::closest;
use super::environment::{self, Environment, Origins};
use super::table::{self, OptionEntry, Takers};
use super::values::wrong;
use crate::failure::Failure;

/// Options that launch scripts of CoreDNS spell with one dash, but for `-p`, its `-dns.port`.
const COREDNS: [&str; 8] =
    ["conf", "dns.port", "quiet", "version", LOG, "cpu", "pidfile", "plugins"];

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

/// Matches words with the options of the server, and with those of a tool where it is for one; what is not among them
/// may be given by the environment, if the predicate says that it is theirs.
///
/// # Errors
/// When one is no option, or is not spelt as such.
pub(super) fn matched(
    takers: Takers,
    words: &[String],
    is_taken: &dyn Fn(&str) -> bool,
    environment: Environment<'_>,
) -> Result<(Matches, Origins), Failure> {
    let declared = declared(takers);
    let words: Vec<String> = words.iter().map(|word| with_two_dashes(word).into_owned()).collect();
    let parse = |words: &[String]| {
        declared.parse(words).map_err(|fail| Failure::usage(explain(&fail, takers, is_taken)))
    };
    let matches = parse(&words)?;
    let given = entries(takers).map(|entry| entry.name);
    let command_line = given.filter(|name| matches.opt_present(name)).collect();
    let entries = entries(takers).filter(|entry| is_taken(entry.name));
    let (environment, more) = environment::words(entries, &matches, environment)?;
    let origins = Origins { command_line, environment, slips: Vec::new() };
    if more.is_empty() {
        return Ok((matches, origins));
    }
    Ok((parse(&[more, words].concat())?, origins))
}

/// The options of these and of the server. One of a tool may be spelt as one of the server's, and be something else.
fn entries(takers: Takers) -> impl Iterator<Item = &'static OptionEntry> {
    let mut seen = HashSet::new();
    let all = table::options(takers).chain(table::options(Takers::Server));
    all.filter(move |entry| seen.insert(entry.name))
}

fn declared(takers: Takers) -> getopts::Options {
    let mut declared = getopts::Options::new();
    for entry in entries(takers) {
        let argument = if entry.argument.is_empty() { HasArg::No } else { HasArg::Yes };
        declared.opt(entry.letter, entry.name, "", "", argument, entry.occurrence);
    }
    declared.opt("", LOG, "", "", HasArg::No, Occur::Multi);
    for (name, argument, _) in REFUSED {
        declared.opt("", name, "", "", argument, Occur::Multi);
    }
    declared
}

fn explain(fail: &Fail, takers: Takers, is_taken: &dyn Fn(&str) -> bool) -> String {
    let (name, what) = match fail {
        Fail::ArgumentMissing(name) => (name, "an argument is missing".to_owned()),
        Fail::UnrecognizedOption(name) => (name, no_such_option(name, takers, is_taken)),
        Fail::OptionMissing(name) => (name, "must be given".to_owned()),
        Fail::OptionDuplicated(name) => (name, "given twice; once is enough".to_owned()),
        Fail::UnexpectedArgument(name) => (name, "takes no argument".to_owned()),
    };
    let dashes = if name.len() == 1 { "-" } else { "--" };
    format!("{dashes}{}: {what}", name.escape_debug())
}

fn no_such_option(name: &str, takers: Takers, is_taken: &dyn Fn(&str) -> bool) -> String {
    let taken = entries(takers).map(|entry| entry.name).filter(|name| is_taken(name));
    match (closest(name, taken), takers) {
        (Some(meant), _) => format!("no such option; did you mean --{meant}?"),
        (None, Takers::Tool(tool)) => format!("no such option; see idetcd {tool} --help"),
        (None, _) => "no such option; see idetcd --help".to_owned(),
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
    match name {
        "p" => format!("--dns.port{}", rest.get(name.len()..).unwrap_or_default()).into(),
        name if COREDNS.contains(&name) => format!("-{word}").into(),
        _ => word.into(),
    }
}
