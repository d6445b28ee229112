//! The keys of a server block: `.`, `.:1053`, `tf.local:53`, `dns://.:1053`.

use std::net::Ipv6Addr;

use super::lexer::Word;
use super::place::{CorefileError, Placed, wrong};
use crate::cluster::ReverseNetwork;
use crate::cluster::pattern::LONGEST_LABEL;
use crate::text::number;

/// The longest name, in characters without the final dot (RFC 1035 §2.3.4).
const LONGEST_ZONE: usize = 253;

/// A zone that is served, in lower case with the final dot; `.` is all there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedZone(String);

impl ServedZone {
    /// A zone of this name, in any case, with its final dot or without.
    pub fn new(text: &str) -> ServedZone {
        let name = text.strip_suffix('.').unwrap_or(text);
        ServedZone(format!("{}.", name.to_ascii_lowercase()))
    }

    /// The zone of a text; `None`: that is no domain name.
    pub fn parse(text: &str) -> Option<ServedZone> {
        let has_long_label = text.split('.').any(|label| label.len() > LONGEST_LABEL);
        (is_name(text) && !text.is_empty() && !has_long_label).then(|| ServedZone::new(text))
    }

    /// The name, in lower case with the final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds all names.
    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// Whether a name, in lower case with its final dot, lies in it.
    pub fn contains(&self, name: &str) -> bool {
        let is_inside = |rest: &str| rest.is_empty() || rest.ends_with('.');
        self.is_root() || name.strip_suffix(self.as_str()).is_some_and(is_inside)
    }
}

/// The zone and the port of a key; without one it is for `default_port`.
pub(super) fn read(
    word: &Word,
    default_port: u16,
) -> Result<(Placed<ServedZone>, u16), CorefileError> {
    let text = word.text.as_str();
    let here = |problem: &str| wrong(&word.place, format!("{text:?}: {problem}"));
    let rest = match text.split_once("://") {
        None => text,
        Some(("dns", rest)) => rest,
        Some((scheme, _)) => {
            return here(&format!(
                "{scheme}:// is not served; write dns:// or nothing, or put a proxy before it"
            ));
        }
    };
    if let Some((address, _)) = rest.split_once('/')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        let zone = rest.parse::<ReverseNetwork>().map(|network| network.zone());
        return here(&match zone {
            Ok(zone) => format!("a network of IPv6 is no key; write its reverse zone: {zone}"),
            Err(why) => format!("a network of IPv6 is no key, but its reverse zone is; {why}"),
        });
    }
    let (name, port) = match rest.rsplit_once(':') {
        None => (rest, Some(default_port)),
        Some((name, digits)) => (name, number(digits)),
    };
    let Some(port) = port else {
        return here("what follows the last : is not a port from 0 to 65535");
    };
    if !is_name(name) {
        return here("not the name of a zone; write one such as tf.local, or .");
    }
    Ok((zone(word, name), port))
}

fn is_name(text: &str) -> bool {
    let is_part_of_none = |character: char| character.is_control() || character.is_whitespace();
    let has_empty_label = text.contains("..") || (text.len() > 1 && text.starts_with('.'));
    text.len() <= LONGEST_ZONE && !has_empty_label && !text.contains(is_part_of_none)
}

/// The zone of a word that is nothing else.
pub(super) fn zone(word: &Word, name: &str) -> Placed<ServedZone> {
    Placed { value: ServedZone::new(name), place: word.place.clone() }
}
