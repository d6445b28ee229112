//! Variables of the environment that look like those of options, and give none.

use super::closest::closest;
use super::environment::{APART, COMMAND_LINE_ONLY, Environment, OWN_PREFIX, variables_of};
use super::table::{self, CHECK, EXEC, Takers};
use crate::notify::is_told_to_programs;

/// The most that are told.
const MOST_SLIPS: usize = 5;

/// Programs and hooks of a node with a name all have this one, and what they start.
const NAME_VARIABLE: &str = "IDETCD_NAME";

/// The one that hooks of a node without a name have as well.
const LIMIT_VARIABLE: &str = "IDETCD_LIMIT";

/// What each such variable is, and which one may have been meant.
pub(super) fn slips(takers: Takers, environment: Environment<'_>) -> Vec<String> {
    let is_program = environment.iter().any(|(variable, _)| variable == NAME_VARIABLE);
    // A hook may look at the cluster, and starts no node.
    let is_node = matches!(takers, Takers::Server | Takers::Tool(EXEC | CHECK));
    let given = environment.iter().filter(|(_, value)| !value.is_empty());
    let mut slips: Vec<String> = given
        .filter_map(|(variable, value)| {
            let variable = variable.to_str().filter(|it| it.starts_with(OWN_PREFIX))?;
            if !is_told_to_programs(variable) {
                return misspelt(variable);
            }
            // Kubernetes says of a service of this name IDETCD_PORT=tcp://10.0.0.1:53.
            let is_others = value.to_string_lossy().contains("://");
            let may_be_told = is_program || is_others || (variable == LIMIT_VARIABLE && !is_node);
            if may_be_told { None } else { told(variable) }
        })
        .collect();
    slips.sort();
    slips.truncate(MOST_SLIPS);
    slips
}

/// One that no option has, and that is close to one that an option has.
fn misspelt(variable: &str) -> Option<String> {
    let is_one = |option: &str| variables_of(option).any(|known| known == variable);
    if table::names().any(is_one) {
        return None;
    }
    let word = variable.strip_prefix(APART).or_else(|| variable.strip_prefix(OWN_PREFIX))?;
    let word = word.to_ascii_lowercase().replace('_', "-");
    let options = table::names().filter(|name| !COMMAND_LINE_ONLY.contains(name));
    let meant = variables_of(closest(&word, options)?).next()?;
    Some(format!("{variable} is no variable of idetcd; did you mean {meant}?"))
}

/// One that programs are told, where an option has another.
fn told(variable: &str) -> Option<String> {
    let meant = variable.replacen(OWN_PREFIX, APART, 1);
    let is_one = |option: &str| variables_of(option).any(|known| known == meant);
    table::names()
        .any(is_one)
        .then(|| format!("{variable} is told to programs, and is no option; did you mean {meant}?"))
}
