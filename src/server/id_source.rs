//! Numbers that nobody can guess.

use std::hash::{BuildHasher, RandomState};

/// A keyed hash of a counter. Without the key, which the system's entropy gives, nothing is known of
/// the next number even by who has seen all others.
#[derive(Debug, Default)]
pub struct IdSource {
    key: RandomState,
    drawn: u64,
}

impl IdSource {
    /// Draws the ID of a message.
    pub fn draw_id(&mut self) -> u16 {
        (self.draw() >> 48) as u16
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.key.hash_one(self.drawn)
    }
}
