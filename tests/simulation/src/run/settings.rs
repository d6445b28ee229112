//! How seeds are run.

use std::time::Duration;

use crate::faults::plan::Wanted;
use crate::invariants::Bounds;

/// How a seed is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is asked of its plan.
    pub wanted: Wanted,
    /// How long it goes on, in true time.
    pub time: Duration,
    /// Whether nothing goes wrong.
    pub is_quiet: bool,
    /// How long things may take.
    pub bounds: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            wanted: Wanted::default(),
            time: Duration::from_secs(600),
            is_quiet: false,
            bounds: Bounds::default(),
        }
    }
}
