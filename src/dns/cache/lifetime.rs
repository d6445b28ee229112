//! For how long a reply is good.

use crate::dns::query::Question;
use crate::dns::wire::{CLASS_IN, HEADER, Rcode, array_at, flag, rrtype, skip_name, u16_at};

/// The longest time that an answer is kept, and that one which denies something (RFC 2308 §5), in seconds.
const LONGEST_KEPT: u32 = 86_400;
const LONGEST_NEGATIVE: u32 = 3 * 3600;

/// The octets after an owner: type, class, TTL and length.
const AFTER_OWNER: usize = 10;

/// Returns for how many seconds a reply without OPT is good, and where its TTLs stand. `None`: it is not
/// to be kept.
pub(super) fn lifetime(message: &[u8], rcode: Rcode) -> Option<(u32, Vec<u16>)> {
    let is_cut = u16_at(message, 2)? & flag::TC != 0;
    if is_cut || !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN) || u16_at(message, 4)? != 1 {
        return None;
    }
    let [answers, authorities, additional] =
        [6, 8, 10].map(|at| u16_at(message, at).map_or(0, u32::from));
    let question = Question::read(message)?;
    let mut at = question.end();
    let (mut seconds, mut has_soa, mut places) = (LONGEST_KEPT, false, Vec::new());
    // An alias alone tells nothing of what was asked for (RFC 2308 §2).
    let mut has_answer = false;
    for number in 0..answers + authorities + additional {
        let owner_end = skip_name(message, at)?;
        let (kind, class) = (u16_at(message, owner_end)?, u16_at(message, owner_end + 2)?);
        let ttl = read_ttl(message, owner_end + 4)?;
        let end = owner_end + AFTER_OWNER + usize::from(u16_at(message, owner_end + 8)?);
        if class != CLASS_IN || end > message.len() {
            return None;
        }
        places.push(u16::try_from(owner_end + 4).ok()?);
        at = end;
        if number >= answers + authorities {
            continue;
        }
        has_answer |= number < answers && [kind, rrtype::ANY].contains(&question.qtype);
        seconds = seconds.min(ttl);
        if kind == rrtype::SOA && number >= answers {
            has_soa = true;
            // Its last field (RFC 2308 §4).
            seconds = seconds.min(read_ttl(message, end.checked_sub(4)?)?).min(LONGEST_NEGATIVE);
        }
    }
    let is_negative = rcode == Rcode::NXDOMAIN || !has_answer;
    let is_good = at == message.len() && seconds > 0 && (has_soa || !is_negative);
    (is_good && message.len() > HEADER).then_some((seconds, places))
}

/// What has the highest bit set is no time (RFC 2181 §8).
pub(in crate::dns) fn read_ttl(message: &[u8], at: usize) -> Option<u32> {
    let ttl = array_at(message, at).map(u32::from_be_bytes)?;
    Some(if ttl >> 31 == 0 { ttl } else { 0 })
}
