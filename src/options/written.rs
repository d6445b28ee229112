//! The Corefile that is asked for: read, with all that is wrong in its lines told at once.

use getopts::Matches;

use super::configuration::{ReadCorefile, endpoint, pattern_of};
use super::forward::wrong_servers;
use super::values::{filled, number, wrong};
use crate::corefile::{Corefile, CorefileError};
use crate::failure::Failure;

/// The settings of the Corefile that is asked for: by name, or as CoreDNS does, by saying nothing.
pub(super) fn settings(
    matches: &Matches,
    read: ReadCorefile<'_>,
) -> Result<Option<Corefile>, Failure> {
    let name = filled(matches, "conf", "the name of the file is empty")?;
    if name.is_none() && matches.opt_present("pattern") {
        if matches.opt_present("dns.port") {
            return wrong("dns.port", "goes with a Corefile; give the port by --listen ADDR:PORT");
        }
        return Ok(None);
    }
    let Some(mut file) = read(name.as_deref(), number(matches, "dns.port")?)? else {
        return Ok(None);
    };
    let more = wrong_lines(matches, &file);
    file.errors.extend(more);
    Ok(Some(file.checked()?))
}

/// What is wrong in lines that no option takes the place of, so that all of it is told at once.
fn wrong_lines(matches: &Matches, file: &Corefile) -> Vec<CorefileError> {
    let is_open = |option: &&str| !matches.opt_present(option);
    let limit = file.plugin.limit.filter(|_| is_open(&"limit"));
    let limit = limit.or_else(|| number(matches, "limit").ok());
    // A pattern that could not be read is told as such, and not as one that is missing.
    let is_whole = file.errors.is_empty() || file.plugin.pattern.is_some();
    let pattern = limit.filter(|_| is_open(&"pattern") && is_whole);
    let pattern = pattern.and_then(|limit| pattern_of(file, limit).err());
    let endpoints = file.plugin.endpoints.iter().filter(|_| is_open(&"endpoints"));
    let endpoints = endpoints.filter_map(|written| endpoint(written).err());
    let servers = file.forward.iter().filter(|_| is_open(&"forward")).flat_map(wrong_servers);
    pattern.into_iter().chain(endpoints).chain(servers).collect()
}
