//! Chance, from a seed: the same seed draws the same numbers, so a run can be repeated.

use std::hash::{BuildHasher, RandomState};

/// A generator of numbers that look random (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Draws what follows from a seed.
    pub fn from_seed(seed: u64) -> Random {
        Random(seed)
    }

    /// Draws what nobody can foretell: the system seeds the standard library's hash keys.
    pub fn from_system() -> Random {
        Random(RandomState::new().hash_one(0))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A fraction, at least 0 and less than 1.
    pub fn fraction(&mut self) -> f64 {
        // As many bits as a fraction holds exactly.
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides() {
        // The first numbers of the published reference implementation.
        let mut random = Random::from_seed(1_234_567);
        let drawn = [random.draw(), random.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        let mut system = Random::from_system();
        assert_ne!(system.draw(), system.draw());
        assert!((0..1000).all(|_| (0.0..1.0).contains(&system.fraction())));
    }
}
