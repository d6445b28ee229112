//! Chance, in the shapes that a simulation draws it.

use std::time::Duration;

use idetcd::random::Random;

/// Draws from a seed.
#[derive(Clone, Debug)]
pub struct Chance(Random);

impl Chance {
    /// What follows from a seed, for one purpose: whatever one draws, others draw the same as before.
    pub fn new(seed: u64, purpose: u64) -> Chance {
        let mut random = Random::from_seed(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Seeds that follow one another are to have nothing in common.
        let first = random.draw();
        Chance(Random::from_seed(first))
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// A number less than this one, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The remainder of the product is less than the end.
        ((u128::from(self.0.draw()) * end as u128) >> 64) as usize
    }

    /// Whether something happens that does so in this part of all cases.
    pub fn happens(&mut self, part: f64) -> bool {
        part > 0.0 && self.0.fraction() < part
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.below(of.len())).cloned()
    }

    /// A duration from the first to the second.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.0.fraction())
    }

    /// A duration that is mostly short, and sometimes many times this mean.
    pub fn around(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.0.fraction()).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_where_it_should() {
        let mut chance = Chance::new(1, 2);
        let (one, two) = (Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(chance.below(0), 0);
        assert!((0..1000).all(|_| chance.below(3) < 3));
        assert!((0..3).all(|wanted| (0..1000).any(|_| chance.below(3) == wanted)));
        assert!((0..1000).all(|_| (one..=two).contains(&chance.between(one, two))));
        let sum: Duration = (0..10_000).map(|_| chance.around(one)).sum();
        assert!((0.9..1.1).contains(&(sum / 10_000).as_secs_f64()));
        assert!(!(0..1000).any(|_| chance.happens(0.0)) && chance.happens(1.0));
        assert_ne!(Chance::new(1, 2).draw(), Chance::new(1, 3).draw());
        assert_eq!(chance.pick::<u8>(&[]), None);
    }
}
