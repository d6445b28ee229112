//! Options about names and their keys in etcd.

use getopts::Matches;

use super::wrong;
use crate::cluster::{Names, Pattern};
use crate::failure::Failure;

/// The longest `--prefix`, in octets: a bound, not a rule of etcd's.
const LONGEST_PREFIX: usize = 1024;

pub(super) fn prefix(matches: &Matches) -> Result<String, Failure> {
    let prefix = matches.opt_str("prefix").unwrap_or_default();
    if prefix.len() > LONGEST_PREFIX {
        return wrong("prefix", format!("{} octets, at most {LONGEST_PREFIX} fit", prefix.len()));
    }
    if let Some(bad) = prefix.chars().find(|character| character.is_control()) {
        return wrong("prefix", format!("{bad:?} cannot stand in it; give text such as /site/a/"));
    }
    Ok(prefix)
}

pub(super) fn resolve(matches: &Matches, own: &Pattern, limit: u32) -> Result<Vec<Names>, Failure> {
    let mut resolve: Vec<Names> = Vec::new();
    for text in matches.opt_strs("resolve") {
        let names = match Names::parse(&text, limit) {
            Ok(names) => names,
            Err(error) => return wrong("resolve", format!("{text:?}: {error}")),
        };
        if names == Names::Numbered(own.clone()) {
            return wrong("resolve", format!("{names} is the --pattern, and is answered anyway"));
        }
        if resolve.contains(&names) {
            return wrong("resolve", format!("{names} is given twice; once is enough"));
        }
        resolve.push(names);
    }
    Ok(resolve)
}
