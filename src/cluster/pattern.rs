//! The pattern that all names of a cluster follow, and the way from a name to its slot and back.
//!
//! The syntax is a small part of Go's `text/template`: one `{{.ID}}`, or `{{printf "%03d" .ID}}`
//! for zero padding. Knows nothing of etcd beyond what a key looks like.

use std::fmt;

use super::spelling::{PatternError, check_characters, check_lengths, column, error, parse_action};

pub use super::spelling::{LONGEST_LABEL, LONGEST_NAME};

/// The most slots that a node may claim from: the directory keeps one small entry for each.
pub const MAX_LIMIT: u32 = 1_000_000;

/// The digits of the highest number.
const MOST_DIGITS: usize = 10;

/// What stands before the number in the key of a drain, and what the names of a pattern and its drains come
/// before. Neither can stand in a name. What stands in the place of the number in that of the serial's base.
const DRAIN_MARK: char = ':';
const SERIAL_MARK: &str = "serial";
const PAST_DRAINS: char = ';';

/// The number of a slot, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(u32);

impl SlotId {
    /// The lowest slot.
    pub const FIRST: SlotId = SlotId(1);

    /// `None` for 0, which is no slot.
    pub fn new(number: u32) -> Option<SlotId> {
        (number > 0).then_some(SlotId(number))
    }

    /// That whose number counted from 0 is this, if there is such a slot.
    pub(super) fn from_index(index: usize) -> Option<SlotId> {
        u32::try_from(index).ok()?.checked_add(1).map(SlotId)
    }

