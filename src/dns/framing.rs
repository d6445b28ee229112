//! Messages on a stream: each has its length before it, in two octets (RFC 1035 §4.2.2).

/// The octets of the length.
pub const PREFIX: usize = 2;

/// The longest message that the two octets can stand for.
pub const LONGEST_MESSAGE: usize = u16::MAX as usize;

/// A message is longer than the reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The first message of what came, without its length. `None`: it is not whole yet.
///
/// # Errors
/// When its length is over `longest`. What follows on the stream is of no use then.
pub fn first_message(octets: &[u8], longest: usize) -> Result<Option<&[u8]>, TooLong> {
    let Some((prefix, rest)) = octets.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length > longest {
        return Err(TooLong);
    }
    Ok(rest.get(..length))
}

/// Appends a message with its length. One over [`LONGEST_MESSAGE`] is left out.
pub fn push_message(message: &[u8], stream: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(message.len()) {
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_however_they_arrive() {
        let mut stream = Vec::new();
        push_message(b"abc", &mut stream);
        push_message(b"", &mut stream);
        for length in 0..5 {
            assert_eq!(first_message(&stream[..length], 9), Ok(None), "{length}");
        }
        assert_eq!(first_message(&stream, 3), Ok(Some(&b"abc"[..])));
        assert_eq!(first_message(&stream[5..], 9), Ok(Some(&b""[..])));
        assert_eq!(first_message(&stream, 2), Err(TooLong));
        push_message(&vec![0; 65_536], &mut stream);
        assert_eq!(stream.len(), 7);
    }
}
