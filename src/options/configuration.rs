//! The Corefile beside the command line: what both say of: the pattern, where etcd is,
//! where to listen. Each option wins over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use getopts::Matches;

use super::values::{path, split, split_at_commas, wrong};
use crate::cluster::Pattern;
use crate::connect::Endpoint;
use crate::corefile::{Corefile, CorefileError, HttpAddress, Placed};
use crate::failure::Failure;
use crate::host::resolv_conf::DNS_PORT;
use crate::server::listen::Listen;

/// A way to read a Corefile: its name, if it has one, and the port of keys that have none. `None`: there is none.
pub type ReadCorefile<'a> =
    &'a dyn Fn(Option<&str>, u16) -> Result<Option<Corefile>, CorefileError>;

impl From<CorefileError> for Failure {
    fn from(error: CorefileError) -> Failure {
        Failure::usage(error)
    }
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
            let example = "as in --pattern 'worker{{.ID}}.tf.local.', or a Corefile by --conf";
            return wrong("pattern", format!("must be given, {example}"));
        }
    };
    let Some(file) = file else { return Ok(pattern) };
    file.check_zone(pattern.zone())?;
    // The plugin's keys are what its pattern says, octet by octet.
    if let Some(written) = file.plugin.pattern.as_ref().filter(|_| given.is_none()) {
        let text = written.as_str();
        if !text.ends_with('.') || text.replace(".ID", "").contains(char::is_uppercase) {
            file.notices.push(written.notice(&format!(
                "the keys in etcd are those of {pattern}; nodes of the plugin have others"
            )));
        }
    }
    Ok(pattern)
}

pub(super) fn pattern_of(file: &Corefile, limit: u32) -> Result<Pattern, CorefileError> {
    let Some(written) = &file.plugin.pattern else {
        let text = "idetcd: there is no pattern; add one such as pattern worker{{.ID}}.tf.local.";
        return Err(CorefileError::at(&file.plugin.place, text));
    };
    Pattern::parse(written.as_str(), limit)
        .map_err(|error| written.error(error.column, &error.reason))
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

pub(super) fn endpoint(
    Placed { value: text, place }: &Placed<String>,
) -> Result<Endpoint, CorefileError> {
    text.parse().map_err(|reason| CorefileError::at(place, format!("endpoint: {text:?}: {reason}")))
}

pub(super) fn listen(matches: &Matches, file: Option<&Corefile>) -> Result<Vec<Listen>, Failure> {
    let given = matches.opt_strs("listen");
    if given.is_empty() {
        return Ok(file.map_or_else(|| Listen::everywhere(DNS_PORT).to_vec(), listen_of));
    }
    let mut listens: Vec<Listen> = Vec::new();
    for text in &given {
        let Some(address) = socket_address(text) else {
            let remedy = "write 127.0.0.1, 127.0.0.1:1053 or [::1]:1053";
            return wrong("listen", format!("{text:?} is not an address; {remedy}"));
        };
        if address.port() != 0 && listens.iter().any(|listen| listen.address == address) {
            return wrong("listen", format!("{address} is given twice; once is enough"));
        }
        listens.push(Listen { address, required: true });
    }
    Ok(listens)
}

/// Where pages are served by HTTP, each once.
pub(super) fn http(matches: &Matches, file: Option<&Corefile>) -> Result<Vec<Listen>, Failure> {
    let given = matches.opt_strs("http");
    let written = file.filter(|_| given.is_empty()).into_iter().flat_map(|file| &file.http);
    let mut listens: Vec<Listen> = written.flat_map(|address| http_of(*address)).collect();
    for word in split_at_commas(&given) {
        let Ok(address) = word.parse() else {
            let remedy = "write 127.0.0.1:9153 or [::]:9153";
            return wrong("http", format!("{word:?} is not an address with a port; {remedy}"));
        };
        let listen = Listen { address, required: true };
        if !listens.contains(&listen) {
            listens.push(listen);
        }
    }
    Ok(listens)
}

/// The file of hosts that are answered for beside.
pub(super) fn hosts(
    matches: &Matches,
    file: Option<&Corefile>,
) -> Result<Option<PathBuf>, Failure> {
    let written = file.and_then(|file| file.hosts.as_ref()).map(PathBuf::from);
    Ok(path(matches, "hosts")?.or(written))
}

fn http_of(HttpAddress { ip, port }: HttpAddress) -> Vec<Listen> {
    match ip {
        Some(ip) => vec![Listen { address: SocketAddr::new(ip, port), required: true }],
        None => Listen::everywhere(port).to_vec(),
    }
}

fn listen_of(file: &Corefile) -> Vec<Listen> {
    let mut listens = Vec::new();
    for port in &file.ports {
        if file.addresses.is_empty() {
            listens.extend(Listen::everywhere(*port));
        }
        for ip in &file.addresses {
            listens.push(Listen { address: SocketAddr::new(*ip, *port), required: true });
        }
    }
    listens
}

/// An address with or without a port; that of DNS where it is missing.
pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_default = || Some(SocketAddr::new(bare.parse().ok()?, DNS_PORT));
    text.parse().ok().or_else(with_default)
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
