//! Where queries for other names go.

use std::path::PathBuf;

use super::addresses::socket_address;
use super::wrong;
use crate::failure::Failure;
use crate::server::forward::ForwardTo;

/// What stands for the system's own file.
const RESOLV_CONF: &str = "resolv.conf";
const SYSTEMS_OWN: &str = "/etc/resolv.conf";

/// What one more word adds to what was said so far.
///
/// # Errors
/// When it is no server, or a file that names servers is not alone; why.
pub(super) fn with(forward: Option<ForwardTo>, word: &str) -> Result<ForwardTo, String> {
    let alone = "a file that names servers must be given alone";
    let mut servers = match (forward, file(word)) {
        (None, Some(path)) => return Ok(ForwardTo::ResolvConf(path)),
        (Some(_), Some(_)) => return Err(format!("{word:?}: {alone}")),
        (Some(ForwardTo::ResolvConf(path)), None) => {
            return Err(format!("{:?}: {alone}", path.display().to_string()));
        }
        (Some(ForwardTo::Servers(servers)), None) => servers,
        (None, None) => Vec::new(),
    };
    let Some(server) = socket_address(word) else {
        return Err(format!(
            "{word:?} is not an address; write 10.0.0.1, 10.0.0.1:53, [fd00::1]:53 or \
             {RESOLV_CONF}"
        ));
    };
    if server.ip().is_unspecified() || server.ip().is_multicast() || server.port() == 0 {
        return Err(format!("{word} is not the address of a server"));
    }
    if !servers.contains(&server) {
        servers.push(server);
    }
    Ok(ForwardTo::Servers(servers))
}

pub(super) fn read(texts: &[String]) -> Result<Option<ForwardTo>, Failure> {
    let mut forward = None;
    for word in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        match with(forward, word) {
            Ok(more) => forward = Some(more),
            Err(why) => return wrong("forward", why),
        }
    }
    Ok(forward)
}

/// The file that is meant: a path has a slash, and an address none.
fn file(word: &str) -> Option<PathBuf> {
    match word {
        RESOLV_CONF => Some(SYSTEMS_OWN.into()),
        path if path.contains('/') => Some(path.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<ForwardTo> {
        read(&[text.to_owned()]).expect(text)
    }

    #[test]
    fn servers_or_a_file_that_names_them() {
        let servers = |texts: &[&str]| {
            let parse = |text: &&str| text.parse().expect("an address");
            Some(ForwardTo::Servers(texts.iter().map(parse).collect()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(parsed("10.0.0.1"), servers(&["10.0.0.1:53"]));
        assert_eq!(
            parsed("10.0.0.1, fd00::1,[fd00::2]:5353,10.0.0.1:53"),
            servers(&["10.0.0.1:53", "[fd00::1]:53", "[fd00::2]:5353"])
        );
        let file = |path: &str| Some(ForwardTo::ResolvConf(path.into()));
        assert_eq!(parsed("resolv.conf"), file("/etc/resolv.conf"));
        assert_eq!(parsed("/run/resolv.conf"), file("/run/resolv.conf"));
    }
}
