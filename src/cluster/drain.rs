//! Drains: a node that is drained by hand is not among those of its group any more.
//!
//! A drain is a key of its own, beside that of the node, which nobody but its node writes. It lies in the
//! range of the pattern's names, behind all of them, so that whoever follows the names follows it too, in the
//! order in which things happened, and nothing more is asked of etcd for it. It hangs on the lease of its
//! node, and counts for as long as both hang on one: so it ends with that life of the node, and whoever has
//! the name next is not drained.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::text::printable;

/// The longest reason, in characters: every node keeps it.
const LONGEST_REASON: usize = 200;

/// The field of the value.
const REASON_FIELD: &str = "reason";

/// Why a node is drained, in the words of who did it: one line of 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainReason(String);

impl FromStr for DrainReason {
    type Err = String;

    fn from_str(text: &str) -> Result<DrainReason, String> {
        let length = text.chars().count();
        if text.trim().is_empty() {
            return Err("the text is empty; say why, or leave it out".to_owned());
        }
        if length > LONGEST_REASON {
            return Err(format!("{length} characters, at most {LONGEST_REASON} fit"));
        }
        match text.chars().find(|character| character.is_control()) {
            Some(bad) => Err(format!("{bad:?} cannot stand in it; give one line of text")),
            None => Ok(DrainReason(text.to_owned())),
        }
    }
}

impl fmt::Display for DrainReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a drain says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// Why, where that was said.
    pub reason: Option<DrainReason>,
}

impl Drain {
    /// Reads a value of etcd. Whatever stands there, the node is drained.
    pub fn parse(value: &[u8]) -> Drain {
        if value.len() > super::LONGEST_RECORD {
            return Drain::default();
        }
        let value: Value = serde_json::from_slice(value).unwrap_or_default();
        let reason = value.get(REASON_FIELD).and_then(Value::as_str).map(printable);
        Drain { reason: reason.and_then(|text| text.parse().ok()) }
    }

    /// The value for etcd.
    pub fn value(&self) -> String {
        match &self.reason {
            Some(DrainReason(reason)) => json!({REASON_FIELD: reason}).to_string(),
            None => "{}".to_owned(),
        }
    }
}

/// What keeps a node out of its group, if anything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Whether it says that it is ready, or nothing of it.
    pub is_ready: bool,
    /// The drain that counts for it.
    pub drain: Option<&'a Drain>,
}

impl<'a> Standing<'a> {
    /// Whether it is one of its group.
    pub fn is_in_group(&self) -> bool {
        self.is_ready && self.drain.is_none()
    }

    /// Says in words what keeps it out; `None`: nothing does.
    pub fn note(&self) -> Option<String> {
        let drained = self.drain.map(|_| match self.reason() {
            Some(reason) => format!("drained: {reason}"),
            None => "drained".to_owned(),
        });
        let unready = (!self.is_ready).then(|| "not ready".to_owned());
        let notes: Vec<String> = unready.into_iter().chain(drained).collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }

    /// The reason of the drain, where it is drained for one.
    pub fn reason(&self) -> Option<&'a str> {
        self.drain?.reason.as_ref().map(|DrainReason(text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line_of_some_length() {
        let longest = "ü".repeat(200);
        for text in ["x", "disk 3 fails \"often\"", &longest] {
            let reason: DrainReason = text.parse().expect(text);
            assert_eq!(reason.to_string(), text);
            let drain = Drain { reason: Some(reason) };
            assert_eq!(Drain::parse(drain.value().as_bytes()), drain);
        }
        let longer = "x".repeat(201);
        for text in ["", " ", "a\nb", "\x1b[2J", &longer] {
            assert!(text.parse::<DrainReason>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn whatever_stands_there_is_a_drain() {
        assert_eq!(Drain::default().value(), "{}");
        let long = format!(r#"{{"reason":"x","y":"{}"}}"#, "y".repeat(70_000));
        for value in ["", "x", "{}", "[]", r#"{"reason":7}"#, r#"{"reason":""}"#, &long] {
            assert_eq!(Drain::parse(value.as_bytes()), Drain::default(), "{value:.40}");
        }
        let odd = Drain::parse(br#"{"reason":"a\nb"}"#).reason.map(|reason| reason.to_string());
        assert_eq!(odd.as_deref(), Some("a\\nb"), "nobody's terminal is moved by it");
    }
}
