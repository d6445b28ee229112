//! The program that nodes run by `idetcd exec`: it writes to the [register](super::register) under the
//! name and with the token that it was given. It is this executable again.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Where the program finds what it is to do.
const ORDERS: &str = "IDETCD_CHECK_PROGRAM";

/// The time between two writes.
const BETWEEN: Duration = Duration::from_millis(100);

/// The words after `--`. The program of node number `node` goes on so long after the first SIGTERM;
/// where that is zero, it ends by it.
pub fn words(register: &Path, node: usize, linger: Duration) -> Vec<String> {
    let (_, module) = module_path!().split_once("::").expect("a module of this executable");
    let test = format!("{module}::runs_when_a_node_starts_it");
    let executable = std::env::current_exe().expect("its path");
    let orders = format!("{ORDERS}={node} {} {}", linger.as_millis(), register.display());
    let executable = executable.to_str().expect("text");
    let how = ["--exact", "--ignored", "--nocapture", "--test-threads=1"];
    let mut words = vec!["env".to_owned(), orders, executable.to_owned(), test];
    words.extend(how.map(str::to_owned));
    words
}

#[test]
#[ignore = "no test: the program that nodes run"]
fn runs_when_a_node_starts_it() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let mut words = orders.splitn(3, ' ');
    let mut word = || words.next().expect("a word");
    let (node, linger) = (word(), word().parse().expect("milliseconds"));
    write_until_the_end(node, Duration::from_millis(linger), Path::new(word()));
}

fn write_until_the_end(node: &str, linger: Duration, register: &Path) {
    let asked_to_end = Arc::new(AtomicBool::new(false));
    if !linger.is_zero() {
        let flag = asked_to_end.clone();
        signal_hook::flag::register(signal_hook::consts::SIGTERM, flag).expect("a handler");
    }
    let given = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not given"));
    let (name, token) = (given("IDETCD_NAME"), given("IDETCD_REVISION"));
    // A test that is over has no register any more.
    let Ok(mut register) = UnixStream::connect(register) else { return };
    let hello = format!("{node} {} {name} {token}\n", std::process::id());
    let mut end: Option<Instant> = None;
    let mut line = hello.as_str();
    while register.write_all(line.as_bytes()).is_ok() {
        if line == hello {
            // The first write comes with it.
            line = ".\n";
            continue;
        }
        thread::sleep(BETWEEN);
        if end.is_none() && asked_to_end.load(Ordering::Relaxed) {
            end = Some(Instant::now() + linger);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return;
        }
    }
}
