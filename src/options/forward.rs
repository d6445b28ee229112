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

pub(super) fn read(texts: &[String]) -> Result<Option<Forward>, UsageError> {
    let words: Vec<&str> = texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    if let [only] = words.as_slice()
        && let Some(path) = file(only)
    {
        return Ok(Some(Forward::ResolvConf(path)));
    }
    let mut servers: Vec<SocketAddr> = Vec::new();
    for word in words {
        if file(word).is_some() {
            return wrong("forward", format!("{word:?} names servers itself; give it alone"));
        }
        let Some(server) = socket_address(word) else {
            return wrong(
                "forward",
                format!(
                    "{word:?} is not an address; write 10.0.0.1, 10.0.0.1:53, [fd00::1]:53 or \
                     {RESOLV_CONF}"
                ),
            );
        };
        if server.ip().is_unspecified() || server.ip().is_multicast() || server.port() == 0 {
            return wrong("forward", format!("{word} is not the address of a server"));
        }
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    Ok((!servers.is_empty()).then_some(Forward::Servers(servers)))
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
