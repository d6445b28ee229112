//! NOTIFY (RFC 1996): a server says that a zone changed. What it says is not believed, but asked after.

use super::notify_message::NOTIFY;
use super::query::Question;
use super::wire::{HEADER, Rcode, flag, rrtype, u16_at};

/// Whether a message is a NOTIFY, and no reply to one.
pub fn is_notify(message: &[u8]) -> bool {
    u16_at(message, 2).is_some_and(|flags| flags & (flag::QR | flag::OPCODE) == NOTIFY)
}

/// The name of the zone that a NOTIFY is about, in lower case with the final dot. `None`: it is none, or is
/// malformed.
pub fn zone_of(message: &[u8]) -> Option<String> {
    let has_question = is_notify(message) && u16_at(message, 4) == Some(1);
    let question = Question::read(message).filter(|it| has_question && it.qtype == rrtype::SOA)?;
    String::from_utf8(question.name().as_bytes().to_vec()).ok()
}

/// Clears `reply` and writes the reply to a NOTIFY: the same with the bit of a response, without more than its
/// question.
pub fn reply(message: &[u8], rcode: Rcode, reply: &mut Vec<u8>) {
    reply.clear();
    let question = Question::read(message).filter(|_| u16_at(message, 4) == Some(1));
    let flags = flag::QR | NOTIFY | flag::AA | u16::from(rcode.value() & 0x0f);
    reply.extend_from_slice(message.get(..2).unwrap_or_default());
    reply.extend_from_slice(&flags.to_be_bytes());
    reply.extend_from_slice(&[0, u8::from(question.is_some())]);
    reply.resize(HEADER, 0);
    reply.extend_from_slice(question.map(|question| question.wire).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notify_is_known_and_answered_with_its_question() {
        let head = [0xab, 0xcd, 0x24, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        let question = b"\x02TF\x05local\x00\x00\x06\x00\x01";
        let message = [&head[..], question, b"\xc0\x0c and a SOA"].concat();
        assert!(is_notify(&message));
        assert_eq!(zone_of(&message).as_deref(), Some("tf.local."));
        let mut written = vec![1];
        reply(&message, Rcode::REFUSED, &mut written);
        assert_eq!(written[..HEADER], [0xab, 0xcd, 0xa4, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&written[HEADER..], question);
        assert!(!is_notify(&written), "or two servers would answer each other for ever");
        for length in 0..HEADER + question.len() {
            assert_eq!(zone_of(&message[..length]), None);
            reply(&message[..length], Rcode::NOERROR, &mut written);
            assert!(length < 2 || written.len() == HEADER);
        }
        let query = [&[0xab, 0xcd, 1, 0][..], &message[4..]].concat();
        assert!(!is_notify(&query) && zone_of(&query).is_none());
    }
}
