//! The keys under which messages are signed, and who is told of changes.

use getopts::Matches;

use super::configuration::socket_address;
use super::values::{notify_delay, split_at_commas, wrong};
use crate::failure::Failure;
use crate::server::secondaries::NotifyTargets;
use crate::server::tsig_files::TsigKeyFile;

/// The most servers that are told of changes because an option names them.
const MOST_TARGETS: usize = 32;

/// Who is told of changes, each once.
pub(super) fn notify_targets(matches: &Matches) -> Result<NotifyTargets, Failure> {
    let option = "also-notify";
    let mut also = Vec::new();
    for word in split_at_commas(&matches.opt_strs(option)) {
        let Some(address) = socket_address(word) else {
            let remedy = "write 10.0.0.1, 10.0.0.1:53 or [fd00::1]:53";
            return wrong(option, format!("{word:?} is not an address; {remedy}"));
        };
        if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
            return wrong(option, format!("{word} is not the address of a server"));
        }
        if !also.contains(&address) {
            also.push(address);
        }
    }
    if also.len() > MOST_TARGETS {
        return wrong(option, format!("{} servers, at most {MOST_TARGETS} are told", also.len()));
    }
    Ok(NotifyTargets { also, delay: notify_delay(matches)? })
}

/// The keys, each name once.
pub(super) fn tsig_keys(matches: &Matches) -> Result<Vec<TsigKeyFile>, Failure> {
    let mut keys: Vec<TsigKeyFile> = Vec::new();
    for text in matches.opt_strs("tsig-key") {
        let key: TsigKeyFile = text.parse().or_else(|why| {
            let remedy = "give NAME:ALGORITHM:FILE, as in transfer:hmac-sha256:/etc/idetcd/key";
            wrong("tsig-key", format!("{text:?}: {why}; {remedy}"))
        })?;
        if keys.iter().any(|other| other.name == key.name) {
            let name = &key.name;
            return wrong("tsig-key", format!("{name} is given twice; give each key its own name"));
        }
        keys.push(key);
    }
    Ok(keys)
}
