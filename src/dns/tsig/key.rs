//! A key: a secret that both ends share, under a name that both know it by.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ring::hmac;

use super::algorithm::Algorithm;
use crate::dns::wire::{LONGEST_LABEL, LONGEST_NAME};

/// The name of a key: a domain name, though nothing has to exist there.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyName {
    /// In lower case with the final dot.
    text: String,
    /// As it is signed: uncompressed and in lower case (§4.3.3).
    pub(super) wire: Vec<u8>,
}

/// A domain name of letters, digits, `-` and `_`; the final dot may be left out. The error says what is
/// wrong.
impl FromStr for KeyName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<KeyName, &'static str> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() {
            return Err("the name of the key is empty");
        }
        let mut wire = Vec::with_capacity(name.len() + 2);
        for label in name.split('.') {
            let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
            if !label.bytes().all(is_allowed) {
                return Err("the name of a key has letters, digits, -, _ and dots only");
            }
            let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
            if label.is_empty() || usize::from(length) > LONGEST_LABEL {
                return Err("the name of the key has an empty label, or one over 63 octets");
            }
            wire.push(length);
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        if wire.len() > LONGEST_NAME {
            return Err("the name of the key has over 255 octets");
        }
        Ok(KeyName { text: format!("{name}."), wire })
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A key. The secret cannot be got out of it, and is not shown.
#[derive(Debug)]
pub struct TsigKey {
    /// The name that both ends know it by.
    pub name: KeyName,
    /// The MAC that it is for.
    pub algorithm: Algorithm,
    /// Of *ring*, which shows the algorithm alone.
    pub(super) secret: hmac::Key,
}

impl TsigKey {
    /// A key of this secret, which may have any number of octets.
    pub fn new(name: KeyName, algorithm: Algorithm, secret: &[u8]) -> TsigKey {
        TsigKey { name, algorithm, secret: hmac::Key::new(algorithm.hmac(), secret) }
    }

    /// Whether this is the MAC, or the beginning of it, that was made of the same. Takes as long for a
    /// wrong one wherever it differs: what is compared is a MAC of each, by *ring*.
    pub(super) fn is_same(&self, made: &[u8], received: &[u8]) -> bool {
        let Some(made) = made.get(..received.len()) else { return false };
        hmac::verify(&self.secret, made, hmac::sign(&self.secret, received).as_ref()).is_ok()
    }
}

/// The keys that are known here.
#[derive(Clone, Debug, Default)]
pub struct TsigKeys(Vec<Arc<TsigKey>>);

impl TsigKeys {
    /// Those in this order.
    pub fn new(keys: Vec<TsigKey>) -> TsigKeys {
        TsigKeys(keys.into_iter().map(Arc::new).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that messages of our own are signed under: the first.
    pub fn first(&self) -> Option<&Arc<TsigKey>> {
        self.0.first()
    }

    /// The key of a name and an algorithm, both as they are signed.
    pub(super) fn find(&self, name: &[u8], algorithm: &[u8]) -> Option<&Arc<TsigKey>> {
        self.0.iter().find(|key| key.name.wire == name && key.algorithm.wire() == algorithm)
    }
}
