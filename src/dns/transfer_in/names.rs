//! Names in messages, which may be compressed (RFC 1035 §4.1.4).

use crate::dns::wire::LONGEST_NAME;

/// Stands for an octet that does not stand for itself in a text, so that no name looks like another.
const NO_CHARACTER: u8 = 0xff;

/// Reads the name at an offset into `text`, in lower case with the final dot. Returns where what follows it
/// begins. `None`: it is cut off, longer than a name may be, or a pointer does not lead back.
pub(super) fn read_name(message: &[u8], start: usize, text: &mut Vec<u8>) -> Option<usize> {
    text.clear();
    let (mut at, mut end, mut lowest) = (start, None, start);
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0b00 if length == 0 => {
                if text.is_empty() {
                    text.push(b'.');
                }
                return Some(end.unwrap_or(at + 1));
            }
            0b00 => {
                let label = message.get(at + 1..at + 1 + usize::from(length))?;
                // Each label has one octet beside its own, and so has the root.
                if text.len() + label.len() + 2 > LONGEST_NAME {
                    return None;
                }
                text.extend(label.iter().map(|octet| match octet {
                    b'.' => NO_CHARACTER,
                    octet => octet.to_ascii_lowercase(),
                }));
                text.push(b'.');
                at += 1 + label.len();
            }
            0b11 => {
                let target = usize::from(length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                end = end.or(Some(at + 2));
                // Each leads further back than the one before: there is no circle.
                if target >= lowest {
                    return None;
                }
                (at, lowest) = (target, target);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_through_their_pointers_and_never_in_circles() {
        let message = b"\x02TF\x05local\x00\x07worker1\xc0\x00\xc0\x0a\x03a.b\xc0\x03\x00";
        let table = [
            (0, Some(("tf.local.", 10))),
            (3, Some(("local.", 10))),
            (10, Some(("worker1.tf.local.", 20))),
            (20, Some(("worker1.tf.local.", 22))),
            (22, Some(("a\u{ff}b.local.", 28))),
            (28, Some((".", 29))),
            (29, None),
        ];
        for (at, wanted) in table {
            let mut text = Vec::new();
            let end = read_name(message, at, &mut text);
            let text: String = text.iter().map(|octet| char::from(*octet)).collect();
            assert_eq!(end.map(|end| (text.as_str(), end)), wanted, "{at}");
        }
        let long = [[&[63][..], &[b'x'; 63]].concat().repeat(4), vec![0]].concat();
        let bad: [&[u8]; 8] = [
            b"\xc0\x00",
            b"\xc0\x02\x00",
            b"\x01a\xc0\x00",
            b"\xc0",
            b"\x40",
            b"\x80",
            b"\x05abc",
            &long,
        ];
        for message in bad {
            assert_eq!(read_name(message, 0, &mut Vec::new()), None, "{message:?}");
        }
    }

    #[test]
    fn a_name_has_255_octets_at_most_wherever_its_labels_stand() {
        let labels = [&[63][..], &[b'x'; 63]].concat().repeat(3);
        for (last, is_read) in [(60, true), (61, true), (62, false), (63, false)] {
            let whole = [&labels[..], &[last], &vec![b'y'; usize::from(last)], &[0]].concat();
            let octets = labels.len() + usize::from(last) + 2;
            assert_eq!(octets <= LONGEST_NAME, is_read);
            let end = read_name(&whole, 0, &mut Vec::new());
            assert_eq!(end, is_read.then_some(octets), "{octets} octets");
            // The last label leads back to the others.
            let before = [&labels[..], &[0]].concat();
            let behind = [&[last][..], &vec![b'y'; usize::from(last)], &[0xc0, 0]].concat();
            let parted = [&before[..], &behind].concat();
            let end = read_name(&parted, before.len(), &mut Vec::new());
            assert_eq!(end, is_read.then_some(parted.len()), "{octets} octets, with a pointer");
        }
    }
}