    /// The one after it, if there is one.
    pub(super) fn next(self) -> Option<SlotId> {
        self.0.checked_add(1).map(SlotId)
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number counted from 0.
    pub fn index(self) -> usize {
        self.0 as usize - 1
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A checked pattern: what stands before and after the slot's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    prefix: String,
    /// The least number of digits; 0 for none.
    width: usize,
    suffix: String,
    /// The most digits with which label and name are not too long.
    room: usize,
}

impl Pattern {
    /// Reads a pattern, lower-cases it, and adds a missing final dot.
    ///
    /// # Errors
    /// When there is not exactly one ID, when anything else of Go's template language stands there,
    /// when a character is neither letter, digit, `-`, `_` nor dot, when no label follows the one
    /// that holds the ID, or when a label or the name of slot `limit` is empty or too long.
    pub fn parse(text: &str, limit: u32) -> Result<Pattern, PatternError> {
        let Some(open) = text.find("{{") else {
            return error(
                column(text, text.len()),
                "there is no {{.ID}}; write it where the number of the node goes, as in \
                 worker{{.ID}}.tf.local.",
            );
        };
        let Some(length) = text[open..].find("}}") else {
            return error(column(text, open), "{{ without }}; write {{.ID}}");
        };
        let close = open + length + 2;
        let width = parse_action(&text[open + 2..close - 2])
            .map_err(|reason| PatternError { column: column(text, open), reason })?;
        if let Some(second) = text[close..].find("{{") {
            return error(column(text, close + second), "a second {{…}}; one {{.ID}} is enough");
        }
        check_characters(text, 0..open)?;
        check_characters(text, close..text.len())?;
        let mut suffix = text[close..].to_ascii_lowercase();
        if !suffix.ends_with('.') {
            suffix.push('.');
        }
        let prefix = text[..open].to_ascii_lowercase();
        let room = room_for_digits(&prefix, &suffix);
        let pattern = Pattern { prefix, width, suffix, room };
        if pattern.zone().is_empty() {
            return error(
                column(text, close),
                "no label follows the one with the ID; add the zone, as in worker{{.ID}}.tf.local.",
            );
        }
        let name = pattern.name(SlotId(limit.max(1)));
        let digits = name.len() - pattern.prefix.len() - pattern.suffix.len();
        let place = |at: usize| if at > open { at - digits + close - open } else { at };
        check_lengths(text, &name, &format!(" at slot {limit}"), place)?;
        Ok(pattern)
    }

    /// The domain name of a slot, which is its key in etcd as well: `worker1.tf.local.`
    pub fn name(&self, slot: SlotId) -> String {
        let Pattern { prefix, width, suffix, .. } = self;
        format!("{prefix}{:0width$}{suffix}", slot.0)
    }

    /// Appends the name of a slot, as [`Pattern::name`] returns it, without asking for memory.
    pub fn push_name(&self, slot: SlotId, text: &mut Vec<u8>) {
        text.extend_from_slice(self.prefix.as_bytes());
        self.push_number(slot, text);
        text.extend_from_slice(self.suffix.as_bytes());
    }

    /// Returns the text before the number in the name of every slot, and the text after it.
    pub fn around_number(&self) -> (&str, &str) {
        (&self.prefix, &self.suffix)
    }

    /// Appends the number of a slot, as it stands in its name.
    pub fn push_number(&self, slot: SlotId, text: &mut Vec<u8>) {
        let (mut digits, mut number) = ([b'0'; MOST_DIGITS], slot.0);
        let mut first = digits.len();
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            if number == 0 {
                break;
            }
            // The remainder is less than ten.
            *digit += (number % 10) as u8;
            number /= 10;
            first = index;
        }
        let significant = digits.get(first..).unwrap_or_default();
        let padding = self.width.saturating_sub(significant.len());
        text.extend(std::iter::repeat_n(b'0', padding));
        text.extend_from_slice(significant);
    }

    /// The slot of a name, which must be in lower case with the final dot, its number spelt as
    /// [`Pattern::name`] spells it. What is too long for a domain name is none.
    pub fn slot_of(&self, name: &[u8]) -> Option<SlotId> {
        self.number_between(self.prefix.as_bytes(), name)
    }

    /// The slot that lies below a name: with `x.w{{.ID}}.tf.local.` the name `w3.tf.local.` exists
    /// without records if slot 3 does (an empty non-terminal, RFC 8020).
    pub fn slot_below(&self, name: &[u8]) -> Option<SlotId> {
        let dots = self.prefix.bytes().enumerate().filter(|(_, octet)| *octet == b'.');
        dots.map(|(at, _)| at)
            .filter_map(|at| self.prefix.as_bytes().get(at + 1..))
            .find_map(|rest| self.number_between(rest, name))
    }

    fn number_between(&self, prefix: &[u8], name: &[u8]) -> Option<SlotId> {
        let digits = name.strip_prefix(prefix)?.strip_suffix(self.suffix.as_bytes())?;
        let is_padded = digits.len() == self.width;
        let is_canonical = is_padded || digits.first() != Some(&b'0');
        if !is_canonical || !(self.width..=self.room).contains(&digits.len()) {
            return None;
        }
        let mut number: u32 = 0;
        for digit in digits {
            let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
            number = number.checked_mul(10)?.checked_add(u32::from(value))?;
        }
        SlotId::new(number)
    }

    /// The zone: all labels after that with the ID, as `tf.local.`
    pub fn zone(&self) -> &str {
        let dot = self.suffix.find('.').map_or(0, |dot| dot + 1);
        &self.suffix[dot..]
    }

    /// The pattern without the ID, `worker.tf.local.`; the zone where nothing is left of the label.
    pub fn group(&self) -> String {
        let is_label_end = self.prefix.is_empty() || self.prefix.ends_with('.');
        let after = self.suffix.strip_prefix('.').filter(|_| is_label_end).unwrap_or(&self.suffix);
        format!("{}{after}", self.prefix)
    }

    /// The first name that a slot may have in the order of octets, and the first that is past those
    /// of all slots and of their drains: `:` follows `9`, and `;` that.
    pub fn range(&self) -> (String, String) {
        let digit = if self.width > 1 { '0' } else { '1' };
        (format!("{}{digit}", self.prefix), format!("{}{PAST_DRAINS}", self.prefix))
    }

    /// What the drain of a slot lies under, `worker:1.tf.local.`: no domain name, and so nobody's.
    pub fn drain_name(&self, slot: SlotId) -> String {
        let mut number = Vec::new();
        self.push_number(slot, &mut number);
        let number = String::from_utf8_lossy(&number);
        format!("{}{DRAIN_MARK}{number}{}", self.prefix, self.suffix)
    }

    /// The slot whose drain lies under this.
    pub fn drained_slot_of(&self, name: &[u8]) -> Option<SlotId> {
        let (mark, number) = name.strip_prefix(self.prefix.as_bytes())?.split_first()?;
        (char::from(*mark) == DRAIN_MARK).then_some(())?;
        self.number_between(b"", number)
    }

    /// What the base of the serial lies under, `worker:serial.tf.local.`: among the drains, and none of them.
    pub fn serial_base_name(&self) -> String {
        format!("{}{DRAIN_MARK}{SERIAL_MARK}{}", self.prefix, self.suffix)
    }

    /// Returns whether the base of the serial lies under this.
    pub fn is_serial_base_name(&self, name: &[u8]) -> bool {
        let parts = name.strip_prefix(self.prefix.as_bytes());
        let parts = parts.and_then(|rest| rest.strip_suffix(self.suffix.as_bytes()));
        parts.and_then(|rest| rest.split_first()).is_some_and(|(mark, word)| {
            char::from(*mark) == DRAIN_MARK && word == SERIAL_MARK.as_bytes()
        })
    }
}

/// The canonical spelling.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)?;
        match self.width {
            0 => f.write_str("{{.ID}}")?,
            width => write!(f, "{{{{printf \"%0{width}d\" .ID}}}}")?,
        }
        f.write_str(&self.suffix)
    }
}

fn room_for_digits(prefix: &str, suffix: &str) -> usize {
    let before = prefix.len() - prefix.rfind('.').map_or(0, |dot| dot + 1);
    let after = suffix.find('.').unwrap_or(suffix.len());
    let in_label = LONGEST_LABEL.saturating_sub(before + after);
    in_label.min((LONGEST_NAME - 1).saturating_sub(prefix.len() + suffix.len()))
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
