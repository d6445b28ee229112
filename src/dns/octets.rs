//! Reading a message at an offset, in place. `None`: the message ends before.

use super::wire::LONGEST_NAME;

pub(super) fn array_at<const N: usize>(message: &[u8], at: usize) -> Option<[u8; N]> {
    message.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(super) fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    array_at(message, at).map(u16::from_be_bytes)
}

/// Where the name that begins here ends. Pointers are not followed: only the end matters.
pub(super) fn skip_name(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0b00 if length == 0 => return Some(at + 1),
            0b00 => at += 1 + usize::from(length),
            0b11 => {
                message.get(at + 1)?;
                return Some(at + 2);
            }
            _ => return None,
        }
        if at - start >= LONGEST_NAME {
            return None;
        }
    }
}
