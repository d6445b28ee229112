//! What a process is told to do with a file, and what it answers.

use std::io;

use super::atomic_file::{AtomicFile, no_regular_file};

/// Octets of the length before each order, and of each answer.
const ORDER_LENGTH: usize = 4;
pub(super) const ANSWER: usize = 4;

/// The answers that all went well, and that what is there is no file; any other is the number of an error.
const DONE: i32 = 0;
const NO_REGULAR_FILE: i32 = -1;

/// What to do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileOrder {
    /// To remove what an earlier process left, and find out whether it can be written.
    Prepare,
    /// To put this text in its place.
    Write(String),
    /// To remove it.
    Remove,
}

impl FileOrder {
    pub(super) fn carry_out(&self, file: &mut AtomicFile) -> io::Result<()> {
        match self {
            FileOrder::Prepare => file.prepare(),
            FileOrder::Write(text) => file.write(text),
            FileOrder::Remove => file.remove(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, text) = match self {
            FileOrder::Prepare => (b'p', ""),
            FileOrder::Write(text) => (b'w', text.as_str()),
            FileOrder::Remove => (b'r', ""),
        };
        // Figures and names: some kilobytes.
        let length = u32::try_from(text.len() + 1).unwrap_or(u32::MAX).to_be_bytes();
        [&length[..], &[kind], text.as_bytes()].concat()
    }

    /// Takes the first order from what was heard; `None`: it is not there as a whole.
    pub(super) fn take(heard: &mut Vec<u8>) -> Option<FileOrder> {
        let length = u32::from_be_bytes(*heard.first_chunk::<ORDER_LENGTH>()?);
        let end = ORDER_LENGTH + usize::try_from(length).ok()?;
        let (kind, text) = heard.get(ORDER_LENGTH..end)?.split_first()?;
        let order = match kind {
            b'p' => FileOrder::Prepare,
            b'w' => FileOrder::Write(String::from_utf8_lossy(text).into_owned()),
            _ => FileOrder::Remove,
        };
        heard.drain(..end);
        Some(order)
    }
}

/// The answer to an order.
pub(super) fn answer(result: &io::Result<()>) -> [u8; ANSWER] {
    let number = match result {
        Ok(()) => DONE,
        Err(error) => error.raw_os_error().unwrap_or(NO_REGULAR_FILE),
    };
    number.to_be_bytes()
}

/// What an answer says.
pub(super) fn outcome(answer: [u8; ANSWER]) -> io::Result<()> {
    match i32::from_be_bytes(answer) {
        DONE => Ok(()),
        NO_REGULAR_FILE => Err(no_regular_file()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_taken_one_by_one_as_they_come() {
        let orders = [
            FileOrder::Prepare,
            FileOrder::Write("é\n".to_owned()),
            FileOrder::Write(String::new()),
            FileOrder::Remove,
        ];
        let octets = orders.iter().map(FileOrder::encode).collect::<Vec<_>>().concat();
        let (mut heard, mut taken) = (Vec::new(), Vec::new());
        for octet in octets {
            heard.push(octet);
            taken.extend(FileOrder::take(&mut heard));
        }
        assert_eq!(taken, orders);
        assert!(heard.is_empty());
        let mut garbage = vec![0xff; 100];
        assert_eq!(FileOrder::take(&mut garbage), None);
        let mut empty = vec![0; 4];
        assert_eq!(FileOrder::take(&mut empty), None);
    }

    #[test]
    fn answers_are_what_went_wrong() {
        for wrong in [io::Error::from(rustix::io::Errno::ACCESS), no_regular_file()] {
            let told = wrong.to_string();
            let heard = outcome(answer(&Err(wrong))).expect_err("an error");
            assert_eq!(heard.to_string(), told);
        }
        assert!(outcome(answer(&Ok(()))).is_ok());
    }
}
