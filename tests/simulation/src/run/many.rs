//! Many seeds at once, one on each core: they have nothing in common.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Report, Settings, run};
use crate::world::trace::Trace;

/// Runs seeds from the first to before the last, and hands each report to `heed`, in no certain order.
/// `false` from that ends it.
pub fn run_many(
    first: u64,
    end: u64,
    settings: &Settings,
    heed: impl FnMut(Report) -> bool + Send,
) {
    let (next, is_over) = (AtomicU64::new(first), AtomicBool::new(false));
    let heed = Mutex::new(heed);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let report = run(seed, settings, Trace::off());
                    let mut heed = heed.lock().unwrap_or_else(PoisonError::into_inner);
                    if !heed(report) {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}
