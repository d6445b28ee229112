//! The tools as an operator runs them: with output into a pipe, or on a terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, PATTERN, command, idetcd, until};

/// The characters of a terminal that a failed test tells.
const MOST_SHOWN: usize = 2000;

/// How a tool ended.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    fn new(output: &Output) -> Ended {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ended { status: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The output, where all went well without a word of complaint.
    pub fn good(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// The one line of complaint, where it failed with this status.
    pub fn complaint(self, status: i32) -> String {
        assert_eq!((self.status, self.err.lines().count()), (Some(status), 1), "{self:?}");
        assert!(self.err.starts_with("idetcd: "), "{self:?}");
        self.err
    }
}

/// A tool, its output into pipes and nothing to read.
pub fn tool(word: &str, endpoints: &str, more: &[&str]) -> Command {
    let mut command = command(idetcd());
    command.args([word, "--pattern", PATTERN, "--endpoints", endpoints]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a tool to its end.
pub fn ended(word: &str, endpoints: &str, more: &[&str]) -> Ended {
    Ended::new(&tool(word, endpoints, more).output().expect("idetcd"))
}

/// Waits until a tool that was spawned ends.
pub fn ends(mut child: Child) -> Ended {
    until(PATIENCE, "the tool ends", || child.try_wait().expect("its state"));
    Ended::new(&child.wait_with_output().expect("its output"))
}

/// A tool on a terminal of its own, by script(1).
pub struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    /// Starts it with these variables in its environment.
    pub fn start(word: &str, endpoints: &str, more: &[&str], env: &[(&str, &str)]) -> Terminal {
        Terminal::of(&tool(word, endpoints, more), env)
    }

    /// The same of anything.
    pub fn of(tool: &Command, env: &[(&str, &str)]) -> Terminal {
        let words = [tool.get_program()].into_iter().chain(tool.get_args());
        let quoted = words.map(|word| format!("'{}'", word.to_str().expect("text")));
        // The shell must not stay between the terminal and the tool: it ends by Ctrl-C as well.
        let line = format!("exec {}", quoted.collect::<Vec<_>>().join(" "));
        let mut child = command("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script; scripts/test installs it");
        let mut stdout = child.stdout.take().expect("a pipe");
        let shown = Arc::new(Mutex::new(String::new()));
        let into = shown.clone();
        let reader = thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut octets) {
                let text = String::from_utf8_lossy(&octets[..length]).replace('\r', "");
                into.lock().expect("no panic").push_str(&text);
            }
        });
        Terminal { child, shown, reader: Some(reader) }
    }

    /// Waits until this stands there.
    pub fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown().contains(text) {
            let begin = || self.shown().chars().take(MOST_SHOWN).collect::<String>();
            assert!(Instant::now() < deadline, "{text:?} is not there: {:?}", begin());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What stands there now.
    pub fn shown(&self) -> String {
        self.shown.lock().expect("no panic").clone()
    }

    /// What the operator types.
    pub fn enter(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("typed");
    }

    /// Everything that stood there, and the exit status.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = until(PATIENCE, "it ends", || self.child.try_wait().expect("its state"));
        self.reader.take().expect("running").join().expect("no panic");
        let shown = self.shown.lock().expect("no panic").clone();
        (status.code(), shown)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
