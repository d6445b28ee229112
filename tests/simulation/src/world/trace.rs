//! What happened, in lines that a human reads: at which time, at whom, what. Off, it costs nothing; a run
//! of the same seed with it on is the same run.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::Write;
use std::sync::{Arc, Mutex, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

use crate::model::Time;

/// Where the lines go.
#[derive(Debug)]
enum Sink {
    /// The last ones are kept, up to this many.
    Keep(VecDeque<String>, usize),
    /// To standard output.
    Print,
}

/// The trace of a run, shared by all who write to it.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Arc<Mutex<Lines>>>);

#[derive(Debug)]
struct Lines {
    now: Time,
    /// Who runs now.
    who: String,
    sink: Sink,
}

thread_local! {
    /// The trace that the log of this thread belongs to.
    static HERE: RefCell<Trace> = const { RefCell::new(Trace(None)) };
}

impl Trace {
    /// No trace.
    pub fn off() -> Trace {
        Trace(None)
    }

    /// A trace that keeps the last lines.
    pub fn keep(most: usize) -> Trace {
        Trace::to(Sink::Keep(VecDeque::new(), most))
    }

    /// A trace that is written to standard output.
    pub fn print() -> Trace {
        Trace::to(Sink::Print)
    }

    fn to(sink: Sink) -> Trace {
        take_the_log();
        Trace(Some(Arc::new(Mutex::new(Lines { now: Time::ZERO, who: String::new(), sink }))))
    }

    /// Lets what this thread logs belong to this trace.
    pub fn enter_thread(&self) {
        HERE.set(self.clone());
    }

    /// Whether anybody reads it.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    fn with(&self, access: impl FnOnce(&mut Lines)) {
        if let Some(lines) = &self.0 {
            access(&mut lines.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Says who runs from now on, for the log.
    pub fn set_who(&self, now: Time, who: impl FnOnce() -> String) {
        self.with(|lines| {
            lines.now = now;
            lines.who = who();
        });
    }

    /// Adds a line.
    pub fn note<D: Display>(&self, now: Time, who: impl Display, what: impl FnOnce() -> D) {
        self.with(|lines| lines.add(now, who, what()));
    }

    /// The lines that were kept.
    pub fn lines(&self) -> Vec<String> {
        let mut kept = Vec::new();
        self.with(|lines| {
            if let Sink::Keep(lines, _) = &lines.sink {
                kept.extend(lines.iter().cloned());
            }
        });
        kept
    }
}

impl Lines {
    fn add(&mut self, now: Time, who: impl Display, what: impl Display) {
        let line = format!("{:>14.6} {who:<8} {what}", now.as_secs_f64());
        match &mut self.sink {
            Sink::Keep(lines, most) => {
                if lines.len() == *most {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            // Who closed the output reads no more.
            Sink::Print => drop(writeln!(std::io::stdout(), "{line}")),
        }
    }
}

/// The log of all sessions, each line of which goes to the trace of its thread.
struct Router;

impl Log for Router {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        HERE.with_borrow(|trace| {
            trace.with(|lines| {
                let (now, who) = (lines.now, lines.who.clone());
                lines.add(now, who, format_args!("{}: {}", record.level(), record.args()));
            });
        });
    }

    fn flush(&self) {}
}

fn take_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else may have it in a test of theirs.
        let _ = log::set_logger(&Router);
        log::set_max_level(LevelFilter::Debug);
    });
}
