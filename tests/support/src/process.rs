//! How programs are started.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};

/// A program with nothing to read.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// The program under test. Cargo builds it for all tests, and puts it beside the directory of their
/// own executables.
pub fn idetcd() -> PathBuf {
    let own = env::current_exe().expect("its path");
    own.ancestors().nth(2).expect("the build directory").join("idetcd")
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

/// Installs what is missing of these pairs of a command and its package; returns why it cannot.
pub fn try_install(pairs: &[&str]) -> Result<(), String> {
    // Two apt at once would be in each other's way.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_by_one = INSTALLING.lock();
    let script = repository("scripts/install-tools");
    let output = command(script).args(pairs).output().expect("a shell");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&said).into_owned())
}

/// The same, where it must succeed.
pub fn install(pairs: &[&str]) {
    try_install(pairs).unwrap_or_else(|why| panic!("{pairs:?}: {why}"));
}

/// Runs a command to its end, and panics with what it says if that is not well.
pub fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let program = program.as_ref();
    let output = command(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(output.status.success(), "{program:?} {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A program that runs until it is dropped.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let child = command.stdout(Stdio::null()).spawn();
        Running(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process ID")).expect("not 0");
    kill_process(pid, signal).expect("a signal sent");
}
