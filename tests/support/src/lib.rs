//! A real etcd, real nodes, and a DNS client, for tests that look from outside.
//!
//! Everything listens on loopback or in a network of its own, on ports that were free a moment
//! before; everything is ended and removed when dropped. Nothing sleeps for a fixed time to guess
//! that something happened: [`until`] waits for a condition. Programs are started by way of
//! [`command`] alone, so that they begin in a state that the tests know.

pub mod browser;
pub mod dns;
pub mod etcd;
pub mod frozen;
pub mod machine;
pub mod network;
pub mod node;
pub mod pki;
pub mod port;
pub mod process;
pub mod proxy;
pub mod random;
pub mod suspend;
pub mod tool;
pub mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;

pub use dns::{Prober, ask, exchange, lookup, question, read};
pub use etcd::{Cluster, Etcd};
pub use node::{Node, slot_in};
pub use port::free_port;
pub use process::{command, idetcd, install, run, send};
pub use proxy::{Action, Phase, Proxy};
pub use tool::{Ended, Terminal, ended, tool};

pub const PATTERN: &str = "worker{{.ID}}.tf.local.";

/// The longest that an answer may take which waits for nothing: far less than a call to etcd, and more than a busy
/// machine keeps a process from its core.
pub const AT_ONCE: Duration = Duration::from_millis(200);

/// Long enough for a busy machine; a condition that holds is seen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something, and panics with `what` after `patience`.
pub fn until<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A directory of its own, removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        process::set_umask();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("idetcd-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The name of a file in it, as text.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }

    /// Writes a file, and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a program that is to be started. By a child: a descriptor of ours that writes to it would be
/// inherited by what another test starts meanwhile, and the copy be "busy" then (`execve(2)`).
pub fn copy_program(program: &Path, copy: &Path) {
    run("cp", &[program, copy].map(|path| path.to_str().expect("text")));
}
