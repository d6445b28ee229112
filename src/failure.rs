//! Why the program did not do what it was asked for: a line for the user, and an exit status.
//!
//! For errors that nobody but the user looks into; what a caller tells apart has a type of its own.

use std::fmt;

/// The exit status of what was not done.
const FAILED: u8 = 1;
/// The exit status of a wrong command line.
const USAGE: u8 = 2;
/// The exit status of a node that finds every slot taken.
const NO_FREE_SLOT: u8 = 3;

/// What happened, to what, and what the user can do about it, in one line, or where that is several things one for each;
/// and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    text: String,
    status: u8,
}

impl Failure {
    /// A failure with exit status 1.
    pub fn new(text: impl fmt::Display) -> Failure {
        Failure { text: text.to_string(), status: FAILED }
    }

    /// A wrong command line or Corefile: exit status 2.
    pub fn usage(text: impl fmt::Display) -> Failure {
        Failure { text: text.to_string(), status: USAGE }
    }

    /// Every slot is taken: exit status 3.
    pub fn no_free_slot(text: impl fmt::Display) -> Failure {
        Failure { text: text.to_string(), status: NO_FREE_SLOT }
    }

    /// Any other exit status, such as that of a shell that finds no program.
    pub fn with_status(text: impl fmt::Display, status: u8) -> Failure {
        Failure { text: text.to_string(), status }
    }

    /// The same with another text.
    #[must_use]
    pub fn in_words(self, text: impl fmt::Display) -> Failure {
        Failure { text: text.to_string(), ..self }
    }

    /// The exit status, never 0.
    pub fn exit_status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
