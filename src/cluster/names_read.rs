//! How far the reading of all names is.

use std::fmt;

use crate::text::grouped;

/// Names that were read so far, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamesRead {
    /// Those that were read.
    pub names: usize,
    /// All of them, as far as that is known; `None`: whoever sends them does not say.
    pub of: Option<usize>,
}

impl fmt::Display for NamesRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = grouped(self.names);
        match self.of {
            Some(of) => write!(f, "read {names} of {} names", grouped(of)),
            None => write!(f, "read {names} names"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_at_a_glance() {
        let table = [
            (0, Some(7), "read 0 of 7 names"),
            (999, Some(1000), "read 999 of 1,000 names"),
            (12_000, Some(1_234_567), "read 12,000 of 1,234,567 names"),
            (45_006, None, "read 45,006 names"),
        ];
        for (names, of, wanted) in table {
            assert_eq!(NamesRead { names, of }.to_string(), wanted);
        }
    }
}
