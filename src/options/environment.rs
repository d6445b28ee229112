//! Options that the environment gives, where the command line does not.
//!
//! Each may be given as `IDETCD_<OPTION>`: `--lease-ttl` as `IDETCD_LEASE_TTL`. Some of those names are what programs
//! and hooks are told of their node by; these options are given as `IDETCD_OPTION_<OPTION>`. What
//! etcdctl is told of etcd counts as well, where ours says nothing.

use std::ffi::OsString;
use std::fmt;

use getopts::{Matches, Occur};

use super::table::OptionEntry;
use super::values::split_at_commas;
use crate::failure::Failure;
use crate::notify::is_told_to_programs;

/// All variables of the environment, with their values.
pub type Environment<'a> = &'a [(OsString, OsString)];

pub(super) const OWN_PREFIX: &str = "IDETCD_";
/// Where that would be another variable.
pub(super) const APART: &str = "IDETCD_OPTION_";
/// That of etcdctl, for these options.
const ETCDCTL: &str = "ETCDCTL_";
const OF_ETCDCTL: [&str; 5] = ["endpoints", "cacert", "cert", "key", "user"];

/// What only a command line can ask for.
pub(super) const COMMAND_LINE_ONLY: [&str; 3] = ["help", "version", "yes"];

/// An option that a variable of the environment gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromEnvironment {
    /// The option, without its dashes.
    pub option: &'static str,
    /// The variable.
    pub variable: String,
}

/// Who says what the options are; the others have their defaults, or are a Corefile's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The options that the command line gives, without their dashes.
    pub command_line: Vec<&'static str>,
    /// Those that the environment gives.
    pub environment: Vec<FromEnvironment>,
    /// What is to be said of variables that give nothing, and may have been meant to.
    pub slips: Vec<String>,
}

impl Origins {
    /// Logs what is to be said of variables that give nothing.
    pub fn warn(&self) {
        self.slips.iter().for_each(|slip| log::warn!("{slip}"));
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.command_line.iter().map(|option| format!("--{option}"));
        let variables = self.environment.iter().map(|given| given.variable.clone());
        let parts = [
            ("the command line gives", words.collect::<Vec<_>>()),
            ("the environment", variables.collect()),
        ];
        let told = parts.iter().filter(|(_, names)| !names.is_empty());
        let told: Vec<_> = told.map(|(who, names)| format!("{who} {}", names.join(", "))).collect();
        f.write_str(&told.join("; "))
    }
}

/// The options of these that only the environment gives, and the words that say so on a command line.
///
/// # Errors
/// When a variable is not text, or that of an option without an argument says neither yes nor no.
pub(super) fn words<'a>(
    entries: impl Iterator<Item = &'a OptionEntry>,
    matches: &Matches,
    environment: Environment<'_>,
) -> Result<(Vec<FromEnvironment>, Vec<String>), Failure> {
    let (mut found, mut all) = (Vec::new(), Vec::new());
    for entry in entries.filter(|entry| !COMMAND_LINE_ONLY.contains(&entry.name)) {
        if matches.opt_present(entry.name) {
            continue;
        }
        let Some((variable, value)) = variables_of(entry.name)
            .find_map(|variable| value_of(&variable, environment).map(|value| (variable, value)))
        else {
            continue;
        };
        // Whoever takes a variable back in a script often leaves it empty.
        if value.is_empty() {
            continue;
        }
        let Some(value) = value.to_str() else {
            return Err(Failure::usage(format!("{variable}: {value:?} is not UTF-8")));
        };
        let words = words_of(entry, value).ok_or_else(|| {
            let twice = if entry.occurrence == Occur::Multi { ", 2" } else { "" };
            let text = format!("{variable}: {value:?} is none of true, false, 1, 0{twice}");
            Failure::usage(text)
        })?;
        if !words.is_empty() {
            found.push(FromEnvironment { option: entry.name, variable });
        }
        all.extend(words);
    }
    Ok((found, all))
}

/// The value of a variable; `None`: it is not set.
fn value_of<'a>(variable: &str, environment: Environment<'a>) -> Option<&'a OsString> {
    environment.iter().find(|(name, _)| name == variable).map(|(_, value)| value)
}

/// The words for an option of this value; `None`: it has no argument, and the value is neither yes nor no.
fn words_of(entry: &OptionEntry, value: &str) -> Option<Vec<String>> {
    let name = entry.name;
    if entry.argument.is_empty() {
        // Twice is more of it.
        let most = if entry.occurrence == Occur::Multi { 2 } else { 1 };
        let count = match value {
            "true" => 1,
            "false" => 0,
            number => number.parse().ok().filter(|count| *count <= most)?,
        };
        return Some(vec![format!("--{name}"); count]);
    }
    let word = |value: &str| format!("--{name}={value}");
    Some(match entry.occurrence {
        // What has commas of its own knows what stands between them.
        Occur::Multi if !entry.argument.ends_with("[,...]") => {
            split_at_commas(&[value.to_owned()]).map(word).collect()
        }
        _ => vec![word(value)],
    })
}

/// The variables that may give an option, the first that is set wins.
pub(super) fn variables_of(option: &str) -> impl Iterator<Item = String> {
    let words = option.to_ascii_uppercase().replace(['-', '.'], "_");
    let usual = format!("{OWN_PREFIX}{words}");
    let own = if is_told_to_programs(&usual) { format!("{APART}{words}") } else { usual };
    let etcdctl = OF_ETCDCTL.contains(&option).then(|| format!("{ETCDCTL}{words}"));
    std::iter::once(own).chain(etcdctl)
}

/// The same failure, where it is of an option that the environment gave, in the words of that.
pub(super) fn explain(failure: Failure, given: &[FromEnvironment]) -> Failure {
    let text = failure.to_string();
    let found = given.iter().find_map(|given| {
        let rest = text.strip_prefix(&format!("--{}:", given.option))?;
        Some(format!("{} (as --{}):{rest}", given.variable, given.option))
    });
    match found {
        Some(text) => failure.in_words(text),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::table::{Takers, options};

    #[test]
    fn each_option_has_a_variable_and_none_is_one_that_programs_are_told() {
        let table = [
            ("lease-ttl", "IDETCD_LEASE_TTL"),
            ("dns.port", "IDETCD_DNS_PORT"),
            ("pattern", "IDETCD_PATTERN"),
            ("limit", "IDETCD_OPTION_LIMIT"),
            ("ipv4", "IDETCD_OPTION_IPV4"),
            ("ipv6", "IDETCD_OPTION_IPV6"),
            ("port", "IDETCD_OPTION_PORT"),
            ("count", "IDETCD_OPTION_COUNT"),
            ("list-file", "IDETCD_OPTION_LIST_FILE"),
        ];
        for (option, wanted) in table {
            assert_eq!(variables_of(option).next().as_deref(), Some(wanted));
        }
        for takers in [Takers::Server, Takers::Tool("list"), Takers::Tool("exec")] {
            for entry in options(takers) {
                let found = variables_of(entry.name).find(|name| is_told_to_programs(name));
                assert_eq!(found, None, "{}", entry.name);
            }
        }
    }
}
