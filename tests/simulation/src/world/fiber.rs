//! A process on the stack of a coroutine: to hand over costs some nanoseconds.

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::baton::{Baton, Course, End, Life, Step, Wait};

/// The room for a process. It costs memory only where it is used.
const STACK: usize = 256 * 1024;

/// A process that is a coroutine.
pub struct Fiber(Coroutine<(), Wait, End>);

impl Fiber {
    /// A process that has not begun.
    ///
    /// # Panics
    /// When the system has no memory for its stack.
    pub fn new(life: impl Life + 'static) -> Fiber {
        let stack = DefaultStack::new(STACK).expect("memory for a stack");
        Fiber(Coroutine::with_stack(stack, |yielder: &Yielder<(), Wait>, ()| life.live(yielder)))
    }
}

impl Baton for Yielder<(), Wait> {
    fn wait(&self, wait: Wait) {
        self.suspend(wait);
    }
}

impl Course for Fiber {
    fn go_on(&mut self) -> Step {
        match self.0.resume(()) {
            CoroutineResult::Yield(wait) => Step::Waits(wait),
            CoroutineResult::Return(end) => Step::Ended(end),
        }
    }
}
