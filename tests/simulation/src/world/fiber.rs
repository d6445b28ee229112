//! A process on the stack of a coroutine: to hand over costs some nanoseconds.

use std::cell::RefCell;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::baton::{Baton, Course, End, Life, Step, Wait};

/// The room for a process. It costs memory only where it is used.
const STACK: usize = 256 * 1024;

/// The most stacks that are kept for later processes: to map and touch one anew costs more than most lives.
const MOST_KEPT: usize = 256;

thread_local! {
    /// The stacks of processes that are no more.
    static KEPT: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// A process that is a coroutine; `None`: it is just being dropped.
pub struct Fiber(Option<Coroutine<(), Wait, End>>);

impl Fiber {
    /// A process that has not begun.
    ///
    /// # Panics
    /// When the system has no memory for its stack.
    pub fn new(life: impl Life + 'static) -> Fiber {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        let stack = kept.unwrap_or_else(|| DefaultStack::new(STACK).expect("memory for a stack"));
        let live = |yielder: &Yielder<(), Wait>, ()| life.live(yielder);
        Fiber(Some(Coroutine::with_stack(stack, live)))
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        let Some(mut coroutine) = self.0.take() else { return };
        coroutine.force_unwind();
        let stack = coroutine.into_stack();
        KEPT.with_borrow_mut(|kept| {
            if kept.len() < MOST_KEPT {
                kept.push(stack);
            }
        });
    }
}

impl Baton for Yielder<(), Wait> {
    fn wait(&self, wait: Wait) {
        self.suspend(wait);
    }
}

impl Course for Fiber {
    fn go_on(&mut self) -> Step {
        match self.0.as_mut().map(|coroutine| coroutine.resume(())) {
            Some(CoroutineResult::Yield(wait)) => Step::Waits(wait),
            Some(CoroutineResult::Return(end)) => Step::Ended(end),
            None => Step::Ended(End::Died),
        }
    }
}
