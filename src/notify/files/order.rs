//! What a process is told to do with a file, and what it answers.
//!
//! A long text is told in pieces, each of which is answered before the next, so that none waits for
//! room on the way.

use std::io::{self, ErrorKind};

use super::atomic_file::no_regular_file;
use super::role::TextFile;
use super::section_file::unpaired_marks;

/// Octets of the length before each message, and of each answer.
const MESSAGE_LENGTH: usize = 4;
pub(super) const ANSWER: usize = 4;

/// The most octets of a text in one message: the kernel takes as much as a whole or not at all.
const LONGEST_PIECE: usize = 16 * 1024;

/// The answers that all went well, that what is there is no file, and that marks are no pair; any other
/// is the number of an error.
const DONE: i32 = 0;
const NO_REGULAR_FILE: i32 = -1;
const UNPAIRED_MARKS: i32 = -2;

/// The kinds of message: an order that is whole, and the pieces of one to write.
const PREPARE: u8 = b'p';
const WHOLE_TEXT: u8 = b'w';
const REMOVE: u8 = b'r';
const FIRST_PIECE: u8 = b'f';
const NEXT_PIECE: u8 = b'n';
const LAST_PIECE: u8 = b'l';

/// What to do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileOrder {
    /// To find out whether it can be written, with a text such as this, and to remove what is not to stay.
    Prepare(String),
    /// To put this text in its place.
    Write(String),
    /// To remove it, if it is not to stay.
    Remove,
}

impl FileOrder {
    pub(super) fn carry_out(&self, file: &mut TextFile) -> io::Result<()> {
        match self {
            FileOrder::Prepare(text) => file.prepare(text),
            FileOrder::Write(text) => file.write(text),
            FileOrder::Remove => file.remove(),
        }
    }

    /// The messages that tell it, in order.
    pub(super) fn encode(&self) -> Vec<Vec<u8>> {
        match self {
            FileOrder::Prepare(text) => vec![message(PREPARE, text.as_bytes())],
            FileOrder::Remove => vec![message(REMOVE, b"")],
            FileOrder::Write(text) if text.len() <= LONGEST_PIECE => {
                vec![message(WHOLE_TEXT, text.as_bytes())]
            }
            FileOrder::Write(text) => {
                let pieces = text.as_bytes().chunks(LONGEST_PIECE);
                let last = pieces.len() - 1;
                let kind = |index| match index {
                    0 => FIRST_PIECE,
                    index if index == last => LAST_PIECE,
                    _ => NEXT_PIECE,
                };
                pieces.enumerate().map(|(index, piece)| message(kind(index), piece)).collect()
            }
        }
    }
}

fn message(kind: u8, text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() + 1).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &[kind], text].concat()
}

/// What a process hears.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    pub(super) octets: Vec<u8>,
    /// The text so far of an order that comes in pieces.
    text: Vec<u8>,
}

impl Hearing {
    /// Takes the first message from what was heard: an order, if it ends one. `None`: it is not there
    /// as a whole.
    pub(super) fn take(&mut self) -> Option<Option<FileOrder>> {
        let length = u32::from_be_bytes(*self.octets.first_chunk::<MESSAGE_LENGTH>()?);
        let end = MESSAGE_LENGTH + usize::try_from(length).ok()?;
        let (kind, text) = self.octets.get(MESSAGE_LENGTH..end)?.split_first()?;
        let kind = *kind;
        if !matches!(kind, NEXT_PIECE | LAST_PIECE) {
            // The one before was given up.
            self.text.clear();
        }
        self.text.extend_from_slice(text);
        self.octets.drain(..end);
        if matches!(kind, FIRST_PIECE | NEXT_PIECE) {
            return Some(None);
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        Some(Some(match kind {
            PREPARE => FileOrder::Prepare(text),
            WHOLE_TEXT | LAST_PIECE => FileOrder::Write(text),
            _ => FileOrder::Remove,
        }))
    }
}

/// The answer to an order.
pub(super) fn answer(result: &io::Result<()>) -> [u8; ANSWER] {
    let number = match result {
        Ok(()) => DONE,
        Err(error) => error.raw_os_error().unwrap_or(match error.kind() {
            ErrorKind::Other => UNPAIRED_MARKS,
            _ => NO_REGULAR_FILE,
        }),
    };
    number.to_be_bytes()
}

/// What an answer says.
pub(super) fn outcome(answer: [u8; ANSWER]) -> io::Result<()> {
    match i32::from_be_bytes(answer) {
        DONE => Ok(()),
        NO_REGULAR_FILE => Err(no_regular_file()),
        UNPAIRED_MARKS => Err(unpaired_marks()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(octets: &[u8]) -> Vec<FileOrder> {
        let (mut hearing, mut taken) = (Hearing::default(), Vec::new());
        for octet in octets {
            hearing.octets.push(*octet);
            taken.extend(hearing.take().flatten());
        }
        assert!(hearing.octets.is_empty());
        taken
    }

    #[test]
    fn orders_are_taken_one_by_one_as_they_come() {
        let long = "0123456789é".repeat(LONGEST_PIECE / 4);
        let orders = [
            FileOrder::Prepare("x".to_owned()),
            FileOrder::Write("é\n".to_owned()),
            FileOrder::Write(long.clone()),
            FileOrder::Write(String::new()),
            FileOrder::Remove,
        ];
        let messages: Vec<Vec<u8>> = orders.iter().flat_map(FileOrder::encode).collect();
        assert!(messages.len() > 6 && messages.iter().all(|it| it.len() <= LONGEST_PIECE + 5));
        assert_eq!(taken(&messages.concat()), orders);
        // One that is given up half-way is none.
        let half = FileOrder::Write(long).encode()[..2].concat();
        let next = FileOrder::Write("y".to_owned());
        assert_eq!(taken(&[half, next.encode().concat()].concat()), [next]);
        for octets in [vec![0xff; 100], vec![0; 4]] {
            assert_eq!(Hearing { octets, text: Vec::new() }.take(), None);
        }
    }

    #[test]
    fn answers_are_what_went_wrong() {
        let wrong = [rustix::io::Errno::ACCESS.into(), no_regular_file(), unpaired_marks()];
        for wrong in wrong {
            let told = wrong.to_string();
            let heard = outcome(answer(&Err(wrong))).expect_err("an error");
            assert_eq!(heard.to_string(), told);
        }
        assert!(outcome(answer(&Ok(()))).is_ok());
    }
}
