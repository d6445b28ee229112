//! A key as BIND's `tsig-keygen` writes it:
//!
//! ```text
//! key "transfer.tf.local" {
//!         algorithm hmac-sha256;
//!         secret "bWluZCB0aGUgZ2FwIGJldHdlZW4gdGhlbQ==";
//! };
//! ```
//!
//! Comments are those of `named.conf`. A file may have several keys. No error shows what stands in the
//! file: it is secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::Algorithm;
use super::key::{KeyName, TsigKey};

/// Finds the key of this name and algorithm in the text of a file.
///
/// # Errors
/// What is wrong, with the line where it is: `3: …`.
pub fn find(text: &str, name: &KeyName, algorithm: Algorithm) -> Result<TsigKey, String> {
    let mut tokens = Tokens { rest: text, line: 1 };
    let mut others = Vec::new();
    while let Some(word) = tokens.next()? {
        if word != KeyToken::Word("key") {
            return tokens.fail("a key begins with: key \"NAME\" {; see tsig-keygen(8)");
        }
        let block = KeyBlock::read(&mut tokens)?;
        if block.name != *name {
            others.push(block.name.to_string());
        } else if block.algorithm != algorithm {
            let found = block.algorithm;
            return Err(format!("{}: the key is for {found}, not for {algorithm}", block.line));
        } else {
            return Ok(TsigKey::new(block.name, algorithm, &block.secret));
        }
    }
    match others.as_slice() {
        [] => Err("1: there is no key in it; see tsig-keygen(8)".to_owned()),
        others => Err(format!("1: there is no key {name} in it, only {}", others.join(", "))),
    }
}

/// A key in the file.
struct KeyBlock {
    name: KeyName,
    algorithm: Algorithm,
    secret: Vec<u8>,
    /// The line of its algorithm.
    line: usize,
}

impl KeyBlock {
    /// Reads what follows the word `key`.
    fn read(tokens: &mut Tokens<'_>) -> Result<KeyBlock, String> {
        let name = tokens.text("the name of the key")?.parse();
        let name = name.or_else(|why| tokens.fail(why))?;
        tokens.mark('{')?;
        let (mut algorithm, mut secret) = (None, None);
        loop {
            match tokens.next()? {
                Some(KeyToken::Mark('}')) => break,
                Some(KeyToken::Word("algorithm")) if algorithm.is_none() => {
                    let text = tokens.text("the algorithm")?;
                    let found = text.parse().or_else(|why| tokens.fail(why))?;
                    algorithm = Some((found, tokens.line));
                }
                Some(KeyToken::Word("secret")) if secret.is_none() => {
                    let text = tokens.text("the secret, in base64")?;
                    secret = Some(decoded(text).or_else(|why| tokens.fail(why))?);
                }
                _ => return tokens.fail("a key has an algorithm and a secret, each once"),
            }
            tokens.mark(';')?;
        }
        let (Some((algorithm, line)), Some(secret)) = (algorithm, secret) else {
            return tokens.fail("the key lacks its algorithm, or its secret");
        };
        tokens.mark(';')?;
        Ok(KeyBlock { name, algorithm, secret, line })
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    match STANDARD.decode(text) {
        Ok(secret) if secret.is_empty() => Err("the secret is empty"),
        Ok(secret) => Ok(secret),
        Err(_) => Err("the secret is not base64"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyToken<'a> {
    /// `{`, `}` or `;`.
    Mark(char),
    /// Anything else, without the quotes around it.
    Word(&'a str),
}

/// What is left of a file.
struct Tokens<'a> {
    rest: &'a str,
    /// The line of the token that was read last.
    line: usize,
}

impl<'a> Tokens<'a> {
    fn fail<T>(&self, why: &str) -> Result<T, String> {
        Err(format!("{}: {why}", self.line))
    }

    /// The next token; `None`: there is none.
    fn next(&mut self) -> Result<Option<KeyToken<'a>>, String> {
        self.skip_blanks()?;
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if "{};".contains(first) {
            self.take(1);
            return Ok(Some(KeyToken::Mark(first)));
        }
        if first == '"' {
            self.take(1);
            let Some(end) = self.rest.find(['"', '\n']).filter(|end| self.has_quote_at(*end))
            else {
                return self.fail("a quote is not closed on its line");
            };
            let word = self.take(end);
            self.take(1);
            return Ok(Some(KeyToken::Word(word)));
        }
        let is_end = |c: char| c.is_whitespace() || "{};\"#".contains(c);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        Ok(Some(KeyToken::Word(self.take(end))))
    }

    fn has_quote_at(&self, at: usize) -> bool {
        self.rest.as_bytes().get(at) == Some(&b'"')
    }

    /// The word that is next.
    fn text(&mut self, what: &str) -> Result<&'a str, String> {
        match self.next()? {
            Some(KeyToken::Word(word)) => Ok(word),
            _ => self.fail(&format!("{what} is missing")),
        }
    }

    /// Reads past the mark that is next.
    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.next()? {
            Some(KeyToken::Mark(found)) if found == mark => Ok(()),
            _ => self.fail(&format!("{mark} is missing")),
        }
    }

    /// Reads past white space and comments: `# …`, `// …` and `/* … */`.
    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            let rest = self.rest;
            let blanks = rest.len() - rest.trim_start().len();
            if blanks > 0 {
                self.take(blanks);
            } else if rest.starts_with('#') || rest.starts_with("//") {
                self.take(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else {
                    return self.fail("a comment is not closed");
                };
                self.take(end + 2);
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(octets).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
#[path = "key_file_tests.rs"]
mod tests;
