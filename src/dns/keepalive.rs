//! How long an idle connection stays, told to who asks for it over TCP (RFC 7828).

use super::edns::{OPTION, opt_of};
use super::hop::{RawReply, options_of, push_option, read_query};
use super::wire::{option, u16_at};

/// The longest time that a connection may go without a query, in tenths of a second (§3.1).
pub const TCP_IDLE_TENTHS: u16 = 100;

/// Where the length of the options stands in OPT.
const LENGTH_AT: usize = 9;

/// Adds it to the reply to a query over TCP that asks for it, unless something stands behind OPT: a signature.
pub fn tell(query: &[u8], reply: &mut Vec<u8>) {
    let Some(query_end) = read_query(query).map(|query| query.question.end()) else { return };
    let asks = options_of(opt_of(query, query_end)).any(|(code, _)| code == option::TCP_KEEPALIVE);
    let opt_at = RawReply::read(reply).filter(|raw| raw.opt.len() + raw.end == reply.len());
    let Some(opt_at) = opt_at.filter(|raw| asks && !raw.opt.is_empty()).map(|raw| raw.end) else {
        return;
    };
    let length = u16_at(reply, opt_at + LENGTH_AT).unwrap_or(0).saturating_add(OPTION as u16 + 2);
    if let Some(place) = reply.get_mut(opt_at + LENGTH_AT..opt_at + LENGTH_AT + 2) {
        place.copy_from_slice(&length.to_be_bytes());
        push_option(option::TCP_KEEPALIVE, &TCP_IDLE_TENTHS.to_be_bytes(), reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_is_told_and_nothing_is_put_behind_a_signature() {
        let message = |additional: u8, rest: &[u8]| {
            let head = [0, 7, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, additional, 1, b'a', 0, 0, 1, 0, 1];
            [&head[..], rest].concat()
        };
        let opt = |options: &[u8]| {
            let head = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8];
            [&head[..], options].concat()
        };
        let asks = message(1, &opt(&[0, 11, 0, 0]));
        let cookie = [&[0, 10, 0, 8][..], &[7; 8]].concat();
        let (told, other) = ([0, 11, 0, 2, 0, 100], message(1, &opt(&cookie)));
        let signature = [0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0];
        let signed = message(2, &[&opt(&[])[..], &signature].concat());
        let with = |options: &[u8]| message(1, &opt(&[options, &told].concat()));
        let table = [
            (&asks, message(1, &opt(&[])), with(&[])),
            (&asks, other.clone(), with(&cookie)),
            (&asks, message(0, &[]), message(0, &[])),
            (&asks, signed.clone(), signed),
            (&other, message(1, &opt(&[])), message(1, &opt(&[]))),
            (&asks, vec![1, 2, 3], vec![1, 2, 3]),
        ];
        for (query, before, wanted) in table {
            let mut query = query.clone();
            query[2] = 0;
            let mut reply = before.clone();
            tell(&query, &mut reply);
            assert_eq!(reply, wanted, "{query:?} {before:?}");
        }
    }
}
