//! What the machine does to those who want to run, so that it is not laid at the nodes' door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::story::HoldUp;

const SLEEP: Duration = Duration::from_millis(2);
/// What is no hold-up yet.
const USUAL: Duration = Duration::from_millis(5);

/// A thread that does nothing but to sleep, and notes when it was woken late.
pub struct Machine {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Vec<HoldUp>>,
}

impl Machine {
    pub fn watch(start: Instant) -> Machine {
        let ended = Arc::new(AtomicBool::new(false));
        let thread = {
            let ended = ended.clone();
            thread::spawn(move || watch(start, &ended))
        };
        Machine { ended, thread }
    }

    pub fn stop(self) -> Vec<HoldUp> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

fn watch(start: Instant, ended: &AtomicBool) -> Vec<HoldUp> {
    let mut hold_ups = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        thread::sleep(SLEEP);
        let length = began.elapsed().saturating_sub(SLEEP);
        if length > USUAL {
            hold_ups.push(HoldUp { at: start.elapsed(), length });
        }
    }
    hold_ups
}
