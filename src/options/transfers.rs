//! The keys under which messages are signed.

use getopts::Matches;

use super::values::wrong;
use crate::failure::Failure;
use crate::server::tsig_files::TsigKeyFile;

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
