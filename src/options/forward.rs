//! Where queries for other names go.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::addresses::socket_address;
use super::{UsageError, wrong};

/// What stands for the system's own file.
const RESOLV_CONF: &str = "resolv.conf";
const SYSTEMS_OWN: &str = "/etc/resolv.conf";

/// The servers to forward to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forward {
    /// These, in the order of preference; one at least, none twice.
    Servers(Vec<SocketAddr>),
    /// Those that a file like `/etc/resolv.conf` names.
    ResolvConf(PathBuf),
}

impl Forward {
    /// What one more word adds to what was said so far.
    ///
    /// # Errors
    /// When it is no server, or a file that names servers is not alone; why.
    pub(super) fn with(forward: Option<Forward>, word: &str) -> Result<Forward, String> {
        let alone = "a file that names servers must be given alone";
        let mut servers = match (forward, file(word)) {
            (None, Some(path)) => return Ok(Forward::ResolvConf(path)),
            (Some(_), Some(_)) => return Err(format!("{word:?}: {alone}")),
            (Some(Forward::ResolvConf(path)), None) => {
                return Err(format!("{:?}: {alone}", path.display().to_string()));
            }
            (Some(Forward::Servers(servers)), None) => servers,
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
        Ok(Forward::Servers(servers))
    }
}

pub(super) fn read(texts: &[String]) -> Result<Option<Forward>, UsageError> {
    let mut forward = None;
    for word in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        match Forward::with(forward, word) {
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

    fn parsed(text: &str) -> Option<Forward> {
        read(&[text.to_owned()]).expect(text)
    }

    #[test]
    fn servers_or_a_file_that_names_them() {
        let servers = |texts: &[&str]| {
            let parse = |text: &&str| text.parse().expect("an address");
            Some(Forward::Servers(texts.iter().map(parse).collect()))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(parsed("10.0.0.1"), servers(&["10.0.0.1:53"]));
        assert_eq!(
            parsed("10.0.0.1, fd00::1,[fd00::2]:5353,10.0.0.1:53"),
            servers(&["10.0.0.1:53", "[fd00::1]:53", "[fd00::2]:5353"])
        );
        let file = |path: &str| Some(Forward::ResolvConf(path.into()));
        assert_eq!(parsed("resolv.conf"), file("/etc/resolv.conf"));
        assert_eq!(parsed("/run/resolv.conf"), file("/run/resolv.conf"));
    }
}
