//! A file system that can be made to hang.

use std::path::Path;
use std::process::Child;

use crate::{Directory, PATIENCE, Signal, command, install, run, send, until};

/// A file system of its own, in user space, that shows a directory and stops answering when it is told to.
/// For a test in a mount namespace of its own.
pub struct FrozenDisk {
    /// What it shows; can be looked at while it hangs.
    below: Directory,
    mounted: Directory,
    bindfs: Child,
}

impl FrozenDisk {
    /// Whether there can be one here, once what it takes is installed: to be asked where there is a network.
    pub fn is_possible() -> bool {
        install(&["bindfs:bindfs"]);
        let is_possible = Path::new("/dev/fuse").exists();
        if !is_possible {
            println!("skipped: no file systems in user space here");
        }
        is_possible
    }

    /// One that is well.
    pub fn mount() -> FrozenDisk {
        let (below, mounted) = (Directory::new(), Directory::new());
        let mut bindfs = command("bindfs");
        let bindfs = bindfs.arg("-f").arg(below.path()).arg(mounted.path()).spawn();
        let bindfs = bindfs.expect("bindfs");
        std::fs::write(below.path().join("mounted"), "").expect("written");
        let sign = mounted.path().join("mounted");
        until(PATIENCE, "mounted", || sign.exists().then_some(()));
        FrozenDisk { below, mounted, bindfs }
    }

    /// The name of a file on it.
    pub fn file(&self, name: &str) -> String {
        self.mounted.file(name)
    }

    /// What a file on it holds, whether it hangs or not; `None`: it is not there.
    pub fn holds(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.below.path().join(name)).ok()
    }

    /// Whoever touches it from now on waits.
    pub fn freeze(&self) {
        send(&self.bindfs, Signal::STOP);
    }

    /// Lets all who wait go on.
    pub fn thaw(&self) {
        send(&self.bindfs, Signal::CONT);
    }
}

impl Drop for FrozenDisk {
    fn drop(&mut self) {
        self.thaw();
        let path = self.mounted.path().to_str().expect("text").to_owned();
        run("umount", &["--lazy", &path]);
        let _ = self.bindfs.kill();
        let _ = self.bindfs.wait();
    }
}
