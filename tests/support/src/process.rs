//! How programs are started: in the same state whatever the tests themselves were started with.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once, OnceLock};

use rustix::fs::Mode;
use rustix::process::{Pid, Signal, kill_process, umask};

/// All that a program gets of our environment: where programs and temporary files are, and where a
/// measured program leaves which of its lines were run.
const KEPT: [&str; 3] = ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"];

/// A program with nothing to read, and with no signal ignored or blocked, a known file mode
/// creation mask, and none of the variables that it, etcd or libraries might heed.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = with_environment(program);
    command.env_clear().stdin(Stdio::null());
    command.envs(KEPT.into_iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command
}

/// The same with our environment, which says for instance by which proxy packages are fetched.
pub fn with_environment(program: impl AsRef<OsStr>) -> Command {
    set_umask();
    if has_default_signals() {
        return Command::new(program);
    }
    // What a program ignores or blocks, those that it starts do as well. env(1) becomes the program,
    // whose process it stays.
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program);
    // Who ignores signals of a terminal, as under nohup(1), does not want its programs to end by
    // them: those are sent to all of a group.
    command.process_group(0);
    command
}

/// Makes files that are created from now on readable for all.
pub fn set_umask() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        umask(Mode::from_raw_mode(0o022));
    });
}

/// Whether programs begin with no signal ignored or blocked. SIGPIPE, which every program in Rust
/// ignores, is reset by the standard library.
fn has_default_signals() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let status = fs::read_to_string("/proc/thread-self/status").expect("its status");
        let mask = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            u64::from_str_radix(line.expect("a mask").trim(), 16).expect("a mask")
        };
        let pipe = 1 << (Signal::PIPE.as_raw() - 1);
        mask("SigIgn:") & !pipe == 0 && mask("SigBlk:") == 0
    })
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
    let output = with_environment(script).args(pairs).output().expect("a shell");
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

/// Whether a process is one of those that idetcd has for files and for its log.
pub fn is_helper(pid: &str) -> bool {
    let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.starts_with("idetcd: helper\0")
}

/// A program that runs until it is dropped.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let child = command.stdout(Stdio::null()).spawn();
        Running(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// The same, with its output in a file.
    pub fn start_logging(command: &mut Command, log: fs::File) -> Running {
        let child = command.stdout(log).spawn();
        Running(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
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
