//! Files with secrets.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The longest text that is read, in octets: a secret is short, and a wrong file may be long.
const LONGEST_SECRET: u64 = 64 * 1024;

/// The permission of everybody to read, of a file's mode.
const READ_BY_OTHERS: u32 = 0o004;

/// The text of a file with a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText {
    /// The text.
    pub text: String,
    /// Whether everybody on this host may read it.
    pub is_public: bool,
}

/// Reads a file with a secret.
///
/// # Errors
/// What is wrong and what to do, in words, without the file's name.
pub fn read(path: &Path) -> Result<SecretText, String> {
    let read = || -> io::Result<SecretText> {
        let file = File::open(path)?;
        let is_public = file.metadata()?.mode() & READ_BY_OTHERS != 0;
        let mut text = String::new();
        file.take(LONGEST_SECRET).read_to_string(&mut text)?;
        Ok(SecretText { text, is_public })
    };
    read().map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::NotFound => "create it, or give another file",
            ErrorKind::PermissionDenied => {
                "let it be read by who starts this (or see --run-as), or give another file"
            }
            _ => "give a text file that can be read",
        };
        format!("{error}; {remedy}")
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_else_may_read_it_is_told() {
        let path = std::env::temp_dir().join(format!("secret-file-{}", std::process::id()));
        std::fs::write(&path, "x\n").expect("written");
        for (mode, is_public) in [(0o600, false), (0o640, false), (0o644, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
            let secret = read(&path).ok().map(|it| (it.text, it.is_public));
            assert_eq!(secret, Some(("x\n".to_owned(), is_public)), "{mode:o}");
        }
        std::fs::remove_file(&path).expect("removed");
        let why = read(&path).err().expect("gone");
        assert!(why.ends_with("create it, or give another file"), "{why}");
    }
}
