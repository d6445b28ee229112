//! The files with the keys by which messages are signed (RFC 8945).

use std::path::PathBuf;
use std::str::FromStr;

use crate::dns::tsig::{Algorithm, KeyName, TsigKey, TsigKeys, key_file};
use crate::failure::Failure;
use crate::host::secret_file;

/// A key, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKeyFile {
    /// The name of the key, which the file must have.
    pub name: KeyName,
    /// Its algorithm, likewise.
    pub algorithm: Algorithm,
    /// The file, as `tsig-keygen` writes it.
    pub file: PathBuf,
}

/// `NAME:ALGORITHM:FILE`. The error says what is wrong.
impl FromStr for TsigKeyFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TsigKeyFile, &'static str> {
        let mut parts = text.splitn(3, ':');
        let (Some(name), Some(algorithm), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("the algorithm or the file is missing");
        };
        let (name, algorithm) = (name.parse()?, algorithm.parse()?);
        if file.is_empty() {
            return Err("the name of the file is empty");
        }
        Ok(TsigKeyFile { name, algorithm, file: file.into() })
    }
}

impl TsigKeyFile {
    /// Reads the key. Warns of a file that everybody may read.
    ///
    /// # Errors
    /// When there is no such key, with the line and what to do.
    pub fn read(&self) -> Result<TsigKey, Failure> {
        let file = self.file.display();
        let failure = |why: &str| Failure::new(format!("--tsig-key: {file}: {why}"));
        let secret = secret_file::read(&self.file).map_err(|why| failure(&why))?;
        if secret.is_public {
            log::warn!("--tsig-key: {file}: everybody on this host may read it; chmod o-r {file}");
        }
        let key = key_file::find(&secret.text, &self.name, self.algorithm);
        key.map_err(|why| Failure::new(format!("--tsig-key: {file}:{why}")))
    }
}

/// Reads all keys.
///
/// # Errors
/// When one of them cannot be read.
pub fn read(files: &[TsigKeyFile]) -> Result<TsigKeys, Failure> {
    let keys: Result<Vec<TsigKey>, Failure> = files.iter().map(TsigKeyFile::read).collect();
    keys.map(TsigKeys::new)
}
