//! Messages on a stream: whatever the pieces in which it comes, the same messages come out as when
//! it is given at once, and they are those that a plain walk over the stream finds.

use idetcd::dns::framing::{PREFIX, TooLong, first_message, push_message};

use super::input::Input;

/// How long a message may be.
const LONGEST: [usize; 4] = [0, 12, 1232, 65_535];

/// Octets: the longest message, how many pieces have a length of their own, their lengths, and the
/// stream.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let longest = *input.choose(&LONGEST);
    let pieces = usize::from(input.octet() % 32);
    let lengths = input.take(pieces);
    let stream = input.rest();

    let walked = walk(stream, longest);
    assert_eq!(read([stream].into_iter(), longest), walked, "at once");
    assert_eq!(read(cut(stream, lengths).into_iter(), longest), walked, "in pieces");
    assert_eq!(read(stream.chunks(1), longest), walked, "octet by octet");

    let mut again = Vec::new();
    walked.messages.iter().for_each(|message| push_message(message, &mut again));
    assert!(stream.starts_with(&again), "what was read is written the same");
}

/// What came out of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<Vec<u8>>,
    /// `Ok`: the octets of a message that is not whole yet.
    end: Result<Vec<u8>, TooLong>,
}

/// Pieces of these lengths, over and over; without any, one.
fn cut<'a>(mut stream: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle().take(256) {
        let (piece, rest) = stream.split_at(stream.len().min(usize::from(*length)));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

/// Reads as a connection does: append what came, take off what is whole.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, longest: usize) -> Outcome {
    let mut messages = Vec::new();
    let mut pending = Vec::new();
    for piece in pieces {
        pending.extend_from_slice(piece);
        loop {
            match first_message(&pending, longest) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(error) => return Outcome { messages, end: Err(error) },
            }
            let length = messages.last().map_or(0, Vec::len);
            pending.drain(..PREFIX + length);
        }
    }
    Outcome { messages, end: Ok(pending) }
}

/// The same by index arithmetic.
fn walk(stream: &[u8], longest: usize) -> Outcome {
    let mut messages = Vec::new();
    let mut at = 0;
    while at + 2 <= stream.len() {
        let length = usize::from(stream[at]) * 256 + usize::from(stream[at + 1]);
        if length > longest {
            return Outcome { messages, end: Err(TooLong) };
        }
        if at + 2 + length > stream.len() {
            break;
        }
        messages.push(stream[at + 2..at + 2 + length].to_vec());
        at += 2 + length;
    }
    Outcome { messages, end: Ok(stream[at..].to_vec()) }
}
