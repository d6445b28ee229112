//! The clock of leases, deadlines and ages. It goes on while the machine is suspended, as time does
//! for everybody else: etcd ends a lease then, and [`Instant::now`] would know nothing of it.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{DynamicClockId, clock_gettime_dynamic};

/// The time now. It counts from the same moment as [`Instant::now`], but by `CLOCK_BOOTTIME`
/// (`clock_gettime(2)`), so the two must not be compared: this one is ahead by all the time that the
/// machine was suspended since it was first asked. Where the system has no such clock, they are the
/// same. Never goes back.
pub fn now() -> Instant {
    match (start(), uptime()) {
        (Some(start), Some(uptime)) => start.after(uptime),
        _ => Instant::now(),
    }
}

/// The seconds since 1970, as signatures and dates count. Unlike [`now`] it may go back.
pub fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn start() -> Option<Start> {
    static START: OnceLock<Option<Start>> = OnceLock::new();
    *START.get_or_init(|| Some(Start { instant: Instant::now(), uptime: uptime()? }))
}

/// The uptime at a moment of this clock, by which another process knows it; `None`: the system does not tell.
pub fn uptime_at(moment: Instant) -> Option<Duration> {
    let Start { instant, uptime } = start()?;
    Some(uptime.saturating_add(moment.saturating_duration_since(instant)))
}

/// The time since the system was booted, suspended or not, which all processes have in common; `None`: the
/// system does not tell.
pub fn uptime() -> Option<Duration> {
    Duration::try_from(clock_gettime_dynamic(DynamicClockId::Boottime).ok()?).ok()
}

/// The moment that both clocks count from.
#[derive(Clone, Copy, Debug)]
struct Start {
    instant: Instant,
    uptime: Duration,
}

impl Start {
    /// The moment at which the system has been up for so long.
    fn after(&self, uptime: Duration) -> Instant {
        let passed = uptime.saturating_sub(self.uptime);
        self.instant.checked_add(passed).unwrap_or(self.instant)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn it_counts_what_passes_while_the_machine_is_suspended() {
        let (awake, asleep) = (Duration::from_secs(5), Duration::from_secs(3600));
        let start = Start { instant: Instant::now(), uptime: Duration::from_secs(1000) };
        assert_eq!(start.after(start.uptime), start.instant);
        assert_eq!(start.after(start.uptime + awake + asleep), start.instant + awake + asleep);
        // A clock that was set back, as by another time namespace, stands still.
        assert_eq!(start.after(Duration::ZERO), start.instant);
        assert_eq!(start.after(Duration::MAX), start.instant, "no panic");
    }

    #[test]
    fn a_moment_has_the_uptime_at_which_it_is_now() {
        let moment = now() + Duration::from_millis(5);
        let wanted = uptime_at(moment).expect("an uptime");
        assert!(uptime().expect("an uptime") < wanted);
        while now() < moment {}
        assert!(uptime().expect("an uptime") >= wanted);
    }

    #[test]
    fn it_goes_on_with_the_uptime_of_the_system() {
        let (before, began) = (uptime().expect("an uptime"), now());
        let end = began + Duration::from_millis(20);
        while now() < end {}
        let passed = uptime().expect("an uptime") - before;
        assert!(passed >= Duration::from_millis(20), "{passed:?}");
    }

    #[test]
    fn nobody_asks_the_clock_that_stands_still() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for path in files_below(&source) {
            let name = path.strip_prefix(&source).ok().and_then(Path::to_str).unwrap_or_default();
            let is_test = name.ends_with("tests.rs") || name.contains("tests/");
            if path == source.join("clock.rs") || is_test {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["Instant::now", "elapsed()"] {
                assert!(!code.contains(word), "{word} in {name}");
            }
        }
    }

    fn files_below(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).expect("a directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let below = paths.flat_map(|it| if it.is_dir() { files_below(&it) } else { vec![it] });
        below.filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
    }
}
