//! What takes the whole machine, or measures it: one test at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

mod checker;
mod herd;
mod thousand;
mod two_hundred;

/// The machine, which a test has for itself while it holds this. Cargo runs no other file of tests
/// meanwhile.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
