//! The time for which a certificate is valid (RFC 5280 §4.1): what TLS checks of the other side's, but
//! has no words for of one's own.
//!
//! No crate in the tree tells it, and those that do bring a dozen others for names, keys and extensions.
//! What is needed is five fields from the start of DER (X.690), each of them a tag, a length and as
//! many octets, so it is read here.

use std::time::Duration;

use crate::host::calendar::since_epoch;
use crate::text::number;

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// In UTCTime, years from here on are of the 20th century (RFC 5280 §4.1.2.5.1).
const FIRST_OF_1900S: u64 = 50;

/// From when to when a certificate is valid, both counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Duration,
    pub(super) not_after: Duration,
}

impl Validity {
    /// That of a certificate in DER; `None`: it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let (certificate, _) = take(certificate, SEQUENCE)?;
        let (fields, _) = take(certificate, SEQUENCE)?;
        // Absent in version 1.
        let fields = take(fields, EXPLICIT_VERSION).map_or(fields, |(_, rest)| rest);
        let (_serial, fields) = take(fields, INTEGER)?;
        let (_algorithm, fields) = take(fields, SEQUENCE)?;
        let (_issuer, fields) = take(fields, SEQUENCE)?;
        let (validity, _) = take(fields, SEQUENCE)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Validity { not_before, not_after })
    }
}

/// The content of the first element, if it has this tag, and what follows it.
fn take(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = octets.split_first()?;
    let (length, rest) = length(rest)?;
    (*first == tag).then(|| rest.split_at_checked(length))?
}

/// A length, in one octet below 128 or in as many as the first one says (X.690 §8.1.3).
fn length(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = octets.split_first()?;
    let count = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return Some((count, rest));
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    // As long as four octets tell, which is more than any file of certificates has.
    if !(1..=4).contains(&count) {
        return None;
    }
    let length = digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit));
    Some((usize::try_from(length).ok()?, rest))
}

/// A time to the second, in UTC, and what follows it.
fn time(octets: &[u8]) -> Option<(Duration, &[u8])> {
    let (text, century, rest) = match take(octets, UTC_TIME) {
        Some((text, rest)) => (text, None, rest),
        None => {
            let (text, rest) = take(octets, GENERALIZED_TIME)?;
            let (century, text) = text.split_at_checked(2)?;
            (text, Some(digits(century)?), rest)
        }
    };
    let text = text.strip_suffix(b"Z").filter(|text| text.len() == 12)?;
    let pairs: Option<Vec<u64>> = text.chunks(2).map(digits).collect();
    let [year, month, day, hour, minute, second] = pairs?.try_into().ok()?;
    let century = century.unwrap_or(if year < FIRST_OF_1900S { 20 } else { 19 });
    Some((since_epoch([century * 100 + year, month, day], [hour, minute, second])?, rest))
}

fn digits(octets: &[u8]) -> Option<u64> {
    number(std::str::from_utf8(octets).ok()?)
}

#[cfg(test)]
#[path = "x509_tests.rs"]
mod tests;
