//! The Corefile beside the command line: which one, and its settings where no option wins.

use std::net::SocketAddr;

use getopts::Matches;

use super::addresses;
use super::values::{filled, number, split, split_at_commas, wrong};
use crate::cluster::Pattern;
use crate::connect::Endpoint;
use crate::corefile::files::CorefileChoice;
use crate::corefile::{Corefile, CorefileError, ForwardDirective, Placed};
use crate::failure::Failure;
use crate::server::forward::ForwardTo;
use crate::server::listen::Listen;

/// A way to read a Corefile: which one, and the port of keys that have none. `None`: there is none.
pub type ReadCorefile<'a> =
    &'a dyn Fn(CorefileChoice<'_>, u16) -> Result<Option<Corefile>, CorefileError>;

impl From<CorefileError> for Failure {
    fn from(error: CorefileError) -> Failure {
        Failure::usage(error)
    }
}

/// The settings of the Corefile that is asked for: by name, or as CoreDNS does, by saying nothing.
pub(super) fn settings(
    matches: &Matches,
    read: ReadCorefile<'_>,
) -> Result<Option<Corefile>, Failure> {
    let name = filled(matches, "conf", "the name of the file is empty")?;
    let corefile = match &name {
        Some(name) => CorefileChoice::Given(name),
        None if !matches.opt_present("pattern") => CorefileChoice::InWorkingDirectory,
        None if matches.opt_present("dns.port") => {
            return wrong("dns.port", "goes with a Corefile; give the port by --listen ADDR:PORT");
        }
        None => return Ok(None),
    };
    Ok(read(corefile, number(matches, "dns.port")?)?)
}

/// The pattern to claim from; the file's server block must serve its zone.
pub(super) fn pattern(
    matches: &Matches,
    file: Option<&mut Corefile>,
    limit: u32,
) -> Result<Pattern, Failure> {
    let given = matches.opt_str("pattern");
    let pattern = match (&given, &file) {
        (Some(text), _) => Pattern::parse(text, limit).or_else(|error| wrong("pattern", error))?,
        (None, Some(file)) => pattern_of(file, limit)?,
        (None, None) => {
            return wrong(
                "pattern",
                "must be given, as in --pattern 'worker{{.ID}}.tf.local.', or a Corefile by --conf",
            );
        }
    };
    if let Some(file) = file {
        file.check_zone(pattern.zone())?;
        if given.is_none() {
            compare_spellings(file, &pattern);
        }
    }
    Ok(pattern)
}

fn pattern_of(file: &Corefile, limit: u32) -> Result<Pattern, CorefileError> {
    let Some(written) = &file.plugin.pattern else {
        let text = "idetcd: there is no pattern; add one such as pattern worker{{.ID}}.tf.local.";
        return Err(CorefileError::at(&file.plugin.place, text));
    };
    Pattern::parse(written.as_str(), limit)
        .map_err(|error| written.error(error.column, &error.reason))
}

/// The plugin's keys are what the pattern says, octet by octet.
fn compare_spellings(file: &mut Corefile, pattern: &Pattern) {
    let Some(written) = &file.plugin.pattern else { return };
    let text = written.as_str();
    if text.ends_with('.') && !text.replace(".ID", "").contains(char::is_uppercase) {
        return;
    }
    file.notices.push(written.notice(&format!(
        "the keys in etcd are those of {pattern}; nodes of the plugin have others"
    )));
}

/// The endpoints, each once; the default where neither names any.
pub(super) fn endpoints(
    matches: &Matches,
    file: Option<&Corefile>,
) -> Result<Vec<Endpoint>, Failure> {
    let all = match file.filter(|_| !matches.opt_present("endpoints")) {
        Some(file) => file.plugin.endpoints.iter().map(endpoint).collect::<Result<Vec<_>, _>>()?,
        None => split(matches, "endpoints")?,
    };
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for endpoint in all {
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        endpoints.push(Endpoint::default());
    }
    Ok(endpoints)
}

/// The plugin's client of etcd takes `HOST:PORT` as well.
fn endpoint(Placed { value: text, place }: &Placed<String>) -> Result<Endpoint, CorefileError> {
    let endpoint =
        if text.contains("://") { text.parse() } else { format!("http://{text}").parse() };
    endpoint.map_err(|reason| CorefileError::at(place, format!("endpoint: {text:?}: {reason}")))
}

pub(super) fn listen(matches: &Matches, file: Option<&Corefile>) -> Result<Vec<Listen>, Failure> {
    let given = matches.opt_strs("listen");
    let Some(file) = file.filter(|_| given.is_empty()) else {
        return addresses::listen(&given);
    };
    let mut listens = Vec::new();
    for port in &file.ports {
        if file.addresses.is_empty() {
            listens.extend(Listen::everywhere(*port));
        }
        for ip in &file.addresses {
            listens.push(Listen { address: SocketAddr::new(*ip, *port), required: true });
        }
    }
    Ok(listens)
}

pub(super) fn forward(
    matches: &Matches,
    file: Option<&Corefile>,
) -> Result<Option<ForwardTo>, Failure> {
    let given = matches.opt_strs("forward");
    let written = file.and_then(|file| file.forward.as_ref()).filter(|_| given.is_empty());
    let mut forward = None;
    for word in split_at_commas(&given) {
        forward = Some(addresses::forward(forward, word).or_else(|why| wrong("forward", why))?);
    }
    if let Some(ForwardDirective { name, to, .. }) = written {
        for Placed { value: upstream, place } in to {
            let at_place = |why| CorefileError::at(place, format!("{name}: {why}"));
            forward = Some(addresses::forward(forward, upstream).map_err(at_place)?);
        }
    }
    Ok(forward)
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
